"""Styled lines with the escape sequences of a terminal."""

from collections.abc import Iterable
from functools import cache

from rich.color import ColorSystem
from rich.style import Style as RichStyle

from cnnops_cli.text.styled_lines import Line, Style


def coloured_text(lines: Iterable[Line]) -> str:
    """Write lines in the 256 colours of terminals."""
    return "".join(f"{''.join(_coloured(*span) for span in line)}\n" for line in lines)


def _coloured(text: str, style: Style) -> str:
    return _rich(style).render(text, color_system=ColorSystem.EIGHT_BIT)


@cache
def _rich(style: Style) -> RichStyle:
    foreground, background, bold, dim = style
    return RichStyle(
        color=None if foreground is None else f"color({foreground})",
        bgcolor=None if background is None else f"color({background})",
        bold=bold or None,
        dim=dim or None,
    )
