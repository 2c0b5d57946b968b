"""A view as a terminal is sent it; the only place that knows Rich."""

import io
from collections.abc import Sequence

from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style as RichStyle

from cnnops_cli.views.lines import Line, Style


def coloured_text(lines: Sequence[Line]) -> str:
    """Write a view in the 256 colours of terminals."""
    console = Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="256",
        legacy_windows=False,
        _environ={},
    )
    styles: dict[Style, RichStyle] = {}
    segments = []
    for line in lines:
        for text, style in line:
            if style not in styles:
                styles[style] = _rich(style)
            segments.append(Segment(text, styles[style]))
        segments.append(Segment("\n"))
    console.print(Segments(segments), soft_wrap=True, end="")
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def _rich(style: Style) -> RichStyle:
    foreground, background, bold, dim = style
    return RichStyle(
        color=None if foreground is None else f"color({foreground})",
        bgcolor=None if background is None else f"color({background})",
        bold=bold or None,
        dim=dim or None,
    )
