"""Signals at random instants, and starts with little memory, few descriptors or a small disk.

    python tests/faults/instants.py [--short] [--rounds 100] [--case several] [--seed 0]
    CNNOPS_COMMAND=/elsewhere/bin/cnnops python tests/faults/instants.py

`inject.py` puts its faults where system calls are; here a signal falls anywhere from the start of
the interpreter to its end. What is checked is the same, and:

- two interrupts in short order are as silent as one;
- a signal that was ignored when the command was started, as nohup and a shell's & do it, stays so;
- below any limit of memory (ulimit -v), descriptors (-n) and size of a file (-f) with which Python
  itself still starts, the status is 0 or 2, with one line.

A traceback in which nothing of the package was running yet is Python's own, and only counted.

Counts, with --rounds 25 (a hundred instants for each signal):

version  runs  violations  -v       -n    -f    SIGHUP  SIGINT  twice  SIGKILL  SIGTERM  ignored
0.1.0    1300         128  115/625  0/55  0/20  1/100   8/100   3/100  0/100    1/100    0/100

Under -v: status 1 with a line of OpenBLAS's, and internal errors. Under signals: 9 times all files
were new with a status that says otherwise, mostly by a signal during Python's own end; 2
tracebacks, 1 "Exception ignored", 1 temporary left. 15 tracebacks were Python's own.
"""

from __future__ import annotations

import argparse
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cases import BY_NAME
from invariants import Fault, Judge, Violation, is_pythons_own
from tallies import Tally
from workplace import Workplace, installed_command

CASES = ("maxpool-indices", "batchnorm-state", "update-npz", "several")
LIMITED = ("maxpool-indices", "update-npz", "stdout-json", "view", "stdin-json")
LIMITS = {"-v": range(50 << 10, 300 << 10, 2 << 10), "-n": range(3, 16), "-f": range(4)}
"""In KiB; a number; in blocks of 512 bytes."""

SIGNALS = ["SIGKILL", "SIGINT", "SIGTERM", "SIGHUP", "SIGINT twice", "SIGHUP ignored"]
A_LITTLE = 0.003
"""Seconds between two interrupts."""


@dataclass(frozen=True)
class Trial:
    """A signal after a number of seconds, or a limit of the shell's `ulimit`."""

    judge: Judge
    kind: str
    amount: float

    @property
    def text(self) -> str:
        if self.kind in LIMITS:
            return f"{self.judge.case.name}: ulimit {self.kind} {self.amount:.0f}"
        return f"{self.judge.case.name}: {self.kind} after {self.amount:.4f} s"


def signals(workplace: Workplace, rounds: int, names: Sequence[str], rng: random.Random):
    """Instants spread over the whole time that each case takes, the same number for each kind."""
    for name in names:
        judge = workplace.judge(BY_NAME[name])
        seconds = statistics.median(_seconds(workplace, judge) for _ in range(5))
        for kind in SIGNALS:
            for part in range(rounds):
                yield Trial(judge, kind, 1.1 * seconds * (part + rng.random()) / rounds)


def limits(workplace: Workplace, names: Sequence[str], every: int) -> Iterator[Trial]:
    """Limits from the least with which Python itself starts."""
    for name in names:
        judge = workplace.judge(BY_NAME[name])
        for kind, amounts in LIMITS.items():
            for amount in amounts[:: every if kind == "-v" else 1]:
                if _python_starts(workplace, kind, amount):
                    yield Trial(judge, kind, amount)


def make(workplace: Workplace, trial: Trial) -> tuple[Trial, int, list[Violation], bool]:
    """Make a trial: how many files a kill left, what did not hold, and whether that is Python's."""
    case, judge = trial.judge.case, trial.judge
    is_limit = trial.kind in LIMITS
    fault = Fault(f"ulimit {trial.kind}" if is_limit else trial.kind.split()[0])
    before = ["sh", "-c", _shell(trial), "sh"] if is_limit or "ignored" in trial.kind else []
    with workplace.folder(case) as (folder, _):
        process = workplace.start(case.arguments, folder, before)
        if not is_limit:
            time.sleep(trial.amount)
            for _ in range(2 if "twice" in trial.kind else 1):
                process.send_signal(signal.Signals[fault.kind])
                time.sleep(A_LITTLE if "twice" in trial.kind else 0)
        outcome = workplace.finish(process, case, folder)
        left, later = workplace.leftovers(judge, fault, folder)
    found = judge.violations(fault, outcome) + later
    # Between its start and its trap the shell itself may be what a signal ends.
    if "ignored" in trial.kind and outcome.status not in (case.status, -signal.SIGHUP):
        found.append(Violation("ignored signal", f"status {outcome.status}"))
    return trial, left, found, is_pythons_own(outcome, judge.before)


def _shell(trial: Trial) -> str:
    setup = f"ulimit {trial.kind} {trial.amount:.0f}" if trial.kind in LIMITS else "trap '' HUP"
    return f'{setup}; exec "$@"'


def _seconds(workplace: Workplace, judge: Judge) -> float:
    with workplace.folder(judge.case) as (folder, _):
        begin = time.perf_counter()
        workplace.run(judge.case, folder)
        return time.perf_counter() - begin


def _python_starts(workplace: Workplace, kind: str, amount: int) -> bool:
    """Whether Python does all under a limit that it does before the package begins."""
    python = workplace.command.with_name("python")
    shell = f"ulimit {kind} {amount}; exec '{python}' -c 'import re, sys'"
    return subprocess.run(["sh", "-c", shell], capture_output=True).returncode == 0


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables, and return 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="some of each, in half a minute")
    parser.add_argument("--rounds", type=int, default=100, help="instants of a case and a signal")
    parser.add_argument("--case", action="append", choices=list(BY_NAME), help="these cases only")
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--examples", type=int, default=3, help="of each class of violation")
    arguments = parser.parse_args(argv)
    rounds, every = (6, 16) if arguments.short else (arguments.rounds, 1)
    rng = random.Random(arguments.seed)
    begin = time.monotonic()
    tally = Tally()
    with (
        Workplace(installed_command()) as workplace,
        ThreadPoolExecutor(arguments.workers) as workers,
    ):
        trials = [
            *signals(
                workplace, rounds, arguments.case or CASES[: 2 if arguments.short else 4], rng
            ),
            *limits(workplace, arguments.case or LIMITED[: 2 if arguments.short else 5], every),
        ]
        for trial, left, found, own in workers.map(lambda each: make(workplace, each), trials):
            tally.add(trial.judge.case.name, trial.kind, found, trial.text, left, own=own)
    tally.print(arguments.examples)
    print(f"{len(trials)} runs in {time.monotonic() - begin:.0f} s")
    return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
