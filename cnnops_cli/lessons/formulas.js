// Formulas, whose terms keep their widths while numbers change

const operand = (text) => (text.startsWith('-') ? `(${text})` : text);
const operandWidth = windows && longest([...lesson.input.texts, windows.constant].map(operand));
const hasLetters = lesson.result.colours === null;
const joined = (parts, sign) => parts.flatMap((part, i) => (i ? [sign, part] : [part]));
const withRelu = (parts) => (steps.relu ? ['max(0, ', ...parts, ')'] : parts);

function chip({ text, colour }, characters = text.length) {
  const element = make('span', 'chip', text);
  element.style.minWidth = `${characters}ch`;
  paint(element, colour);
  return element;
}

const asOperand = ({ text, colour }) => ({ text: operand(text), colour });

function operandChip(element) {
  return chip(lesson.kind === 'sum' ? asOperand(element) : element, operandWidth);
}

/** A line of a formula, and its value after a sign where it is not the line itself. */
function formulaLine(parts, value, sign = '=') {
  const line = make('div', '', ...parts);
  if (value === undefined || line.textContent === value) return line;
  const result = make('b', '', value);
  line.append(...(parts.length ? [' ', make('span', 'value', `${sign} `, result)] : [result]));
  return line;
}

/** Words, each of which is the longest that any of the texts has at its place. */
function widest(texts) {
  const words = [];
  for (const text of texts) {
    text.split(' ').forEach((word, i) => {
      if (word.length >= (words[i]?.length ?? 0)) words[i] = word;
    });
  }
  return texts.length ? words.join(' ') : undefined;
}

function widestLines(lists) {
  const count = Math.max(0, ...lists.map((lines) => lines.length));
  return range(0, count).map((i) => widest(lists.map((lines) => lines[i] ?? '')));
}

/** The terms of some taps, from `start` to `end`, with a sign between them. */
class Run {
  /** Those of taps that are drawn can be written; the others are "…". */
  constructor(sign, [start, end], drawn, termAt) {
    [this.next, this.last] = [Math.max(start, drawn.first), Math.min(end, drawn.end)];
    this.isWhole = this.last === end;
    this.rest = make('span', '', '…');
    this.element = make('span', '', ...(this.next > start ? [`…${sign}`] : []), this.rest);
    Object.assign(this, { sign, termAt });
  }

  /** Write terms until there are `count` in all; a tap may have none, which is null. */
  write(terms, count) {
    if (this.next === this.last) return;
    for (; this.next < this.last && terms.length < count; this.next += 1) {
      const term = this.termAt(this.next);
      terms.push(term);
      if (term) this.rest.before(term, this.sign);
    }
    if (this.next < this.last || !this.isWhole) return;
    this.rest.previousSibling?.remove(); // the sign before it
    this.rest.remove();
  }
}

/** A formula of runs, whose lines are composed when its first terms are written. */
function formulaOfRuns(runs, count, linesOf) {
  const terms = [];
  const length = runs.reduce((sum, { next, last }) => sum + last - next, 0);
  const write = (until) => runs.forEach((run) => run.write(terms, until));
  write(count);
  return { terms, length, write, lines: linesOf(runs.map(({ element }) => element)) };
}

/** What the formula of a sum is made of, for an element of the result. */
function sumAt(step, at) {
  const seen = positionsAlong(lesson.input.axes, (axis) => windowAlong(axis, at));
  const weights = positionsAlong(lesson.kernel.axes, (axis) => drawnAlong(lesson.kernel, axis, at));
  return {
    channels: windowAlong('C', at),
    length: seen.length,
    factorsAt: (tap) =>
      [elementAt(lesson.kernel, weights.at(tap)), elementAt(lesson.input, seen.at(tap))],
    bias: steps.bias?.[at.C],
    subtotals: steps.subtotals?.[step],
    total: steps.totals?.[step],
    value: steps.values[step],
  };
}

