'use strict';

// The three scripts of a page are one, in the order drawings.js, formulas.js, page.js.
// All numbers are text that Python wrote. This script finds out which elements belong together, by
// their positions: {N: 0, C: 2, H: -1, W: 5}, where -1 is in the padding.

const lesson = JSON.parse(document.getElementById('data').textContent);
const { windows, steps } = lesson;

const AXES = {
  N: 'sample', C: 'channel', D: 'depth', H: 'row', W: 'column', O: 'filter', I: 'channel',
};
const MOST_CHARACTERS = 28; // of an element's text that its cell shows
const CELLS_PER_FRAME = 250; // that are filled at once while playing, in some 10 milliseconds
const MOST_PLANES = 64; // of a grid that are drawn at once
const FEW_PLANES = 8; // that are all drawn where a step reads a whole channel, and laid out at once
const MOST_ROWS = 250; // of a table without windows, which a step may read all of

let timer = null; // of the next step, while playing

const byId = (id) => document.getElementById(id);
const range = (start, end) => Array.from({ length: end - start }, (_, i) => start + i);
const longest = (texts) => texts.reduce((most, text) => Math.max(most, text.length), 0);
const axisName = (axis) => AXES[axis] ?? `axis ${axis}`;
const placeOn = (axis, number) => `${axisName(axis)}${axis in AXES ? '' : ':'} ${number}`;

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
const writtenIndex = (grid, at) => `[${grid.index.map((axis) => at[axis]).join(', ')}]`;

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

/** The positions with one of the given numbers along each axis: how many, and which is the i-th. */
function positionsAlong(axes, numbersAlong) {
  const numbers = axes.map((axis) => numbersAlong(axis));
  const lengths = numbers.map((along) => along.length);
  const at = (i) => {
    const places = positionOf({ axes, lengths }, i);
    return Object.fromEntries(axes.map((axis, n) => [axis, numbers[n][places[axis]]]));
  };
  return { length: lengths.reduce((product, length) => product * length, 1), at };
}

/** The numbers along an axis of the input that the window of the result's element at `at` has. */
function windowAlong(axis, at) {
  if (axis !== 'C' || lesson.kind !== 'sum') return windows.taps[axis]?.[at[axis]] ?? [at[axis]];
  const first = Math.floor(at.C / windows.filters) * windows.channels;
  return range(first, first + windows.channels);
}

/** The numbers along an axis of the input that the result's element at `at` reads. */
function readAlong(axis, at) {
  if (windows) return windowAlong(axis, at);
  const isWhole = lesson.reads === 'channel' && axis !== 'C';
  return isWhole ? range(0, lengthOf(lesson.input, axis)) : [at[axis]];
}

