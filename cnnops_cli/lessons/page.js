'use strict';

// All numbers are text that Python wrote. This script only finds which elements belong together,
// by their positions: {N: 0, C: 2, H: -1, W: 5}, where -1 is in the padding.

const lesson = JSON.parse(document.getElementById('data').textContent);
const { windows, steps } = lesson;

const TITLES = {
  conv: 'Convolution', maxpool: 'Max pooling', batchnorm: 'Batch normalization', dropout: 'Dropout',
};
const AXES = {
  N: 'sample', C: 'channel', D: 'depth', H: 'row', W: 'column', O: 'filter', I: 'channel',
};
const MOST_CHARACTERS = 28; // of an element's text that its cell shows

const byId = (id) => document.getElementById(id);
const range = (start, end) => Array.from({ length: end - start }, (_, i) => start + i);
const longest = (texts) => texts.reduce((most, text) => Math.max(most, text.length), 0);

function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

function setAttribute(element, name, value) {
  if (value == null) element.removeAttribute(name);
  else element.setAttribute(name, value);
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

/** The numbers along an axis of the input that are in the window of the result's element at `at`. */
function windowAlong(axis, at) {
  if (axis !== 'C' || lesson.kind !== 'sum') return windows.taps[axis]?.[at[axis]] ?? [at[axis]];
  const first = Math.floor(at.C / windows.filters) * windows.channels;
  return range(first, first + windows.channels);
}

/** Whether an element of the result reads one of the input, as far as their numbers on an axis tell. */
function reads(axis, resultNumber, inputNumber) {
  if (windows) return windowAlong(axis, { [axis]: resultNumber }).includes(inputNumber);
  return resultNumber === inputNumber || (lesson.reads === 'channel' && axis !== 'C');
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
  const [colour, exact, kind] = [grid.colours, grid.exact, grid.marks].map((list) => list?.[offset]);
  return { text: grid.texts[offset], padding, colour: padding ? -1 : colour, exact, kind, source };
}

// A grid is drawn as tables, one per plane

const places = new WeakMap(); // of a cell: its drawing, plane, row and column

class Drawing {
  constructor(role, grid) {
    this.grid = grid;
    this.planes = [];
    this.rows = sideOf(grid, grid.rows);
    this.columns = sideOf(grid, grid.columns);
    this.rowNames = (grid.rows !== null && grid.rowNames) || this.rows.map(String);
    this.columnNames = grid.columnNames ?? this.columns.map(String);
    this.element = make('section', '', make('h2', '', grid.name, ' ', make('small', '', grid.shape)));
    this.element.dataset.grid = role;
    this.element.setAttribute('aria-label', grid.name);
    const texts = [...(grid.texts ?? lesson.input.texts), ...this.columnNames];
    const characters = Math.min(Math.max(longest(texts), 2), MOST_CHARACTERS);
    this.element.classList.toggle('clipped', longest(texts) > MOST_CHARACTERS);
    this.width = this.columns.length * characters;
    this.element.style.setProperty('--characters', characters);
    this.element.style.setProperty('--columns', this.columns.length);
    this.element.style.setProperty('--names', grid.rows === null ? 0 : longest(this.rowNames));
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
    const { grid, rowNames, columnNames } = this;
    const header = (scope, name) => Object.assign(make('th', '', name), { scope });
    const cells = this.rows.map(() => this.columns.map(() => make('td')));
    const lines = cells.map((row, r) =>
      make('tr', '', ...(grid.rows === null ? [] : [header('row', rowNames[r])]), ...row));
    const corner = grid.rows === null ? [] : [make('td', 'corner')];
    const head = make('tr', '', ...corner, ...columnNames.map((name) => header('col', name)));
    const table = make('table', '',
      make('colgroup', '', ...corner.map(() => make('col', 'names')), ...this.columns.map(() => make('col'))),
      ...(grid.columns === null ? [] : [make('thead', '', head)]), make('tbody', '', ...lines));
    for (const [name, value] of [['role', 'grid'], ['aria-readonly', true], ['aria-multiselectable', true]]) {
      table.setAttribute(name, value);
    }
    const [title, frame] = [make('h3'), make('div', 'frame')];
    const room = make('div', 'room', make('div', 'sheet', table, frame));
    const plane = { cells, table, title, frame, room };
    cells.forEach((row, r) => row.forEach((cell, c) =>
      places.set(cell, { drawing: this, plane, row: r, column: c })));
    this.element.append(make('div', 'plane', title, room));
    return plane;
  }

  fillPlane(plane) {
    const { grid } = this;
    const several = Object.keys(plane.at).filter((axis) => lengthOf(grid, axis) > 1);
    const words = (axes) => axes.map((axis) => `${axisName(axis)} ${plane.at[axis]}`).join(', ');
    plane.title.textContent = words(several);
    setAttribute(plane.table, 'aria-label', [grid.name, words(several)].filter(Boolean).join(', '));
    for (const cell of plane.cells.flat()) this.fillCell(cell, this.positionOf(cell));
  }

  fillCell(cell, at) {
    const { grid } = this;
    cell.dataset.at = userIndex(grid, at);
    if (grid.texts === null) return; // showWindow copies what the window holds
    const { text, padding, colour, exact, kind, source } = elementAt(grid, at);
    const repeated = padding && source ? userIndex(grid, source) : null;
    const hint = exact ?? (text.length > MOST_CHARACTERS ? text : null);
    cell.textContent = text;
    cell.className = padding ? 'padding' : (kind ?? '');
    paint(cell, colour);
    setAttribute(cell, 'data-padding', padding ? '' : null);
    setAttribute(cell, 'data-source', repeated);
    setAttribute(cell, 'data-value', exact);
    setAttribute(cell, 'title', padding ? `padding${repeated ? ` repeats ${repeated}` : ''}` : hint);
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

  /** The cell some rows down and columns to the right, where planes follow one another downwards. */
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

const axisName = (axis) => AXES[axis] ?? `axis ${axis}`;

/** Scroll a plane, and nothing else, so that a cell is seen next to the names of rows and columns. */
function reveal(cell) {
  const { room, cells } = places.get(cell).plane;
  const nearest = (scroll, size, start, end) => Math.max(Math.min(scroll, start), end - size);
  const { offsetLeft: left, offsetTop: top } = cell;
  room.scrollTo(
    nearest(room.scrollLeft, room.clientWidth, left - cells[0][0].offsetLeft, left + cell.offsetWidth),
    nearest(room.scrollTop, room.clientHeight, top - cells[0][0].offsetTop, top + cell.offsetHeight),
  );
}

// Formulas, whose terms keep their widths while numbers change

const operand = (text) => (text.startsWith('-') ? `(${text})` : text);
const operandWidth = windows && longest([...lesson.input.texts, windows.constant].map(operand));
const joined = (parts, sign) => parts.flatMap((part, i) => (i ? [sign, part] : [part]));
const withRelu = (parts) => (steps.relu ? ['max(0, ', ...parts, ')'] : parts);

function chip(text, colour, characters) {
  const element = make('span', 'chip', text);
  element.style.minWidth = `${characters}ch`;
  paint(element, colour);
  return element;
}

/** A line of a formula, and its value after a sign where it is not the line itself. */
function formulaLine(parts, value, sign = '=') {
  const line = make('div', '', ...parts);
  if (value !== undefined && line.textContent !== value) {
    line.append(...(parts.length ? [' ', make('span', 'value', `${sign} `, make('b', '', value))] : [value]));
  }
  return line;
}

function sumFormula(step, at) {
  const elements = combinations(lesson.input.axes, (axis) => windowAlong(axis, at));
  const weights = combinations(lesson.kernel.axes, (axis) => drawnAlong(lesson.kernel, axis, at));
  const terms = elements.map((position, tap) => {
    const weight = elementAt(lesson.kernel, weights[tap]);
    const { text, colour } = elementAt(lesson.input, position);
    return make('span', 'term', chip(weight.text, weight.colour, weight.text.length), '*',
      chip(operand(text), colour, operandWidth));
  });
  const value = steps.values[step];
  const channels = windowAlong('C', at);
  if (channels.length === 1) {
    const bias = steps.bias ? [steps.bias[at.C]] : [];
    return { terms, lines: [formulaLine(withRelu(joined([...terms, ...bias], ' + ')), value)] };
  }
  const lines = channels.map((channel, i) => {
    const own = terms.filter((_, tap) => elements[tap].C === channel);
    return formulaLine([`channel ${channel}: `, ...joined(own, ' + ')], steps.subtotals?.[step][i]);
  });
  const total = steps.totals ? withRelu([steps.totals[step]]) : [];
  return { terms, lines: [...lines, formulaLine(total, value)] };
}

function maximumFormula(step, at) {
  const elements = combinations(lesson.input.axes, (axis) => windowAlong(axis, at));
  const terms = elements.map((position) => {
    const { text, colour, constant } = elementAt(lesson.input, position);
    return constant ? null : make('span', 'term', chip(text, colour, operandWidth));
  });
  const compared = joined(terms.filter(Boolean), ', ');
  return { terms, lines: [formulaLine(withRelu(['max(', ...compared, ')']), steps.values[step])] };
}

function writtenFormula(step, at) {
  const own = formulaLine([steps.formulas[step]], steps.values[step], steps.sign[step]);
  const before = steps.channelLines?.[at.C] ?? [];
  const [above, below] = [before, steps.lines[step]].map((texts) => texts.map((text) => formulaLine([text])));
  return { terms: [], lines: [...above, own, ...below] };
}

const formulaOf = { sum: sumFormula, maximum: maximumFormula }[lesson.kind] ?? writtenFormula;

/** A step whose formula takes as much room as any: its window is the least in the padding. */
function widestStep() {
  const { kernel, result } = lesson;
  if (!windows) {
    const sizes = steps.formulas.map((text, i) => [text, steps.values[i], ...steps.lines[i]].join().length);
    return sizes.indexOf(sizes.reduce((most, size) => Math.max(most, size)));
  }
  const at = Object.fromEntries(result.axes.map((axis, i) => [axis, result.lengths[i] >> 1]));
  if (lesson.kind === 'sum') {
    const each = kernel.texts.length / lengthOf(kernel, 'O');
    const sizes = range(0, lengthOf(kernel, 'O')).map((filter) =>
      kernel.texts.slice(filter * each, (filter + 1) * each).join().length);
    at.C = sizes.indexOf(Math.max(...sizes));
  }
  return offsetOf(result, at);
}

// What is shown: a step (an element of the result), pinned or not, and what is pointed at

const [input, kernel, result] = ['input', 'kernel', 'result'].map(
  (role) => lesson[role] && new Drawing(role, lesson[role]));
const drawings = [input, kernel, result].filter(Boolean);
const pickers = new Map();
const view = { step: null, at: null, cell: null, window: [], partners: [], terms: [] };
const marked = {};
let pinned = false;
let timer = null;

/** Give a class to these elements and to no others. */
function mark(name, elements) {
  const now = new Set(elements);
  const state = { current: 'aria-current', lit: 'aria-selected' }[name];
  for (const element of marked[name] ?? []) {
    if (now.has(element)) continue;
    element.classList.remove(name);
    if (state) element.removeAttribute(state);
  }
  for (const element of now) {
    element.classList.add(name);
    if (state) element.setAttribute(state, 'true');
  }
  marked[name] = now;
}

function show(step) {
  const at = positionOf(lesson.result, step);
  for (const drawing of drawings) drawing.draw(at);
  for (const [axis, picker] of pickers) picker.value = at[axis];
  Object.assign(view, {
    step,
    at,
    cell: result.cellsWhere((axis, i) => i === at[axis])[0],
    window: input.cellsWhere((axis, i) => reads(axis, at[axis], i)),
    partners: kernel ? kernel.cellsWhere((axis, i) => lesson.reads !== 'same' || i === at[axis]) : [],
  });
  writeStep();
  markWindow();
  light(null);
}

function writeStep() {
  const { step, at } = view;
  const { lines, terms } = formulaOf(step, at);
  view.terms = terms;
  byId('where').textContent = `${lesson.result.name} ${userIndex(lesson.result, at)}`;
  byId('count').textContent = `${step + 1} of ${steps.values.length}`;
  byId('words').textContent = steps.words[step];
  byId('formula').replaceChildren(...joined(lines, '\n'));
  announce();
}

function announce() {
  if (timer === null) byId('said').textContent = `${byId('words').textContent} ${byId('formula').textContent}`;
}

/** Mark what of the window stands out, and what its dilation passes over. */
function markWindow() {
  const { step, at, cell, window: seen, partners, terms } = view;
  result.setTabStop(cell);
  const own = windows ? [] : input.cellsWhere((axis, i) => i === at[axis]);
  const won = steps.winners?.[step] ?? null;
  mark('taken', won === null ? own : [seen[won], partners[won], terms[won]]);
  [...own, ...(windows ? [seen[0], seen.at(-1)] : []), cell].forEach(reveal);
  if (!windows) return;
  if (lesson.kernel?.texts === null) {
    seen.forEach(({ textContent, style }, tap) => {
      partners[tap].textContent = textContent;
      partners[tap].style.cssText = style.cssText;
    });
  }
  const within = (axis, i) => {
    const along = windowAlong(axis, at);
    return along[0] <= i && i <= along.at(-1);
  };
  mark('passed', input.cellsWhere(within).filter((between) => !seen.includes(between)));
  byId('figure').classList.toggle('dilated', marked.passed.size > 0);
  const [first, last] = [places.get(seen[0]), places.get(seen.at(-1))];
  for (const { frame } of input.planes) {
    frame.style.setProperty('--row', first.row);
    frame.style.setProperty('--column', first.column);
    frame.style.setProperty('--down', last.row - first.row + 1);
    frame.style.setProperty('--across', last.column - first.column + 1);
  }
}

/** Light up what the step reads, or what reads the element of the input that is pointed at. */
function light(pointed) {
  const { cell, window: seen, partners, terms } = view;
  const from = pointed && places.get(pointed)?.drawing === input ? input.positionOf(pointed) : null;
  const readers = from ? result.cellsWhere((axis, i) => reads(axis, i, from[axis])) : [];
  const forwards = !from || pinned;
  mark('lit', [...(forwards ? [...seen, ...partners] : []), ...readers]);
  mark('current', [...(forwards ? [cell] : []), ...(from ? [pointed] : [])]);
  const tap = pointed ? Math.max(...[seen, partners, terms].map((list) => list.indexOf(pointed))) : -1;
  mark('pair', windows && tap >= 0 ? [seen, partners, terms].map((list) => list[tap]).filter(Boolean) : []);
  const { source } = from ? pointed.dataset : {};
  mark('repeated', source ? [input.element.querySelector(`[data-at="${source}"]`)].filter(Boolean) : []);
  byId('figure').classList.toggle('backwards', !forwards);
}

// Pinning, playing, and the address

/** Show a step, which stays pinned if it is, and end the playing. */
function goTo(step, on = pinned) {
  pause();
  if (step !== view.step) show(step);
  pinned = on;
  byId('pin').setAttribute('aria-pressed', pinned);
  byId('figure').classList.toggle('pinned', pinned);
  const address = `#at=${userIndex(lesson.result, view.at)}`;
  try {
    history.replaceState(null, '', pinned ? address : location.href.split('#')[0]);
  } catch {
    // A frame without an origin of its own has no address to write
  }
}

function followAddress() {
  const { index } = lesson.result;
  const [, text] = /^#at=([\d,]*)$/.exec(location.hash) ?? [];
  const numbers = text === '' ? [] : text?.split(',').map(Number);
  if (numbers?.length !== index.length) return;
  const at = Object.fromEntries(lesson.result.axes.map((axis) => [axis, numbers[index.indexOf(axis)] ?? 0]));
  if (!Object.keys(at).every((axis) => at[axis] < lengthOf(lesson.result, axis))) return;
  pinned = true;
  goTo(offsetOf(lesson.result, at));
}

function play() {
  goTo(view.step + 1 < steps.values.length ? view.step : 0, false);
  setPlaying(setTimeout(playNext, delay()));
}

const delay = () => Number(byId('speed').value);

function playNext() {
  if (view.step + 1 === steps.values.length) return pause();
  timer = setTimeout(playNext, delay());
  show(view.step + 1);
}

function pause() {
  if (timer === null) return;
  clearTimeout(timer);
  setPlaying(null);
  announce();
  if (result.element.contains(document.activeElement)) view.cell.focus();
}

function setPlaying(next) {
  timer = next;
  byId('play').textContent = timer === null ? 'Play' : 'Pause';
  document.body.classList.toggle('playing', timer !== null);
}

const togglePlay = () => (timer === null ? play() : pause());

// What the reader does

const cellAt = (target) => target.closest('td[data-at]');
const stepOf = (cell) => offsetOf(lesson.result, result.positionOf(cell));
const isResult = (cell) => cell && places.get(cell).drawing === result;

function point(cell) {
  if (timer !== null) return;
  if (!isResult(cell)) light(cell);
  else if (pinned) light(null);
  else if (stepOf(cell) !== view.step) show(stepOf(cell));
  else light(null);
}

function togglePin(step) {
  goTo(step, !(pinned && step === view.step));
}

const ARROWS = {
  ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0],
};

function onKey(event) {
  const { key, target } = event;
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const control = target.closest('select, summary, pre');
  const cell = cellAt(target) ?? view.cell;
  if (key === 'Escape') goTo(view.step, false);
  else if (control) return;
  else if (key in ARROWS) moveTo(places.get(cell).drawing.neighbour(cell, ...ARROWS[key]));
  else if (key === 'Home') moveTo(null, 0);
  else if (key === 'End') moveTo(null, steps.values.length - 1);
  else if (target.closest('button')) return;
  else if (key === ' ') togglePlay();
  else if (key === 'Enter' && isResult(cell)) togglePin(view.step);
  else return;
  event.preventDefault();
}

/** Move to a cell of any grid, or to a step, by keys. */
function moveTo(cell, step = isResult(cell) ? stepOf(cell) : null) {
  if (step !== null) goTo(step);
  const next = step === null ? cell : view.cell;
  places.get(next).drawing.setTabStop(next);
  next.focus();
}

function listen() {
  const figure = byId('figure');
  figure.addEventListener('pointerover', ({ target }) => point(cellAt(target)));
  figure.addEventListener('pointerleave', ({ pointerType }) => pointerType === 'touch' || point(null));
  figure.addEventListener('focusin', ({ target }) => isResult(cellAt(target)) || point(cellAt(target)));
  figure.addEventListener('focusout', () => point(null));
  figure.addEventListener('click', ({ target }) => {
    const cell = cellAt(target);
    if (!cell) return;
    if (isResult(cell)) togglePin(stepOf(cell));
    cell.tabIndex = 0;
    places.get(cell).drawing.setTabStop(cell);
    cell.focus({ preventScroll: true });
  });
  byId('formula').addEventListener('pointerover', ({ target }) => point(target.closest('.term')));
  byId('formula').addEventListener('pointerleave', () => point(null));
  byId('play').addEventListener('click', togglePlay);
  byId('pin').addEventListener('click', () => togglePin(view.step));
  byId('back').addEventListener('click', () => goTo(Math.max(view.step - 1, 0)));
  byId('forward').addEventListener('click', () => goTo(Math.min(view.step + 1, steps.values.length - 1)));
  document.addEventListener('keydown', onKey);
  window.addEventListener('hashchange', followAddress);
}

function addPickers() {
  const { axes, rows, columns, stacked } = lesson.result;
  for (const axis of axes) {
    const length = lengthOf(lesson.result, axis);
    if (axis === rows || axis === columns || stacked.includes(axis) || length === 1) continue;
    const picker = make('select', '', ...range(0, length).map((i) => make('option', '', String(i))));
    picker.addEventListener('change', () =>
      goTo(offsetOf(lesson.result, { ...view.at, [axis]: picker.selectedIndex })));
    pickers.set(axis, picker);
    byId('pickers').append(make('label', '', `${axisName(axis)} `, picker));
  }
}

/** How large the text of a figure is whose widest grid has this many characters in a row. */
function sizeOf(width) {
  if (width > 150) return 'tiny';
  if (width > 75) return 'small';
  return width > 50 ? 'medium' : 'large';
}

function open() {
  document.querySelector('h1').textContent = TITLES[lesson.operator];
  byId('about').textContent = lesson.about;
  byId('pytorch').textContent = lesson.pytorch;
  for (const name of ['sizes', 'notes']) {
    byId(name).append(...lesson[name].map((text) => make('p', '', text)));
    byId(name).hidden = lesson[name].length === 0;
  }
  byId('figure').dataset.kind = lesson.kind;
  byId('figure').classList.toggle('framed', windows !== undefined);
  byId('figure').dataset.size = sizeOf(Math.max(...drawings.map(({ width }) => width)));
  byId('figure').append(...drawings.map(({ element }) => element));
  addPickers();
  show(0);
  const widest = widestStep();
  const [words, formula] = document.querySelectorAll('.longest');
  words.textContent = steps.words.reduce((most, text) => (text.length > most.length ? text : most));
  formula.append(...formulaOf(widest, positionOf(lesson.result, widest)).lines);
  byId('figure').style.setProperty('--planes', Math.max(...drawings.map(({ planes }) => planes.length)));
  document.querySelector('main').hidden = false;
  listen();
  followAddress();
}

open();
