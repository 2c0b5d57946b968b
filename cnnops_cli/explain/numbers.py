"""How numbers are written in formulas, in JSON and in text."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnops_cli.dtypes import shortest_text

_DIGITS = 6
_ALL_DIGITS = 17
_LARGEST_WHOLE = 1e15


class Beyond(float):
    """A number that a float does not hold; the float is what it would round to.

    Attributes
    ----------
    digits, six_digits : str
        All digits that it has, and six of them.
    """

    digits: str
    six_digits: str


def scaled(fraction: float, exponent: int) -> float:
    """Multiply a number by a power of two, whether or not a float holds the product.

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
    """How many digits are shown.

    Attributes
    ----------
    precision : int, optional
        Decimals of fractions.
    exact : bool
        Without `precision`: every bit, in the shortest text that reads back equal. Otherwise six
        digits, and whole numbers in full.
    """

    precision: int | None = None
    exact: bool = True

    def value(self, number: Any) -> Any:
        """Turn a number of any dtype into one that `json` writes in its shortest form.

        Examples
        --------
        >>> Decimals().value(np.float32(0.1))
        0.1
        """
        if isinstance(number, np.floating):
            number = float(shortest_text(number))
        elif isinstance(number, np.generic):
            number = number.item()
        if self.precision is not None and isinstance(number, float) and math.isfinite(number):
            return round(number, self.precision)
        return number

    def text(self, number: Any) -> str:
        """Write a number, or the letter that stands for one.

        Examples
        --------
        >>> Decimals().text(2.0), Decimals(precision=1).text(2.0), Decimals(exact=False).text(1 / 3)
        ('2', '2.0', '0.333333')
        >>> Decimals().text(-0.0)
        '-0.0'
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
        return f"{number:.{_DIGITS}g}"

    def operand(self, number: Any) -> str:
        """Write a number that follows an operator: a negative one in parentheses."""
        text = self.text(number)
        return f"({text})" if text.startswith("-") else text

    def setting(self, number: float) -> str:
        """Write what an option was; a few decimals would turn a small one into zero."""
        return Decimals(exact=self.exact).text(number)
