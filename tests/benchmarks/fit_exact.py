"""Time conv's exact mode with other values of the numbers that were tuned for it.

    python tests/benchmarks/fit_exact.py [--match _BLOCK] [--rounds 5]

A row shows one value, and the time of each layer with it as a ratio to that with the value in the
code. A better value has a row of ratios below 1. Numbers on which a layer does not depend leave it
at 1, but for noise.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from unittest import mock

import machine
import numpy as np
from tables import Table
from timing import block_seconds, calls_in_a_block

from cnnops_cli import conv
from cnnops_cli.ops import rounded_sums
from cnnops_cli.ops.convolution import engines, exact, products, sliced, small_sums, terms

NUMBERS = (
    (engines, "_WIDE", (1, 2, 4)),
    (products, "_LONGEST_EXACT", (96, 160, 288, 384, 576)),
    (exact, "_BLOCK", tuple(1 << power for power in range(14, 19))),
    (exact, "_FEW_TERMS", (0, 128, 512, 2048)),
    (exact, "_MOST_DOUBTFUL", (1 / 256, 1 / 64, 1 / 16, 1 / 4)),
    (terms, "_BOUND_OF_SEEN", (0.06, 0.25, 1)),
    (terms, "_BOUND_OF_RESULT", (0.07, 0.3, 1.2)),
    (terms, "_SUMMED", (1 << 13, 1 << 15, 1 << 17)),
    (sliced, "_BLOCK", (1 << 12, 1 << 14, 1 << 16)),
    (small_sums, "_MOST_PRODUCTS", tuple(1 << power for power in range(11, 17))),
    (small_sums, "_MOST_SEEN", (1 << 12, 1 << 14, 1 << 16)),
    (rounded_sums, "_FEW", (0, 16, 32, 64)),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line for each value of each number."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--match", default="", help="numbers whose name holds this text")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    machine.print_header()
    calls = layers()
    table = Table(("number", 27), ("value", 8), *((name, 8) for name in calls))
    for module, name, values in NUMBERS:
        full = f"{module.__name__.rpartition('.')[2]}.{name}"
        if arguments.match in full:
            ratios = [
                ratios_of(call, module, name, values, arguments.rounds) for call in calls.values()
            ]
            for value, row in zip(values, zip(*ratios, strict=True), strict=True):
                is_present = "*" * (value == getattr(module, name))
                table.row(full, f"{value:.3g}{is_present}", *(f"{ratio:.2f}" for ratio in row))


def layers() -> dict[str, Callable[[], object]]:
    """Calls that depend on one number or more, on random values, a photograph's, and zeros."""
    rng = np.random.default_rng(0)

    def call(
        image: np.ndarray, *weight: int, dtype: str = "float32", **options: int
    ) -> Callable[[], object]:
        kernel = rng.standard_normal(weight)
        return partial(conv, image.astype(dtype), kernel.astype(dtype), **options)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape)

    pixels = rng.integers(0, 256, (1, 3, 384, 512)) / 255
    zeros = np.where(rng.random((8, 64, 28, 28)) < 0.05, 1.0, 0.0) * normal(8, 64, 28, 28)
    return {
        "64 3x3": call(normal(1, 64, 56, 56), 64, 64, 3, 3),
        "256 3x3": call(normal(1, 256, 14, 14), 256, 256, 3, 3),
        "1x1": call(normal(4, 256, 28, 28), 256, 256, 1, 1),
        "picture": call(pixels, 3, 1, 3, 3, groups=3),
        "zeros": call(zeros, 64, 64, 3, 3),
        "31x31": call(pixels[:, :1], 1, 1, 31, 31),
        "double": call(normal(1, 32, 28, 28), 32, 32, 3, 3, dtype="float64"),
        "28x28": call(normal(1, 28, 28), 1, 1, 3, 3, dtype="float64"),
        "56x56": call(normal(1, 56, 56), 1, 1, 3, 3, dtype="float64"),
        "90x90": call(normal(1, 90, 90), 1, 1, 2, 2, dtype="float64"),
    }


def ratios_of(
    call: Callable[[], object], module: object, name: str, values: Sequence[float], rounds: int
) -> list[float]:
    """Time a call with each value in turn, next to the value in the code."""
    count = calls_in_a_block(call)
    ratios: list[list[float]] = [[] for _ in values]
    for _ in range(rounds):
        for value, found in zip(values, ratios, strict=True):
            with mock.patch.object(module, name, value):
                changed = block_seconds(call, count)
            found.append(changed / block_seconds(call, count))
    return [float(np.median(found)) for found in ratios]


if __name__ == "__main__":
    main()
