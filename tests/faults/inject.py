"""Put every fault that the system can give into every system call of the command, one at a time.

python tests/faults/inject.py [--short] [--case several] [--seed 0] [--workers 2]
python tests/faults/inject.py --repeat several rename 2 EIO
CNNOPS_COMMAND=/elsewhere/bin/cnnops python tests/faults/inject.py
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cases import BY_NAME, CASES, Case
from invariants import Fault, Judge, Violation
from system_calls import (
    Call,
    calls_of_interest,
    can_trace,
    imports,
    injecting,
    recording,
    where_hit,
)
from tallies import Tally
from workplace import Workplace, installed_command

SHORT = ("conv-npy", "batchnorm-state", "update-npz", "several", "stdin-npy", "threads")
SIGNALS = {"SIGKILL": 10, "SIGTERM": 6, "SIGINT": 6, "SIGHUP": 6, "SIGQUIT": 2, "SIGSTOP": 3}
"""How many of each the short form puts into the calls of a case."""

TOLERATED = 0.05
"""Of all runs, those whose fault may miss its call before the program itself is at fault."""


@dataclass(frozen=True)
class Run:
    """One disturbed run that is to be made."""

    judge: Judge
    fault: Fault

    @property
    def repeat(self) -> str:
        call = self.fault.call
        return f"{self.judge.case.name} {call.name} {call.when} {self.fault.kind}"


@dataclass(frozen=True)
class Finding:
    """What came of a run."""

    run: Run
    hit: bool
    left: int
    violations: list[Violation]


def plan(workplace: Workplace, case: Case) -> Iterator[Run]:
    """Every fault in every call of a case; interrupts while the package is imported."""
    judge = workplace.judge(case)
    with workplace.folder(case) as (folder, _), tempfile.NamedTemporaryFile() as trace:
        workplace.run(case, folder, recording(Path(trace.name)))
        text = Path(trace.name).read_text(errors="replace")
    last = None
    turn = itertools.count()
    for call in calls_of_interest(text, folder):
        kinds, errors = [*call.errors(), *SIGNALS], len(call.errors())
        if call.only_looks or call.descriptor >= 0 or case.stdin or not case.results:
            kinds.remove("SIGSTOP")
        # Between two looks at one file nothing changes that a signal could meet.
        if call.name == "mmap" or (call.only_looks and last and last.targets == call.targets):
            kinds = kinds[next(turn) % errors :][:1] if errors else []
        for kind in kinds:
            yield Run(judge, Fault(kind, call))
        last = call
    if case is CASES[0]:
        for call in imports(text, folder):
            yield Run(judge, Fault("SIGINT", call))


def sample(runs: Sequence[Run], rng: random.Random) -> list[Run]:
    """Each error once for each name of a call, each signal at some calls and kills at more."""
    shuffled = rng.sample(runs, len(runs))
    once = {
        (run.fault.kind, run.fault.call.name): run for run in shuffled if not run.fault.is_signal
    }
    chosen = list(once.values())
    for kind, count in SIGNALS.items():
        chosen += [run for run in shuffled if run.fault.kind == kind][:count]
    return chosen


def make(workplace: Workplace, run: Run) -> Finding:
    """Make one disturbed run, and judge it; once more where the fault hit another call."""
    case, fault = run.judge.case, run.fault
    for _ in range(3):
        with workplace.folder(case) as (folder, _), tempfile.NamedTemporaryFile() as trace:
            before = injecting(Path(trace.name), fault.call, fault.kind)
            if fault.kind == "SIGSTOP":
                outcome = workplace.run_beside(case, folder, before, Path(trace.name))
            else:
                outcome = workplace.run(case, folder, before)
            text = Path(trace.name).read_text(errors="replace")
            hit = where_hit(text, folder, fault.call, fault.kind)
            if hit is None or not fault.call.is_about(hit):
                continue
            left, later = workplace.leftovers(run.judge, fault, folder)
            return Finding(run, True, left, run.judge.violations(fault, outcome) + later)
    return Finding(run, False, 0, [])


def repeat(workplace: Workplace, words: Sequence[str]) -> None:
    """Make one run again, and show everything about it."""
    case, name, when, kind = BY_NAME[words[0]], words[1], int(words[2]), words[3]
    judge = workplace.judge(case)
    with workplace.folder(case) as (folder, _), tempfile.NamedTemporaryFile() as trace:
        before = injecting(Path(trace.name), Call(name, when), kind)
        outcome = workplace.run(case, folder, before)
        print(f"cnnops {case.call}\n{' '.join(before)}\n{Path(trace.name).read_text()}")
    print(f"status {outcome.status}, {len(outcome.out)} bytes of output\n{outcome.err}")
    for file in sorted({*judge.before, *judge.calm.files, *outcome.files}):
        print(f"{judge._state(file, outcome):8} {file}")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables, and return 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a sample, in about a minute")
    parser.add_argument("--case", action="append", choices=list(BY_NAME), help="these cases only")
    parser.add_argument("--kind", help="this error or signal only")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--examples", type=int, default=3, help="of each class of violation")
    parser.add_argument("--repeat", nargs=4, metavar=("CASE", "CALL", "WHEN", "FAULT"))
    arguments = parser.parse_args(argv)
    if why_not := can_trace():
        sys.exit(f"nothing was tested: {why_not}")
    names = arguments.case or (SHORT if arguments.short else list(BY_NAME))
    rng = random.Random(arguments.seed)
    begin = time.monotonic()
    tally = Tally()
    with (
        Workplace(installed_command()) as workplace,
        ThreadPoolExecutor(arguments.workers) as workers,
    ):
        if arguments.repeat:
            repeat(workplace, arguments.repeat)
            return 0
        plans = workers.map(lambda name: list(plan(workplace, BY_NAME[name])), names)
        runs = [run for each in plans for run in (sample(each, rng) if arguments.short else each)]
        runs = [run for run in runs if arguments.kind in (None, run.fault.kind)]
        for found in workers.map(lambda run: make(workplace, run), runs):
            tally.add(
                found.run.judge.case.name,
                found.run.fault.kind,
                found.violations,
                found.run.repeat,
                found.left,
                hit=found.hit,
            )
    tally.print(arguments.examples)
    print(f"{len(runs)} runs in {time.monotonic() - begin:.0f} s")
    return 1 if tally.violations or tally.missed > TOLERATED * len(runs) else 0


if __name__ == "__main__":
    sys.exit(main())
