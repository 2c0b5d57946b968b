'use strict';

// All numbers are text that Python wrote. This script finds out which elements belong together, by
// their positions: {N: 0, C: 2, H: -1, W: 5}, where -1 is in the padding.

const lesson = JSON.parse(document.getElementById('data').textContent);
const { windows, steps } = lesson;

const TITLES = {
  conv: 'Convolution', maxpool: 'Max pooling', batchnorm: 'Batch normalization', dropout: 'Dropout',
};
const AXES = {
  N: 'sample', C: 'channel', D: 'depth', H: 'row', W: 'column', O: 'filter', I: 'channel',
};
const MOST_CHARACTERS = 28; // of an element's text that its cell shows
const MANY_TERMS = 12; // whose formula is set in smaller type
const CELLS_PER_TASK = 250; // that are filled while playing, in some 10 milliseconds

let timer = null; // of the next step, while playing

const byId = (id) => document.getElementById(id);
const range = (start, end) => Array.from({ length: end - start }, (_, i) => start + i);
const longest = (texts) => texts.reduce((most, text) => Math.max(most, text.length), 0);
const axisName = (axis) => AXES[axis] ?? `axis ${axis}`;

function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

function setAttributes(element, values) {
  for (const [name, value] of Object.entries(values)) {
    if (value == null) element.removeAttribute(name);
    else element.setAttribute(name, value);
  }
}

function paint(element, colour) {
  [element.style.backgroundColor, element.style.color] = lesson.palette[colour] ?? ['', ''];
}

// Positions

const lengthOf = (grid, axis) => grid.lengths[grid.axes.indexOf(axis)];
const userIndex = (grid, at) => grid.index.map((axis) => at[axis]).join(',');

function offsetOf(grid, at) {
  return grid.axes.reduce((offset, axis, i) => offset * grid.lengths[i] + at[axis], 0);
}

function positionOf(grid, offset) {
  const at = {};
  for (const [i, axis] of [...grid.axes.entries()].reverse()) {
    at[axis] = offset % grid.lengths[i];
    offset = Math.floor(offset / grid.lengths[i]);
  }
  return at;
}

/** All positions with one of the given numbers along each axis, in row-major order. */
function combinations(axes, numbersAlong) {
  return axes.reduce(
    (ats, axis) => ats.flatMap((at) => numbersAlong(axis).map((i) => ({ ...at, [axis]: i }))),
    [{}],
  );
}

/** The numbers along an axis of the input that the window of the result's element at `at` has. */
function windowAlong(axis, at) {
  if (axis !== 'C' || lesson.kind !== 'sum') return windows.taps[axis]?.[at[axis]] ?? [at[axis]];
  const first = Math.floor(at.C / windows.filters) * windows.channels;
  return range(first, first + windows.channels);
}

/** Whether an element of the result reads one of the input, as far as one axis of both tells. */
function reads(axis, resultNumber, inputNumber) {
  if (windows) return windowAlong(axis, { [axis]: resultNumber }).includes(inputNumber);
  return resultNumber === inputNumber || (lesson.reads === 'channel' && axis !== 'C');
}

/** A number along an axis of the input, and those of the padding that repeats it. */
function repeatsOf(axis, number) {
  const repeats = Object.entries(windows?.source[axis] ?? {});
  return [number, ...repeats.filter(([, of]) => of === number).map(([at]) => Number(at))];
}

/** The numbers along an axis of a grid that are drawn while the result's element at `at` is. */
function drawnAlong(grid, axis, at) {
  if (windows && grid === lesson.input) return windowAlong(axis, at);
  if (axis === 'O') return [at.C];
  const all = grid.stacked.includes(axis) || (windows && grid === lesson.kernel);
  return all ? range(0, lengthOf(grid, axis)) : [at[axis]];
}

/** The numbers of a grid's rows or columns, padding included. */
function sideOf(grid, axis) {
  if (axis === null) return [0];
  const [before, after] = (grid === lesson.input && windows?.padding[axis]) || [0, 0];
  return range(-before, lengthOf(grid, axis) + after);
}

