"""The legend of a heat map's colours or shades."""

from collections.abc import Sequence

import numpy as np

from cnnops_cli.text.colours import LOUD, Scale, number_style
from cnnops_cli.text.numbers import short_text
from cnnops_cli.text.styled_lines import DIM, PLAIN, Line, fold_parts, width_of
from cnnops_cli.views.heat import CHARACTER, NOT_FINITE, SHADES, pictured, strip_line
from cnnops_cli.views.room import Room

OWN_SCALES = "each plane has a scale of its own"
_BAR = 24
_MOST_SCALES = 16
"""Scales that a legend says one by one."""
_SHORTEST_BAR = 4
_DIGITS = 4
_FINENESS = 4
"""Samples per character in a file."""
_WHOLE_FROM, _WHOLE_TO = 1e3, 1e7
"""Numbers between these are long enough without decimals, and an exponent is not shorter."""


def legend_lines(
    scales: dict[str, Scale | None],
    parts: Sequence[str | Line],
    room: Room,
    precision: int | None,
    *,
    loud: bool,
) -> list[Line]:
    """Explain the colours or shades of heat maps; `parts` say what a cell is.

    There is a scale by the name of each plane, None where nothing is finite, and often the same.
    `loud` is whether there are NaN or infinities.
    """
    first, *others = scales.values()
    explained: list[str | Line] = []
    if any(scale != first for scale in others):
        explained = _own_scales(scales, room, precision)
    elif first is not None:
        explained = _bar(first, room, precision) if room.color else [*_steps(first, precision)]
    if loud:
        style = number_style(LOUD) if room.color else PLAIN
        explained.append([(NOT_FINITE, style), (" nan or inf", DIM)])
    return fold_parts([*explained, *parts], room.width, DIM)


def _own_scales(
    scales: dict[str, Scale | None], room: Room, precision: int | None
) -> list[str | Line]:
    """Explain scales that differ; of many, only that they do."""
    parts: list[str | Line] = [OWN_SCALES]
    for name, scale in scales.items() if len(scales) <= _MOST_SCALES else ():
        if scale is not None:
            low, high = _text(scale.low, precision), _text(scale.high, precision)
            between: Line = _samples(scale, _SHORTEST_BAR, room) if room.color else [("to", DIM)]
            named: Line = [(f"{name} {low} ", DIM), *between, (f" {high}", DIM)]
            parts.append(named if width_of([named]) <= room.width else f"{name} {low} to {high}")
    return parts


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
    colours = scale.colours(values)
    if not room.draws:
        return strip_line(colours)
    wide, high = CHARACTER
    (line,) = pictured(colours[np.newaxis], (wide // fineness, high))
    return line


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
