// What the reader does: pinning, playing, and the address

const TITLES = {
  conv: 'Convolution', maxpool: 'Max pooling', batchnorm: 'Batch normalization', dropout: 'Dropout',
};
const WIDE = 120; // characters of a row of all grids, next to which the formula is not set larger
const MANY_TERMS = 12; // whose formula is set in smaller type
const TALL_TERMS = 500; // whose formula takes all the height that there is

/** Show a step and end the playing; it is pinned if it is to be, or the one before was. */
function goTo(step, pinIt = pinned) {
  pause();
  pinned = pinIt;
  if (step !== view.step) show(step);
  else light(null);
  byId('pin').textContent = pinned ? 'Unpin' : 'Pin';
  byId('pin').classList.toggle('on', pinned);
  figure.classList.toggle('pinned', pinned);
  const fragment = pinned ? `#at=${userIndex(lesson.result, view.at)}` : '';
  try {
    history.replaceState(null, '', location.href.split('#')[0] + fragment);
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
  setTimer(setTimeout(playNext, unfilled.size ? 0 : byId('speed').value));
  return unfilled.size || show(view.step + 1);
}

function pause() {
  if (timer === null) return;
  clearTimeout(timer);
  setTimer(null);
  writeOn();
  if (result.element.contains(document.activeElement)) view.cell.focus();
}

function setTimer(next) {
  timer = next;
  byId('play').textContent = timer === null ? 'Play' : 'Pause';
}

const togglePlay = () => (timer === null ? play() : pause());

// Pointing, keys and clicks

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
  const isAtTop = target === document.body && scrollY === 0;
  const isOurs = isAtTop || figure.contains(target) || key === 'Escape';
  if (!(key in KEYS) || ctrlKey || altKey || metaKey || !isOurs) return;
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

function addPicker(name, options, pick) {
  const picker = make('select', '', ...options.map((option) => make('option', '', option)));
  picker.addEventListener('change', () => pick(picker.selectedIndex));
  byId('pickers').append(make('label', '', `${name} `, picker));
  return picker;
}

function addPickers() {
  const { axes, rows, columns, stacked } = lesson.result;
  const drawn = [columns, ...stacked];
  if (result.rows.length === result.allRows.length) drawn.push(rows);
  for (const axis of axes) {
    const length = lengthOf(lesson.result, axis);
    if (drawn.includes(axis) || length === 1) continue;
    pickers.set(axis, addPicker(axisName(axis), range(0, length).map(String), (i) =>
      goTo(offsetOf(lesson.result, { ...view.at, [axis]: i }))));
  }
  if (input.parts.length < 2) return;
  const parts = input.parts.map((planes) => `${planes[0]} to ${planes.at(-1)}`);
  const name = input.titled.length > 1 ? 'plane' : axisName(input.titled[0]);
  addPicker(`input ${name}s`, parts, (part) => {
    pause();
    view.part = part;
    show(view.step);
  });
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

/** Keep room for the longest sentence and formula, and for what has the focus above them. */
function reserveRoom() {
  const [words, formula] = document.querySelectorAll('.longest');
  const widestStep = widestParts();
  const count = widestStep.length;
  words.textContent = widest(steps.words);
  if (count <= TALL_TERMS) {
    formula.append(...formulaOf(widestStep, { first: 0, end: count }, count).lines);
  }
  byId('step').classList.toggle('long', count > MANY_TERMS);
  byId('step').classList.toggle('full', count > TALL_TERMS);
  new ResizeObserver(([{ target }]) => {
    document.documentElement.style.scrollPaddingBottom = `${target.offsetHeight}px`;
  }).observe(byId('step'));
}

function open() {
  const drawings = [input, kernel, result];
  const widths = drawings.map(({ grid, rowNames, columns, characters }) => Math.max(
    `${grid.name} ${grid.shape}`.length,
    longest(rowNames) + 2 + columns.length * (characters + 2),
  ));
  figure.dataset.kind = lesson.kind;
  const [first, second, third] = widths;
  const isLine = lesson.input.rows === null;
  const across = isLine ? Math.max(...widths) : first + second + third;
  figure.style.setProperty('--across', across);
  figure.style.setProperty('--operands', isLine ? across : first + second);
  figure.classList.toggle('wide', across > WIDE);
  figure.classList.toggle('line', isLine);
  figure.classList.toggle('titled', drawings.some(({ titled }) => titled.length > 0));
  figure.classList.toggle('framed', windows !== undefined);
  figure.append(...drawings.map(({ element }) => element));
  writeCall();
  show(0);
  addPickers();
  reserveRoom();
  const planes = Math.max(...drawings.map((drawing) => drawing.planes.length));
  figure.style.setProperty('--planes', planes);
  figure.classList.toggle('single', planes === 1);
  figure.classList.toggle('many', planes > FEW_PLANES);
  document.querySelector('main').hidden = false;
  listen();
  followAddress();
}

open();
