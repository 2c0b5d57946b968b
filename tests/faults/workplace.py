"""Runs the installed command in folders of its own, with and without a tracer before it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cases import NEXT, OLD, Case, make_inputs
from invariants import LEAVE_FILES, Fault, Judge, Outcome, Violation, snapshot

PATIENCE = 60
HANGS = -999
STOPPED = re.compile(r"(\d+) +--- stopped by SIGSTOP")


def installed_command() -> Path:
    """The command that CNNOPS_COMMAND names, else the one of this Python's environment."""
    named = os.environ.get("CNNOPS_COMMAND")
    found = shutil.which(named or Path(sys.executable).absolute().with_name("cnnops"))
    if not found:
        sys.exit("no command to test: set CNNOPS_COMMAND")
    return Path(found).absolute()


class Workplace:
    """The inputs, and folders for runs; removed when it is left."""

    def __init__(self, command: Path) -> None:
        self.command = command
        self._root = tempfile.TemporaryDirectory(prefix="faults-")
        self.root = Path(self._root.name).resolve()
        self.inputs = self.root / "inputs"
        self.inputs.mkdir()
        make_inputs(self.inputs)
        # What nohup and a shell's & have set to be ignored would be ignored by the command too.
        for name in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            if signal.getsignal(name) is signal.SIG_IGN:
                signal.signal(name, signal.SIG_DFL)
        # Bytecode of every module, so that all runs make the same calls; not beside the modules.
        self._environment = {
            "PATH": os.defpath,
            "HOME": "/",
            "LANG": "C.UTF-8",
            "PYTHONHASHSEED": "0",
            "PYTHONPYCACHEPREFIX": str(self.root / "bytecode"),
        }

    def __enter__(self) -> Workplace:
        return self

    def __exit__(self, *_: object) -> None:
        self._root.cleanup()

    @contextmanager
    def folder(self, case: Case):
        """A new folder in which a case can run, and its files before that."""
        folder = Path(tempfile.mkdtemp(dir=self.root))
        case.lay_out(self.inputs, folder)
        try:
            yield folder, snapshot(folder)
        finally:
            shutil.rmtree(folder)

    def start(self, arguments: Sequence[str], folder: Path, before: Sequence[str] = (), **options):
        """Start the command behind what comes before it, a tracer or a shell."""
        return subprocess.Popen(
            [*before, str(self.command), *arguments],
            cwd=folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **options,
        )

    def finish(self, process: subprocess.Popen, case: Case, folder: Path) -> Outcome:
        """Give the command its standard input, and wait for its end."""
        data = (self.inputs / case.stdin).read_bytes() if case.stdin else b""
        try:
            out, err = process.communicate(data, timeout=PATIENCE)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            status = HANGS
        return Outcome(status, out, err.decode(errors="replace"), snapshot(folder))

    def run(self, case: Case, folder: Path, before: Sequence[str] = ()) -> Outcome:
        return self.finish(self.start(case.arguments, folder, before), case, folder)

    def judge(self, case: Case) -> Judge:
        """What a case ends with undisturbed, which must be the same twice."""
        ends = []
        for _ in range(2):
            with self.folder(case) as (folder, before):
                ends.append(self.run(case, folder))
        calm = ends[0]
        if ends[0] != ends[1] or calm.status != case.status:
            sys.exit(f"{case.name} does not end as it should, or not the same twice: {calm.err}")
        judge = Judge(case, before, calm)
        if judge.strays(calm.files):
            sys.exit(f"{case.name} leaves {judge.strays(calm.files)} when nothing disturbs it")
        return judge

    def leftovers(self, judge: Judge, fault: Fault, folder: Path) -> tuple[int, list[Violation]]:
        """How many files a killed run left, and whether the next run clears them."""
        left = judge.strays(snapshot(folder))
        if not left or not (fault.kind in LEAVE_FILES or fault.about("unlink")):
            return 0, []
        statuses = {self.next_run((folder / name).parent) for name in left}
        if statuses != {0}:
            return len(left), [Violation("next run", f"ends with {sorted(statuses)}")]
        still = judge.strays(snapshot(folder))
        found = [Violation("left for good", f"{len(still)} of {len(left)}")] if still else []
        return len(left), found

    def next_run(self, folder: Path) -> int:
        """Exit status of an ordinary run that replaces a file in a folder."""
        (folder / "next.npy").write_bytes(OLD)
        process = self.start(NEXT, folder)
        process.communicate()
        (folder / "next.npy").unlink()
        return process.returncode

    def run_beside(self, case: Case, folder: Path, before: Sequence[str], trace: Path) -> Outcome:
        """Run a case that is stopped at a call, with an ordinary run in its folders meanwhile."""
        process = self.start(case.arguments, folder, before)
        end = time.monotonic() + PATIENCE
        stopped = None
        while process.poll() is None and not stopped and time.monotonic() < end:
            time.sleep(0.01)
            stopped = STOPPED.search(trace.read_text(errors="replace"))
        if stopped:
            for directory in {(folder / name).parent for name in case.outputs}:
                if directory.is_dir():
                    self.next_run(directory)
            keeper = threading.Thread(target=_keep_going, args=(int(stopped[1]), process))
            keeper.start()
        return self.finish(process, case, folder)


def _keep_going(pid: int, process: subprocess.Popen) -> None:
    """Continue a command until it ends: the same call of a thread that comes later stops it too."""
    while process.poll() is None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.05)
