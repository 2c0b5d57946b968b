"""Mean and variance of each channel, summed in float64."""

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.channel_blocks import Block, Part, block_values, cut, for_each_part
from cnnops_cli.ops.scratch import scratch

_FAR = 2.0**16
"""Squares of values are summed as they are unless mean**2 is this much larger than the variance."""

_FLOAT64 = np.dtype(np.float64)


def moments(values: Array) -> tuple[Array, Array, Array]:
    """Compute the mean and the biased variance of each channel.

    Parameters
    ----------
    values : numpy.ndarray, shape (N, C, run)
        With one value or more a channel.

    Returns
    -------
    mean, rest, variance : numpy.ndarray of float64, shape (C,)
        The mean is ``mean + rest``, to more digits than one float64 holds.

    Notes
    -----
    For float16 and float32, whose squares are exact in float64, one pass sums values and squares.
    It loses at most ``1 + mean**2 / variance`` times what float64 sums lose: below `_FAR` that is
    far less than an epsilon of float32. Otherwise, and for all other dtypes, a second pass sums
    the distances to the first mean and their squares. A channel of one value has distances that
    are the same small multiple of an epsilon, so that their mean is exact, and the variance 0.
    """
    count = values.size // values.shape[1]
    mean, squares = _sums(values) / count
    square = mean * mean
    variance = squares - square
    exact = values.dtype.itemsize <= 4 and values.dtype.kind == "f"
    if exact and not np.count_nonzero(square > _FAR * variance):
        return mean, np.zeros(len(mean)), variance
    rest, squares = _sums(values, mean) / count
    variance = squares - rest * rest
    rest[~np.isfinite(rest)] = 0
    return mean + rest, mean - (mean + rest) + rest, np.maximum(variance, 0)


def _sums(values: Array, shift: Array | None = None) -> Array:
    """Sums over each channel of ``x - shift`` and of its square, (2, C)."""
    parts = cut(values.shape, _FLOAT64.itemsize)
    most = min(values.size, block_values(_FLOAT64.itemsize))

    def sum_part(part: Part) -> Array:
        room = scratch("distances", (most,), _FLOAT64)
        first = part[0].channels.start
        sums = np.zeros((2, part[-1].channels.stop - first))
        for block in part:
            source = block.view(values)
            distances = room[: source.size].reshape(source.shape)
            np.copyto(distances, source)
            if shift is not None:
                distances -= block.along(shift)
            into = sums[:, block.channels.start - first : block.channels.stop - first]
            into += _block_sums(distances, block)
        return sums

    all_sums = for_each_part(sum_part, parts, most * _FLOAT64.itemsize)
    if len(parts) == 1:
        return all_sums[0]
    totals = np.zeros((2, values.shape[1]))
    for part, sums in zip(parts, all_sums, strict=True):
        totals[:, part[0].channels.start : part[-1].channels.stop] += sums
    return totals


def _block_sums(distances: Array, block: Block) -> Array:
    """Sums of a block's values and squares by channel, (2, C); the block is overwritten."""
    if not block.fold:
        sums = np.empty((2, *distances.shape[:2]))
        np.einsum("ncr->nc", distances, out=sums[0])
        np.vecdot(distances, distances, out=sums[1])
        total: Array = np.add.reduce(sums, axis=1)
        return total
    sums = np.empty((2, distances.shape[1]))
    ones = np.ones(len(distances))
    np.dot(ones, distances, out=sums[0])
    np.multiply(distances, distances, out=distances)
    np.dot(ones, distances, out=sums[1])
    if block.fold == block.run.stop == 1:
        return sums
    by_channel: Array = np.einsum("pfcr->pc", sums.reshape(2, block.fold, -1, block.run.stop))
    return by_channel
