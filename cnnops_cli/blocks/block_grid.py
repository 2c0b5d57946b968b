"""How a result is cut into blocks of whole chunks, and what that costs to read.

It is decided from shapes, chunks and a budget of memory. The budget is a fixed one for batch
normalization, whose statistics depend on the blocks in their last digit.
"""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, overload

from cnnops_cli.blocks.boxes import Box, Span
from cnnops_cli.blocks.operator import BlockOperator

BLOCK_BYTES = 256 << 20
"""The memory that a block may take while it is computed, if it has more than one chunk."""

_ENOUGH_BYTES = 100 << 20
"""The memory that a block may take if a larger one saves no reading. Of a smaller block the memory
is used again for the next one, where that of a larger one is given back to the system."""


class Grid(Sequence[Box]):
    """The blocks of a result, in row-major order; each is made when it is asked for.

    Parameters
    ----------
    shape, chunks : sequence of int
        Of the result, and of a chunk of it.
    counts : sequence of int
        The number of chunks of a block along each axis; the last block may have fewer.

    Attributes
    ----------
    axes : tuple of tuple of (int, int)
        The spans of the blocks along each axis.
    """

    def __init__(self, shape: Sequence[int], chunks: Sequence[int], counts: Sequence[int]) -> None:
        sizes = (size * count for size, count in zip(chunks, counts, strict=True))
        self.axes: tuple[tuple[Span, ...], ...] = tuple(
            tuple((start, min(start + size, length)) for start in range(0, length, size))
            for length, size in zip(shape, sizes, strict=True)
        )

    def __len__(self) -> int:
        return math.prod(map(len, self.axes))

    @overload
    def __getitem__(self, number: int) -> Box: ...

    @overload
    def __getitem__(self, number: slice) -> list[Box]: ...

    def __getitem__(self, number: int | slice) -> Box | list[Box]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        left = range(len(self))[number]
        chosen: list[Span] = []
        for spans in reversed(self.axes):
            left, place = divmod(left, len(spans))
            chosen.append(spans[place])
        return Box.of_spans(chosen[::-1])

    def __iter__(self) -> Iterator[Box]:
        return (self[number] for number in range(len(self)))


def block_grid(
    operator: BlockOperator,
    chunks: tuple[int, ...],
    input_chunks: tuple[int, ...],
    budget: int = BLOCK_BYTES,
) -> Grid:
    """Cut a result into blocks of whole chunks that take at most `budget` bytes each, if they can.

    A block begins as one chunk. It grows along the axis where that saves most of what is read of
    the input, or the last of those; where that takes too much memory, along another.
    """
    shape = operator.shape
    counts = [1] * len(shape)
    growing = {axis for axis, size in enumerate(chunks) if size < shape[axis] and 0 not in shape}
    while growing:
        larger = {
            axis: _more(counts[axis], -(-shape[axis] // chunks[axis])) * chunks[axis]
            for axis in growing
        }
        saved, axis = max(
            (_saved(operator, axis, counts[axis] * chunks[axis], size, input_chunks[axis]), axis)
            for axis, size in larger.items()
        )
        tried = [*counts[:axis], larger[axis] // chunks[axis], *counts[axis + 1 :]]
        most = budget if saved > 0 else min(budget, _ENOUGH_BYTES)
        if operator.bytes_of(Grid(shape, chunks, tried)[0]) <= most:
            counts = tried
        else:
            growing.remove(axis)
        if counts[axis] * chunks[axis] >= shape[axis]:
            growing.discard(axis)
    return Grid(shape, chunks, counts)


def _more(count: int, total: int) -> int:
    """Return the next larger number of chunks that cuts `total` evenly, about a quarter more."""
    blocks = min(-(-total // count) - 1, -(-total // (count + max(1, count // 4))))
    return -(-total // blocks)


def _saved(operator: BlockOperator, axis: int, size: int, larger: int, chunk: int) -> Fraction:
    """Return how much less is read for one element, relative to how much larger a block gets.

    It is 0 where twice as much is read for twice as many elements, and 1 where no more is read.
    """
    (seen, count), (more, among) = (_seen(operator, axis, each, chunk) for each in (size, larger))
    return 1 - Fraction((more - seen) * count, (among - count) * max(1, seen))


def _seen(operator: BlockOperator, axis: int, size: int, chunk: int) -> tuple[int, int]:
    """Return how many chunks a block in the middle sees along an axis, and its own length."""
    length = operator.shape[axis]
    start = length // 2 // size * size
    span = start, min(start + size, length)
    return _chunks_seen(operator, axis, span, chunk), span[1] - span[0]


def _chunks_seen(operator: BlockOperator, axis: int, span: Span, chunk: int) -> int:
    seen = operator.seen_along(axis, span)
    return sum(-(-stop // chunk) - start // chunk for start, stop in seen)


class Reading(NamedTuple):
    """How many elements all blocks together read, and how often each of them."""

    elements: int
    times: float


def reading(operator: BlockOperator, grid: Grid, chunks: Sequence[int]) -> Reading:
    """Return what the blocks read of an input in chunks, each of which is read whole."""
    reads, there = 1 + operator.needs_statistics, 1
    for axis, (length, size) in enumerate(zip(operator.input_shape, chunks, strict=True)):
        reads *= sum(_chunks_seen(operator, axis, span, size) for span in grid.axes[axis])
        there *= -(-length // size)
    return Reading(reads * math.prod(chunks), reads / max(1, there))
