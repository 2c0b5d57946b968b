"""Mean and variance of each channel, summed in float64."""

from typing import NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops import parallel
from cnnops_cli.ops.channel_blocks import UNBUFFERED, Block, cut
from cnnops_cli.ops.scratch import scratch

_FLOAT64 = np.dtype(np.float64)

_ZERO = np.zeros(1)

_SUMMED = 1 << 17
"""The values of a block, as float64: they stay in a core's cache for the four steps of its sums."""

_BUFFERED = 1 << 13
"""The size of NumPy's buffers for sums. Before version 2.3, it cuts longer runs into sums of this
size."""

_FAR = 2.0**16
"""Where mean**2 is more than this times the variance, distances to the mean are summed."""

_FAINT = 2.0**-900
"""A smaller variance may have lost digits, since float64 has few of them near zero."""

FAR_OUT = 400
"""The exponent up to which squares of float64 neither overflow nor, at its negative, underflow."""


class Moments(NamedTuple):
    """The mean, as ``mean + rest``, and the biased variance of each channel, in float64: (C,).

    Where float64 does not hold the squares of some channels, `scaled` has the same three of the
    values divided by ``2**exponent``, and the exponents, which are 0 for the other channels.
    """

    mean: Array
    rest: Array
    variance: Array
    scaled: tuple[Array, Array, Array, Array] | None = None


def moments(values: Array) -> Moments:
    """Compute the mean and the biased variance of each channel of an array (N, C, run).

    Notes
    -----
    For float16 and float32, whose squares are exact in float64, one pass sums values and squares.
    It loses at most ``1 + mean**2 / variance`` times what float64 sums lose: below `_FAR` that is
    far less than an epsilon of float32. Otherwise, and for all other dtypes, a second pass sums
    the distances to the first mean and their squares. A channel of one value has distances that
    are the same small multiple of an epsilon, so that their mean is exact, and the variance 0.
    Where squares of float64 overflow or underflow, all is done again on values scaled by channel.
    """
    found = _moments(values)
    if values.dtype != _FLOAT64 or holds(found.variance):
        return found
    peaks = np.maximum(values.max((0, 2)), -values.min((0, 2)))
    exponent = np.frexp(peaks)[1]
    exponent[~np.isfinite(peaks) | (np.abs(exponent) <= FAR_OUT)] = 0
    if not exponent.any():
        return found
    return scaled_moments(*_moments(values, exponent)[:3], exponent)


def holds(variance: Array) -> bool:
    """Return whether float64 holds variances with all their digits."""
    return bool(variance[variance.argmin()] >= _FAINT and variance[variance.argmax()] < np.inf)


def scaled_moments(mean: Array, rest: Array, variance: Array, exponent: Array) -> Moments:
    """Return moments that are given for values divided by ``2**exponent``."""
    return Moments(
        np.ldexp(mean, exponent),
        np.ldexp(rest, exponent),
        np.ldexp(variance, 2 * exponent),
        (mean, rest, variance, exponent),
    )


def _moments(values: Array, exponent: Array | None = None) -> Moments:
    count = values.size // values.shape[1]
    means = _sums(values, exponent) / count
    mean, squares = means[0], means[1]
    square = mean * mean
    variance = squares - square
    exact = values.dtype.itemsize <= 4 and values.dtype.kind == "f"
    if exact and not np.count_nonzero(square > _FAR * variance):
        return Moments(mean, _ZERO, variance)
    rest, squares = _sums(values, exponent, mean) / count
    variance = squares - rest * rest
    rest[~np.isfinite(rest)] = 0
    whole = mean + rest
    return Moments(whole, mean - whole + rest, np.maximum(variance, 0))


def _sums(values: Array, exponent: Array | None, shift: Array | None = None) -> Array:
    """Sum ``x / 2**exponent - shift`` and its square over each channel: (2, C)."""
    parts = cut(values.shape, _SUMMED, longest=_BUFFERED)
    most = min(values.size, _SUMMED)
    sums_of: dict[int, Array] = {}

    def sum_part(number: int) -> None:
        part = parts[number]
        room = scratch("distances", (most,), _FLOAT64)
        first, stop = part[0].channels.start, part[-1].channels.stop
        sums = np.zeros((2, stop - first))
        for block in part:
            source = block.view(values)
            distances = room[: source.size].reshape(source.shape)
            np.copyto(distances, source)
            if exponent is not None:
                np.ldexp(distances, block.along(-exponent), out=distances)
            if shift is not None:
                np.setbufsize(UNBUFFERED)
                distances -= block.along(shift)
            into = sums[:, block.channels.start - first : block.channels.stop - first]
            into += _block_sums(distances, block)
        sums_of[number] = sums

    parallel.for_each(sum_part, range(len(parts)), most * _FLOAT64.itemsize)
    totals = sums_of[0]
    if len(parts) > 1:
        totals = np.zeros((2, values.shape[1]))
        for number, part in enumerate(parts):
            totals[:, part[0].channels.start : part[-1].channels.stop] += sums_of[number]
    return totals


def _block_sums(distances: Array, block: Block) -> Array:
    """Sum a block's values and squares by channel, (2, C), and overwrite its values.

    `numpy.add.reduce` adds in an order that depends on shapes alone, where no run is longer than
    its buffers. That of BLAS, of `numpy.einsum` and of `numpy.vecdot` depends on the processor.
    """
    np.setbufsize(_BUFFERED)
    rest, axis = (distances.shape[1:], 0) if block.fold else (distances.shape[:-1], -1)
    sums = np.empty((2, *rest))
    np.add.reduce(distances, axis, out=sums[0])
    np.add.reduce(np.square(distances, out=distances), axis, out=sums[1])
    if block.fold:
        sums = _along(sums.reshape(2, block.fold, -1, block.run.stop), -1)
    return _along(sums, 1)


def _along(sums: Array, axis: int) -> Array:
    """Sum along an axis, where NumPy takes about as long for one element as for some."""
    total: Array = sums.squeeze(axis) if sums.shape[axis] == 1 else np.add.reduce(sums, axis)
    return total
