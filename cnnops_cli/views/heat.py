"""Planes too large for numbers, as pictures: heat maps of the cells that there is room for."""

import math
from functools import reduce
from typing import NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.spans import spans
from cnnops_cli.text.colours import ABSENT, Scale
from cnnops_cli.text.styled_lines import PLAIN, Line, Picture, Style, merged
from cnnops_cli.views.room import Room

HALF = "▀"
SHADES = " ░▒▓█"
NOT_FINITE = "!"
"""The shade of NaN and infinity."""
DROPPED = "·"
"""The sign of a value that is absent."""

_AT_ONCE = 1 << 18
"""Values that are averaged at a time, where a cell has more."""

_SLENDER = 8
"""Beyond this ratio of its sides, a plane is scaled down along each axis separately."""

CHARACTER = (8, 16)
"""Width and height of a character in units of a file."""
MOST_CELLS_OF_PLANE, MOST_CELLS = 1 << 16, 1 << 17
"""Cells of a plane, and of all planes of an array, in a file: the latter are about a megabyte."""
_LARGEST_CELL = 16
"""Units; a plane whose cells could be larger is small on the page."""


class Extent(NamedTuple):
    """The cells of a heat map, and the lines and columns of text in whose place they are.

    `cell` is the width and height of a cell in units, in a file.
    """

    rows: int
    columns: int
    lines: int
    width: int
    cell: tuple[int, int] = (0, 0)


