"""How the result of a Zarr INPUT is cut, and what that takes."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.blocks.available_memory import available_memory
from cnnops_cli.blocks.block_grid import BLOCK_BYTES, Grid, block_grid, reading
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.chunks import usual_chunks, usual_shards
from cnnops_cli.blocks.local_threads import sharing
from cnnops_cli.blocks.operator import BlockOperator
from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.errors import CnnopsError
from cnnops_cli.explain.estimate import Estimate
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.zarr_array import bytes_written
from cnnops_cli.tensors.zarr_places import location_of


class StoredArray(NamedTuple):
    """An array that blocks read.

    Attributes
    ----------
    chunks : tuple of int
        What is read as a whole, in the operator's axes.
    dtype : numpy.dtype
    bytes_in_transit : int
        The memory that reading takes in addition to what is read.
    chunks_of_a_shard : tuple of int or None
        How many chunks are stored as a whole, along each axis of the operator; None if each is.
    """

    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    bytes_in_transit: int = 0
    chunks_of_a_shard: tuple[int, ...] | None = None


class BlockPlan(NamedTuple):
    """What is computed, and in which blocks.

    Attributes
    ----------
    operator : BlockOperator
    layout : InputLayout
        The axes of the result.
    shape, chunks : tuple of int
        Of the result, in the user's axes.
    shards : tuple of int or None
        The shape of what is stored as a whole, where that is several chunks.
    stored : dict of str to StoredArray
        ``input``, and perhaps ``mask``.
    grid : Grid
    bytes_of_transfer : int
        The memory that reading and writing a block take in addition to what the operator counts.
    """

    operator: BlockOperator
    layout: InputLayout
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    stored: dict[str, StoredArray]
    grid: Grid
    bytes_of_transfer: int

    @property
    def bytes_of_a_block(self) -> int:
        """The memory that the largest block takes."""
        return self.operator.bytes_of(self.grid[0]) + self.bytes_of_transfer if self.grid else 0

    def estimate(self, estimate: Estimate, *, is_here: bool) -> Estimate:
        """Return what a call would take in blocks, by what it would take in memory.

        `is_here` is whether this machine computes it, and not a cluster, of which nothing is known.
        """
        operator, outputs = self.operator, self.operator.outputs.values()
        read = {
            name: reading(operator, self.grid, array.chunks) for name, array in self.stored.items()
        }
        bytes_read = sum(read[name].elements * self.stored[name].dtype.itemsize for name in read)
        block = self.bytes_of_a_block
        threads, taken = 1, block
        if is_here and self.grid:
            shared = sharing(block, self.bytes_of_transfer, len(self.grid))
            threads, taken = shared.threads, shared.bytes
        operands = {
            name: size
            for name, size in estimate.memory.items()
            if name not in ("input", "mask", "result", "working")
        }
        counts = {
            **estimate.counts,
            "chunks": self.chunks,
            **({"shards": self.shards} if self.shards else {}),
            "blocks": len(self.grid),
            "bytes read": bytes_read,
            "times read": round(read["input"].times, 2),
            "bytes written": math.prod(self.shape) * sum(dtype.itemsize for dtype in outputs),
            **({"threads": threads} if is_here else {}),
        }
        worker = "worker" if is_here else "worker with one thread"
        memory = {**operands, "block": block, worker: sum(operands.values()) + taken}
        return estimate._replace(algorithm="", counts=counts, memory=memory)


def plan_blocks(
    operator: BlockOperator,
    layout: InputLayout,
    stored: dict[str, StoredArray],
    settings: Settings,
    results: Mapping[str, str],
) -> BlockPlan:
    """Plan blocks by the chunks of the input, and perhaps of the result.

    `results` tells where the outputs of the operator go; a result that it does not name, since the
    call is a dry run, is taken for one on this machine.
    """
    channels = max(layout.lead, 0) if layout.named else None
    of_result = layout.of_result(operator.shape)
    shape = of_result.place_of_input(operator.shape)
    output_chunks = settings.output_chunks
    if output_chunks is None:
        chunks = usual_chunks(operator, stored["input"].chunks, channels)
        output_chunks = of_result.place_of_input(chunks)
    elif len(output_chunks) != len(shape):
        raise CnnopsError(
            f"--output-chunks has {len(output_chunks)} lengths, but the result has "
            f"{len(shape)} axes: {shape}"
        )
    else:  # a longer one would be encoded whole
        output_chunks = tuple(max(1, min(pair)) for pair in zip(output_chunks, shape, strict=True))
        chunks = of_result.lengths_in_operator(output_chunks)
    of_input, shards = stored["input"], None
    if of_input.chunks_of_a_shard:
        shards = usual_shards(operator, chunks, of_input.chunks_of_a_shard)
    whole = shards or chunks
    grid = block_grid(operator, whole, of_input.chunks, BLOCK_BYTES)
    most = _parts_of_a_block(grid, whole)
    written = [
        bytes_written(location_of(path), operator.outputs[output], chunks, shards, most)
        for output, path in {"result": ".", **results}.items()
    ]
    in_transit = max([*written, *(array.bytes_in_transit for array in stored.values())])
    room = available_memory()
    if settings.scheduler is None and room is not None and not operator.needs_statistics:
        budget = room - in_transit
        if budget < BLOCK_BYTES:
            grid = block_grid(operator, whole, of_input.chunks, budget)
    transfer = in_transit + _bytes_of_a_copy(operator, layout, grid, of_input.dtype)
    output_shards = shards and of_result.place_of_input(shards)
    return BlockPlan(
        operator, of_result, shape, output_chunks, output_shards, stored, grid, transfer
    )


def _parts_of_a_block(grid: Grid, sizes: tuple[int, ...]) -> int:
    """Return how many chunks or shards, of those sizes, a block has at most."""
    lengths = grid[0].shape if grid else (0,) * len(sizes)
    return math.prod(-(-length // size) for length, size in zip(lengths, sizes, strict=True))


def _bytes_of_a_copy(
    operator: BlockOperator, layout: InputLayout, grid: Grid, dtype: np.dtype[Any]
) -> int:
    """Return the memory of what a block reads, if the operator gets a copy of it."""
    axes = tuple(range(len(operator.input_shape)))
    if not grid or (dtype == operator.input_dtype and layout.place_of_input(axes) == axes):
        return 0
    middle = Box.of_spans([spans[len(spans) // 2] for spans in grid.axes])
    seen = (sum(part.size for part in operator.sees(box)) for box in (grid[0], middle))
    return max(seen) * dtype.itemsize