/** Whether a number is one of those along its axis. */
function isAlong(numbersAlong) {
  const sets = new Map();
  return (axis, number) => {
    if (!sets.has(axis)) sets.set(axis, new Set(numbersAlong(axis)));
    return sets.get(axis).has(number);
  };
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

/** The axes along which all planes are drawn; of many planes of a channel, one is picked. */
function stackedOf(grid) {
  const stacked = [...grid.stacked];
  const count = () => stacked.reduce((product, axis) => product * lengthOf(grid, axis), 1);
  while (lesson.kind === 'normalised' && count() > FEW_PLANES) stacked.shift();
  return stacked;
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
  const exact = grid.exact?.[offset];
  return { text: grid.texts[offset], padding, source, colour, dropped, exact };
}

/** What a window holds at one of its taps, given by the numbers along the axes of the window. */
function elementInWindow(resultAt, tap) {
  const at = lesson.input.axes.map((axis) => [axis, windowAlong(axis, resultAt)[tap[axis] ?? 0]]);
  return elementAt(lesson.input, Object.fromEntries(at));
}

// A grid is drawn as tables, one per plane

const unfilled = new Map(); // cells that are not yet filled, with their drawings
let filling = null;

/** Fill cells that are not: `left` at once, and some in each frame. */
function fillCells(left) {
  cancelAnimationFrame(filling);
  for (const [cell, drawing] of unfilled) {
    if (left-- === 0) break;
    unfilled.delete(cell);
    drawing.fill(cell);
  }
  if (unfilled.size) filling = requestAnimationFrame(() => fillCells(CELLS_PER_FRAME));
}

const places = new WeakMap(); // of a cell: its drawing, plane, row and column
const DECIMAL = /^-?\d+(\.\d+)?$/;

class Drawing {
  constructor(role, grid) {
    const texts = grid.texts ?? lesson.input.texts;
    this.grid = grid;
    this.planes = [];
    this.allRows = sideOf(grid, grid.rows);
    this.rows = windows ? this.allRows : this.allRows.slice(0, MOST_ROWS);
    this.columns = sideOf(grid, grid.columns);
    this.rowNames = grid.rows === null ? [] : (grid.rowNames ?? this.allRows.map(String));
    this.columnNames = grid.columns === null ? [] : this.columns.map(String);
    this.decimals = longest(texts.map((text) => DECIMAL.exec(text)?.[1] ?? ''));
    const shown = [...texts, ...this.columnNames, '00'];
    const width = longest(shown.map((text) => text.padEnd(text.length + this.pad(text))));
    this.element = make('section', width > MOST_CHARACTERS ? 'clipped' : '',
      make('h2', '', grid.name, ' ', make('small', '', grid.shape)));
    setAttributes(this.element, { 'data-grid': role, 'aria-label': grid.name });
    this.characters = Math.min(width, MOST_CHARACTERS);
    this.element.style.setProperty('--characters', this.characters);
    this.element.style.setProperty('--columns', this.columns.length);
    this.element.style.setProperty('--rows', this.rows.length);
    this.element.style.setProperty('--names', longest(this.rowNames));
    this.titled = grid.axes.filter((axis) =>
      axis !== grid.rows && axis !== grid.columns && lengthOf(grid, axis) > 1);
    const titles = this.titled.map((axis) =>
      placeOn(axis, '0'.repeat(longest(sideOf(grid, axis).map(String)))));
    this.element.style.setProperty('--title', titles.join(', ').length);
  }

  /** How many characters a number ends before the others, where decimal points are aligned. */
  pad(text) {
    const number = DECIMAL.exec(text);
    return number ? this.decimals - (number[1]?.length ?? 0) : 0;
  }

  /** Draw the planes that belong to an element of the result; of many planes, a part. */
  draw(at, part) {
    const { axes, rows, columns, texts } = this.grid;
    this.resultAt = at;
    this.turnTo(at[rows] ?? 0);
    const others = axes.filter((axis) => axis !== rows && axis !== columns);
    const all = positionsAlong(others, (axis) => drawnAlong(this.grid, axis, at));
    this.parts = range(0, Math.ceil(all.length / MOST_PLANES)).map((i) =>
      range(i * MOST_PLANES, Math.min((i + 1) * MOST_PLANES, all.length)));
    const drawn = this.parts[part] ?? this.parts[0];
    for (const { element } of this.planes.splice(drawn.length)) element.remove();
    drawn.forEach((number, i) => {
      const plane = (this.planes[i] ??= this.addPlane());
      const planeAt = all.at(number);
      const same = plane.at && others.every((axis) => plane.at[axis] === planeAt[axis]);
      plane.at = planeAt;
      if (!same) this.namePlane(plane);
      if (same && texts !== null) return;
      for (const cell of this.linesOf(plane).flat()) unfilled.set(cell, this);
    });
  }

  /** Draw the part of a long table that has a row. */
  turnTo(row) {
    const start = row - (row % MOST_ROWS);
    if (windows || start === this.rows[0]) return;
    this.rows = this.allRows.slice(start, start + MOST_ROWS);
    for (const plane of this.planes) {
      const lines = plane.lines.slice(0, this.rows.length);
      lines.forEach((line, i) => {
        line.cells[0].textContent = this.rowNames[start + i];
      });
      plane.table.tBodies[0].replaceChildren(...lines);
      plane.at = null;
    }
  }

  addPlane() {
    const header = (scope) => (name) => Object.assign(make('th', '', name), { scope });
    const rowHeaders = this.rowNames.map(header('row'));
    const columnHeaders = this.columnNames.map(header('col'));
    const cells = this.rows.map(() => this.columns.map(() => make('td', '', '')));
    const lines = cells.map((row, r) => make('tr', '', ...rowHeaders.slice(r, r + 1), ...row));
    const corner = rowHeaders.slice(0, 1).map(() => make('td', 'corner'));
    const widths = make('colgroup', '', ...corner.map(() => make('col', 'names')));
    widths.append(...this.columns.map(() => make('col')));
    const table = make('table', '', widths, make('tbody', '', ...lines));
    if (columnHeaders.length) {
      table.tBodies[0].before(make('thead', '', make('tr', '', ...corner, ...columnHeaders)));
    }
    setAttributes(table, { role: 'grid', 'aria-readonly': true, 'aria-multiselectable': true });
    const [title, frame] = [make('h3'), make('div', 'frame')];
    const room = make('div', 'room', make('div', 'sheet', table, frame));
    const element = make('div', 'plane', title, room);
    const plane = { cells, lines, table, title, frame, room, element };
    cells.forEach((line, row) => line.forEach((cell, column) =>
      places.set(cell, { drawing: this, plane, row, column })));
    this.element.append(element);
    return plane;
  }

  namePlane({ at, title, table }) {
    const words = this.titled.map((axis) => placeOn(axis, at[axis]));
    title.textContent = words.join(', ');
    setAttributes(table, { 'aria-label': [this.grid.name, ...words].join(', ') });
  }

  /** The cells of a plane, row by row. */
  linesOf({ cells }) {
    return cells.slice(0, this.rows.length);
  }

  fill(cell) {
    const { grid } = this;
    const at = this.positionOf(cell);
    cell.dataset.at = userIndex(grid, at);
    if (grid.texts === null) return this.write(cell, elementInWindow(this.resultAt, at));
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
    const { rows, columns } = this.grid;
    return { ...plane.at, [rows]: this.rows[row], [columns]: this.columns[column] };
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
    const lines = this.planes.flatMap((each) => this.linesOf(each));
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
