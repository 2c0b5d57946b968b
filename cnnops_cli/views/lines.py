"""What a view is made of: lines of text in styles, and how they are put together."""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple


class Style(NamedTuple):
    """How text looks where there is colour.

    Attributes
    ----------
    foreground, background : int, optional
        Of the 256 colours of terminals, 16 to 255; without it what the reader's page has.
    bold, dim : bool
    """

    foreground: int | None = None
    background: int | None = None
    bold: bool = False
    dim: bool = False


PLAIN = Style()
BOLD = Style(bold=True)
DIM = Style(dim=True)

Span = tuple[str, Style]
Line = list[Span]


def text_of(line: Line) -> str:
    """Return what a line says."""
    return "".join(text for text, _ in line)


def width_of(block: Sequence[Line]) -> int:
    """Return how many cells the widest line takes."""
    return max((sum(len(text) for text, _ in line) for line in block), default=0)


def merged(cells: Iterable[Span]) -> Line:
    """Join neighbours of one style.

    Examples
    --------
    >>> merged([("a", PLAIN), ("b", PLAIN), ("c", BOLD)]) == [("ab", PLAIN), ("c", BOLD)]
    True
    """
    line: Line = []
    for text, style in cells:
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return line


def fold(parts: Sequence[str | Line], width: int, style: Style = PLAIN) -> list[Line]:
    """Set parts side by side, two blanks apart, in lines that keep to a width.

    Parameters
    ----------
    parts : sequence of str or line
        A text that is wider than a line by itself is broken.
    width : int
    style : Style
        Of the texts.

    Examples
    --------
    >>> [text_of(line) for line in fold(["min 1", "max 22", "mean 3"], 14)]
    ['min 1  max 22', 'mean 3']
    """
    lines: list[Line] = []
    for part in parts:
        pieces = textwrap.wrap(part, max(width, 1)) if isinstance(part, str) else [part]
        for piece in pieces:
            spans = [(piece, style)] if isinstance(piece, str) else piece
            if lines and width_of(lines[-1:]) + 2 + width_of([spans]) <= width:
                lines[-1] = [*lines[-1], ("  ", PLAIN), *spans]
            else:
                lines.append(list(spans))
    return lines


def beside(blocks: Sequence[Sequence[Line]], gap: int) -> list[Line]:
    """Set blocks side by side, their tops aligned; nothing blank ends a line.

    Examples
    --------
    >>> lines = beside([[[("ab", PLAIN)], [("c", PLAIN)]], [[("d", PLAIN)], [("e", PLAIN)]]], 1)
    >>> [text_of(line) for line in lines]
    ['ab d', 'c  e']
    """
    widths = [width_of(block) for block in blocks]
    lines = []
    for row in zip_longest(*blocks, fillvalue=()):
        line: Line = []
        for cells, width in zip(row[:-1], widths[:-1], strict=True):
            line += [*cells, (" " * (width - width_of([list(cells)]) + gap), PLAIN)]
        line += row[-1]
        while line and line[-1][1] == PLAIN and not line[-1][0].strip():
            line.pop()
        lines.append(line)
    return lines
