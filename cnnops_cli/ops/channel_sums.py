"""Sums and limits of each channel of an array (N, C, run), by one or several threads.

The order in which values are added depends on shapes alone: `numpy.add.reduce` is like that where
no run is longer than its buffers. That of BLAS, of `numpy.einsum` and of `numpy.vecdot` depends on
the processor.
"""

from collections.abc import Callable, Iterator

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops import parallel
from cnnops_cli.ops.channel_blocks import Block, cut

_BUFFERED = 1 << 13
"""The size of NumPy's buffers for sums. Before version 2.3, it cuts longer runs into sums of this
size."""

Terms = Callable[[Block, Array], Iterator[Array]]
"""Given a block and its values, yields float64 arrays of their shape.

Each is reduced before the next is asked for, which may overwrite it. NumPy's buffers have the size
for sums from the second on.
"""


def channel_sums(terms: Terms, count: int, values: Array, most: int, bytes_each: int) -> Array:
    """Add up the `count` arrays of terms over each channel: (count, C).

    A block has at most `most` values, for which `terms` needs `bytes_each`.
    """
    return _over_channels(np.add, 0.0, terms, count, values, most, bytes_each)


def channel_maxima(terms: Terms, count: int, values: Array, most: int, bytes_each: int) -> Array:
    """Return the largest of the terms of each channel: (count, C). See `channel_sums`."""
    return _over_channels(np.maximum, -np.inf, terms, count, values, most, bytes_each)


def _over_channels(
    reduction: np.ufunc,
    start: float,
    terms: Terms,
    count: int,
    values: Array,
    most: int,
    bytes_each: int,
) -> Array:
    parts = cut(values.shape, most, longest=_BUFFERED)
    of_parts: dict[int, Array] = {}

    def reduce_part(number: int) -> None:
        part = parts[number]
        first, stop = part[0].channels.start, part[-1].channels.stop
        found = np.full((count, stop - first), start)
        for block in part:
            into = found[:, block.channels.start - first : block.channels.stop - first]
            of_block = _over_block(reduction, terms(block, block.view(values)), count, block)
            reduction(into, of_block, out=into)
        of_parts[number] = found

    parallel.for_each(reduce_part, range(len(parts)), bytes_each)
    if len(parts) == 1:
        return of_parts[0]
    found = np.full((count, values.shape[1]), start)
    for number, part in enumerate(parts):
        into = found[:, part[0].channels.start : part[-1].channels.stop]
        reduction(into, of_parts[number], out=into)
    return found


def _over_block(reduction: np.ufunc, terms: Iterator[Array], count: int, block: Block) -> Array:
    array = next(terms)
    rest, axis = (array.shape[1:], 0) if block.fold else (array.shape[:-1], -1)
    found = np.empty((count, *rest))
    np.setbufsize(_BUFFERED)
    reduction.reduce(array, axis, out=found[0])
    for place in range(1, count):
        reduction.reduce(next(terms), axis, out=found[place])
    if block.fold:
        found = _along(reduction, found.reshape(count, block.fold, -1, block.run.stop), -1)
    return _along(reduction, found, 1)


def _along(reduction: np.ufunc, array: Array, axis: int) -> Array:
    """Reduce along an axis, where NumPy takes about as long for one element as for some."""
    reduced: Array = (
        array.squeeze(axis) if array.shape[axis] == 1 else reduction.reduce(array, axis)
    )
    return reduced
