"""Time calls that have next to nothing to compute, one after the other in one process.

    python tests/benchmarks/small_calls.py [--match maxpool] [--rounds 5]

What is left of their time is what an operator does in Python before and after it computes.
"""

import argparse
import inspect
from collections.abc import Iterator, Sequence

import machine
from calls import our_call, random_operands
from peers import torch_call
from suite import Case
from tables import Table, spread
from timing import compare

import cnnops_cli

CASES = [
    Case("conv", "1x1 kernel", (1, 1, 1, 1), (1, 1, 1, 1)),
    Case("conv", "3x3 kernel", (1, 1, 8, 8), (1, 1, 3, 3)),
    Case("maxpool", "2x2/2", (1, 1, 8, 8), (), {"kernel_size": (2, 2)}),
    Case("batchnorm", "eval", (1, 8, 25, 25), (), {"training": False}),
    Case("batchnorm", "eval", (50, 100), (), {"training": False}),
    Case("batchnorm", "train", (1, 8, 25, 25), (), {"training": True}),
    Case("batchnorm", "train", (50, 100), (), {"training": True}),
    Case("dropout", "p = 0.5", (20, 20), (), {"p": 0.5}),
]

MODES = ("exact", "fast", "sequential", "fma")
"""Of `accumulate`, where conv has that argument."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a case, and one a mode of conv."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--match", default="", help="cases whose line holds this text")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    machine.print_header("torch")
    columns = ("ours", 10), ("theirs", 10), ("ratio", 6), ("least to most", 16)
    table = Table(("case", 36), ("accumulate", 10), *columns, left=2)
    for case in CASES:
        name = f"{case.operator:<9}  {case.description}"
        if arguments.match not in name:
            continue
        if machine.version(case.peer) is None:
            table.skipped(name, [case.peer])
            continue
        theirs = torch_call(case, random_operands(case))
        for mode, ours in in_every_mode(case):
            others = machine.OtherWork()
            timing = compare(our_call(ours), theirs, arguments.rounds)
            table.row(
                name,
                mode,
                microseconds(timing.ours),
                microseconds(timing.theirs),
                f"{timing.ratio:.2f}",
                spread(timing.low, timing.high),
                notes=[others.note()],
            )


def in_every_mode(case: Case) -> Iterator[tuple[str, Case]]:
    """Yield the modes that the operator accumulates in, and the case in each."""
    operator = getattr(cnnops_cli, case.operator)
    if "accumulate" not in inspect.signature(operator).parameters:
        yield "", case
        return
    for mode in MODES:
        yield mode, case.summed(mode)


def microseconds(seconds: float) -> str:
    """A time, to a tenth of a microsecond."""
    return f"{seconds * 1e6:.1f} us"


if __name__ == "__main__":
    main()
