"""Measure the precise moments of batch normalization on this machine, in blocks of several sizes.

    python tests/benchmarks/fit_moments.py [--rounds 5]

A row shows the nanoseconds per float64 value on all threads, the least of several rounds. The best
size of a block is `_SUMMED` in cnnops_cli/ops/precise_moments.py.
"""

import argparse
import time
from collections.abc import Sequence
from unittest import mock

import machine
import numpy as np
from tables import Table

from cnnops_cli.ops import precise_moments

SHAPES = {
    "32x64, 56x56": (32, 64, 56 * 56),
    "64x256, 7x7": (64, 256, 49),
    "100000x64": (100_000, 64, 1),
}
BLOCKS = tuple(1 << power for power in range(14, 19))


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line for each size of blocks, with one figure for each shape."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args(argv).rounds
    machine.print_header()
    table = Table(("block", 6), *((name, 12) for name in SHAPES))
    arrays = [np.random.default_rng(0).standard_normal(shape) for shape in SHAPES.values()]
    for block in BLOCKS:
        with mock.patch.object(precise_moments, "_SUMMED", block):
            table.row(str(block), *(f"{value_time(values, rounds):.2f}" for values in arrays))


def value_time(values: np.ndarray, rounds: int) -> float:
    """Nanoseconds per value."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        precise_moments.precise_moments(values)
        times.append(time.perf_counter() - start)
    return min(times) * 1e9 / values.size


if __name__ == "__main__":
    main()
