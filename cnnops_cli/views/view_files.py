"""A view as an SVG or HTML file that refers to nothing outside itself."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.text.colours import hexadecimal
from cnnops_cli.text.styled_lines import Line, Picture, Style, text_of, width_of
from cnnops_cli.views.heat import CHARACTER

_FONT = "'DejaVu Sans Mono',Menlo,Consolas,ui-monospace,monospace"
_WIDTH, _HEIGHT = CHARACTER
_MARGIN, _BASELINE = 12, 12
"""The page's margin, and the baseline of text in a line, in units."""
_PAGE, _INK, _FAINT = "#ffffff", "#1f2328", "#59636e"
_ASCII = str.maketrans("░▒▓█×…⋮", ".:*#x~|")
_WORDS = re.compile(r"\S+(?: \S+)*")


def in_ascii(text: str) -> str:
    """Return a view's text for an encoding that lacks its characters."""
    return text.translate(_ASCII)


def svg(lines: Sequence[Line]) -> str:
    """Draw a view as an SVG picture on a white page, in the reader's monospaced font."""
    pictures, boxes, texts = [], [], []
    for row, line in enumerate(lines):
        column = 0
        for text, style in line:
            x, y = column * _WIDTH, row * _HEIGHT
            if style.picture is not None:
                pictures.append(_drawing(style.picture, f' x="{x}" y="{y}"'))
            elif style.background is not None:
                boxes.append((style.background, x, y, len(text)))
            texts += _svg_texts(text, style, x, y)
            column += len(text)
    width = width_of(lines) * _WIDTH + 2 * _MARGIN
    height = len(lines) * _HEIGHT + 2 * _MARGIN
    size = f'width="{width}" height="{height}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {width} {height}" role="img" font-size="13" fill="{_INK}" '
        f'font-family="{_FONT}">',
        f"<title>{escape(text_of(lines[0]))}</title>",
        f'<rect {size} rx="6" fill="{_PAGE}"/>',
        f'<g transform="translate({_MARGIN} {_MARGIN})">',
    ]
    return "\n".join([*head, *_svg_boxes(boxes), *pictures, *texts, "</g>", "</svg>\n"])


def html(lines: Sequence[Line]) -> str:
    """Write a view as a white HTML page."""
    body = "\n".join("".join(_html_span(*span) for span in line) for line in lines)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{escape(text_of(lines[0]))}</title>\n"
        f"<style>body{{background:{_PAGE};color:{_INK}}}"
        f"pre{{font:13.29px/16px {_FONT};font-size-adjust:ch-width .602}}"
        "pre i{display:inline-block;height:16px;vertical-align:top;font-style:normal}"
        "svg{position:absolute}</style>\n"
        f"<pre>{body}</pre>\n</html>\n"
    )


def _svg_boxes(boxes: Iterable[tuple[int, int, int, int]]) -> list[str]:
    """Draw boxes of a colour behind text, each at a place and of a width in characters."""
    runs = defaultdict(list)
    for colour, x, y, length in boxes:
        runs[colour].append(f"M{x} {y + _HEIGHT // 2}h{length * _WIDTH}")
    paths = [
        f'<path stroke="{hexadecimal(colour)}" d="{"".join(moves)}"/>'
        for colour, moves in sorted(runs.items())
    ]
    return [f'<g stroke-width="{_HEIGHT}" shape-rendering="crispEdges">', *paths, "</g>"]


def _drawing(picture: Picture, place: str = "") -> str:
    """Draw a picture: the runs of cells of each colour are one path."""
    rows, columns = picture.colours.shape
    size = f'width="{columns * picture.width}" height="{rows * picture.height}"'
    paths = [
        f'<path stroke="{hexadecimal(colour)}" d="{_runs(picture.colours == colour)}"/>'
        for colour in np.unique(picture.colours).tolist()
    ]
    return (
        f'<svg{place} {size} viewBox="0 0 {columns} {rows}" preserveAspectRatio="none" '
        f'shape-rendering="crispEdges">{"".join(paths)}</svg>'
    )


def _runs(cells: Array) -> str:
    """Write the runs of cells in rows as moves of a pen, each from the end of the last."""
    edges = np.diff(np.pad(cells, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    x, y = starts - np.append(0, ends[:-1]), rows - np.append(0, rows[:-1])
    moves = zip(x.tolist(), y.tolist(), (ends - starts).tolist(), strict=True)
    return "m0 .5" + "".join(f"m{right} {down}h{length}" for right, down, length in moves)


def _svg_texts(text: str, style: Style, x: int, y: int) -> list[str]:
    """Set words at their places in the grid, and at their width there in every font."""
    look = f' fill="{ink}"' if (ink := _ink(style)) else ""
    look += ' font-weight="bold"' * style.bold
    return [
        f'<text x="{x + word.start() * _WIDTH}" y="{y + _BASELINE}" '
        f'textLength="{len(word[0]) * _WIDTH}"{look}>{escape(word[0], quote=False)}</text>'
        for word in _WORDS.finditer(text)
    ]


def _ink(style: Style) -> str:
    if style.foreground is not None:
        return hexadecimal(style.foreground)
    return _FAINT if style.dim else ""


def _html_span(text: str, style: Style) -> str:
    shown = escape(text, quote=False)
    if style.picture is not None:
        return _drawing(style.picture) + shown
    rules = []
    if style.background is not None:
        rules.append(f"background:{hexadecimal(style.background)}")
    if text.strip() and (ink := _ink(style)):
        rules.append(f"color:{ink}")
    if style.bold:
        rules.append("font-weight:bold")
    return f'<i style="{";".join(rules)}">{shown}</i>' if rules else shown
