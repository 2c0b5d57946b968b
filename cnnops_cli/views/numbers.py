"""How the numbers of one view are written: alike, so that they can be compared by eye."""

import math
from collections.abc import Sequence

_MOST_DECIMALS = 4
_SMALLEST_FIXED = 0.5 * 10**-_MOST_DECIMALS
_LARGEST_FIXED = 1e7
_LARGEST_WITH_DECIMALS = 1e16
"""Beyond it a double has none."""


def format_numbers(values: Sequence[float], precision: int | None = None) -> list[str]:
    """Write numbers with one count of decimals, or all with an exponent.

    Parameters
    ----------
    values : sequence of int or float
    precision : int, optional
        Decimals, with an exponent where one is so large that a double has none. Without it as many
        as the values need, at most four, and an exponent where one needs more than seven digits
        before the point or would show as zero.

    Examples
    --------
    >>> format_numbers([1.0, -2.25, math.nan])
    ['1.00', '-2.25', 'nan']
    >>> format_numbers([1e-9, 1e-6])
    ['1.0000e-09', '1.0000e-06']
    """
    if all(isinstance(value, int) for value in values):
        return [str(value) for value in values]
    finite = [abs(value) for value in values if math.isfinite(value)]
    if precision is not None:
        kind = kind_of_decimals(max(finite, default=0), precision)
        return [f"{value:{kind}}" for value in values]
    nonzero = [value for value in finite if value]
    if nonzero and (max(nonzero) >= _LARGEST_FIXED or min(nonzero) < _SMALLEST_FIXED):
        return [f"{value:.{_MOST_DECIMALS}e}" for value in values]
    decimals = max((_decimals_of(value) for value in finite), default=0)
    return [f"{value:.{decimals}f}" for value in values]


def kind_of_decimals(value: float, precision: int) -> str:
    """Return how a number is written with decimals, as a format specification.

    Examples
    --------
    >>> kind_of_decimals(1e15, 2), kind_of_decimals(-1e300, 2)
    ('.2f', '.2e')
    """
    return f".{precision}{'f' if abs(value) < _LARGEST_WITH_DECIMALS else 'e'}"


def _decimals_of(value: float) -> int:
    """How many decimals, up to the most, until rounding changes nothing more."""
    digits = f"{value:.{_MOST_DECIMALS}f}".rstrip("0")
    return len(digits) - digits.index(".") - 1
