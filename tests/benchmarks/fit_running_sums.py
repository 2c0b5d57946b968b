"""Measure sums of one term after another on this machine, in blocks of several sizes.

    python tests/benchmarks/fit_running_sums.py [--rounds 5]

A row shows the nanoseconds per term on one core, the least of several rounds. The best size of a
block is `_BLOCK` in cnnops_cli/ops/convolution/running_sums.py, and what most layers take with it
are `_TERM` and `_FUSED_TERM` there.
"""

import argparse
import time
from collections.abc import Sequence
from itertools import product
from unittest import mock

import machine
import numpy as np
from tables import Table

from cnnops_cli.ops.convolution import running_sums
from cnnops_cli.ops.convolution.layer_tiles import Layer
from cnnops_cli.ops.convolution.plan import column_tiles
from cnnops_cli.ops.convolution.running_sums import RunningSums
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.geometry import plan_windows

FLOAT = np.dtype(np.float32)

LAYERS = {
    "3x3, 64 channels": ((1, 64, 58, 58), (16, 64, 3, 3), 1),
    "1x1, 64 channels": ((1, 64, 128, 128), (16, 64, 1, 1), 1),
    "3x3, 3 channels": ((1, 3, 226, 226), (16, 3, 3, 3), 1),
    "3x3, depthwise": ((1, 64, 58, 58), (64, 1, 3, 3), 64),
    "3x3, 512 channels of 7x7": ((1, 512, 9, 9), (32, 512, 3, 3), 1),
}
BLOCKS = tuple(1 << power for power in range(12, 18))


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line for each mode and size of blocks, with one figure for each layer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args(argv).rounds
    machine.print_header()
    table = Table(("mode", 10), ("sums", 6), *((name, 6) for name in LAYERS))
    for mode, block in product(("sequential", "fma"), BLOCKS):
        with mock.patch.object(running_sums, "_BLOCK", block), np.errstate(all="ignore"):
            times = [f"{term_time(name, mode, rounds):.2f}" for name in LAYERS]
        table.row(mode, str(block), *times)


def term_time(name: str, mode: str, rounds: int) -> float:
    """Nanoseconds per term of a layer."""
    shape, weight, groups = LAYERS[name]
    rng = np.random.default_rng(0)
    x, weights = (rng.standard_normal(size, FLOAT) for size in (shape, weight))
    windows = plan_windows(shape[2:], weight[2:], stride=1, padding=0, dilation=1)
    layer = Layer(shape[0], groups, weight[1], weight[0] // groups, windows, FLOAT, mode)
    engine = RunningSums(layer, weights)
    source = Source(x, windows, "zeros", FLOAT)
    result = np.empty(layer.tile.shape, FLOAT)
    tiles = column_tiles(layer, layer.tile)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for tile in tiles:
            engine.compute(source, tile, None, result[tile.place])
        times.append(time.perf_counter() - start)
    return min(times) * 1e9 / (result.size * weights[0].size)


if __name__ == "__main__":
    main()
