"""Styled lines with the escape sequences of a terminal."""

import os
from collections.abc import Iterable
from functools import cache

from rich.color import ColorSystem
from rich.style import Style as RichStyle

from cnnops_cli.text.colours import (
    ABSENT,
    BLACK,
    DIVERGING,
    LOUD,
    NEUTRAL,
    SEQUENTIAL,
    WHITE,
    hexadecimal,
    on,
)
from cnnops_cli.text.styled_lines import Line, Style

SEQUENTIAL_OF_256 = (53, 54, 55, 25, 31, 36, 72, 78, 113, 149, 185, 221, 227)
"""Of a terminal's colours those that are most like the scale's; each is lighter than the last."""
DIVERGING_OF_256 = (25, 26, 27, 69, 111, 153, 189, 255, 224, 217, 210, 203, 196, 160, 124)
_BLACK, _WHITE, _LOUD, _GREYS = 16, 231, 201, 232
_ABSENT, _NEUTRAL = 249, (255, 254)

_CUBE = (0, 95, 135, 175, 215, 255)


def coloured_text(lines: Iterable[Line]) -> str:
    """Write lines in 24-bit colours where COLORTERM promises them, else in a terminal's 256."""
    deep = os.environ.get("COLORTERM") in ("truecolor", "24bit")
    return "".join(f"{''.join(_coloured(*span, deep) for span in line)}\n" for line in lines)


def _coloured(text: str, style: Style, deep: bool) -> str:
    system = ColorSystem.TRUECOLOR if deep else ColorSystem.EIGHT_BIT
    return _rich(style, deep).render(text, color_system=system)


@cache
def _rich(style: Style, deep: bool) -> RichStyle:
    foreground, background, bold, dim, _ = style
    if not deep and background is not None and foreground in (BLACK, WHITE):
        foreground = on(rgb_of_256(_of_256()[background])).foreground
    return RichStyle(
        color=_name(foreground, deep),
        bgcolor=_name(background, deep),
        bold=bold or None,
        dim=dim or None,
    )


def _name(colour: int | None, deep: bool) -> str | None:
    if colour is None:
        return None
    return hexadecimal(colour) if deep else f"color({_of_256()[colour]})"


@cache
def _of_256() -> dict[int, int]:
    """Return the terminal's colour for each that views have."""
    likenesses = {BLACK: _BLACK, WHITE: _WHITE, LOUD: _LOUD, ABSENT: _ABSENT}
    likenesses.update(zip(NEUTRAL, _NEUTRAL, strict=True))
    for scale, likes in ((SEQUENTIAL, SEQUENTIAL_OF_256), (DIVERGING, DIVERGING_OF_256)):
        for place, colour in enumerate(scale.tolist()):
            likenesses[colour] = likes[place * len(likes) // len(scale)]
    return likenesses


def rgb_of_256(colour: int) -> int:
    """Return 0xRRGGBB of the colour 16 to 255 of a terminal."""
    if colour >= _GREYS:
        return 0x010101 * (8 + 10 * (colour - _GREYS))
    rest, blue = divmod(colour - _BLACK, 6)
    red, green = divmod(rest, 6)
    return _CUBE[red] << 16 | _CUBE[green] << 8 | _CUBE[blue]
