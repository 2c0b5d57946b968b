"""What the colours or shades of a heat map stand for."""

import numpy as np

from cnnops_cli.views.colours import LOUD, Scale, on
from cnnops_cli.views.heat import NOT_FINITE, SHADES
from cnnops_cli.views.lines import DIM, PLAIN, Line, Style, fold, merged
from cnnops_cli.views.numbers import kind_of_decimals

_BAR = 24
_SHORTEST_BAR = 4
_WHOLE_FROM, _WHOLE_TO = 1e3, 1e7
"""Between these, decimals say nothing and an exponent is no shorter."""


def legend_lines(
    scale: Scale | None, each: str, *, loud: bool, width: int, precision: int | None, color: bool
) -> list[Line]:
    """Explain a heat map.

    Parameters
    ----------
    scale : Scale, optional
        None where nothing is finite.
    each : str
        What one cell is.
    loud : bool
        Whether there are cells of NaN or infinity.
    width : int
    precision : int, optional
        Decimals; without it four digits are shown.
    color : bool
        Whether the map is in colours; else in shades.
    """
    parts: list[str | Line] = []
    if scale is not None:
        parts += _bar(scale, width, precision) if color else _steps(scale, precision)
    if loud:
        mark = on(LOUD, bold=True) if color else PLAIN
        parts.append([(NOT_FINITE, mark), (" nan or inf", DIM)])
    return fold([*parts, each], width, DIM)


def _bar(scale: Scale, width: int, precision: int | None) -> list[str | Line]:
    """Draw the colours from the least to the greatest value."""
    low, high = _number(scale.low, precision), _number(scale.high, precision)
    if scale.constant and len(low) + 2 <= width:
        return [[*_samples(scale, 1), (f" {low}", DIM)]]
    length = min(_BAR, width - len(low) - len(high) - 2)
    if scale.constant or length < _SHORTEST_BAR:
        return [low if low == high else f"{low} to {high}"]
    return [[(f"{low} ", DIM), *_samples(scale, length), (f" {high}", DIM)]]


def _samples(scale: Scale, count: int) -> Line:
    share = (np.arange(count) + 0.5) / count
    colours = scale.colours(scale.low * (1 - share) + scale.high * share)
    return merged((" ", Style(background=colour)) for colour in colours.tolist())


def _steps(scale: Scale, precision: int | None) -> list[str | Line]:
    """Name the number that each shade begins at."""
    if scale.constant:
        return [f"{SHADES[len(SHADES) // 2]} {_number(scale.low, precision)}"]
    count = len(SHADES)
    begins = [
        _number(scale.low * (1 - step / count) + scale.high * (step / count), precision)
        for step in range(count)
    ]
    named = [f"{shade} from {begin}" for shade, begin in zip(SHADES, begins, strict=True)]
    named[0] = f"blank from {begins[0]}"
    named[-1] += f" to {_number(scale.high, precision)}"
    return list(named)


def _number(value: float, precision: int | None) -> str:
    if precision is not None:
        return f"{value:{kind_of_decimals(value, precision)}}"
    return f"{value:.0f}" if _WHOLE_FROM <= abs(value) < _WHOLE_TO else f"{value:.4g}"
