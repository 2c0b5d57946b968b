"""Planes small enough to be read: their numbers, aligned, on colours that show magnitude."""

from typing import NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.views.colours import LOUD, Scale, on
from cnnops_cli.views.lines import DIM, PLAIN, Line, Span
from cnnops_cli.views.numbers import format_numbers

GAP = 2
_LEFT = 1
"""The part of a gap that has the colour of the number at its right."""
MORE = "…"
_MORE_ROWS = "⋮"
_FEWEST_ROWS = 2


class Numbers(NamedTuple):
    """The texts of several planes, written alike.

    Attributes
    ----------
    texts, colours : numpy.ndarray, shape (P, H, W)
    widest : int
        The length of the longest text.
    """

    texts: Array
    colours: Array
    widest: int

    @classmethod
    def of(cls, planes: Array, scale: Scale, precision: int | None) -> "Numbers":
        """Write planes of shape (P, H, W)."""
        texts = format_numbers(planes.ravel().tolist(), precision)
        shaped = np.array(texts, object).reshape(planes.shape)
        return cls(shaped, scale.colours(planes), max(map(len, texts), default=1))

    @property
    def width(self) -> int:
        """How many cells the grid of one plane takes."""
        return width_of_grid(self.texts.shape[-1], self.widest)


def width_of_grid(columns: int, widest: int) -> int:
    """Return how many cells a line of so many numbers takes."""
    return columns * (widest + GAP) - _LEFT


def pick_rows(height: int, most_lines: int) -> list[int]:
    """Choose rows of a plane, first and last, so that with what is said of the others they fit.

    Examples
    --------
    >>> pick_rows(5, 5), pick_rows(100, 6)
    ([0, 1, 2, 3, 4], [0, 1, 98, 99])
    """
    if height <= most_lines:
        return list(range(height))
    shown = max(_FEWEST_ROWS, most_lines - 2)
    first = -(-shown // 2)
    return [*range(first), *range(height - shown + first, height)]


def grid_lines(numbers: Numbers, plane: int, left_out: int = 0) -> list[Line]:
    """Align one plane's numbers.

    Parameters
    ----------
    numbers : Numbers
        Of the rows that are shown.
    plane : int
    left_out : int
        Rows that are not, in the middle.
    """
    texts, colours = numbers.texts[plane], numbers.colours[plane]
    lines = [_row(*row, numbers.widest) for row in zip(texts, colours, strict=True)]
    if left_out:
        dots = (" " * GAP).join([_MORE_ROWS.rjust(numbers.widest)] * texts.shape[1])
        lines.insert(-(-len(lines) // 2), [(dots, DIM)])
        lines.append([(f"{MORE} {left_out} more rows", DIM)])
    return lines


def _row(texts: Array, colours: Array, widest: int) -> Line:
    """Align the numbers of one line; a colour takes half of the gaps at its number's sides."""
    lefts = [0] + [_LEFT] * (len(texts) - 1)
    return [
        (" " * left + text.rjust(widest) + " " * (GAP - _LEFT), on(colour, bold=colour == LOUD))
        for left, text, colour in zip(lefts, texts, colours.tolist(), strict=True)
    ]


def wrapped_lines(numbers: Numbers, width: int) -> list[Line]:
    """Align the numbers of one long row in several lines, each with the index it begins at."""
    texts, colours = numbers.texts.ravel(), numbers.colours.ravel()
    per_line = numbers_per_line(len(texts), numbers.widest, width)
    return [
        [
            index_label(start, len(texts)),
            *_row(
                texts[start : start + per_line], colours[start : start + per_line], numbers.widest
            ),
        ]
        for start in range(0, len(texts), per_line)
    ]


def numbers_per_line(length: int, widest: int, width: int) -> int:
    """Return how many numbers fit in a line after its index: a round number where many, or 0."""
    room = width - len(index_label(0, length)[0])
    fitting = max(room + _LEFT, 0) // (widest + GAP)
    return fitting - fitting % (10 if fitting >= 20 else 5 if fitting >= 10 else 1)


def index_label(index: int, length: int) -> Span:
    """Name the place that a line begins at, as wide as the others of so long a row."""
    return f"{index:>{len(str(length - 1))}}: ", DIM


def corner_lines(plane: Array, width: int, precision: int | None) -> list[Line]:
    """Set a plane's corners at the ends of two lines; no lines where they do not fit."""
    height, length = plane.shape
    texts = format_numbers(
        plane[np.ix_([0, height - 1], [0, length - 1])].ravel().tolist(), precision
    )
    pairs = (texts[:2], texts[2:])
    if any(len(left) + len(right) + 3 > width for left, right in pairs):
        return []
    return [
        [(f"{left}{MORE.center(width - len(left) - len(right))}{right}", PLAIN)]
        for left, right in pairs
    ]
