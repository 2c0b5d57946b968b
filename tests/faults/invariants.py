"""What must hold of a run whatever happened to it, from the contract alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from cases import Case
from system_calls import NEVER_FATAL, Call

STATUSES = {
    "SIGINT": {130},
    "SIGTERM": {143},
    "SIGHUP": {129, 143},
    "SIGQUIT": {131},
    "SIGKILL": {137},
    "SIGSTOP": set(),
}
"""As a shell sees them; a call that was stopped goes on, after another has run beside it."""

LEAVE_FILES = ("SIGKILL", "SIGQUIT")
"""Signals after which a temporary may stay, until the next run that replaces a file there."""

TALK = re.compile(
    r"Traceback|internal error|Warning|Exception ignored|Fatal Python|^\w*Error\b|\berror in\b",
    re.M,
)


@dataclass(frozen=True)
class Fault:
    """An error or a signal, and the call that it was put into; none for a random instant."""

    kind: str
    call: Call | None = None

    @property
    def is_signal(self) -> bool:
        return self.kind.startswith("SIG")

    def about(self, *names: str) -> bool:
        return self.call is not None and self.call.name.startswith(names)

    def stream(self) -> int:
        return -1 if self.is_signal or not self.call else self.call.descriptor


@dataclass(frozen=True)
class Outcome:
    """What a run left behind; a file is its mode and its bytes."""

    status: int
    out: bytes
    err: str
    files: dict[str, tuple[int, bytes]] = field(default_factory=dict)


@dataclass(frozen=True)
class Violation:
    """What did not hold: a word for the class, and what was seen."""

    kind: str
    detail: str


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder: its mode and its bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def as_a_shell_sees_it(status: int) -> int:
    return 128 - status if status < 0 else status


@dataclass
class Judge:
    """Holds what a case begins with and what it ends with when nothing disturbs it."""

    case: Case
    before: dict[str, tuple[int, bytes]]
    calm: Outcome

    def violations(self, fault: Fault, outcome: Outcome) -> list[Violation]:
        """Everything that does not hold of a disturbed run; nothing where all does."""
        if is_pythons_own(outcome, self.before):
            return []
        found = [
            *self._of_status(fault, outcome),
            *self._of_files(fault, outcome),
            *self._of_standard_output(fault, outcome),
            *self._of_standard_error(fault, outcome),
        ]
        return [Violation(kind, detail) for kind, detail in found]

    def strays(self, files: dict[str, tuple[int, bytes]]) -> list[str]:
        """Files that neither were there nor belong to a result."""
        return sorted(set(files) - set(self.before) - set(self.case.outputs))

    def _of_status(self, fault, outcome):
        allowed = {self.calm.status}
        if fault.is_signal:
            allowed |= STATUSES[fault.kind]
        elif not self._may_do_without(fault):
            allowed |= {2}
        if as_a_shell_sees_it(outcome.status) not in allowed:
            yield "status", f"{outcome.status}, not of {sorted(allowed)}"

    def _may_do_without(self, fault):
        return fault.call is not None and (
            fault.call.name in NEVER_FATAL
            or (fault.kind == "EAGAIN" and fault.stream() == 0)
            or any(target.startswith(("/proc/", "/sys/")) for target in fault.call.targets)
        )

    def _of_files(self, fault, outcome):
        done = outcome.status == self.calm.status
        killed = fault.kind in LEAVE_FILES
        states = [{self._state(name, outcome) for name in each} for each in self.case.results]
        for name in {*self.before, *self.case.outputs}:
            if self._state(name, outcome) == "damaged":
                yield "damaged", f"{name} is neither old nor new"
        if done and any(state != {"new"} for state in states):
            yield "lost", f"status {outcome.status}, but {self._named('old', outcome)} as before"
        if not done and not killed:
            if any(len(state - {"damaged"}) > 1 for state in states):
                yield "half changed", f"new: {self._named('new', outcome)}"
            elif self._all_new(states) and not self._pipe_failed(fault, outcome):
                yield "changed", f"status {outcome.status}, but all files are new"
            elif len(states) == 1 and states != [{"old"}] and not self._pipe_failed(fault, outcome):
                yield "changed", f"status {outcome.status}: {self._named('new', outcome)} is new"
        strays = self.strays(outcome.files)
        if strays and not killed and not fault.about("unlink"):
            yield "stray", ", ".join(re.sub(r"[0-9a-f]{8,}", "*", name) for name in strays)

    def _all_new(self, states):
        return bool(states) and all(state == {"new"} for state in states)

    def _pipe_failed(self, fault, outcome):
        """Whether standard output, which comes last and cannot be undone, was not written whole."""
        return fault.stream() == 1 or outcome.out != self.calm.out

    def _state(self, name, outcome):
        seen, old, new = (
            where.get(name) for where in (outcome.files, self.before, self.calm.files)
        )
        if seen == new:
            return "new"
        return "old" if seen == old else "damaged"

    def _named(self, state, outcome):
        names = [name for name in self.case.outputs if self._state(name, outcome) == state]
        return ", ".join(names) or "nothing"

    def _of_standard_output(self, fault, outcome):
        if outcome.status == self.calm.status and outcome.out != self.calm.out:
            yield "output", f"status {outcome.status}, but {len(outcome.out)} bytes of output"
        elif not self.calm.out.startswith(outcome.out):
            yield "output", "standard output is not a part of the right one"

    def _of_standard_error(self, fault, outcome):
        if talk := TALK.search(outcome.err):
            yield talk[0].strip().lower(), last_line(outcome.err)
        elif fault.stream() == 2:
            return
        elif outcome.status == self.calm.status:
            if outcome.err != self.calm.err:
                yield "talk", f"status {outcome.status}: {last_line(outcome.err)}"
        elif outcome.status != 2:
            if outcome.err and not self.calm.err.startswith(outcome.err):
                yield "talk", f"status {outcome.status}: {last_line(outcome.err)}"
        else:
            yield from self._of_error_line(fault, outcome)

    def _of_error_line(self, fault, outcome):
        report = self.calm.err if self.calm.status == 1 else ""
        lines = outcome.err.removeprefix(report).splitlines()
        prefix = f"cnnops {self.case.arguments[0]}: error: "
        if fault.kind.startswith("ulimit") and outcome.err.startswith("cnnops: error: "):
            prefix = "cnnops: error: "  # the command itself did not fit
        most = len(self.case.results) + 1 if len(self.case.results) > 1 else 1
        if not 1 <= len(lines) <= most or any(not line.startswith(prefix) for line in lines):
            yield "form", f"{len(lines)} lines: {outcome.err!r}"[:300]
            return
        line = lines[0].removeprefix(prefix)
        for descriptor, stream in enumerate(("standard input", "standard output")):
            if stream in line and fault.stream() != descriptor:
                yield f"blames {stream}", line
                return
        words = self._words(fault)
        if words and not any(word in line for word in words):
            yield "blames another", line

    def _words(self, fault):
        """What the line may name; nothing where anything will do."""
        if fault.call is None or fault.is_signal:
            return set()
        if fault.stream() >= 0:
            return {("standard input", "standard output")[fault.stream()]}
        # The last are the words of the loader of shared libraries.
        memory = {"memory", "allocate", "zero-fill pages"} if fault.kind == "ENOMEM" else set()
        if fault.about("mmap"):
            return set() if fault.call.targets else memory
        if fault.about("poll", "ppoll", "select", "pselect"):
            return set()
        known = {*self.before, *self.calm.files}
        files = {target for target in fault.call.files if target in known}
        if not files:
            return memory | self.case.all_words() | {"working directory", "current directory"}
        return memory.union(*(self.case.words(file) for file in files))


def is_pythons_own(outcome: Outcome, before: dict[str, tuple[int, bytes]]) -> bool:
    """Whether the interpreter failed before anything of the package was running."""
    begins = outcome.err.startswith(("Traceback", "Fatal Python error"))
    return begins and "cnnops_cli/" not in outcome.err and outcome.files == before


def last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2][:300]
