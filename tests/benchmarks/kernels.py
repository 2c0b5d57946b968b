"""Time the operators against PyTorch's, call by call, in one process.

    python tests/benchmarks/kernels.py [--only conv] [--match 3x3] [--rounds 5]

Ratios are ours / theirs: below 1, ours is faster. Integer convolutions have NumPy's own int64
matrix product on the other side, since PyTorch computes them in another way.
"""

import argparse
from collections.abc import Callable
from itertools import groupby
from math import exp, log

import numpy as np
from peers import int64_conv, torch_call
from suite import SUITE, Case
from timing import Timing, compare

import cnnops_cli


def main() -> None:
    """Print one line a case, and the geometric mean of each operator."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="one operator")
    parser.add_argument("--match", default="", help="cases whose line holds this text")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    chosen = [
        case
        for case in SUITE
        if arguments.only in (None, case.operator) and arguments.match in describe(case)
    ]
    for operator, cases in groupby(chosen, key=lambda case: case.operator):
        ratios = []
        for case in cases:
            timing = compare(our_call(case), their_call(case), arguments.rounds)
            ratios.append(timing.ratio)
            print(line(case, timing), flush=True)
        print(f"{operator}: geometric mean {geometric_mean(ratios):.2f}\n", flush=True)


def our_call(case: Case) -> Callable[[], object]:
    """Our function on random data, ready to be called."""
    operator = getattr(cnnops_cli, case.operator)
    operands = random_operands(case)
    arguments = {"seed": 1} if case.operator == "dropout" else {}
    return lambda: operator(*operands, **case.arguments, **arguments)


def their_call(case: Case) -> Callable[[], object]:
    """The other side's function on the same data."""
    operands = random_operands(case)
    if operands[0].dtype.kind in "iu":
        return int64_conv(*operands, **case.arguments)
    return torch_call(case, operands)


def random_operands(case: Case) -> list[np.ndarray]:
    """Input, and where the operator takes more: weight, or running mean and variance."""
    rng = np.random.default_rng(0)
    dtype = np.dtype(case.dtype)
    if dtype.kind in "iu":
        shapes = (case.shape, case.weight)
        return [rng.integers(0, 200, shape).astype(dtype) for shape in shapes]
    draw = rng.standard_normal
    if case.operator == "conv":
        return [draw(shape).astype(dtype) for shape in (case.shape, case.weight)]
    if case.operator == "batchnorm":
        channels = case.shape[1]
        statistics = [np.zeros(channels, dtype), np.ones(channels, dtype)]
        parameters = [draw(channels).astype(dtype) for _ in range(2)]
        return [draw(case.shape).astype(dtype), *statistics, *parameters]
    return [draw(case.shape).astype(dtype)]


def describe(case: Case) -> str:
    """Name a case in one line."""
    dtype = "" if case.dtype == "float32" else f" {case.dtype}"
    return f"{case.operator:<9} {case.label}  {'x'.join(map(str, case.shape))}{dtype}"


def line(case: Case, timing: Timing) -> str:
    """The result of one case."""
    over = "  over the limit" if timing.ratio > case.limit else ""
    return (
        f"{describe(case):<68} {timing.ours * 1e3:9.3f} ms {timing.theirs * 1e3:9.3f} ms "
        f"{timing.ratio:7.2f}  ({timing.low:.2f} to {timing.high:.2f}){over}"
    )


def geometric_mean(ratios: list[float]) -> float:
    """The mean of ratios."""
    return exp(sum(map(log, ratios)) / len(ratios))


if __name__ == "__main__":
    main()
