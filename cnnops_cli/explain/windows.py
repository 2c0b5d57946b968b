"""What a window of the input shows, and how it is drawn."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

from cnnops_cli.explain.explanation import Index, Page, Place
from cnnops_cli.ops.convolution.source import cells_shown
from cnnops_cli.ops.geometry import Windows
from cnnops_cli.text.colours import Scale, number_span
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import (
    DIM,
    INDENT,
    MORE,
    PLAIN,
    Line,
    Span,
    columns,
    fold_text,
    side_by_side,
    width_of,
)

Grid: TypeAlias = list[list[Span]]
"""Rows of numbers."""

PASSED_OVER = "·"
"""An element of the input that a dilated window passes over."""

_UNITS = re.compile(r"[ (\[]?-?\d+")
_BETWEEN = 2
_MOST_PASSED_OVER = 3


@dataclass
class Shown:
    """What the input shows below one element of a window; a constant of padding has no index."""

    input_at: Index | None
    input: Any
    padded: bool

    def record(self, place: Place, numbers: Decimals) -> dict[str, Any]:
        """Return index and number by name, for JSON."""
        at = None if self.input_at is None else place(self.input_at)
        return {"input_at": at, "input": numbers.value(self.input)}

    def span(self, page: Page, scale: Scale | None, constant: str, *, bold: bool = False) -> Span:
        """Return the number on its colour, or the text of the constant."""
        if self.input_at is None:
            return constant, DIM
        return number_span(self.input, page.numbers, scale, bold=bold)


def seen_by(windows: Windows, at: Index, mode: str = "zeros") -> list[tuple[Index | None, bool]]:
    """Return what is below a window, in row-major order, and whether it is padding.

    It is an index along the spatial axes, or None where a constant pads. `at` is the window's
    number along each of these axes, and `mode` the padding mode.

    Examples
    --------
    >>> windows = Windows((3,), (3,), (1,), (1,), ((1, 1),), (3,))
    >>> seen_by(windows, (0,), "reflect")
    [((1,), True), ((0,), False), ((1,), False)]
    """
    axes = []
    for axis, number in enumerate(at):
        length, positions = windows.lengths[axis], windows.positions(axis, number)
        places = list(positions)
        if mode != "zeros":
            reach = windows.reach[axis]
            places = cells_shown(positions.start, reach, length, mode)[:: positions.step].tolist()
        padded = [not 0 <= position < length for position in positions]
        axes.append(list(zip(places, padded, strict=True)))
    seen: list[tuple[Index | None, bool]] = []
    for taps in product(*axes):
        is_padded = any(outside for _, outside in taps)
        is_constant = is_padded and mode == "zeros"
        seen.append((None if is_constant else tuple(place for place, _ in taps), is_padded))
    return seen


def span_lines(windows: Windows, at: Index, width: int) -> list[Line]:
    """Say which part of the input a window spans; what is before 0 is padding."""
    parts = []
    for axis, name in enumerate(windows.axes):
        positions = windows.positions(axis, at[axis])
        first, last = positions[0], positions[-1]
        parts.append(f"{name} {first}" + (f" to {last}" if last > first else ""))
    return fold_text(f"window over {', '.join(parts)}", width, DIM)


def dilation_lines(windows: Windows, width: int) -> list[Line]:
    """Say what a dilated window passes over, where it does."""
    pairs = zip(windows.dilation, windows.kernel, strict=True)
    if not any(step > 1 < size for step, size in pairs):
        return []
    sizes = windows.dilation if len(set(windows.dilation)) > 1 else windows.dilation[:1]
    dilation = ",".join(map(str, sizes))
    return fold_text(f"({PASSED_OVER}: passed over, dilation {dilation})", width, DIM)


def window_grid(
    spans: Sequence[Span],
    columns: int,
    dilation: Sequence[int] = (1, 1),
    marked: Sequence[bool] = (),
    brackets: str = "()",
) -> Grid:
    """Lay out the numbers of a window in rows, with at most three dots for each dilation.

    Where it is said which are marked, these are in brackets and the others in blanks, so that
    digits align.

    Examples
    --------
    >>> [[text for text, _ in row] for row in window_grid([(d, PLAIN) for d in "1234"], 2, (1, 2))]
    [['1', '·', '2'], ['3', '·', '4']]
    """
    dot = PASSED_OVER, DIM
    if marked:
        left, right = brackets[0], brackets[1]
        spans = [
            (f"{left}{text}{right}" if is_marked else f" {text} ", style)
            for (text, style), is_marked in zip(spans, marked, strict=True)
        ]
        dot = f"{PASSED_OVER} ", DIM
    dots_below, dots_between = (min(step - 1, _MOST_PASSED_OVER) for step in dilation)
    grid: Grid = []
    for start in range(0, len(spans), columns):
        if grid:
            grid += [[dot] * len(grid[0])] * dots_below
        row = [spans[start]]
        for span in spans[start + 1 : start + columns]:
            row += [dot] * dots_between + [span]
        grid.append(row)
    return grid


def aligned(grids: Sequence[Grid]) -> list[Grid]:
    """Bring the numbers of grids to one width, with their points below one another.

    Examples
    --------
    >>> [text for text, _ in aligned([[[("0.25", PLAIN), ("-3", PLAIN)]]])[0][0]]
    [' 0.25', '-3   ']
    """
    texts = [text for grid in grids for row in grid for text, _ in row]
    after = max(map(_after_units, texts))
    before = max(len(text) - _after_units(text) for text in texts)

    def pad(text: str) -> str:
        return (text + " " * (after - _after_units(text))).rjust(before + after)

    return [[[(pad(text), style) for text, style in row] for row in grid] for grid in grids]


def _after_units(text: str) -> int:
    """Return the number of characters after a number's units, or after a sign in its place."""
    number = _UNITS.match(text)
    return len(text) - (number.end() if number else len(text.rstrip()))


def grid_lines(grid: Grid, page: Page) -> list[Line]:
    """Align a grid; middle columns that do not fit are left out."""
    widest = max(len(text) for row in grid for text, _ in row)
    most = max(1, (page.width - 2 * page.margin) // (widest + _BETWEEN))
    if len(grid[0]) > most:
        first = most // 2
        last = max(0, most - first - 1)
        grid = [[*row[:first], (MORE, DIM), *row[len(row) - last :]] for row in grid]
    return [[(INDENT, PLAIN), *columns(row, widest, page.margin)] for row in grid]


def pair_lines(left: Sequence[Grid], right: Sequence[Grid], page: Page) -> list[list[Line]]:
    """Align pairs of grids of one shape, with × between them.

    All are laid out alike: in columns of the same width, and one below the other where a width is
    too short for them next to each other.
    """
    sign: list[Line] = [[(f"{INDENT}×", DIM)]]
    sides = [[grid_lines(grid, page) for grid in aligned(grids)] for grids in (left, right)]
    blocks = [(one, sign, two) for one, two in zip(*sides, strict=True)]
    if sum(map(width_of, blocks[0])) > page.width:
        return [[line for part in block for line in part] for block in blocks]
    return [_centred(block) for block in blocks]


def _centred(block: Sequence[list[Line]]) -> list[Line]:
    height = max(map(len, block))
    return side_by_side([[[]] * ((height - len(part)) // 2) + part for part in block], 0)