/** What a grid shows at a position: of padding, what it repeats, or the constant. */
function elementAt(grid, at) {
  const source = { ...at };
  let padding = false;
  for (const axis of windows && grid === lesson.input ? windows.axes : []) {
    const repeated = windows.source[axis][at[axis]];
    if (repeated === undefined) continue;
    padding = true;
    if (repeated === null) return { text: windows.constant, padding, constant: true };
    source[axis] = repeated;
  }
  const offset = offsetOf(grid, source);
  const colour = padding ? null : grid.colours?.[offset];
  const dropped = lesson.kind === 'dropped' && lesson.kernel.texts[offset] === '0';
  return { text: grid.texts[offset], padding, source, colour, dropped, exact: grid.exact?.[offset] };
}

// A grid is drawn as tables, one per plane

const places = new WeakMap(); // of a cell: its drawing, plane, row and column
const DECIMAL = /^-?\d+(\.\d+)?$/;

class Drawing {
  constructor(role, grid) {
    const texts = grid.texts ?? lesson.input.texts;
    this.grid = grid;
    this.planes = [];
    this.rows = sideOf(grid, grid.rows);
    this.columns = sideOf(grid, grid.columns);
    this.rowNames = grid.rows === null ? [] : (grid.rowNames ?? this.rows.map(String));
    this.columnNames = grid.columns === null ? [] : this.columns.map(String);
    this.decimals = longest(texts.map((text) => DECIMAL.exec(text)?.[1] ?? ''));
    const widths = [...texts, ...this.columnNames, '00'].map((text) => text.length + this.pad(text));
    const width = widths.reduce((most, each) => Math.max(most, each));
    this.element = make('section', width > MOST_CHARACTERS ? 'clipped' : '',
      make('h2', '', grid.name, ' ', make('small', '', grid.shape)));
    setAttributes(this.element, { 'data-grid': role, 'aria-label': grid.name });
    this.characters = Math.min(width, MOST_CHARACTERS);
    this.element.style.setProperty('--characters', this.characters);
    this.element.style.setProperty('--columns', this.columns.length);
    this.element.style.setProperty('--names', longest(this.rowNames));
  }

  /** How many characters a number ends before the others, where decimal points are aligned. */
  pad(text) {
    const number = DECIMAL.exec(text);
    return number ? this.decimals - (number[1]?.length ?? 0) : 0;
  }

  /** Draw the planes that belong to an element of the result. */
  draw(at) {
    const { axes, rows, columns } = this.grid;
    const others = axes.filter((axis) => axis !== rows && axis !== columns);
    const ats = combinations(others, (axis) => drawnAlong(this.grid, axis, at));
    ats.forEach((planeAt, i) => {
      const plane = (this.planes[i] ??= this.addPlane());
      const same = plane.at && others.every((axis) => plane.at[axis] === planeAt[axis]);
      plane.at = planeAt;
      if (!same) this.fillPlane(plane);
    });
  }

  addPlane() {
    const header = (scope) => (name) => Object.assign(make('th', '', name), { scope });
    const rowHeaders = this.rowNames.map(header('row'));
    const columnHeaders = this.columnNames.map(header('col'));
    const cells = this.rows.map(() => this.columns.map(() => make('td', '', '')));
    const lines = cells.map((row, r) => make('tr', '', ...rowHeaders.slice(r, r + 1), ...row));
    const corner = rowHeaders.slice(0, 1).map(() => make('td', 'corner'));
    const table = make('table', '',
      make('colgroup', '', ...corner.map(() => make('col', 'names')), ...this.columns.map(() => make('col'))),
      ...(columnHeaders.length ? [make('thead', '', make('tr', '', ...corner, ...columnHeaders))] : []),
      make('tbody', '', ...lines));
    setAttributes(table, { role: 'grid', 'aria-readonly': true, 'aria-multiselectable': true });
    const [title, frame] = [make('h3'), make('div', 'frame')];
    const room = make('div', 'room', make('div', 'sheet', table, frame));
    const plane = { cells, table, title, frame, room };
    cells.forEach((line, row) => line.forEach((cell, column) =>
      places.set(cell, { drawing: this, plane, row, column })));
    this.element.append(make('div', 'plane', title, room));
    return plane;
  }

