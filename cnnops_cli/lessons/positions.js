'use strict';

// The scripts of a page are one: positions.js, drawings.js, formulas.js, steps.js, page.js.
// All numbers are text that Python wrote. This script finds out which elements belong together, by
// their positions: {N: 0, C: 2, H: -1, W: 5}, where -1 is in the padding.

const lesson = JSON.parse(document.getElementById('data').textContent);
const { windows, steps } = lesson;

const AXES = {
  N: 'sample', C: 'channel', D: 'depth', H: 'row', W: 'column', O: 'filter', I: 'channel',
};
const FEW_PLANES = 8; // that are laid out at once and scroll, or show a channel that is read whole

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

/** A test of whether a number is one of those along its axis. */
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
