"""Grids and long formulas as lines of plain text."""

from collections.abc import Sequence
from typing import TypeAlias

from cnnops_cli.explain.cells import Index
from cnnops_cli.ops.geometry import Windows, extents

Grid: TypeAlias = list[list[str]]
"""Rows of cells."""

GAP = "·"
"""Stands for cells of the input that a dilated window passes over."""

PAD = "-"
"""Stands for padding that holds nothing."""

_MORE = "…"
_BETWEEN = 2
_INDENT = "  "
_MOST_GAP = 3
_MOST_PARTS = 64
"""Parts of a formula that are written out; of more, the middle is left out."""


def mark(texts: Sequence[str], marked: Sequence[bool], brackets: str) -> list[str]:
    """Put some cells in brackets, and blanks around the others so that digits stay aligned.

    Examples
    --------
    >>> mark(["1", "2"], [False, True], "[]")
    [' 1 ', '[2]']
    """
    if not any(marked):
        return list(texts)
    left, right = brackets[0], brackets[1]
    return [
        f"{left}{text}{right}" if is_marked else f" {text} "
        for text, is_marked in zip(texts, marked, strict=True)
    ]


def spread(cells: Sequence[str], columns: int, dilation: Sequence[int] = (1, 1)) -> Grid:
    """Lay cells out in rows, with the gaps of a dilated window between them.

    Parameters
    ----------
    cells : sequence of str
        In row-major order.
    columns : int
    dilation : sequence of int
        From row to row and from column to column; gaps of more than three cells are drawn as three.

    Examples
    --------
    >>> spread(["1", "2", "3", "4"], 2, (1, 2))
    [['1', '·', '2'], ['3', '·', '4']]
    """
    below, beside = (min(step - 1, _MOST_GAP) for step in dilation)
    grid: Grid = []
    for start in range(0, len(cells), columns):
        if grid:
            grid += [[GAP] * len(grid[0]) for _ in range(below)]
        row = list(cells[start : start + 1])
        for cell in cells[start + 1 : start + columns]:
            row += [GAP] * beside + [cell]
        grid.append(row)
    return grid


def align(grid: Grid, width: int) -> list[str]:
    """Write a grid in columns of one width; middle columns that do not fit are left out."""
    if any(cell.endswith((" ", ")", "]")) for row in grid for cell in row):
        grid = [[f"{cell} " if cell in (GAP, PAD) else cell for cell in row] for row in grid]
    widest = max(len(cell) for row in grid for cell in row)
    most = max(1, (width - len(_INDENT) + _BETWEEN) // (widest + _BETWEEN))
    if len(grid[0]) > most:
        first = most // 2
        last = max(0, most - first - 1)
        grid = [[*row[:first], _MORE, *row[len(row) - last :]] for row in grid]
    return [_INDENT + (" " * _BETWEEN).join(cell.rjust(widest) for cell in row) for row in grid]


def side_by_side(left: Grid, mark: str, right: Grid, width: int) -> list[str]:
    """Write two grids with a mark between them, one below the other where the width is short."""
    one, two = align(left, width), align(right, width)
    if len(one[0]) + len(_INDENT) + len(mark) + len(two[0]) > width:
        return [*one, f"{_INDENT}{mark}", *two]
    height = max(len(one), len(two))
    one, two = _centred(one, height), _centred(two, height)
    middle = (height - 1) // 2
    lines = []
    for number, (here, there) in enumerate(zip(one, two, strict=True)):
        between = mark if number == middle else " " * len(mark)
        lines.append(f"{here}{_INDENT}{between}{there}".rstrip())
    return lines


def _centred(lines: list[str], height: int) -> list[str]:
    above = (height - len(lines)) // 2
    blank = " " * len(lines[0])
    return [blank] * above + lines + [blank] * (height - len(lines) - above)


def fold(words: Sequence[str], width: int, indent: str = _INDENT) -> list[str]:
    """Join words to lines that keep to a width, but for a word that is longer by itself.

    Examples
    --------
    >>> fold(["1*1 +", "10*2 +", "3 = 24"], 14)
    ['  1*1 + 10*2 +', '  3 = 24']
    """
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(indent + word)
    return lines


def fold_text(text: str, width: int) -> list[str]:
    """Fold text at its blanks."""
    return fold(text.split(), width)


def fold_formula(
    parts: Sequence[str], sign: str, value: str, width: int, *, begin: str = "", end: str = ""
) -> list[str]:
    """Write a formula with its value, folded between its parts.

    Parameters
    ----------
    parts : sequence of str
        What is added up or compared; of very many, the middle is left out.
    sign : str
        Stands behind each part but the last.
    value : str
    width : int
    begin, end : str
        Around the parts.

    Examples
    --------
    >>> fold_formula(["1", "2"], ",", "2", 40, begin="max(", end=")")
    ['  max(1, 2) = 2']
    """
    shown = list(parts)
    if len(shown) > _MOST_PARTS:
        half = _MOST_PARTS // 2
        left_out = f"{_MORE} {len(shown) - 2 * half} more {_MORE}"
        shown = [*shown[:half], left_out, *shown[-half:]]
    words = [f"{part}{sign}" for part in shown[:-1]] + shown[-1:]
    words[0] = begin + words[0]
    first, *rest = value.split(" ")
    return fold([*words[:-1], words[-1] + end, f"= {first}", *rest], width)


def span_of(windows: Windows, cell: Index) -> str:
    """Return which cells of the input a window spans; those before 0 are padding.

    Examples
    --------
    >>> span_of(Windows((3,), (2,), (1,), (1,), ((1, 0),), (3,)), (0,))
    'window over W -1 to 0'
    """
    reach = extents(windows.kernel, windows.dilation)
    parts = []
    for axis, number, step, (begin, _), extent in zip(
        windows.axes, cell, windows.stride, windows.padding, reach, strict=True
    ):
        start = number * step - begin
        parts.append(f"{axis} {start}" + (f" to {start + extent - 1}" if extent > 1 else ""))
    return f"window over {', '.join(parts)}"


def legend_of_gaps(windows: Windows, width: int) -> list[str]:
    """Say what the gaps of a dilated window are, where it has any."""
    if not any(
        step > 1 < size for step, size in zip(windows.dilation, windows.kernel, strict=True)
    ):
        return []
    alike = len(set(windows.dilation)) == 1
    sizes = windows.dilation[:1] if alike else windows.dilation
    return fold_text(f"({GAP}: passed over, dilation {','.join(map(str, sizes))})", width)