function sumFormula({ channels, length, factorsAt, bias, subtotals, total, value }, drawn, count) {
  const size = length / channels.length;
  const termAt = (tap) => {
    const [weight, factor] = factorsAt(tap);
    const first = chip(tap % size ? asOperand(weight) : weight);
    return make('span', 'term', first, '*', operandChip(factor));
  };
  const [first, end] = [Math.floor(drawn.first / size), Math.ceil(drawn.end / size)];
  const runs = range(first, end).map((i) =>
    new Run(' + ', [i * size, (i + 1) * size], drawn, termAt));
  return formulaOfRuns(runs, count, (sums) => {
    if (channels.length === 1) {
      const parts = bias === undefined ? sums : [...sums, ' + ', operand(bias)];
      return [formulaLine(withRelu(parts), value)];
    }
    const lines = sums.map((sum, i) =>
      formulaLine([`channel ${channels[first + i]}: `, sum], subtotals?.[first + i]));
    const others = (areLeftOut) => (areLeftOut ? [formulaLine(['…'])] : []);
    const last = formulaLine(total ? withRelu([total]) : [], value);
    return [...others(first > 0), ...lines, ...others(end < channels.length), last];
  });
}

/** A sum that takes as much room as any: each of its parts is the longest that there is. */
function widestSum() {
  const { kernel, result } = lesson;
  const filters = lengthOf(kernel, 'O');
  const length = kernel.texts.length / filters;
  const weightsOf = (tap) =>
    range(0, filters).map((filter) => operand(kernel.texts[filter * length + tap]));
  const channels = windowAlong('C', { C: lengthOf(result, 'C') - 1 });
  const leavesOut = (text) => text.split('*').length <= length; // what is multiplied by 0
  const shown = !hasLetters || channels.length > 1 ? steps.values : steps.values.filter(leavesOut);
  return {
    channels,
    length,
    factorsAt: (tap) => [{ text: widest(weightsOf(tap)) }, { text: '' }],
    bias: steps.bias ? widest(steps.bias.map(operand)) : undefined,
    subtotals: steps.subtotals && channels.map((_, i) =>
      widest(steps.subtotals.map((subtotals) => subtotals[i]))),
    total: steps.totals && widest(steps.totals),
    value: widest(shown),
  };
}

function maximumAt(step, at) {
  const seen = positionsAlong(lesson.input.axes, (axis) => windowAlong(axis, at));
  return {
    length: seen.length,
    elementOf: (tap) => elementAt(lesson.input, seen.at(tap)),
    value: steps.values[step],
  };
}

function maximumFormula({ length, elementOf, value }, drawn, count) {
  const termAt = (tap) => {
    const element = elementOf(tap);
    return element.constant ? null : make('span', 'term', operandChip(element));
  };
  const linesOf = (list) => [formulaLine(withRelu(['max(', ...list, ')']), value)];
  return formulaOfRuns([new Run(', ', [0, length], drawn, termAt)], count, linesOf);
}

function widestMaximum() {
  const length = lesson.kernel.lengths.reduce((product, each) => product * each, 1);
  const value = hasLetters ? undefined : widest(steps.values);
  return { length, elementOf: () => ({ text: '' }), value };
}

const writtenAt = (step, at) => ({
  length: 0,
  before: steps.channelLines?.[at.C] ?? [],
  formula: steps.formulas[step],
  sign: steps.sign[step],
  value: steps.values[step],
  after: steps.lines[step],
});

function writtenFormula({ before, formula, sign, value, after }) {
  const lines = (texts) => texts.map((text) => formulaLine([text]));
  const line = formulaLine([formula], value, sign);
  return formulaOfRuns([], 0, () => [...lines(before), line, ...lines(after)]);
}

const widestWritten = () => ({
  length: 0,
  before: widestLines(steps.channelLines ?? []),
  formula: widest(steps.formulas),
  sign: widest(steps.sign),
  value: widest(steps.values),
  after: widestLines(steps.lines),
});

const [partsAt, widestParts, formulaOf] = {
  sum: [sumAt, widestSum, sumFormula],
  maximum: [maximumAt, widestMaximum, maximumFormula],
}[lesson.kind] ?? [writtenAt, widestWritten, writtenFormula];
