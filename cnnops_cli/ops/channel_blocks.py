"""Cutting an array with channels into blocks that stay in a core's cache.

Where a channel's run of values is long, a block holds whole runs, or pieces of one: planes. Where
it is short, the runs of neighbouring channels are one row, and what belongs to a channel is
repeated along it: rows. Short inner loops would cost more than the arithmetic in them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops import parallel

Result = TypeVar("Result")

_BLOCK = 1 << 17
"""Values in a block: with the results, what a core's own cache holds."""

_SCRATCH_BLOCK = 1 << 16
"""Values in a block that has as much scratch beside it, in float64."""

_LONG_BLOCK = 1 << 20
"""Values in a block of several threads: those that make short calls wait for each other's."""

_WORTH_A_THREAD = 1 << 22
"""Up to here one thread is done before two are that wait for each other."""

_GROUP = 1 << 20
"""Values that a thread takes at a time."""

_MOST_GROUPS = 32
"""Bounds the memory of what is kept of each group."""

_PLANE = 512
"""The shortest run of a channel that is a worthwhile inner loop."""

_ROW = 4096
"""Values in a row of a block, where there are many rows."""

_UNBUFFERED = 16
"""NumPy copies operands that are repeated along an axis to buffers of this size, or of none."""


@dataclass(frozen=True)
class Block:
    """Where a block lies along the samples, the channels and each channel's run."""

    samples: slice
    channels: slice
    run: slice


@dataclass(frozen=True)
class Sheet:
    """An array (N, C, run) and the way it is cut, which depends on its shape alone.

    Attributes
    ----------
    shape : tuple of int
        (N, C, run); all positive.
    with_scratch : bool
        Whether each block needs memory of its own: it then stays short.
    """

    shape: tuple[int, int, int]
    with_scratch: bool

    @property
    def values(self) -> int:
        """How many values there are."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def is_shared(self) -> bool:
        """Whether several threads go through it."""
        return self.values > _WORTH_A_THREAD

    @property
    def most(self) -> int:
        """The number of values that no block exceeds."""
        if self.with_scratch:
            return min(self.values, _SCRATCH_BLOCK)
        return min(self.values, _LONG_BLOCK if self.is_shared else _BLOCK)

    @property
    def has_planes(self) -> bool:
        """Whether a block is (samples, channels, run) and not (samples, channels * run)."""
        return self.shape[2] >= _PLANE

    def blocks(self) -> list[Block]:
        """All blocks; neighbours have the same channels where they can."""
        samples, channels, run = self.shape
        most = self.most
        if self.has_planes:
            run = min(run, most)
            channels = min(channels, most // run)
        else:
            width = max(_ROW, most // samples)
            channels = min(channels, max(1, width // run))
        cuts = (
            parallel.spans(self.shape[1], channels),
            parallel.spans(self.shape[2], run),
            parallel.spans(samples, most // (channels * run)),
        )
        return [Block(n, c, s) for c, s, n in product(*cuts)]

    def view(self, array: Array, block: Block) -> Array:
        """A block of an array of this shape, without a copy."""
        if self.has_planes:
            return array[block.samples, block.channels, block.run]
        samples, channels, run = self.shape
        columns = slice(block.channels.start * run, block.channels.stop * run)
        return array.reshape(samples, channels * run)[block.samples, columns]

    def along(self, values: Array, channels: slice) -> Array:
        """Values by channel, in the last axis, as they broadcast against these channels' blocks."""
        if self.has_planes:
            return values[..., channels, np.newaxis]
        run = self.shape[2]
        return values[..., channels] if run == 1 else values[..., channels].repeat(run, axis=-1)


def sheets(array: Array) -> list[Array]:
    """View an array (N, C, run) as one or two with rows that are long enough.

    Samples are laid side by side where they are short: the channels then repeat, all of them.
    """
    samples, channels, run = array.shape
    fold = min(samples, _ROW // (channels * run))
    if fold <= 1:
        return [array]
    whole = samples // fold * fold
    pieces = [array[:whole].reshape(-1, fold * channels, run)]
    if whole < samples:
        pieces.append(array[whole:].reshape(1, -1, run))
    return pieces


def beside_itself(values: Array, times: int) -> Array:
    """Repeat values by channel, in the last axis, for a sheet that `sheets` has folded."""
    return values if times == 1 else np.concatenate((values,) * times, axis=-1)


def for_each_group(work: Callable[[list[Block]], Result], sheet: Sheet) -> list[Result]:
    """Call `work` on groups of neighbouring blocks, on several threads where it is worth it."""
    blocks = sheet.blocks()
    if not sheet.is_shared:
        return [work(blocks)]
    groups = min(-(-sheet.values // _GROUP), _MOST_GROUPS)
    cuts = parallel.spans(len(blocks), -(-len(blocks) // groups))
    results: list[Result | None] = [None] * len(cuts)

    def one(number: int) -> None:
        results[number] = work(blocks[cuts[number]])

    parallel.for_each(one, range(len(cuts)))
    return [result for result in results if result is not None]


@contextmanager
def quiet_arithmetic() -> Iterator[None]:
    """Compute without warnings, and without copies of what is repeated along an axis."""
    with np.errstate(all="ignore"):
        np.setbufsize(_UNBUFFERED)  # until this errstate ends
        yield
