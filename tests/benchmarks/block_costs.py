"""Time operators block by block next to the same in memory, on one thread; nothing is stored.

    python tests/benchmarks/block_costs.py [--match conv] [--rounds 5]

Times are of the processor. After the operators comes what it takes to begin a run of a mask, as the
number of values that are drawn in the same time: `_SHORT` of cnnops_cli/ops/dropout.py is near it.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import machine
import numpy as np
from tables import Table, milliseconds, spread
from timing import Timing

from cnnops_cli import batchnorm, conv, dropout, maxpool
from cnnops_cli.blocks.batchnorm import BatchnormBlocks
from cnnops_cli.blocks.block_grid import Grid
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.conv import ConvBlocks
from cnnops_cli.blocks.dropout import DropoutBlocks
from cnnops_cli.blocks.maxpool import MaxpoolBlocks
from cnnops_cli.blocks.operator import BlockOperator
from cnnops_cli.ops import parallel
from cnnops_cli.ops.dropout import draw_mask, draw_part

FLOAT32 = np.dtype(np.float32)
_LONG, _RUNS = 1 << 18, 200


class Case(NamedTuple):
    """An operator on an input of a shape, in memory and as blocks of some shapes."""

    name: str
    shape: tuple[int, ...]
    in_memory: Callable[[np.ndarray], np.ndarray]
    operator: BlockOperator
    blocks: Sequence[tuple[int, ...]]


def cases() -> Iterator[Case]:
    """Volumes of one channel, and a batch of a network's layer."""
    rng = np.random.default_rng(0)
    volume, batch = (1, 256, 256, 256), (16, 64, 56, 56)
    small = rng.standard_normal((1, 1, 3, 3, 3), np.float32)
    layer = rng.standard_normal((64, 64, 3, 3), np.float32)
    pads = {"padding": 1}
    cubes = [(1, size, size, size) for size in (256, 128, 64)]
    parts = [(16, 64, 56, 56), (1, 64, 56, 56), (1, 64, 28, 28)]
    yield Case(
        "conv 3x3x3",
        volume,
        lambda x: conv(x, small, **pads),
        ConvBlocks.planned(volume, FLOAT32, small, **pads),
        cubes,
    )
    yield Case(
        "conv 3x3, 64 to 64",
        batch,
        lambda x: conv(x, layer, **pads),
        ConvBlocks.planned(batch, FLOAT32, layer, **pads),
        parts,
    )
    yield Case(
        "maxpool 3x3x3/1",
        volume,
        lambda x: maxpool(x, (3, 3, 3), stride=1, **pads),
        MaxpoolBlocks.planned(volume, FLOAT32, (3, 3, 3), stride=1, **pads),
        cubes,
    )
    yield Case(
        "dropout",
        volume,
        lambda x: dropout(x, 0.3, seed=1),
        DropoutBlocks.planned(volume, FLOAT32, 0.3, seed=1),
        [*cubes, (1, 64, 64, 256)],
    )
    for training in (False, True):
        yield Case(
            f"batchnorm --{'train' if training else 'eval'}",
            batch,
            lambda x, training=training: batchnorm(x, training=training),
            BatchnormBlocks.planned(batch, FLOAT32, {}, training=training),
            parts,
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line per operator and block, then that of masks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--match", default="", help="cases whose name holds this text")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    machine.print_header()
    table = Table(
        ("operator", 20),
        ("block", 20),
        ("blocks", 6),
        ("in blocks", 10),
        ("in memory", 10),
        ("ratio", 6),
        ("least to most", 16),
        left=2,
    )
    with parallel.using_threads(1):
        for case in cases():
            if arguments.match not in case.name:
                continue
            for shape in case.blocks:
                grid = Grid(case.operator.shape, shape, (1,) * len(shape))
                timing = _time(case, grid, arguments.rounds)
                size = "x".join(map(str, shape))
                times = milliseconds(timing.ours), milliseconds(timing.theirs)
                figures = f"{timing.ratio:.2f}", spread(timing.low, timing.high)
                table.row(case.name, size, str(len(grid)), *times, *figures)
    if arguments.match in "dropout":
        print(f"mask, to begin a run: as {_values_of_a_beginning(arguments.rounds)} values")


def _time(case: Case, grid: Grid, rounds: int) -> Timing:
    x = np.random.default_rng(1).standard_normal(case.shape, np.float32)
    calls = lambda: in_blocks(case.operator, x, grid), lambda: case.in_memory(x)
    for call in calls:
        call()
    return Timing.of_rounds([tuple(map(_processor_seconds, calls)) for _ in range(rounds)])


def in_blocks(operator: BlockOperator, x: np.ndarray, grid: Grid) -> np.ndarray:
    """Compute all blocks, in both passes where there are two."""

    def read(box: Box) -> np.ndarray:
        return x[box.slices].copy()

    reads = {"input": read}
    if isinstance(operator, BatchnormBlocks) and operator.needs_statistics:
        operator, _ = operator.with_statistics([operator.moments(reads, box) for box in grid])
    result = np.empty(operator.shape, operator.dtype)
    for box in grid:
        result[box.slices] = operator.compute(reads, box)["result"]
    return result


def _values_of_a_beginning(rounds: int) -> int:
    """Return how many values are drawn in the time that it takes to begin."""

    def draw_runs() -> None:
        for number in range(_RUNS):
            draw_part(0.3, 1, slice(4096 * number, 4096 * number + 4))

    begin = min(_processor_seconds(draw_runs) for _ in range(rounds)) / _RUNS
    with parallel.using_threads(1):
        whole = min(_processor_seconds(lambda: draw_mask((_LONG,), 0.3, 1)) for _ in range(rounds))
    return round(begin / whole * _LONG)


def _processor_seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    main()
