"""Mean and variance of each channel to more digits than float64 has.

Each value is cut in two at a place that all values of its channel share: a number of units, and a
rest of at most half a unit. The units have so few digits that float64 adds them up, and their
squares, without error. Only the sums of rests are rounded. Of ordinary values, these sums give
about 75 binary digits of the variance, so that it is hardly ever rounded to another float64 number
than the exact one would be, in whichever parts the values are summed. S. M. Rump, T. Ogita and
S. Oishi, "Accurate floating-point summation", 2008, cut values like this.
"""

from collections.abc import Iterator

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.channel_blocks import UNBUFFERED, Block
from cnnops_cli.ops.channel_sums import channel_maxima, channel_sums
from cnnops_cli.ops.double_double import DoubleDouble
from cnnops_cli.ops.rounded_sums import two_sum
from cnnops_cli.ops.scratch import scratch

_FLOAT64 = np.dtype(np.float64)

_SUMMED = 1 << 17
"""The values of a block, so that threads seldom wait for each other."""

_ROOMS = "units", "rests", "values"

_SUM_DIGITS = 52
"""The digits of a sum of squared units, which may be up to 1.6 times as large."""

_ROUNDING = 1.5 * 2.0**52
"""Adding this number of units to a value, and subtracting it again, rounds the value to units."""

_FAR_OUT = 400
"""The exponent up to which squares of float64 neither overflow nor, at its negative, underflow."""

_NOTHING = -10_000
"""The exponent of zero: below all others."""


def precise_moments(values: Array) -> tuple[DoubleDouble, DoubleDouble, Array]:
    """Compute mean and biased variance of an array (N, C, run), and exponents: (C,) each.

    The exponents are those of the largest values. Mean and variance are those of the values divided
    by ``2**scaling(exponents)``.
    """
    top, power, total, centre, rounding = _cut(values)
    units, rests, squares, products = _sums(values, power, centre, rounding)
    count = values.size // values.shape[1]
    distance = DoubleDouble(*two_sum(units, rests)).over(count)
    mean = DoubleDouble(centre, np.zeros_like(centre)).plus(distance)
    square = distance.times(distance)
    variance = DoubleDouble(*two_sum(squares, products)).over(count).minus(square)
    spoil(mean, variance, total)
    return mean, variance, top


def _cut(values: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Return how the values of each channel are to be scaled, moved and rounded to units.

    The exponents of the largest values, the power of two that they are divided by, a total that is
    finite if they all are, the centre, and what rounds.
    """
    low, high = _limits(values)
    top = _exponents(np.maximum(-low, high))
    power = scaling(top)
    low, high = np.ldexp(low, -power), np.ldexp(high, -power)
    total = low + high
    centre = total / 2
    # Else a difference to the centre may be rounded: P. H. Sterbenz, "Floating-point computation".
    centre[np.maximum(high - centre, centre - low) * 2 >= np.abs(centre)] = 0
    reach = np.maximum(high - centre, centre - low)
    count = values.size // values.shape[1]
    digits = (_SUM_DIGITS - (count - 1).bit_length()) // 2
    return top, power, total, centre, np.ldexp(_ROUNDING, _exponents(reach) - digits)


def _limits(values: Array) -> tuple[Array, Array]:
    """Return the smallest and the largest value of each channel, in float64."""
    most = min(values.size, _SUMMED)

    def limits(_: Block, source: Array) -> Iterator[Array]:
        room = _room("values", most, source)
        if source.dtype != _FLOAT64:
            np.copyto(room, source)
            source = room
        yield source
        yield np.negative(source, out=room)

    high, low = channel_maxima(limits, 2, values, _SUMMED, most * _FLOAT64.itemsize)
    return -low, high


def scaling(top: Array) -> Array:
    """Return by which power of two values are divided, for the exponents of the largest."""
    return np.where((np.abs(top) > _FAR_OUT) & (top != _NOTHING), top, 0)


def spoil(mean: DoubleDouble, variance: DoubleDouble, total: Array) -> None:
    """Put infinity and NaN where a total of the values is not finite."""
    spoilt = ~np.isfinite(total)
    mean.high[spoilt], variance.high[spoilt] = total[spoilt], np.nan
    mean.low[spoilt] = variance.low[spoilt] = 0


def _exponents(sizes: Array) -> Array:
    """Return the exponents of sizes, 0 for what is not finite."""
    exponents = np.frexp(sizes)[1]
    exponents[sizes == 0] = _NOTHING
    exponents[~np.isfinite(sizes)] = 0
    return exponents


def _sums(values: Array, power: Array, centre: Array, rounding: Array) -> Array:
    """Sum units and rests, and of their squares what is exact and what is left of it: (4, C)."""
    is_scaled, is_moved = power.any(), centre.any()
    most = min(values.size, _SUMMED)

    def terms(block: Block, source: Array) -> Iterator[Array]:
        units, rests, room = (_room(use, most, source) for use in _ROOMS)
        np.setbufsize(UNBUFFERED)
        if is_moved or is_scaled or source.dtype != _FLOAT64:
            np.copyto(room, source)
            source = room
        if is_scaled:
            np.ldexp(source, block.along(-power), out=source)
        if is_moved:
            source -= block.along(centre)
        far = block.along(rounding)
        np.add(source, far, out=units)
        units -= far
        yield units
        yield np.subtract(source, units, out=rests)
        np.add(source, units, out=room)
        yield np.square(units, out=units)
        yield np.multiply(room, rests, out=room)

    return channel_sums(terms, 4, values, _SUMMED, len(_ROOMS) * most * _FLOAT64.itemsize)


def _room(use: str, most: int, source: Array) -> Array:
    """Return an array of the shape of a block, in the memory that its use has for `most` values."""
    return scratch(use, (most,), _FLOAT64)[: source.size].reshape(source.shape)
