"""Numbers of about 106 binary digits, as the sum of two float64 arrays.

T. J. Dekker, "A floating-point technique for extending the available precision", 1971. Neither the
numbers nor their products may overflow or underflow.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.rounded_sums import product_errors, two_sum


class DoubleDouble(NamedTuple):
    """The number ``high + low``, which rounds to `high`."""

    high: Array
    low: Array

    def plus(self, other: "DoubleDouble") -> "DoubleDouble":
        """Return ``self + other``."""
        high, error = two_sum(self.high, other.high)
        low, error_of_low = two_sum(self.low, other.low)
        high, low = two_sum(high, low + error)
        return DoubleDouble(*two_sum(high, low + error_of_low))

    def minus(self, other: "DoubleDouble") -> "DoubleDouble":
        """Return ``self - other``."""
        return self.plus(DoubleDouble(-other.high, -other.low))

    def times(self, other: "DoubleDouble") -> "DoubleDouble":
        """Return ``self * other``."""
        high = self.high * other.high
        low = product_errors(self.high, other.high, high)
        return DoubleDouble(*two_sum(high, low + self.high * other.low + self.low * other.high))

    def over(self, number: int | Array) -> "DoubleDouble":
        """Return ``self / number``."""
        divisor = np.asarray(number, np.float64)
        high = self.high / divisor
        product = high * divisor
        left = self.high - product - product_errors(high, divisor, product)
        return DoubleDouble(*two_sum(high, (left + self.low) / divisor))


def exactly(number: int | Array) -> DoubleDouble:
    """Return a number that float64 holds."""
    high = np.asarray(number, np.float64)
    return DoubleDouble(high, np.zeros_like(high))


def joined(
    join: Callable[[Sequence[Array]], Array], numbers: Sequence[DoubleDouble]
) -> DoubleDouble:
    """Join numbers by `numpy.stack` or `numpy.concatenate`."""
    return DoubleDouble(*map(join, zip(*numbers, strict=True)))


def total(terms: DoubleDouble) -> DoubleDouble:
    """Add up terms (n, ...) along their first axis, two by two."""
    while len(terms.high) > 1:
        even = len(terms.high) // 2 * 2
        first, second = (DoubleDouble(*(part[at:even:2] for part in terms)) for at in (0, 1))
        last = DoubleDouble(*(part[even:] for part in terms))
        terms = joined(np.concatenate, [first.plus(second), last])
    return DoubleDouble(terms.high[0], terms.low[0])
