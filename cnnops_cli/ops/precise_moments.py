"""Sum and variance of each channel to more digits than float64 has.

Each value is cut in two at a place that all values of its channel share: a number of units, and a
rest of at most half a unit. The units have so few digits that float64 adds them up, and their
squares, without error. S. M. Rump, T. Ogita and S. Oishi, "Accurate floating-point summation",
2008, cut values like this.

The rests are cut once more. The sum of ordinary values is exact then, so that their mean has the
same digits in whichever parts they are summed, also those below float64's: a value next to the mean
differs from it by these. Of the squares, only the sums of what the units leave are rounded. They
give about 75 binary digits of the variance, so that it is hardly ever rounded to another float64
number than the exact one would be.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.channel_blocks import UNBUFFERED, Block
from cnnops_cli.ops.channel_sums import channel_maxima, channel_sums
from cnnops_cli.ops.double_double import DoubleDouble, exactly
from cnnops_cli.ops.rounded_sums import two_sum
from cnnops_cli.ops.scratch import scratch

_FLOAT64 = np.dtype(np.float64)

_SUMMED = 1 << 17
"""The values of a block, so that threads seldom wait for each other; twice as many would save a
tenth of the time at most. See tests/benchmarks/fit_moments.py."""

_ROOMS = "units", "rests", "values"

_SUM_DIGITS = 52
"""The digits of a sum of squared units, or of smaller units: it is at most ``2**_SUM_DIGITS``."""

_ROUNDING = 1.5 * 2.0**52
"""Adding this number of units to a value, and subtracting it again, rounds the value to units."""

_FAR_OUT = 400
"""The exponent up to which squares of float64 neither overflow nor, at its negative, underflow."""

_NOTHING = -10_000
"""The exponent of zero: below all others."""


def precise_moments(values: Array) -> tuple[DoubleDouble, DoubleDouble, Array]:
    """Compute sum and biased variance of an array (N, C, run), and exponents: (C,) each.

    The exponents are those of the largest values. Sum and variance are those of the values divided
    by ``2**scaling(exponents)``.
    """
    cut = _cut(values)
    units, products, squares, parts, rests = _sums(values, cut)
    count = values.size // values.shape[1]
    distances = DoubleDouble(*two_sum(units, parts)).plus(exactly(rests))
    total = exactly(cut.centre).times(exactly(count)).plus(distances)
    distance = distances.over(count)
    square = distance.times(distance)
    variance = DoubleDouble(*two_sum(squares, products)).over(count).minus(square)
    spoil(total, cut.ends)
    return total, variance, cut.top


class _Cut(NamedTuple):
    """How the values of each channel are scaled, moved and rounded to units: (C,) each.

    Attributes
    ----------
    top, power : numpy.ndarray
        The exponent of the largest value, and the power of two by which all are divided.
    ends : numpy.ndarray
        The sum of the smallest and the largest value, which is finite if all are.
    centre : numpy.ndarray
        What is subtracted from all values.
    rounding : numpy.ndarray
        What is added, and subtracted again.
    """

    top: Array
    power: Array
    ends: Array
    centre: Array
    rounding: Array


def _cut(values: Array) -> _Cut:
    """Return how values are cut, by the smallest and the largest of each channel."""
    low, high = _limits(values)
    top = _exponents(np.maximum(-low, high))
    power = scaling(top)
    low, high = np.ldexp(low, -power), np.ldexp(high, -power)
    ends = low + high
    centre = ends / 2
    # Else a difference to the centre may be rounded: P. H. Sterbenz, "Floating-point computation".
    centre[np.maximum(high - centre, centre - low) * 2 >= np.abs(centre)] = 0
    reach = np.maximum(high - centre, centre - low)
    count = values.size // values.shape[1]
    digits = _digits(count) // 2
    return _Cut(top, power, ends, centre, np.ldexp(_ROUNDING, _exponents(reach) - digits))


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


def spoil(number: DoubleDouble, rounded: Array) -> None:
    """Put infinity, and not NaN, where a number of any precision is infinite."""
    np.copyto(number.high, rounded, where=~np.isfinite(rounded))


def _digits(count: int) -> int:
    """Return how many digits a number may have, so that the sum of `count` of them is exact."""
    return _SUM_DIGITS - (count - 1).bit_length()


def _exponents(sizes: Array) -> Array:
    """Return the exponents of sizes, 0 for what is not finite."""
    exponents = np.frexp(sizes)[1]
    exponents[sizes == 0] = _NOTHING
    exponents[~np.isfinite(sizes)] = 0
    return exponents


def _sums(values: Array, cut: _Cut) -> Array:
    """Sum what values, and their squares, are cut into: (5, C).

    These are the units, what their squares leave of those of the values, the squares of the units,
    and the rests, in turn as smaller units and what these leave.
    """
    is_scaled, is_moved = cut.power.any(), cut.centre.any()
    smaller = 2.0 ** -_digits(values.size // values.shape[1])
    most = min(values.size, _SUMMED)

    def terms(block: Block, source: Array) -> Iterator[Array]:
        units, rests, room = (_room(use, most, source) for use in _ROOMS)
        np.setbufsize(UNBUFFERED)
        if is_moved or is_scaled or source.dtype != _FLOAT64:
            np.copyto(room, source)
            source = room
        if is_scaled:
            np.ldexp(source, block.along(-cut.power), out=source)
        if is_moved:
            source -= block.along(cut.centre)
        far = block.along(cut.rounding)
        np.add(source, far, out=units)
        units -= far
        yield units
        np.subtract(source, units, out=rests)
        np.add(source, units, out=room)
        yield np.multiply(room, rests, out=room)
        yield np.square(units, out=units)
        far = far * smaller
        np.add(rests, far, out=units)
        units -= far
        yield units
        yield np.subtract(rests, units, out=rests)

    return channel_sums(terms, 5, values, _SUMMED, len(_ROOMS) * most * _FLOAT64.itemsize)


def _room(use: str, most: int, source: Array) -> Array:
    """Return an array of the shape of a block, in the memory that its use has for `most` values."""
    return scratch(use, (most,), _FLOAT64)[: source.size].reshape(source.shape)
