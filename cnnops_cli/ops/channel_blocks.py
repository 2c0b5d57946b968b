"""Cutting an array with channels into blocks, for passes of a few long NumPy calls each.

Where a channel's run of values is long, a block holds whole runs, or pieces of one: planes. Where
it is short, the runs of neighbouring channels are one row, and what belongs to a channel is
repeated along it: rows. Short inner loops would cost more than the arithmetic in them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeVar

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops import parallel

Result = TypeVar("Result")

_BLOCK_BYTES = 1 << 21
"""Threads that compute on shorter blocks wait for each other, since each call ends by taking the
interpreter's lock; of longer ones the cache holds too little for the next call."""

_WORTH_A_THREAD = 1 << 20
"""Up to here one thread is done before two are."""

_LEAST_SPANS = 4
"""So many spans of channels keep several threads busy to the end."""

_MOST_PARTS = 32
"""Bounds the memory of what is kept of each part."""

_PLANE = 512
"""The shortest run of a channel that is a worthwhile inner loop."""

_ROW = 4096
"""Values in a row of a block, where there are many rows."""

UNBUFFERED = 16
"""With buffers of this size, NumPy does not copy operands that are repeated along an axis."""


@dataclass(frozen=True)
class Block:
    """Where a block lies in an array (N, C, run), and how it is laid out.

    Attributes
    ----------
    samples, channels, run : slice
    fold : int
        How many samples lie side by side in a row, 0 for planes. A block of rows has whole runs;
        one of several samples a row has all channels.
    """

    samples: slice
    channels: slice
    run: slice
    fold: int

    def view(self, array: Array) -> Array:
        """The block's part of an array, without a copy: (samples, channels, run), or rows."""
        part = array[self.samples, self.channels, self.run]
        return part.reshape(len(part) // self.fold, -1) if self.fold else part

    def along(self, values: Array) -> Array:
        """Values by channel, in the last axis, as they broadcast against the block."""
        values = values[..., self.channels]
        if not self.fold:
            return values[..., np.newaxis]
        if self.run.stop > 1:
            values = values.repeat(self.run.stop, axis=-1)
        if self.fold == 1:
            return values
        rows = np.empty((*values.shape[:-1], self.fold, values.shape[-1]), values.dtype)
        rows[...] = values[..., np.newaxis, :]
        return rows.reshape(*values.shape[:-1], -1)


Part = tuple[Block, ...]


def block_values(itemsize: int) -> int:
    """The most values that a block has, where they take so many bytes each."""
    return _BLOCK_BYTES // itemsize


@lru_cache(maxsize=128)
def cut(shape: tuple[int, int, int], itemsize: int) -> tuple[Part, ...]:
    """Cut an array (N, C, run), with no empty axis, into what a thread does at a time.

    Parts and blocks are in the order of their channels.

    Parameters
    ----------
    shape : tuple of int
    itemsize : int
        How many bytes a value takes in the arithmetic.

    Returns
    -------
    tuple of tuple of Block
    """
    samples, channels, run = shape
    block = block_values(itemsize)
    if run >= _PLANE:
        fold = 0
        runs = parallel.spans(run, _even(run, block))
        channels_each = _even(channels, block // runs[0].stop)
    else:
        fold = min(samples, max(1, _ROW // (channels * run)))
        runs = [slice(0, run)]
        channels_each = _even(channels, max(_ROW, block // samples) // run)
    together = max(1, fold)
    whole = samples // together * together
    most = block // (together * channels_each * runs[0].stop)
    cuts = [
        (each, fold) for each in parallel.spans(whole, together * _even(whole // together, most))
    ]
    if whole < samples:
        cuts.append((slice(whole, samples), samples - whole))
    blocks = [
        Block(each, channels, run, fold)
        for channels, run, (each, fold) in product(
            parallel.spans(channels, channels_each), runs, cuts
        )
    ]
    parts = min(len(blocks), _MOST_PARTS) if samples * channels * run > _WORTH_A_THREAD else 1
    return tuple(
        tuple(blocks[part]) for part in parallel.spans(len(blocks), -(-len(blocks) // parts))
    )


def channels_apart(shape: tuple[int, int, int]) -> int:
    """How many channels of an array (N, C, run) a thread does from their sums to the result.

    All, but where channels are planes, so many that they do not lie far apart in memory, and there
    are enough for several threads.
    """
    samples, channels, run = shape
    each = max(1, _WORTH_A_THREAD // (samples * run))
    return each if run >= _PLANE and channels >= _LEAST_SPANS * each else channels


def _even(length: int, most: int) -> int:
    """The size of pieces that are as long as each other, and at most as long as `most`."""
    most = max(1, most)
    return -(-length // -(-length // most))


def for_each_part(
    work: Callable[[Part], Result], parts: Sequence[Part], bytes_of_a_part: int = 0
) -> list[Result]:
    """Call `work` on every part, as `parallel.for_each`, and return the results in order."""
    results: dict[int, Result] = {}

    def one(number: int) -> None:
        results[number] = work(parts[number])

    parallel.for_each(one, range(len(parts)), bytes_of_a_part)
    return [results[number] for number in range(len(parts))]
