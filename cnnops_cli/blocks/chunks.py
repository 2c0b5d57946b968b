"""The chunks of a result, and its shards: chunks that are stored together."""

from collections.abc import Sequence

from cnnops_cli.blocks.block_grid import BLOCK_BYTES
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.operator import BlockOperator

_MOST_CHANNELS = 64
"""Channels of a chunk."""


def usual_chunks(
    operator: BlockOperator, chunks: Sequence[int], channels: int | None
) -> tuple[int, ...]:
    """Return the chunks of a result, by those of the input, in the operator's axes.

    They have as many samples, all channels up to 64, and spatially what the windows of a chunk of
    the input give. `channels` is the axis of the channels, if there is one.
    """
    result = []
    for axis, (length, chunk) in enumerate(zip(operator.shape, chunks, strict=True)):
        size = _MOST_CHANNELS if axis == channels else -(-chunk // operator.strides[axis])
        result.append(max(1, min(length, size)))
    return tuple(result)


def usual_shards(
    operator: BlockOperator,
    chunks: Sequence[int],
    counts: Sequence[int],
    budget: int = BLOCK_BYTES,
) -> tuple[int, ...] | None:
    """Return the shards of a result in chunks, by the number of chunks of a shard of the input.

    They have as many along each axis, or fewer if a block of one shard would take more memory than
    `budget`, since a block is computed and written as a whole. Of a single chunk there are none.
    """
    lengths = operator.shape
    left = [
        min(count, max(1, -(-length // chunk)))
        for count, length, chunk in zip(counts, lengths, chunks, strict=True)
    ]
    while max(left, default=0) > 1:
        shards = tuple(count * chunk for count, chunk in zip(left, chunks, strict=True))
        shard = Box((0,) * len(shards), tuple(map(min, shards, lengths)))
        if operator.bytes_of(shard) <= budget:
            return shards
        axis = left.index(max(left))
        left[axis] = -(-left[axis] // 2)
    return None
