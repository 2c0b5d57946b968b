// A grid is drawn as tables, one per plane

const MOST_CHARACTERS = 28; // of an element's text that its cell shows
const CELLS_PER_FRAME = 250; // that are filled at a time while playing, in some 10 milliseconds
const MOST_PLANES = 64; // of a grid that are drawn at once
const MOST_ROWS = 250; // of a table without windows, which a step may read all of

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

/**
 * Scroll a plane, and nothing else, so that the cells from `first` to `last` are seen next to its
 * headers, or those near the first if not all can be.
 */
function reveal(first, last) {
  const { room, cells: [[corner]] } = places.get(first).plane;
  const nearest = (scroll, size, start, end) => Math.min(start, Math.max(scroll, end - size));
  const topOf = (cell) => cell.parentNode.offsetTop; // a cell is placed in its row
  room.scrollTo(
    nearest(
      room.scrollLeft, room.clientWidth,
      first.offsetLeft - corner.offsetLeft, last.offsetLeft + last.offsetWidth),
    nearest(
      room.scrollTop, room.clientHeight,
      topOf(first) - topOf(corner), topOf(last) + last.offsetHeight),
  );
}
