"""Numbers as text: exact, with decimals or with a few digits, alone or in columns."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnops_cli.dtypes import READS_BACK, SHORTEST, TWICE_ROUNDED

_DIGITS = 6
_ALL_DIGITS = 17
_LARGEST_WHOLE = 1e15
_LARGEST_WITH_DECIMALS = 1e16
"""From here on a float64 has no decimals."""
_MOST_DECIMALS = 4
_SMALLEST_FIXED = 0.5 * 10**-_MOST_DECIMALS
_LARGEST_FIXED = 1e7

_READ_DECIMALS = 3
"""The most decimals of a number in an explanation for people."""
_LEAST_ROUNDED, _LARGEST_ROUNDED = 0.001, 1e6
"""Between these, a number is rounded to decimals; below and above, to digits."""


def shortest_text(number: Any) -> str:
    """Return the shortest text of a NumPy number that reads back equal, by way of float64 too.

    Examples
    --------
    >>> shortest_text(np.float32(0.1)), shortest_text(-TWICE_ROUNDED), shortest_text(np.int8(7))
    ('0.1', '-7.0385307e-26', '7')
    """
    text = str(number)
    if number.dtype == np.float32 and abs(number) == TWICE_ROUNDED:
        text = text.replace(SHORTEST.decode(), READS_BACK.decode())
    return text


def short_text(number: float, precision: int | None = None, digits: int = _DIGITS) -> str:
    """Return a number for people: an integer in full, else with decimals or a few digits.

    Numbers that are too large to have decimals have an exponent.

    Examples
    --------
    >>> short_text(1 / 3), short_text(2.0, 1), short_text(1e300, 1), short_text(1234567)
    ('0.333333', '2.0', '1.0e+300', '1234567')
    """
    if isinstance(number, int):
        return str(number)
    if precision is None:
        return f"{number:.{digits}g}"
    return f"{number:.{precision}{'f' if abs(number) < _LARGEST_WITH_DECIMALS else 'e'}}"


def _rounded_text(number: float) -> str:
    """Return a number with at most three decimals, or where these say too little, three digits."""
    if abs(number) >= _LARGEST_ROUNDED:
        return short_text(number)
    if abs(number) < _LEAST_ROUNDED:
        return f"{number:.{_READ_DECIMALS}g}"
    return f"{number:.{_READ_DECIMALS}f}".rstrip("0").rstrip(".")


def column_texts(numbers: Sequence[float], precision: int | None = None) -> list[str]:
    """Return numbers for a column: all with the same number of decimals, or all with an exponent.

    Without `precision` they have the decimals that they need, at most four, and an exponent where
    one has more than seven digits before the point, or would show as zero.

    Examples
    --------
    >>> column_texts([1.0, -2.25, math.nan]), column_texts([1e-9, 1e-6])
    (['1.00', '-2.25', 'nan'], ['1.0000e-09', '1.0000e-06'])
    """
    if all(isinstance(number, int) for number in numbers):
        return [str(number) for number in numbers]
    sizes = [abs(number) for number in numbers if math.isfinite(number)]
    largest, smallest = max(sizes, default=0), min(filter(None, sizes), default=1)
    decimals, kind = precision, "f"
    if precision is not None:
        kind = "f" if largest < _LARGEST_WITH_DECIMALS else "e"
    elif largest >= _LARGEST_FIXED or smallest < _SMALLEST_FIXED:
        decimals, kind = _MOST_DECIMALS, "e"
    else:
        decimals = max(map(_decimals_of, sizes), default=0)
    return [f"{number:.{decimals}{kind}}" for number in numbers]


def _decimals_of(number: float) -> int:
    digits = f"{number:.{_MOST_DECIMALS}f}".rstrip("0")
    return len(digits) - digits.index(".") - 1


class Beyond(float):
    """A number that no float holds: the float that it rounds to, and its digits as text."""

    digits: str
    six_digits: str


def scaled(fraction: float, exponent: int) -> float:
    """Multiply a number by a power of two, even where no float holds the product.

    Examples
    --------
    >>> scaled(0.75, 2), scaled(0.75, 1328).digits
    (3.0, '4.3943587081488728e+399')
    """
    with np.errstate(all="ignore"):
        number = float(np.ldexp(fraction, exponent))
    if np.ldexp(number, -exponent) == fraction or math.isnan(fraction):
        return number
    from decimal import Context

    exact, short = Context(prec=_ALL_DIGITS), Context(prec=_DIGITS)
    product = exact.multiply(exact.create_decimal_from_float(fraction), exact.power(2, exponent))
    beyond = Beyond(number)
    beyond.digits, beyond.six_digits = (f"{product.normalize(by):e}" for by in (exact, short))
    return beyond


@dataclass(frozen=True)
class Decimals:
    """How numbers are written in formulas: with `precision` decimals where that is given.

    Otherwise they have the shortest text that reads back equal, or, if not `exact`, at most three
    decimals. Numbers below 0.001 then have three digits, those from a million on six, and whole
    ones all.
    """

    precision: int | None = None
    exact: bool = True

    def value(self, number: Any) -> Any:
        """Convert a number of any dtype to one that `json` writes in its shortest form."""
        if isinstance(number, np.floating):
            number = float(shortest_text(number))
        elif isinstance(number, np.generic):
            number = number.item()
        if self.precision is not None and isinstance(number, float) and math.isfinite(number):
            return round(number, self.precision)
        return number

    def text(self, number: Any) -> str:
        """Return a number as text, or the letter in place of one.

        Examples
        --------
        >>> Decimals().text(np.float32(0.1)), Decimals().text(2.0), Decimals(precision=1).text(2.0)
        ('0.1', '2', '2.0')
        >>> [Decimals(exact=False).text(number) for number in (-41.2, 2 / 3, 0.0000123)]
        ['-41.2', '0.667', '1.23e-05']
        """
        number = self.value(number)
        if isinstance(number, Beyond):
            return number.digits if self.exact else number.six_digits
        if not isinstance(number, float):
            return str(number)
        if not math.isfinite(number):
            return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
        if self.precision is not None:
            return f"{number:.{self.precision}f}"
        if self.exact or (number.is_integer() and abs(number) < _LARGEST_WHOLE):
            text = repr(number)
            return text if text == "-0.0" else text.removesuffix(".0")
        return _rounded_text(number)

    def result(self, number: Any) -> str:
        """Return a result as it is, or with the decimals that were asked for."""
        return Decimals(self.precision).text(number)

    def operand(self, number: Any) -> str:
        """Return a number that follows an operator: a negative one in parentheses."""
        text = self.text(number)
        return f"({text})" if text.startswith("-") else text

    def setting(self, number: float) -> str:
        """Return an option's value, which few decimals could make zero."""
        return Decimals().text(number) if self.exact else short_text(number)
