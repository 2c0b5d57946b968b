"""Planes too large for numbers, as pictures: heat maps of the cells that there is room for."""

import math
from functools import reduce

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.spans import spans
from cnnops_cli.text.colours import Scale
from cnnops_cli.text.styled_lines import PLAIN, Line, Style, merged

HALF = "▀"
SHADES = " ░▒▓█"
NOT_FINITE = "!"
"""The shade of NaN and infinity."""

_AT_ONCE = 1 << 18
"""Values that are averaged at a time, where a cell has more."""

_SLENDER = 8
"""Beyond this ratio of its sides, a plane is scaled down along each axis separately."""


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
    if max(height, width) > _SLENDER * min(height, width):
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
    thin = np.empty((rows, width))
    for row in range(rows):
        first, last = row * height // rows, -(-(row + 1) * height // rows)
        ends = [
            (first, 1 - (row * height % rows) / rows),
            (last - 1, 1 - (-(row + 1) * height % rows) / rows),
        ]
        parts = spans(slice(first, last), _AT_ONCE // width)
        sums = (_sum_of_rows(plane, part, ends, largest) for part in parts)
        thin[row] = reduce(np.add, sums) / (height / rows)
    return _average_columns(thin, columns) * largest


def _sum_of_rows(plane: Array, part: slice, ends: list[tuple[int, float]], largest: float) -> Array:
    """Add up some rows, of which those at the ends of a cell count in part."""
    piece = plane[part].astype(np.float64) / largest
    piece[~np.isfinite(piece)] = np.nan
    for row, share in ends:
        if part.start <= row < part.stop:
            piece[row - part.start] *= share
    sums: Array = piece.sum(axis=0)
    return sums


def _average_columns(thin: Array, columns: int) -> Array:
    width = thin.shape[1]
    edges = np.arange(columns + 1) * width
    first, rest = edges // columns, (edges % columns) / columns
    sums = np.add.reduceat(thin, first[:-1], axis=1)
    starts, ends = thin[:, first[:-1]], thin[:, np.minimum(first[1:], width - 1)]
    sums -= np.where(rest[:-1] > 0, starts * rest[:-1], 0)
    sums += np.where(rest[1:] > 0, ends * rest[1:], 0)
    averages: Array = sums / (width / columns)
    return averages


def half_blocks(cells: Array, scale: Scale) -> list[Line]:
    """Draw two rows of cells per line, the upper one in the foreground colour."""
    colours = scale.colours(cells)
    upper, lower = colours[::2].tolist(), colours[1::2].tolist()
    lower += [[None] * cells.shape[1]] * (len(upper) - len(lower))
    return [
        merged((HALF, Style(*pair)) for pair in zip(*rows, strict=True))
        for rows in zip(upper, lower, strict=True)
    ]


def strips(cells: Array, scale: Scale) -> list[Line]:
    """Draw one row of cells per line, in background colours."""
    return [
        merged((" ", Style(background=colour)) for colour in row)
        for row in scale.colours(cells).tolist()
    ]


def shades(cells: Array, scale: Scale) -> list[Line]:
    """Draw one row of cells per line without colour."""
    shown = np.array([*SHADES, NOT_FINITE])[scale.levels(cells, len(SHADES))]
    return [[("".join(row), PLAIN)] for row in shown.tolist()]
