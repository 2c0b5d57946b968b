"""A view as an SVG or HTML file that refers to nothing outside itself."""

import re
from collections import defaultdict
from collections.abc import Sequence
from html import escape

from cnnops_cli.text.colours import hexadecimal
from cnnops_cli.text.styled_lines import Line, Style, text_of, width_of
from cnnops_cli.views.heat import HALF

_FONT = "'DejaVu Sans Mono',Menlo,Consolas,ui-monospace,monospace"
_WIDTH, _HEIGHT, _MARGIN, _BASELINE = 8, 16, 12, 12
"""The size of a cell, the page's margin, and the baseline of text in a cell, in SVG units."""
_PAGE, _INK, _FAINT = "#ffffff", "#1f2328", "#59636e"
_ASCII = str.maketrans("░▒▓█×…⋮", ".:*#x~|")
_WORDS = re.compile(r"\S+(?: \S+)*")


def in_ascii(text: str) -> str:
    """Return a view's text for an encoding that lacks its characters."""
    return text.translate(_ASCII)


def svg(lines: Sequence[Line]) -> str:
    """Draw a view as an SVG picture on a white page, in the reader's monospaced font."""
    backgrounds: dict[int, list[str]] = defaultdict(list)
    texts = []
    for row, line in enumerate(lines):
        column = 0
        for text, style in line:
            upper, lower = _halves(text, style)
            for half, colour in enumerate((upper, lower)):
                if colour is not None:
                    backgrounds[colour].append(f"M{column} {2 * row + half}.5h{len(text)}")
            if upper is lower is None or text.strip(HALF + " "):
                texts += _svg_texts(text, style, column, row)
            column += len(text)
    width = width_of(lines) * _WIDTH + 2 * _MARGIN
    height = len(lines) * _HEIGHT + 2 * _MARGIN
    paths = [
        f'<path stroke="{hexadecimal(colour)}" d="{"".join(runs)}"/>'
        for colour, runs in sorted(backgrounds.items())
    ]
    size = f'width="{width}" height="{height}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {width} {height}" role="img" font-size="13" fill="{_INK}" '
        f'font-family="{_FONT}">',
        f"<title>{escape(text_of(lines[0]))}</title>",
        f'<rect {size} rx="6" fill="{_PAGE}"/>',
        f'<g transform="translate({_MARGIN} {_MARGIN})">',
        f'<g transform="scale({_WIDTH} {_HEIGHT // 2})" shape-rendering="crispEdges">',
    ]
    return "\n".join([*head, *paths, "</g>", *texts, "</g>", "</svg>\n"])


def html(lines: Sequence[Line]) -> str:
    """Write a view as a white HTML page."""
    body = "\n".join("".join(_html_span(*span) for span in line) for line in lines)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{escape(text_of(lines[0]))}</title>\n"
        f"<style>body{{background:{_PAGE};color:{_INK}}}"
        f"pre{{font:13px/16px {_FONT}}}"
        "pre i{display:inline-block;height:16px;vertical-align:top;font-style:normal}</style>\n"
        f"<pre>{body}</pre>\n</html>\n"
    )


def _halves(text: str, style: Style) -> tuple[int | None, int | None]:
    """Return the colours of the upper and the lower half of a span's cells."""
    is_picture = text.startswith(HALF)
    return (style.foreground if is_picture else style.background), style.background


def _svg_texts(text: str, style: Style, column: int, row: int) -> list[str]:
    """Set words at their places in the grid, and at their width there in every font."""
    look = f' fill="{ink}"' if (ink := _ink(style)) else ""
    look += ' font-weight="bold"' * style.bold
    y = row * _HEIGHT + _BASELINE
    return [
        f'<text x="{(column + word.start()) * _WIDTH}" y="{y}" '
        f'textLength="{len(word[0]) * _WIDTH}"{look}>{escape(word[0], quote=False)}</text>'
        for word in _WORDS.finditer(text)
    ]


def _ink(style: Style) -> str:
    if style.foreground is not None:
        return hexadecimal(style.foreground)
    return _FAINT if style.dim else ""


def _html_span(text: str, style: Style) -> str:
    upper, lower = _halves(text, style)
    rules = []
    if text.startswith(HALF):
        text = " " * len(text)
        end = "transparent" if lower is None else hexadecimal(lower)
        rules.append(f"background:linear-gradient({hexadecimal(upper or 0)} 50%,{end} 50%)")
    elif lower is not None:
        rules.append(f"background:{hexadecimal(lower)}")
    if text.strip() and (ink := _ink(style)):
        rules.append(f"color:{ink}")
    if style.bold:
        rules.append("font-weight:bold")
    shown = escape(text, quote=False)
    return f'<i style="{";".join(rules)}">{shown}</i>' if rules else shown