  fillPlane(plane) {
    const words = Object.keys(plane.at).filter((axis) => lengthOf(this.grid, axis) > 1)
      .map((axis) => `${axisName(axis)} ${plane.at[axis]}`).join(', ');
    plane.title.textContent = words;
    setAttributes(plane.table, { 'aria-label': words ? `${this.grid.name}, ${words}` : this.grid.name });
    this.fillCells(plane, plane.cells.flat());
  }

  /** Fill cells, in parts while playing, so that the browser can do other things in between. */
  fillCells(plane, cells) {
    const now = timer === null ? cells.length : CELLS_PER_TASK;
    for (const cell of cells.slice(0, now)) this.fillCell(cell, this.positionOf(cell));
    clearTimeout(plane.filling);
    if (cells.length > now) {
      plane.filling = setTimeout(() => this.fillCells(plane, cells.slice(now)));
    }
  }

  fillCell(cell, at) {
    const { grid } = this;
    cell.dataset.at = userIndex(grid, at);
    if (grid.texts === null) return; // showWindow writes what the window holds
    const element = elementAt(grid, at);
    const { text, padding, source, exact } = element;
    const repeated = padding && source ? userIndex(grid, source) : null;
    const hint = exact ?? (text.length > MOST_CHARACTERS ? text : null);
    this.write(cell, element);
    setAttributes(cell, {
      'data-padding': padding ? '' : null,
      'data-source': repeated,
      'data-value': exact,
      title: padding ? `padding${repeated ? `: repeats ${repeated}` : ''}` : hint,
    });
  }

  write(cell, { text, padding, dropped, colour }) {
    const pad = this.pad(text);
    cell.firstChild.data = text;
    cell.style.paddingRight = pad ? `calc(0.4em + ${pad}ch)` : '';
    cell.classList.toggle('padding', padding);
    cell.classList.toggle('dropped', Boolean(dropped));
    paint(cell, colour);
  }

  positionOf(cell) {
    const { plane, row, column } = places.get(cell);
    return { ...plane.at, [this.grid.rows]: this.rows[row], [this.grid.columns]: this.columns[column] };
  }

  /** The drawn cells whose numbers along all axes pass a test, in row-major order. */
  cellsWhere(passes) {
    const chosen = (axis, numbers) =>
      [...numbers.keys()].filter((i) => axis === null || passes(axis, numbers[i]));
    const down = chosen(this.grid.rows, this.rows);
    const across = chosen(this.grid.columns, this.columns);
    return this.planes
      .filter(({ at }) => Object.keys(at).every((axis) => passes(axis, at[axis])))
      .flatMap(({ cells }) => down.flatMap((r) => across.map((c) => cells[r][c])));
  }

  /** The cell some rows down and columns to the right; planes follow one another downwards. */
  neighbour(cell, down, right) {
    const { plane, row, column } = places.get(cell);
    const lines = this.planes.flatMap(({ cells }) => cells);
    return lines[lines.indexOf(plane.cells[row]) + down]?.[column + right] ?? cell;
  }

  /** Make a cell the only one of the grid in the tab order. */
  setTabStop(cell) {
    if (this.tabStop) this.tabStop.tabIndex = -1;
    cell.tabIndex = 0;
    this.tabStop = cell;
  }
}

/** Scroll a plane, and nothing else, so that a cell is seen next to its headers. */
function reveal(cell) {
  const { room, cells: [[first]] } = places.get(cell).plane;
  const nearest = (scroll, size, start, end) => Math.max(Math.min(scroll, start), end - size);
  const { offsetLeft: left, offsetWidth: width, offsetHeight: height } = cell;
  const { offsetTop: top } = cell.parentNode; // its row is what it is placed in
  room.scrollTo(
    nearest(room.scrollLeft, room.clientWidth, left - first.offsetLeft, left + width),
    nearest(room.scrollTop, room.clientHeight, top - first.parentNode.offsetTop, top + height),
  );
}

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

