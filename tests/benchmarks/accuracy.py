"""Measure the rounding of random convolutions in the fast mode, next to PyTorch's.

    python tests/benchmarks/accuracy.py [--layers 300] [--seed 1]

An error is the largest difference of a layer from its result in float64, in units of the sum of its
terms' magnitudes; a row shows how many times PyTorch's error ours is, over the layers of as many
axes. Layers above 2 are listed. The exact mode has an error of 0 ulp by definition: it gives the
exact sum, rounded to the dtype. exactness.py compares its bits.
"""

import argparse
from collections.abc import Iterator, Sequence
from statistics import median

import machine
import numpy as np
from peers import torch_call
from suite import Case
from tables import Table

from cnnops_cli import conv

MOST = 2
"""How many times PyTorch's error the project accepts."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a number of axes, then the layers above the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layers", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    machine.print_header("torch")
    table = Table(("layers", 10), ("count", 6), ("median", 7), ("largest", 8), ("above 2", 8))
    if machine.version("torch") is None:
        table.skipped("conv", ["torch"])
        return
    rng = np.random.default_rng(arguments.seed)
    shares: dict[int, list[float]] = {1: [], 2: [], 3: []}
    above = []
    for case in random_layers(rng, arguments.layers):
        share = share_of_pytorchs_error(case, rng)
        shares[len(case.shape) - 2].append(share)
        if share > MOST:
            above.append(f"{share:.2f}  {case.shape} {case.weight} {case.arguments}")
    for dims, found in shares.items():
        if found:
            over = str(sum(share > MOST for share in found))
            figures = f"{median(found):.2f}", f"{max(found):.2f}"
            table.row(f"conv {dims}-D", str(len(found)), *figures, over)
    print(*above, sep="\n")


def random_layers(rng: np.random.Generator, count: int) -> Iterator[Case]:
    """Draw layers of all kinds: 1-D to 3-D, groups, strides, dilation, long and wide kernels."""
    for _ in range(count):
        dims = int(rng.choice([1, 2, 2, 2, 3]))
        groups = int(rng.choice([1, 1, 1, 2, 8]))
        channels = int(rng.choice([1, 3, 8, 16, 64]))
        filters = groups * int(rng.choice([1, 4, 16, 64]))
        taps = [3, 9, 25, 400, 1025] if dims == 1 else [1, 2, 3, 3, 5, 7]
        kernel = tuple(rng.choice(taps, dims).tolist())
        side = {1: 2000, 2: int(rng.choice([14, 28, 60])), 3: 10}[dims]
        arguments = {
            "stride": int(rng.choice([1, 1, 2])),
            "padding": int(rng.integers(0, 3)),
            "dilation": int(rng.choice([1, 1, 2])) if 2 * max(kernel) < side else 1,
            "groups": groups,
        }
        shape = (int(rng.choice([1, 2, 4])), groups * channels, *(side,) * dims)
        yield Case("conv", "random", shape, (filters, channels, *kernel), arguments)


def share_of_pytorchs_error(case: Case, rng: np.random.Generator) -> float:
    """How many times PyTorch's largest error ours is, on normal, rectified or shifted values."""
    x = rng.standard_normal(case.shape).astype(np.float32)
    if rng.random() < 0.4:
        x = np.maximum(x, 0)
    if rng.random() < 0.2:
        x += 5
    weight = rng.standard_normal(case.weight).astype(np.float32)
    precise = [operand.astype(np.float64) for operand in (x, weight)]
    truth = _by_pytorch(case, precise)
    sizes = _by_pytorch(case, [np.abs(operand) for operand in precise])
    seen = sizes > 0

    def error(result: np.ndarray) -> float:
        return float((np.abs(result - truth)[seen] / sizes[seen]).max(initial=0))

    ours = error(conv(x, weight, accumulate="fast", **case.arguments))
    theirs = error(_by_pytorch(case, [x, weight]))
    return ours / theirs if theirs else float(ours > 0)


def _by_pytorch(case: Case, operands: list[np.ndarray]) -> np.ndarray:
    return np.asarray(torch_call(case, operands)())


if __name__ == "__main__":
    main()
