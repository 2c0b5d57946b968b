// Formulas, whose terms keep their widths while numbers change

const operand = (text) => (text.startsWith('-') ? `(${text})` : text);
const operandWidth = windows && longest([...lesson.input.texts, windows.constant].map(operand));
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

function sumFormula(step, at) {
  const seen = combinations(lesson.input.axes, (axis) => windowAlong(axis, at));
  const weights = combinations(lesson.kernel.axes, (axis) => drawnAlong(lesson.kernel, axis, at));
  const value = steps.values[step];
  const channels = windowAlong('C', at);
  const size = seen.length / channels.length;
  const terms = seen.map((position, tap) => {
    const weight = elementAt(lesson.kernel, weights[tap]);
    return make('span', 'term', chip(tap % size ? asOperand(weight) : weight), '*',
      operandChip(elementAt(lesson.input, position)));
  });
  if (channels.length === 1) {
    const bias = steps.bias ? [operand(steps.bias[at.C])] : [];
    return { terms, lines: [formulaLine(withRelu(joined([...terms, ...bias], ' + ')), value)] };
  }
  const lines = channels.map((channel, i) => {
    const own = terms.filter((_, tap) => seen[tap].C === channel);
    return formulaLine([`channel ${channel}: `, ...joined(own, ' + ')], steps.subtotals?.[step][i]);
  });
  const total = steps.totals ? withRelu([steps.totals[step]]) : [];
  return { terms, lines: [...lines, formulaLine(total, value)] };
}

function maximumFormula(step, at) {
  const seen = combinations(lesson.input.axes, (axis) => windowAlong(axis, at));
  const terms = seen.map((position) => {
    const element = elementAt(lesson.input, position);
    return element.constant ? null : make('span', 'term', operandChip(element));
  });
  const compared = ['max(', ...joined(terms.filter(Boolean), ', '), ')'];
  return { terms, lines: [formulaLine(withRelu(compared), steps.values[step])] };
}

function writtenFormula(step, at) {
  const own = formulaLine([steps.formulas[step]], steps.values[step], steps.sign[step]);
  const lines = (texts = []) => texts.map((text) => formulaLine([text]));
  const ofChannel = steps.channelLines?.[at.C];
  return { terms: [], lines: [...lines(ofChannel), own, ...lines(steps.lines[step])] };
}

const formulaOf = { sum: sumFormula, maximum: maximumFormula }[lesson.kind] ?? writtenFormula;

const indexOfLargest = (sizes) =>
  sizes.reduce((best, size, i) => (size > sizes[best] ? i : best), 0);

/** A step whose formula takes as much room as any: a window is in the middle then. */
function widestStep() {
  const { kernel, result } = lesson;
  if (!windows) {
    return indexOfLargest(steps.formulas.map((text, step) =>
      [text, steps.values[step], ...steps.lines[step]].join().length));
  }
  const at = Object.fromEntries(result.axes.map((axis, i) => [axis, result.lengths[i] >> 1]));
  if (lesson.kind === 'sum') {
    const size = kernel.texts.length / lengthOf(kernel, 'O');
    at.C = indexOfLargest(range(0, lengthOf(kernel, 'O')).map((filter) =>
      kernel.texts.slice(filter * size, (filter + 1) * size).join().length));
  }
  return offsetOf(result, at);
}
