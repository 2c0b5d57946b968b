"""Time the operators against PyTorch's, call by call, in one process.

    python tests/benchmarks/kernels.py [--only conv] [--match 3x3] [--rounds 5]
                                       [--json FILE [--missing]]

Ratios are ours / theirs: below 1, ours is faster. A convolution of float32 has two rows: the fast
mode next to PyTorch, and the exact mode next to the fast one; modes.py has the exact mode of other
dtypes. Integer convolutions have NumPy's own int64 matrix product on the other side, since PyTorch
computes them in another way. `--json` keeps the results for picture.py, but for the rows that other
processes disturbed; the cases of a file that are not measured again stay as they are. `--missing`
measures only those that the file lacks.
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
from results import FAST
from suite import SUITE, Case
from tables import Table, milliseconds, spread
from timing import compare

EXACT = "conv, exact"
MODES = {FAST: "fast", EXACT: "exact"}
"""The groups of conv's modes, and their names."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a comparison, and the geometric mean of each group."""
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
        comparison
        for case in SUITE
        if arguments.only in (None, case.operator) and arguments.match in case.description
        for comparison in comparisons(case)
    ]
    if arguments.missing and arguments.json.exists():
        there = {(result.group, result.case) for result in results.read(arguments.json)[1]}
        chosen = [each for each in chosen if (each.group, each.case.description) not in there]
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


class Comparison(NamedTuple):
    """A group of the results, a case of it, the other side, and the ratio that is accepted."""

    group: str
    case: Case
    peer: str
    limit: float

    def our_call(self) -> Callable[[], object]:
        """Our function on random data."""
        mode = MODES.get(self.group)
        return our_call(self.case.summed(mode) if mode else self.case)

    def their_call(self) -> Callable[[], object]:
        """The other side's function on the same data."""
        if self.peer in MODES:
            return our_call(self.case.summed(MODES[self.peer]))
        operands = random_operands(self.case)
        if self.peer == "numpy":
            return int64_conv(*operands, **self.case.arguments)
        return torch_call(self.case, operands)


def comparisons(case: Case) -> Iterator[Comparison]:
    """Yield what a case is compared with."""
    if case.operator != "conv":
        yield Comparison(case.operator, case, case.peer, case.limit)
    elif case.peer == "numpy":
        yield Comparison("conv, integers", case, case.peer, case.limit)
    else:
        yield Comparison(FAST, case, case.peer, case.limit)
        if case.dtype == "float32":
            yield Comparison(EXACT, case, FAST, case.exact_limit)


class Row(NamedTuple):
    """A result, and whether other processes had a part in it."""

    result: results.Result
    disturbed: bool


def measure(chosen: Sequence[Comparison], rounds: int) -> Iterator[Row]:
    """Print a table of the cases whose peer is installed, row by row."""
    table = Table(("case", 71), ("ours", 11), ("theirs", 11), ("ratio", 6), ("least to most", 16))
    for comparison in chosen:
        case, peer = comparison.case, comparison.peer
        name = f"{comparison.group:<14}  {case.description}"
        if peer not in MODES and machine.version(peer) is None:
            table.skipped(name, [peer])
            continue
        others = machine.OtherWork()
        timing = compare(comparison.our_call(), comparison.their_call(), rounds)
        disturbance = others.note()
        table.row(
            name,
            milliseconds(timing.ours),
            milliseconds(timing.theirs),
            f"{timing.ratio:.2f}",
            spread(timing.low, timing.high),
            notes=["over the limit" * (timing.ratio > comparison.limit), disturbance],
        )
        result = results.Result(comparison.group, case.description, peer, **asdict(timing))
        yield Row(result, bool(disturbance))


if __name__ == "__main__":
    main()
