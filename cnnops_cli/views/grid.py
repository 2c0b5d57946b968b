"""Small planes as aligned numbers, on colours that show magnitude."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.text.colours import NEUTRAL, Scale
from cnnops_cli.text.numbers import Decimals, column_texts
from cnnops_cli.text.styled_lines import DIM, MORE, PLAIN, Line, Span
from cnnops_cli.views.marks import Marks, style_on

_BETWEEN = 2
_MORE_ROWS = "⋮"
_FEWEST_ROWS = 2


class Numbers(NamedTuple):
    """The numbers of several planes in one format: texts and colours have shape (P, H, W).

    `margin` is the number of blanks before a line, 0 or 1, and `scales` the number of scales.
    """

    texts: Array
    colours: Array
    widest: int
    margin: int
    scales: int = 1

    @classmethod
    def of(
        cls, planes: Array, scales: Sequence[Scale], precision: int | None, margin: int
    ) -> "Numbers":
        """Write planes of shape (P, H, W), each on its scale; equal scales have equal decimals."""
        count = len(set(scales))
        pieces = planes if count > 1 else [planes]
        texts = [text for each in pieces for text in column_texts(each.ravel().tolist(), precision)]
        colours = [scale.colours(plane) for scale, plane in zip(scales, planes, strict=True)]
        return cls._aligned(texts, np.stack(colours), margin, count)

    @classmethod
    def _aligned(cls, texts: list[str], colours: Array, margin: int, scales: int) -> "Numbers":
        widest = max(map(len, texts), default=1)
        shaped = np.array([text.rjust(widest) for text in texts], object).reshape(colours.shape)
        return cls(shaped, colours, widest, margin, scales)

    def with_marks(self, marked: Array, marks: Marks) -> "Numbers":
        """Show some in another way; where these are in parentheses, digits stay aligned."""
        if not marked.any():
            return self
        pairs = zip(self.texts.ravel().tolist(), marked.ravel().tolist(), strict=True)
        texts = [marks.text(text.strip(), is_marked) for text, is_marked in pairs]
        colours = np.where(marked, marks.colour, self.colours)
        return self._aligned(texts, colours, self.margin, self.scales)

    @classmethod
    def of_letters(cls, planes: Array, precision: int | None, margin: int) -> "Numbers":
        """Write planes in which letters or formulas take the place of numbers."""
        texts = [Decimals(precision).text(value) for value in planes.ravel()]
        widest = max(map(len, texts), default=1)
        shaped = np.array([text.ljust(widest) for text in texts], object).reshape(planes.shape)
        _, row, column = np.indices(planes.shape)
        return cls(shaped, np.take(NEUTRAL, (row + column) % 2), widest, margin)

    def row(self, place: tuple[int | slice, ...]) -> Line:
        """Return the numbers of a row, or of a part of one, on their colours."""
        return line_of(self.texts[place].tolist(), self.colours[place].tolist(), self.margin)


def line_of(texts: list[str], colours: list[int], margin: int) -> Line:
    """Set texts, which have the width of their columns, on their colours."""
    line: Line = [
        (f" {text} ", style_on(colour)) for text, colour in zip(texts, colours, strict=True)
    ]
    text, style = line[0]
    line[0] = text[1 - margin :], style
    return line


def width_of_grid(columns: int, widest: int, margin: int) -> int:
    """Return the width of a line of numbers."""
    return columns * (widest + _BETWEEN) - 1 + margin


def pick_rows(height: int, most_lines: int) -> list[int]:
    """Choose the first and last rows of a plane that fit, with two lines for those left out."""
    if height <= most_lines:
        return list(range(height))
    shown = max(_FEWEST_ROWS, most_lines - 2)
    first = -(-shown // 2)
    return [*range(first), *range(height - shown + first, height)]


def grid_lines(numbers: Numbers, plane: int, left_out: int = 0) -> list[Line]:
    """Align the rows of a plane; `left_out` rows in the middle are not shown."""
    _, height, width = numbers.texts.shape
    lines = [numbers.row((plane, row)) for row in range(height)]
    if left_out:
        dots = (" " * _BETWEEN).join([_MORE_ROWS.rjust(numbers.widest)] * width)
        lines.insert(-(-height // 2), [(" " * numbers.margin + dots, DIM)])
        lines.append([(f"{MORE} {left_out} more row{'s' * (left_out > 1)}", DIM)])
    return lines


def wrapped_lines(numbers: Numbers, width: int) -> list[Line]:
    """Align the numbers of one long row in several lines, each after its first index."""
    length = numbers.texts.size
    per_line = numbers_per_line(length, numbers.widest, width - numbers.margin)
    return [
        [index_label(start, length), *numbers.row((0, 0, slice(start, start + per_line)))]
        for start in range(0, length, per_line)
    ]


def numbers_per_line(length: int, widest: int, width: int) -> int:
    """Return how many numbers fit in a line after its index, perhaps 0: a round number of many."""
    room = width - len(index_label(0, length)[0])
    fitting = max(room + 1, 0) // (widest + _BETWEEN)
    return fitting - fitting % (10 if fitting >= 20 else 5 if fitting >= 10 else 1)


def index_label(index: int, length: int) -> Span:
    """Return the label of a line's first index, as wide as the widest of a row of this length."""
    return f"{index:>{len(str(length - 1))}}: ", DIM


def corner_lines(plane: Array, width: int, precision: int | None) -> list[Line]:
    """Set a plane's corners at the ends of two lines, or of none where they do not fit."""
    corners = plane[np.ix_([0, -1], [0, -1])]
    texts = column_texts(corners.ravel().tolist(), precision)
    pairs = (texts[:2], texts[2:])
    if any(len(left) + len(right) + 3 > width for left, right in pairs):
        return []
    return [
        [(f"{left}{MORE.center(width - len(left) - len(right))}{right}", PLAIN)]
        for left, right in pairs
    ]
