"""Mean and variance of each channel, summed in float64."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.channel_blocks import Block
from cnnops_cli.ops.channel_sums import channel_sums
from cnnops_cli.ops.double_double import DoubleDouble, exactly
from cnnops_cli.ops.precise_moments import precise_moments, scaling, spoil
from cnnops_cli.ops.scratch import scratch

_FLOAT64 = np.dtype(np.float64)

_ZERO = np.zeros(1)

_SUMMED = 1 << 17
"""The values of a block, as float64: they stay in a core's cache for the four steps of its sums."""

_FAR = 2.0**16
"""Where mean**2 is more than this times the variance, distances to the mean are summed."""


class Moments(NamedTuple):
    """The mean, as ``mean + rest``, and the biased variance of each channel, in float64: (C,).

    Where float64 may not hold the squares of some channels, `scaled` has the same three of the
    values divided by ``2**exponent``, and the exponents, which are 0 for the other channels.
    """

    mean: Array
    rest: Array
    variance: Array
    scaled: tuple[Array, Array, Array, Array] | None = None


class PartMoments(NamedTuple):
    """The moments of a part of an array.

    The number of values of a channel, their sum and their biased variance, and the exponents of
    the largest, in arrays (C,). The values were divided by ``2**scaling(top)``.
    """

    size: int
    total: DoubleDouble
    variance: DoubleDouble
    top: Array

    def of_channels(self, channels: slice) -> "PartMoments":
        """Return those of some channels."""
        total, variance = (
            DoubleDouble(high[channels], low[channels]) for high, low in (self.total, self.variance)
        )
        return PartMoments(self.size, total, variance, self.top[channels])

    def rounded(self) -> Moments:
        """Return them in float64."""
        exponent, variance = scaling(self.top), self.variance.high
        quotient = self.total.over(self.size)
        spoil(quotient, self.total.high)
        if not exponent.any():
            return Moments(*quotient, variance)
        mean, rest = (np.ldexp(part, exponent) for part in quotient)
        scaled = (*quotient, variance, exponent)
        return Moments(mean, rest, np.ldexp(variance, 2 * exponent), scaled)


def moments(values: Array, narrow: bool) -> Moments:
    """Compute the mean and the biased variance of each channel of an array (N, C, run).

    Notes
    -----
    Where float32 holds both the values and what is computed from their moments, which are `narrow`
    then, one pass sums values and squares. These squares are exact in float64. It loses at most
    ``1 + mean**2 / variance`` times what float64 sums lose: below `_FAR` that is far less than an
    epsilon of float32. Otherwise, `precise_moments` are rounded.
    """
    if narrow and (found := _of_one_pass(values)):
        total, variance = found
        return Moments(total / _count(values), _ZERO, variance)
    return _precise(values).rounded()


def part_moments(values: Array, narrow: bool) -> PartMoments:
    """Compute the moments of a part (N, C, run) of an array, as `moments` does."""
    if narrow and (found := _of_one_pass(values)):
        total, variance = map(exactly, found)
        return PartMoments(_count(values), total, variance, np.zeros(values.shape[1], np.int32))
    return _precise(values)


def _precise(values: Array) -> PartMoments:
    return PartMoments(_count(values), *precise_moments(values))


def _count(values: Array) -> int:
    return math.prod(values.shape[::2])


def _of_one_pass(values: Array) -> tuple[Array, Array] | None:
    """Return sum and variance by channel, or None where a mean is far from zero."""
    most = min(values.size, _SUMMED)

    def terms(_: Block, source: Array) -> Iterator[Array]:
        room = scratch("values", (most,), _FLOAT64)[: source.size].reshape(source.shape)
        np.copyto(room, source)
        yield room
        yield np.square(room, out=room)

    sums = channel_sums(terms, 2, values, _SUMMED, most * _FLOAT64.itemsize)
    mean, squares = sums / _count(values)
    square = mean * mean
    variance = squares - square
    return None if np.count_nonzero(square > _FAR * variance) else (sums[0], variance)
