"""How the result of a Zarr INPUT is cut, and what that takes."""

import math
from typing import NamedTuple

from cnnops_cli.blocks.block_grid import BLOCK_BYTES, Grid, block_grid, reading
from cnnops_cli.blocks.chunks import usual_chunks
from cnnops_cli.blocks.operator import BlockOperator
from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.errors import CnnopsError
from cnnops_cli.explain.estimate import Estimate
from cnnops_cli.ops.parallel import thread_count


class BlockPlan(NamedTuple):
    """What is computed, and in which blocks.

    Attributes
    ----------
    operator : BlockOperator
    layout : InputLayout
        The axes of the result.
    shape, chunks : tuple of int
        Of the result, in the user's axes.
    input_chunks : tuple of int
        In the operator's axes.
    grid : Grid
    """

    operator: BlockOperator
    layout: InputLayout
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    input_chunks: tuple[int, ...]
    grid: Grid

    @property
    def bytes_of_a_block(self) -> int:
        """The memory that the largest block takes."""
        return self.operator.bytes_of(self.grid[0]) if self.grid else 0

    def estimate(self, estimate: Estimate) -> Estimate:
        """Return what a call would take in blocks, by what it would take in memory."""
        operator, outputs = self.operator, self.operator.outputs.values()
        read = reading(operator, self.grid, self.input_chunks)
        threads = min(thread_count(), len(self.grid))
        operands = {
            name: size
            for name, size in estimate.memory.items()
            if name not in ("input", "mask", "result", "working")
        }
        block = self.bytes_of_a_block
        counts = {
            **estimate.counts,
            "chunks": self.chunks,
            "blocks": len(self.grid),
            "bytes read": read.bytes,
            "times read": round(read.times, 2),
            "bytes written": math.prod(self.shape) * sum(dtype.itemsize for dtype in outputs),
            "threads": threads,
        }
        memory = {**operands, "block": block, "worker": sum(operands.values()) + threads * block}
        return estimate._replace(counts=counts, memory=memory)


def plan_blocks(
    operator: BlockOperator,
    layout: InputLayout,
    input_chunks: tuple[int, ...],
    output_chunks: tuple[int, ...] | None,
) -> BlockPlan:
    """Plan blocks by the chunks of the input, and perhaps of the result, in the user's axes."""
    channels = max(layout.lead, 0) if layout.named else None
    of_input = layout.lengths_in_operator(input_chunks)
    layout = layout.of_result(operator.shape)
    shape = layout.place_of_input(operator.shape)
    if output_chunks is None:
        chunks = usual_chunks(operator, of_input, channels)
        output_chunks = layout.place_of_input(chunks)
    elif len(output_chunks) != len(shape):
        raise CnnopsError(
            f"--output-chunks has {len(output_chunks)} lengths, but the result has "
            f"{len(shape)} axes: {shape}"
        )
    else:
        chunks = layout.lengths_in_operator(output_chunks)
    grid = block_grid(operator, chunks, BLOCK_BYTES)
    return BlockPlan(operator, layout, shape, output_chunks, of_input, grid)
