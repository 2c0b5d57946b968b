"""The chunks of a result."""

from collections.abc import Sequence

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
