"""The legend of a heat map's colours or shades."""

import numpy as np

from cnnops_cli.text.colours import LOUD, Scale, number_style
from cnnops_cli.text.numbers import short_text
from cnnops_cli.text.styled_lines import DIM, PLAIN, Line, Style, fold_parts, merged
from cnnops_cli.views.heat import CHARACTER, NOT_FINITE, SHADES, pictured
from cnnops_cli.views.room import Room

_BAR = 24
_SHORTEST_BAR = 4
_DIGITS = 4
_FINENESS = 4
"""Samples per character in a file."""
_WHOLE_FROM, _WHOLE_TO = 1e3, 1e7
"""Numbers between these are long enough without decimals, and an exponent is not shorter."""


def legend_lines(
    scale: Scale | None, each: str, room: Room, precision: int | None, *, loud: bool
) -> list[Line]:
    """Explain the colours or shades of a heat map; `each` says what a cell is.

    There is no scale where nothing is finite; `loud` is whether there are NaN or infinities.
    """
    parts: list[str | Line] = []
    if scale is not None:
        parts += _bar(scale, room, precision) if room.color else _steps(scale, precision)
    if loud:
        style = number_style(LOUD) if room.color else PLAIN
        parts.append([(NOT_FINITE, style), (" nan or inf", DIM)])
    return fold_parts([*parts, each], room.width, DIM)


def _bar(scale: Scale, room: Room, precision: int | None) -> list[str | Line]:
    """Draw the colours from the least to the greatest value."""
    low, high = _text(scale.low, precision), _text(scale.high, precision)
    if scale.constant and len(low) + 2 <= room.width:
        return [[*_samples(scale, 1, room), (f" {low}", DIM)]]
    length = min(_BAR, room.width - len(low) - len(high) - 2)
    if scale.constant or length < _SHORTEST_BAR:
        return [low if low == high else f"{low} to {high}"]
    return [[(f"{low} ", DIM), *_samples(scale, length, room), (f" {high}", DIM)]]


def _samples(scale: Scale, length: int, room: Room) -> Line:
    """Draw the colours of a scale in a length of text."""
    fineness = _FINENESS if room.draws else 1
    share = (np.arange(length * fineness) + 0.5) / (length * fineness)
    values = scale.low * (1 - share) + scale.high * share
    if room.draws:
        wide, high = CHARACTER
        (line,) = pictured(values[np.newaxis], scale, (wide // fineness, high))
        return line
    colours = scale.colours(values).tolist()
    return merged((" ", Style(background=colour)) for colour in colours)


def _steps(scale: Scale, precision: int | None) -> list[str]:
    """Return the number from which each shade is used."""
    count = len(SHADES)
    if scale.constant:
        return [f"{SHADES[count // 2]} {_text(scale.low, precision)}"]
    shares = [step / count for step in range(count)]
    starts = [_text(scale.low * (1 - share) + scale.high * share, precision) for share in shares]
    named = [f"{shade} from {start}" for shade, start in zip(SHADES, starts, strict=True)]
    named[0] = f"blank from {starts[0]}"
    named[-1] += f" to {_text(scale.high, precision)}"
    return named


def _text(value: float, precision: int | None) -> str:
    if precision is None and _WHOLE_FROM <= abs(value) < _WHOLE_TO:
        return f"{value:.0f}"
    return short_text(value, precision, _DIGITS)
