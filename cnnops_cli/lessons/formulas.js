// Formulas, whose terms keep their widths while numbers change

const operand = (text) => (text.startsWith('-') ? `(${text})` : text);
const operandWidth = windows && longest([...lesson.input.texts, windows.constant].map(operand));
const hasLetters = lesson.result.colours === null;
const MOST_TERMS = 100; // that are written while playing
const written = (terms) => (timer === null ? terms : terms.slice(0, MOST_TERMS));
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

/** What the formula of a sum is made of, for an element of the result. */
function sumAt(step, at) {
  const seen = combinations(lesson.input.axes, (axis) => windowAlong(axis, at));
  const weights = combinations(lesson.kernel.axes, (axis) => drawnAlong(lesson.kernel, axis, at));
  return {
    channels: windowAlong('C', at),
    length: seen.length,
    factors: written(seen).map((position, tap) =>
      [elementAt(lesson.kernel, weights[tap]), elementAt(lesson.input, position)]),
    bias: steps.bias?.[at.C],
    subtotals: steps.subtotals?.[step],
    total: steps.totals?.[step],
    value: steps.values[step],
  };
}

function sumFormula({ channels, length, factors, bias, subtotals, total, value }) {
  const size = length / channels.length;
  const terms = factors.map(([weight, factor], tap) =>
    make('span', 'term', chip(tap % size ? asOperand(weight) : weight), '*', operandChip(factor)));
  const sums = channels.map((_, i) => terms.slice(i * size, (i + 1) * size))
    .filter((own) => own.length > 0)
    .map((own) => (own.length < size ? [...own, '…'] : own));
  if (channels.length === 1) {
    const parts = bias === undefined ? sums[0] : [...sums[0], operand(bias)];
    return { terms, lines: [formulaLine(withRelu(joined(parts, ' + ')), value)] };
  }
  const lines = sums.map((own, i) =>
    formulaLine([`channel ${channels[i]}: `, ...joined(own, ' + ')], subtotals?.[i]));
  if (sums.length < channels.length) lines.push(formulaLine(['…']));
  return { terms, lines: [...lines, formulaLine(total ? withRelu([total]) : [], value)] };
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
    factors: range(0, length).map((tap) => [{ text: widest(weightsOf(tap)) }, { text: '' }]),
    bias: steps.bias ? widest(steps.bias.map(operand)) : undefined,
    subtotals: steps.subtotals && channels.map((_, i) =>
      widest(steps.subtotals.map((subtotals) => subtotals[i]))),
    total: steps.totals && widest(steps.totals),
    value: widest(shown),
  };
}

function maximumAt(step, at) {
  const seen = combinations(lesson.input.axes, (axis) => windowAlong(axis, at));
  return {
    length: seen.length,
    compared: written(seen).map((position) => elementAt(lesson.input, position)),
    value: steps.values[step],
  };
}

function maximumFormula({ length, compared, value }) {
  const terms = compared.map((element) =>
    (element.constant ? null : make('span', 'term', operandChip(element))));
  const parts = [...terms.filter(Boolean), ...(compared.length < length ? ['…'] : [])];
  return { terms, lines: [formulaLine(withRelu(['max(', ...joined(parts, ', '), ')']), value)] };
}

function widestMaximum() {
  const length = lesson.kernel.lengths.reduce((product, each) => product * each, 1);
  const value = hasLetters ? undefined : widest(steps.values);
  return { length, compared: Array(length).fill({ text: '' }), value };
}

const writtenAt = (step, at) => ({
  before: steps.channelLines?.[at.C] ?? [],
  formula: steps.formulas[step],
  sign: steps.sign[step],
  value: steps.values[step],
  after: steps.lines[step],
});

function writtenFormula({ before, formula, sign, value, after }) {
  const lines = (texts) => texts.map((text) => formulaLine([text]));
  return { terms: [], lines: [...lines(before), formulaLine([formula], value, sign), ...lines(after)] };
}

const widestWritten = () => ({
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