const operandChip = (element) =>
  chip({ ...element, text: lesson.kind === 'sum' ? operand(element.text) : element.text }, operandWidth);

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
  const terms = seen.map((position, tap) => make('span', 'term',
    chip(elementAt(lesson.kernel, weights[tap])), '*', operandChip(elementAt(lesson.input, position))));
  const value = steps.values[step];
  const channels = windowAlong('C', at);
  if (channels.length === 1) {
    const bias = steps.bias ? [steps.bias[at.C]] : [];
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
  return { terms: [], lines: [...lines(steps.channelLines?.[at.C]), own, ...lines(steps.lines[step])] };
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

// What is shown: a step, which is an element of the result, and what is pointed at

const [input, kernel, result] = ['input', 'kernel', 'result'].map(
  (role) => new Drawing(role, lesson[role]));
const figure = byId('figure');
const last = steps.values.length - 1;
const pickers = new Map();
const marked = {};
const STATES = { current: 'aria-current', lit: 'aria-selected' };
const view = { step: null, at: null, cell: null, seen: [], partners: [], terms: [] };
let pinned = false;

/** Give a class, and the state that goes with it, to these elements and to no others. */
function mark(name, elements) {
  const now = new Set(elements.filter(Boolean));
  const set = (element, on) => {
    element.classList.toggle(name, on);
    if (name in STATES) setAttributes(element, { [STATES[name]]: on ? true : null });
  };
  const before = marked[name] ?? new Set();
  for (const element of before) if (!now.has(element)) set(element, false);
  for (const element of now) if (!before.has(element)) set(element, true);
  marked[name] = now;
}

function show(step) {
  const at = positionOf(lesson.result, step);
  for (const drawing of [input, kernel, result]) drawing.draw(at);
  for (const [axis, picker] of pickers) picker.value = at[axis];
  const isSame = (axis, i) => at[axis] === undefined || i === at[axis];
  Object.assign(view, {
    step,
    at,
    cell: result.cellsWhere(isSame)[0],
    seen: input.cellsWhere((axis, i) => reads(axis, at[axis], i)),
    partners: kernel.cellsWhere((axis, i) => windows || isSame(axis, i)),
  });
  result.setTabStop(view.cell);
  writeStep();
  showWindow(windows ? [] : input.cellsWhere(isSame));
  light(null);
}

function writeStep() {
  const { step, at } = view;
  const { lines, terms } = formulaOf(step, at);
  view.terms = terms;
  byId('where').textContent = `${lesson.result.name} ${userIndex(lesson.result, at)}`;
  byId('count').textContent = `${step + 1} of ${last + 1}`;
  byId('words').textContent = steps.words[step];
  byId('formula').replaceChildren(...joined(lines, '\n'));
  if (timer === null) announce();
}

function announce() {
  byId('said').textContent = `${byId('words').textContent} ${byId('formula').textContent}`;
}

/** Mark the element that counts most, frame the window, and mark what its dilation passes over. */
function showWindow(own) {
  const { step, at, cell, seen, partners, terms } = view;
  const winner = steps.winners?.[step] ?? null;
  mark('taken', winner === null ? own : [seen[winner], partners[winner], terms[winner]]);
  if (lesson.kernel.texts === null) {
    seen.forEach((element, tap) =>
      kernel.write(partners[tap], elementAt(lesson.input, input.positionOf(element))));
  }
  const ends = windows ? [seen[0], seen.at(-1)] : own;
  [...ends, cell].forEach(reveal);
  if (!windows) return;
  mark('passed', input.cellsWhere((axis, i) => {
    const along = windowAlong(axis, at);
    return along[0] <= i && i <= along.at(-1);
  }).filter((between) => !seen.includes(between)));
  figure.classList.toggle('dilated', marked.passed.size > 0);
  const [first, end] = ends.map((each) => places.get(each));
  for (const { frame: { style } } of input.planes) {
    style.setProperty('--row', first.row);
    style.setProperty('--column', first.column);
    style.setProperty('--down', end.row - first.row + 1);
    style.setProperty('--across', end.column - first.column + 1);
  }
}

/** Light up what the step reads, or what reads the element of the input that is pointed at. */
function light(pointed) {
  const { cell, seen, partners, terms } = view;
  const from = places.get(pointed)?.drawing === input ? input.positionOf(pointed) : null;
  const forwards = !from || pinned;
  const readers = from
    ? result.cellsWhere((axis, i) => repeatsOf(axis, from[axis]).some((at) => reads(axis, i, at))) : [];
  mark('lit', [...(forwards ? [...seen, ...partners] : []), ...readers]);
  mark('current', [forwards && cell, from && pointed]);
  const pairs = windows && pointed ? [seen, partners, terms] : [];
  const tap = Math.max(...pairs.map((list) => list.indexOf(pointed)));
  mark('pair', pairs.map((list) => list[tap]));
  const { source } = from ? elementAt(lesson.input, from) : {};
  const repeats = source ? input.cellsWhere((axis, i) => repeatsOf(axis, source[axis]).includes(i)) : [];
  mark('repeated', repeats.filter((repeat) => repeat !== pointed));
  figure.classList.toggle('backwards', !forwards);
}

// Pinning, playing, and the address

/** Show a step and end the playing; it is pinned if it is to be, or the one before was. */
function goTo(step, pinIt = pinned) {
  pause();
  pinned = pinIt;
  if (step !== view.step) show(step);
  else light(null);
  setAttributes(byId('pin'), { 'aria-pressed': pinned });
  figure.classList.toggle('pinned', pinned);
  const page = location.href.split('#')[0];
  try {
    history.replaceState(null, '', pinned ? `${page}#at=${userIndex(lesson.result, view.at)}` : page);
  } catch {
    // In a notebook's frame there is no address to write
  }
}

const togglePin = (step) => goTo(step, !pinned || step !== view.step);

function followAddress() {
  const { axes, index } = lesson.result;
  const [, text] = /^#at=([\d,]*)$/.exec(location.hash) ?? [];
  const numbers = text ? text.split(',').map(Number) : [];
  const at = Object.fromEntries(axes.map((axis) => [axis, numbers[index.indexOf(axis)] ?? 0]));
  const exists = axes.every((axis) => at[axis] < lengthOf(lesson.result, axis));
  if (text !== undefined && numbers.length === index.length && exists) {
    goTo(offsetOf(lesson.result, at), true);
  }
}

function play() {
  goTo(view.step < last ? view.step : 0, false);
  setTimer(setTimeout(playNext, byId('speed').value));
}

function playNext() {
  if (view.step === last) return pause();
  setTimer(setTimeout(playNext, byId('speed').value));
  return show(view.step + 1);
}

function pause() {
  if (timer === null) return;
  clearTimeout(timer);
  setTimer(null);
  announce();
  if (result.element.contains(document.activeElement)) view.cell.focus();
}

function setTimer(next) {
  timer = next;
  byId('play').textContent = timer === null ? 'Play' : 'Pause';
}

const togglePlay = () => (timer === null ? play() : pause());

// What the reader does

const cellAt = (target) => target.closest('td[data-at]');
const stepOf = (cell) => offsetOf(lesson.result, result.positionOf(cell));
const isResult = (cell) => places.get(cell)?.drawing === result;

function point(target) {
  if (timer !== null) return;
  if (isResult(target) && !pinned && stepOf(target) !== view.step) show(stepOf(target));
  else light(isResult(target) ? null : target);
}

/** Put the focus on a cell, and show what is to be seen there. */
function moveTo(cell) {
  if (isResult(cell)) goTo(stepOf(cell));
  places.get(cell).drawing.setTabStop(cell);
  cell.focus();
}

function moveToStep(step) {
  goTo(step);
  moveTo(view.cell);
}

const KEYS = {
  ArrowLeft: (cell) => moveTo(places.get(cell).drawing.neighbour(cell, 0, -1)),
  ArrowRight: (cell) => moveTo(places.get(cell).drawing.neighbour(cell, 0, 1)),
  ArrowUp: (cell) => moveTo(places.get(cell).drawing.neighbour(cell, -1, 0)),
  ArrowDown: (cell) => moveTo(places.get(cell).drawing.neighbour(cell, 1, 0)),
  Home: () => moveToStep(0),
  End: () => moveToStep(last),
  Escape: () => goTo(view.step, false),
  Enter: (cell) => isResult(cell) && togglePin(view.step),
  ' ': togglePlay,
};

function pressKey(event) {
  const { key, target, ctrlKey, altKey, metaKey } = event;
  const isOfControl = target.closest('select, pre') || (target.closest('button') && ' Enter'.includes(key));
  if (!(key in KEYS) || ctrlKey || altKey || metaKey || (isOfControl && key !== 'Escape')) return;
  event.preventDefault();
  KEYS[key](cellAt(target) ?? view.cell);
}

function click(cell) {
  if (!cell) return;
  if (isResult(cell)) togglePin(stepOf(cell));
  places.get(cell).drawing.setTabStop(cell);
  cell.focus({ preventScroll: true });
}

function listen() {
  const formula = byId('formula');
  const leave = ({ pointerType }) => pointerType === 'touch' || point(null);
  figure.addEventListener('pointerover', ({ target }) => point(cellAt(target)));
  figure.addEventListener('pointerleave', leave);
  figure.addEventListener('focusin', ({ target }) => isResult(target) || point(cellAt(target)));
  figure.addEventListener('focusout', () => point(null));
  figure.addEventListener('click', ({ target }) => click(cellAt(target)));
  formula.addEventListener('pointerover', ({ target }) => point(target.closest('.term')));
  formula.addEventListener('pointerleave', leave);
  byId('play').addEventListener('click', togglePlay);
  byId('pin').addEventListener('click', () => togglePin(view.step));
  byId('back').addEventListener('click', () => goTo(Math.max(view.step - 1, 0)));
  byId('forward').addEventListener('click', () => goTo(Math.min(view.step + 1, last)));
  document.addEventListener('keydown', pressKey);
  window.addEventListener('hashchange', followAddress);
}

function addPickers() {
  const { axes, rows, columns, stacked } = lesson.result;
  for (const axis of axes) {
    const length = lengthOf(lesson.result, axis);
    if ([rows, columns, ...stacked].includes(axis) || length === 1) continue;
    const picker = make('select', '', ...range(0, length).map((i) => make('option', '', String(i))));
    picker.addEventListener('change', () =>
      goTo(offsetOf(lesson.result, { ...view.at, [axis]: picker.selectedIndex })));
    pickers.set(axis, picker);
    byId('pickers').append(make('label', '', `${axisName(axis)} `, picker));
  }
}

/** How large the text of cells is where the widest grid has this many characters in a row. */
function sizeOf(characters) {
  if (characters > 75) return characters > 150 ? 'tiny' : 'small';
  return characters > 50 ? 'medium' : 'large';
}

function writeCall() {
  document.querySelector('h1').textContent = TITLES[lesson.operator];
  byId('about').textContent = lesson.about;
  byId('pytorch').textContent = lesson.pytorch;
  for (const name of ['sizes', 'notes']) {
    byId(name).append(...lesson[name].map((text) => make('p', '', text)));
    byId(name).hidden = lesson[name].length === 0;
  }
}

/** Keep room for the longest sentence and formula, so that nothing moves when they change. */
function reserveRoom() {
  const step = widestStep();
  const { lines } = formulaOf(step, positionOf(lesson.result, step));
  const [words, formula] = document.querySelectorAll('.longest');
  words.textContent = steps.words[indexOfLargest(steps.words.map((text) => text.length))];
  formula.append(...lines);
  byId('step').classList.toggle('long', view.terms.length > MANY_TERMS);
}

function open() {
  const drawings = [input, kernel, result];
  const widths = drawings.map(({ columns, characters }) => columns.length * characters);
  figure.dataset.kind = lesson.kind;
  figure.dataset.size = sizeOf(Math.max(...widths));
  figure.classList.toggle('framed', windows !== undefined);
  figure.append(...drawings.map(({ element }) => element));
  writeCall();
  addPickers();
  show(0);
  reserveRoom();
  figure.style.setProperty('--planes', Math.max(...drawings.map(({ planes }) => planes.length)));
  document.querySelector('main').hidden = false;
  listen();
  followAddress();
}

open();
