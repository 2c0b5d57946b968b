"""Styled lines of text, and how to fold them, align columns and set blocks side by side."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cnnops_cli.dtypes import Array


@dataclass(frozen=True, eq=False)
class Picture:
    """Cells of colour, which begin at the upper left corner of a text and may be higher.

    `colours` has shape (rows, columns); `width` and `height` are a cell's, in units of a file, of
    which a character is 8 wide and 16 high.
    """

    colours: "Array"
    width: int
    height: int


class Style(NamedTuple):
    """How text looks: colours 0xRRGGBB, or None for the reader's own.

    Only files have pictures.
    """

    foreground: int | None = None
    background: int | None = None
    bold: bool = False
    dim: bool = False
    picture: Picture | None = None


PLAIN = Style()
BOLD = Style(bold=True)
DIM = Style(dim=True)

Span = tuple[str, Style]
Line = list[Span]

INDENT = "  "
MORE = "…"


def text_of(line: Line) -> str:
    """Return a line without its styles."""
    return "".join(text for text, _ in line)


def width_of(block: Sequence[Line]) -> int:
    """Return the width of the widest line."""
    return max((sum(len(text) for text, _ in line) for line in block), default=0)


def merged(spans: Iterable[Span]) -> Line:
    """Join adjacent spans of the same style."""
    line: Line = []
    for text, style in spans:
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return line


def fold(parts: Iterable[Line], width: int, between: str, indent: str = "") -> list[Line]:
    """Join parts in lines of at most a width; a part that is wider has a line of its own."""
    lines: list[Line] = []
    for part in parts:
        if lines and width_of(lines[-1:]) + len(between) + width_of([part]) <= width:
            lines[-1] += [(between, PLAIN), *part]
        else:
            lines.append([(indent, PLAIN), *part] if indent else list(part))
    return lines


def fold_parts(parts: Iterable[str | Line], width: int, style: Style = PLAIN) -> list[Line]:
    """Set parts two blanks apart in lines of at most a width; a wider text is broken.

    Examples
    --------
    >>> [text_of(line) for line in fold_parts(["min 1", "max 22", "mean 3"], 14)]
    ['min 1  max 22', 'mean 3']
    """
    pieces: list[Line] = []
    for part in parts:
        if isinstance(part, str):
            pieces += [[(piece, style)] for piece in textwrap.wrap(part, max(width, 1))]
        else:
            pieces.append(part)
    return fold(pieces, width, "  ")


def fold_text(text: str, width: int, style: Style = PLAIN, indent: str = INDENT) -> list[Line]:
    """Fold text at its blanks; a word that is wider than a line stays whole."""
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [[(line, style)] for line in lines]


def columns(spans: Sequence[Span], widest: int, margin: int = 0) -> Line:
    """Right-align spans in columns two blanks apart, of which each neighbour takes one.

    `margin` is the number of blanks at both ends, 0 or 1.

    Examples
    --------
    >>> [text for text, _ in columns([("1", PLAIN), ("10", PLAIN), ("2", PLAIN)], 2)]
    [' 1 ', ' 10 ', '  2']
    >>> [text for text, _ in columns([("1", PLAIN), ("10", PLAIN)], 2, margin=1)]
    ['  1 ', ' 10 ']
    """
    last = len(spans) - 1
    return [
        (
            " " * max(number > 0, margin) + text.rjust(widest) + " " * max(number < last, margin),
            style,
        )
        for number, (text, style) in enumerate(spans)
    ]


def side_by_side(blocks: Sequence[Sequence[Line]], blanks: int) -> list[Line]:
    """Set blocks side by side, their tops aligned; lines do not end in blanks without colour.

    Examples
    --------
    >>> left, right = [[("ab", PLAIN)], [("c", PLAIN)]], [[("d", PLAIN)], [("e", PLAIN)]]
    >>> [text_of(line) for line in side_by_side([left, right], 1)]
    ['ab d', 'c  e']
    """
    widths = [width_of(block) for block in blocks]
    lines = []
    for row in zip_longest(*blocks, fillvalue=()):
        line: Line = []
        for spans, width in zip(row[:-1], widths[:-1], strict=True):
            line += [*spans, (" " * (width - width_of([list(spans)]) + blanks), PLAIN)]
        line += row[-1]
        while line and line[-1][1] == PLAIN and not line[-1][0].strip():
            line.pop()
        lines.append(line)
    return lines


def plain_text(lines: Iterable[Line]) -> str:
    """Return lines as text, without styles or blanks at their ends."""
    return "".join(f"{text_of(line).rstrip()}\n" for line in lines)