def extent_of(plane: tuple[int, int], planes: int, room: Room) -> Extent:
    """Return how large a heat map of one of several planes is in a room.

    Examples
    --------
    >>> extent_of((100, 500), 1, Room(80, 24, color=True))
    Extent(rows=16, columns=80, lines=8, width=80, cell=(0, 0))
    >>> extent_of((100, 500), 1, Room(80, 24, color=True, draws=True))
    Extent(rows=100, columns=500, lines=7, width=63, cell=(1, 1))
    """
    if room.draws:
        return _drawn_extent(plane, planes, room)
    if room.color:
        rows, columns = fit(plane, (2 * room.height, room.width))
        return Extent(rows, columns, -(-rows // 2), columns)
    rows, columns = fit(plane, (room.height, room.width), 2)
    return Extent(rows, columns, rows, columns)


def _drawn_extent(plane: tuple[int, int], planes: int, room: Room) -> Extent:
    wide, high = CHARACTER
    across, down = room.width * wide, room.height * high
    height, width = fit(plane, (down, across))
    most = min(MOST_CELLS_OF_PLANE, MOST_CELLS // planes)
    share = min(math.sqrt(most / (height * width)), 1)
    rows, columns = max(int(height * share), 1), max(int(width * share), 1)
    cell = min(across // columns, _LARGEST_CELL), min(down // rows, _LARGEST_CELL)
    if not _is_slender(plane):
        cell = min(cell), min(cell)
    lines, columns_of_text = -(-rows * cell[1] // high), -(-columns * cell[0] // wide)
    return Extent(rows, columns, lines, columns_of_text, cell)


def _is_slender(plane: tuple[int, int]) -> bool:
    return max(plane) > _SLENDER * min(plane)


def heat_map(cells: Array, scale: Scale, extent: Extent, room: Room, absent: Array) -> list[Line]:
    """Draw a heat map as the room allows it; some cells may be absent."""
    if not room.color:
        return shades(cells, scale, absent)
    colours = np.where(absent, ABSENT, scale.colours(cells))
    return pictured(colours, extent.cell) if room.draws else half_blocks(colours)


def pictured(colours: Array, cell: tuple[int, int]) -> list[Line]:
    """Draw cells of a size in units as a picture over blanks."""
    (rows, columns), (width, height) = colours.shape, cell
    blanks = " " * -(-columns * width // CHARACTER[0])
    picture = Picture(colours, width, height)
    lines: list[Line] = [[(blanks, PLAIN)] for _ in range(-(-rows * height // CHARACTER[1]))]
    lines[0] = [(blanks, Style(picture=picture))]
    return lines


def fit(plane: tuple[int, int], room: tuple[int, int], aspect: float = 1) -> tuple[int, int]:
    """Return the rows and columns that show a plane in a room, at most its own, in proportion.

    `aspect` is a cell's height over its width.

    Examples
    --------
    >>> fit((1000, 500), (40, 80)), fit((1000, 500), (40, 80), aspect=2)
    ((40, 20), (40, 40))
    """
    height, width = plane
    most = min(height, room[0]), min(width, room[1])
    if _is_slender(plane):
        return most
    factor = max(height / (room[0] * aspect), width / room[1], 1)
    rows, columns = math.floor(height / (factor * aspect)), math.floor(width / factor)
    return min(max(rows, 1), most[0]), min(max(columns, 1), most[1])


def shrink(plane: Array, rows: int, columns: int, largest: float) -> Array:
    """Average a plane over the exact areas of fewer cells; NaN where a value is not finite.

    No finite value exceeds `largest`; sums in units of it do not overflow.

    Examples
    --------
    >>> shrink(np.array([[0, 3, 6], [0, 3, 6]]), 1, 2, largest=6)
    array([[1., 5.]])
    """
    height, width = plane.shape
    if height < width:  # the longer axis is shrunk first, which takes the least memory
        return shrink(plane.T, columns, rows, largest).T
    if (height, width) == (rows, columns):
        cells = plane.astype(np.float64)
        return np.where(np.isfinite(cells), cells, np.nan)
    largest = largest or 1.0
    cells = np.empty((rows, columns))
    for row in range(rows):
        first, last = row * height // rows, -(-(row + 1) * height // rows)
        ends = [
            (first, 1 - (row * height % rows) / rows),
            (last - 1, 1 - (-(row + 1) * height % rows) / rows),
        ]
        parts = spans(slice(first, last), _AT_ONCE // width)
        sums = (_sum_of_rows(plane, part, ends, largest) for part in parts)
        cells[row] = _average_columns(reduce(np.add, sums) / (height / rows), columns)
    return cells * largest


def _sum_of_rows(plane: Array, part: slice, ends: list[tuple[int, float]], largest: float) -> Array:
    """Add up some rows, of which those at the ends of a cell count in part."""
    piece = plane[part].astype(np.float64) / largest
    piece[~np.isfinite(piece)] = np.nan
    for row, share in ends:
        if part.start <= row < part.stop:
            piece[row - part.start] *= share
    sums: Array = piece.sum(axis=0)
    return sums


def _average_columns(row: Array, columns: int) -> Array:
    width = row.size
    edges = np.arange(columns + 1) * width
    first, rest = edges // columns, (edges % columns) / columns
    sums = np.add.reduceat(row, first[:-1])
    starts, ends = row[first[:-1]], row[np.minimum(first[1:], width - 1)]
    sums -= np.where(rest[:-1] > 0, starts * rest[:-1], 0)
    sums += np.where(rest[1:] > 0, ends * rest[1:], 0)
    averages: Array = sums / (width / columns)
    return averages


def half_blocks(colours: Array) -> list[Line]:
    """Draw two rows of cells per line, the upper one in the foreground colour."""
    upper, lower = colours[::2].tolist(), colours[1::2].tolist()
    lower += [[None] * colours.shape[1]] * (len(upper) - len(lower))
    return [
        merged((HALF, Style(*pair)) for pair in zip(*rows, strict=True))
        for rows in zip(upper, lower, strict=True)
    ]


def strip_line(colours: Array) -> Line:
    """Draw a row of cells in background colours."""
    return merged((" ", Style(background=colour)) for colour in colours.tolist())


def shades(cells: Array, scale: Scale, absent: Array | None = None) -> list[Line]:
    """Draw one row of cells per line without colour."""
    shown = np.array([*SHADES, NOT_FINITE])[scale.levels(cells, len(SHADES))]
    if absent is not None:
        shown = np.where(absent, DROPPED, shown)
    return [[("".join(row), PLAIN)] for row in shown.tolist()]
