"""How an array (N, C, run) is cut into blocks, so that NumPy calls are few and inner loops long.

NumPy starts its inner loop anew at each step of the outer axes, so the last axis should be long.
Two samples of three channels a, b, c, with runs of four values, are two planes or two rows:

    planes (2, 3, 4)           rows (2, 12)
    a a a a    a a a a         a a a a b b b b c c c c
    b b b b    b b b b         a a a a b b b b c c c c
    c c c c    c c c c

Planes are for long runs: the parameters of the channels are a column (3, 1). Rows are for short
runs: the parameters are repeated along a row, A A A A B B B B C C C C. Where the channels of one
sample would be a short row, a row takes several samples, here both: (1, 24).
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.scratch import UNBUFFERED as UNBUFFERED
from cnnops_cli.spans import spans

_BLOCK_BYTES = 1 << 21
"""With shorter blocks, threads wait for each other, since each NumPy call ends by taking the
interpreter's lock; longer ones do not stay in cache until the next call."""

_WORTH_A_THREAD = 1 << 20
"""Up to this number of values, one thread is faster than two."""

_LEAST_SPANS = 4
"""The fewest spans of channels that keep several threads busy to the end."""

_MOST_PARTS = 32
"""Bounds the memory of the sums that are kept for each part."""

_PLANE = 256
"""The shortest run that is worthwhile as an inner loop."""

_PLANE_ALONE = 128
"""The same for a single sample: in a row, its parameters would be repeated to be used once."""

_PLANE_SUMMED = 512
"""The shortest run that is summed as a plane; those of a single sample always are."""

_ROW = 4096
"""Values in a row of a block, where there are many rows."""

_MANY_ROWS = 64
"""Up to this number of samples, each may be a row: fewer and longer ones take longer to make."""


@dataclass(frozen=True)
class Block:
    """Where a block is in an array (N, C, run), and how it is laid out.

    A row holds whole runs of `fold` samples, and all channels if these are several; 0 is for
    planes.
    """

    samples: slice
    channels: slice
    run: slice
    fold: int

    def view(self, array: Array) -> Array:
        """Return its values as planes or rows: a copy if `fold` samples are apart in memory."""
        part = array[self.samples, self.channels, self.run]
        return part.reshape(len(part) // self.fold, -1) if self.fold else part

    def along(self, values: Array) -> Array:
        """Return values, one per channel in the last axis, so that they broadcast to the block."""
        if not self.fold:
            return values[..., self.channels, np.newaxis]
        values = values[..., self.channels]
        if self.run.stop > 1:
            values = values.repeat(self.run.stop, axis=-1)
        if self.fold == 1:
            return values
        rows = np.empty((*values.shape[:-1], self.fold, values.shape[-1]), values.dtype)
        rows[...] = values[..., np.newaxis, :]
        return rows.reshape(*values.shape[:-1], -1)

    def is_like(self, other: "Block") -> bool:
        """Return whether `along` returns the same for both."""
        return self.channels == other.channels and self.fold == other.fold


Part = tuple[Block, ...]


def block_values(itemsize: int) -> int:
    """Return the most values of a block, for a number of bytes per value."""
    return _BLOCK_BYTES // itemsize


@lru_cache(maxsize=128)
def cut(
    shape: tuple[int, int, int], block: int, *, longest: int | None = None, may_fold: bool = True
) -> tuple[Part, ...]:
    """Cut an array (N, C, run), with no empty axis, into parts that a thread takes at a time.

    A block holds about `block` values at most. With `longest`, which is for sums, a plane has runs
    of at most that length; with `may_fold`, a row may take several samples. Parts and blocks are in
    the order of their channels.
    """
    samples, channels, run = shape
    if longest is None:
        plane = _PLANE_ALONE if samples == 1 else _PLANE
    else:
        plane = 1 if samples == 1 else _PLANE_SUMMED
    if run >= plane:
        fold = 0
        runs = spans(run, min(block, longest or block))
        most_channels = block // runs[0].stop
    else:
        folds = may_fold and samples > _MANY_ROWS
        fold = max(1, min(samples, _ROW // (channels * run))) if folds else 1
        runs = [slice(0, run)]
        most_channels = max(_ROW, block // samples) // run
    of_channels = spans(channels, most_channels)
    together = max(1, fold)
    whole = samples // together * together
    most = block // (together * of_channels[0].stop * runs[0].stop) * together
    of_samples = [(each, fold) for each in spans(whole, most, multiple=together)]
    if whole < samples:
        of_samples.append((slice(whole, samples), samples - whole))
    blocks = [
        Block(each, channels, run, fold)
        for channels, run, (each, fold) in product(of_channels, runs, of_samples)
    ]
    parts = min(len(blocks), _MOST_PARTS) if samples * channels * run > _WORTH_A_THREAD else 1
    return tuple(tuple(blocks[part]) for part in spans(len(blocks), -(-len(blocks) // parts)))


def channels_apart(shape: tuple[int, int, int]) -> int:
    """Return how many channels of an array (N, C, run) a thread takes from sums to result.

    It is all of them, unless they are planes and enough for several threads.
    """
    samples, channels, run = shape
    each = max(1, _WORTH_A_THREAD // (samples * run))
    return each if run >= _PLANE_SUMMED and channels >= _LEAST_SPANS * each else channels
