"""Time the operators against PyTorch's, call by call, in one process.

    python tests/benchmarks/kernels.py [--only conv] [--match 3x3] [--rounds 5]
                                       [--json FILE [--missing]]

Ratios are ours / theirs: below 1, ours is faster. Integer convolutions have NumPy's own int64
matrix product on the other side, since PyTorch computes them in another way. `--json` keeps the
results for picture.py, but for the rows that other processes disturbed; the cases of a file that
are not measured again stay as they are. `--missing` measures only those that the file lacks.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

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
    parser.add_argument("--missing", action="store_true", help="only cases that --json lacks")
    arguments = parser.parse_args(argv)
    if arguments.missing and not arguments.json:
        parser.error("--missing needs --json")
    chosen = [
        case
        for case in SUITE
        if arguments.only in (None, case.operator) and arguments.match in case.description
    ]
    if arguments.missing and arguments.json.exists():
        there = {(result.operator, result.case) for result in results.read(arguments.json)[1]}
        chosen = [case for case in chosen if (case.operator, case.description) not in there]
    machine.print_header("torch")
    facts, rows = machine.facts("torch"), []
    if arguments.json:
        results.begin(arguments.json, facts)
    for row in measure(chosen, arguments.rounds):
        rows.append(row)
        if arguments.json and not row.disturbed:
            results.write(arguments.json, facts, [row.result])
    print()
    for group in results.grouped([row.result for row in rows]):
        peer = results.NAMES[group.peer]
        print(f"{group.name}: geometric mean {group.mean:.2f} against {peer}")
    disturbed = sum(row.disturbed for row in rows)
    if disturbed:
        print(f"{disturbed} of {len(rows)} rows were disturbed; measure them again")


class Row(NamedTuple):
    """A result, and whether other processes had a part in it."""

    result: results.Result
    disturbed: bool


def measure(cases: Sequence[Case], rounds: int) -> Iterator[Row]:
    """Print a table of the cases whose peer is installed, row by row."""
    table = Table(("case", 64), ("ours", 11), ("theirs", 11), ("ratio", 6), ("least to most", 16))
    for case in cases:
        name = f"{case.operator:<9}  {case.description}"
        if machine.version(case.peer) is None:
            table.skipped(name, [case.peer])
            continue
        others = machine.OtherWork()
        timing = compare(our_call(case), their_call(case), rounds)
        disturbance = others.note()
        result = results.Result(case.operator, case.description, case.peer, **asdict(timing))
        table.row(
            name,
            milliseconds(timing.ours),
            milliseconds(timing.theirs),
            f"{timing.ratio:.2f}",
            spread(timing.low, timing.high),
            notes=["over the limit" * (timing.ratio > case.limit), disturbance],
        )
        yield Row(result, bool(disturbance))


def their_call(case: Case) -> Callable[[], object]:
    """The other side's function on the same data."""
    operands = random_operands(case)
    if case.peer == "numpy":
        return int64_conv(*operands, **case.arguments)
    return torch_call(case, operands)


if __name__ == "__main__":
    main()
