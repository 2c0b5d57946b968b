"""Time the operators against PyTorch's, call by call, in one process.

    python tests/benchmarks/kernels.py [--only conv] [--match 3x3] [--rounds 5] [--json FILE]

Ratios are ours / theirs: below 1, ours is faster. Integer convolutions have NumPy's own int64
matrix product on the other side, since PyTorch computes them in another way. `--json` keeps the
results for picture.py; the cases of a file that are not measured again stay as they are.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import machine
import results
from calls import our_call, random_operands
from peers import int64_conv, torch_call
from suite import SUITE, Case
from tables import Table, milliseconds, spread
from timing import compare


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a case, and the geometric mean of each operator."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", help="one operator")
    parser.add_argument("--match", default="", help="cases whose line holds this text")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where to keep the results")
    arguments = parser.parse_args(argv)
    chosen = [
        case
        for case in SUITE
        if arguments.only in (None, case.operator) and arguments.match in case.description
    ]
    machine.print_header("torch")
    measured = measure(chosen, arguments.rounds)
    print()
    for group in results.grouped(measured):
        peer = results.NAMES[group.peer]
        print(f"{group.name}: geometric mean {group.mean:.2f} against {peer}")
    if arguments.json:
        results.write(arguments.json, machine.facts("torch"), measured)


def measure(cases: Sequence[Case], rounds: int) -> list[results.Result]:
    """Print a table of the cases whose peer is installed."""
    table = Table(("case", 64), ("ours", 11), ("theirs", 11), ("ratio", 6), ("least to most", 16))
    measured = []
    for case in cases:
        name = f"{case.operator:<9}  {case.description}"
        if machine.version(case.peer) is None:
            table.skipped(name, [case.peer])
            continue
        timing = compare(our_call(case), their_call(case), rounds)
        measured.append(
            results.Result(case.operator, case.description, case.peer, **asdict(timing))
        )
        table.row(
            name,
            milliseconds(timing.ours),
            milliseconds(timing.theirs),
            f"{timing.ratio:.2f}",
            spread(timing.low, timing.high),
            note="over the limit" if timing.ratio > case.limit else "",
        )
    return measured


def their_call(case: Case) -> Callable[[], object]:
    """The other side's function on the same data."""
    operands = random_operands(case)
    if case.peer == "numpy":
        return int64_conv(*operands, **case.arguments)
    return torch_call(case, operands)


if __name__ == "__main__":
    main()
