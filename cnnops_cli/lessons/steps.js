// What is shown: a step, which is an element of the result, and what is pointed at

for (const grid of [lesson.input, lesson.result]) grid.stacked = stackedOf(grid);

const [input, kernel, result] = ['input', 'kernel', 'result'].map(
  (role) => new Drawing(role, lesson[role]));
const figure = byId('figure');
const last = steps.values.length - 1;
const pickers = new Map();
const marked = {};
const LARGE_WINDOW = 500; // elements, whose cells are framed together, and not each
const MOST_TERMS = 1000; // that are written of a formula
const MOST_TERMS_PLAYED = 100; // that are written while playing
const TERMS_PER_FRAME = 250; // in some 20 milliseconds
const TERMS_AT_ONCE = hasLetters ? MOST_TERMS : TERMS_PER_FRAME;
const STATES = { current: 'aria-current', lit: 'aria-selected' };
const view = {
  step: null, at: null, part: 0, firstTap: 0, formula: null,
  cell: null, own: [], seen: [], partners: [],
};
let pinned = false;
let writing = null; // of the next terms

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
  for (const drawing of [input, kernel, result]) drawing.draw(at, view.part);
  fillCells(timer === null || unfilled.size <= CELLS_PER_FRAME ? unfilled.size : 0);
  for (const [axis, picker] of pickers) picker.selectedIndex = at[axis];
  const isSame = (axis, i) => at[axis] === undefined || i === at[axis];
  Object.assign(view, {
    step,
    at,
    cell: result.cellsWhere(isSame)[0],
    seen: input.cellsWhere(isAlong((axis) => readAlong(axis, at))),
    partners: kernel.cellsWhere((axis, i) => windows || isSame(axis, i)),
    own: windows ? [] : input.cellsWhere(isSame),
  });
  view.firstTap = view.part * MOST_PLANES * (view.seen.length / input.planes.length);
  result.setTabStop(view.cell);
  input.setTabStop(view.seen[0]);
  kernel.setTabStop(view.partners[0]);
  writeStep();
  showWindow();
  markTaken();
  light(null);
  writeOn();
}

/** Write what belongs to a step; of a long formula, the first terms. */
function writeStep() {
  const { step, at, firstTap, seen } = view;
  const drawn = { first: firstTap, end: firstTap + seen.length };
  const count = timer === null ? TERMS_AT_ONCE : MOST_TERMS_PLAYED;
  view.formula = formulaOf(partsAt(step, at), drawn, count);
  byId('where').textContent = `${lesson.result.name} ${writtenIndex(lesson.result, at)}`;
  byId('count').textContent = `${step + 1} of ${last + 1}`;
  byId('words').textContent = steps.words[step];
  byId('formula').replaceChildren(...joined(view.formula.lines, '\n'));
}

/** Write the terms that are left, some in each frame, unless it plays; then say it all. */
function writeOn() {
  cancelAnimationFrame(writing);
  if (timer !== null) return;
  const { terms, length, write } = view.formula;
  const most = Math.min(length, MOST_TERMS);
  if (terms.length === most) return announce();
  writing = requestAnimationFrame(() => {
    write(Math.min(terms.length + TERMS_PER_FRAME, most));
    markTaken();
    writeOn();
  });
}

function announce() {
  byId('said').textContent = `${byId('words').textContent} ${byId('formula').textContent}`;
}

/** Mark the element that counts most, or the input's own of the step. */
function markTaken() {
  const { step, firstTap, own, seen, partners, formula } = view;
  const tap = (steps.winners?.[step] ?? NaN) - firstTap;
  mark('taken', steps.winners ? [seen[tap], partners[tap], formula.terms[tap]] : own);
}

/** The cells between those that a window has, which its dilation passes over. */
function passedOver(at, seen) {
  const along = Object.fromEntries(windows.axes.map((axis) => [axis, windowAlong(axis, at)]));
  const areNeighbours = (numbers) => numbers.at(-1) - numbers[0] === numbers.length - 1;
  if (Object.values(along).every(areNeighbours)) return [];
  const taken = new Set(seen);
  return input.cellsWhere((axis, i) => {
    const numbers = along[axis] ?? windowAlong(axis, at);
    return numbers[0] <= i && i <= numbers.at(-1);
  }).filter((between) => !taken.has(between));
}

/** Frame the window, and mark what its dilation passes over. */
function showWindow() {
  const { at, cell, own, seen } = view;
  for (const each of [...own, cell]) reveal(each, each);
  if (!windows) return;
  const [first, end] = [seen[0], seen.at(-1)].map((each) => places.get(each));
  for (const { cells } of input.planes.slice(0, FEW_PLANES)) {
    reveal(cells[first.row][first.column], cells[end.row][end.column]);
  }
  mark('passed', passedOver(at, seen));
  figure.classList.toggle('dilated', marked.passed.size > 0);
  figure.classList.toggle('large', seen.length > LARGE_WINDOW);
  for (const { frame: { style } } of input.planes) {
    style.setProperty('--row', first.row);
    style.setProperty('--column', first.column);
    style.setProperty('--down', end.row - first.row + 1);
    style.setProperty('--across', end.column - first.column + 1);
  }
}

/** Light up what the step reads, or what reads the element of the input that is pointed at. */
function light(pointed) {
  const { cell, seen, partners, formula: { terms } } = view;
  const from = places.get(pointed)?.drawing === input ? input.positionOf(pointed) : null;
  const forwards = !from || pinned;
  const isReader = (axis, i) => {
    const read = readAlong(axis, { [axis]: i });
    return repeatsOf(axis, from[axis]).some((repeat) => read.includes(repeat));
  };
  const readers = from ? result.cellsWhere(isReader) : [];
  mark('lit', [...(forwards ? [...seen, ...partners] : []), ...readers]);
  mark('current', [forwards && cell, from && pointed]);
  const pairs = windows && pointed ? [seen, partners, terms] : [];
  const tap = Math.max(...pairs.map((list) => list.indexOf(pointed)));
  mark('pair', pairs.map((list) => list[tap]));
  const { source } = from ? elementAt(lesson.input, from) : {};
  const isRepeat = (axis, i) => repeatsOf(axis, source[axis]).includes(i);
  mark('repeated', source ? input.cellsWhere(isRepeat).filter((each) => each !== pointed) : []);
  figure.classList.toggle('backwards', !forwards);
}
