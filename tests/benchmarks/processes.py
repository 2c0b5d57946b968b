"""Run whole commands: how long they take, and how much memory at most."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from machine import measured_environment

# A process's peak counts that of the process it was started from, until its program is replaced.
# So the command is started from a small one, not from one that has held the data.
_LAUNCHER = """
import os, sys
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(process, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def seconds(command: Sequence[str], folder: Path) -> float:
    """Wall time of a command from its start to its end, in a folder.

    Raises
    ------
    RuntimeError
        If the command fails.
    """
    start = time.perf_counter()
    result = subprocess.run(
        command,
        cwd=folder,
        env=measured_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    taken = time.perf_counter() - start
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {result.stderr}")
    return taken


def peak_bytes(command: Sequence[str], folder: Path) -> int:
    """The most memory that a command had at once, as the system counts it.

    Raises
    ------
    RuntimeError
        If the command fails.
    """
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
        cwd=folder,
        env=measured_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    status, peak = map(int, result.stdout.split()[-2:])
    if status:
        raise RuntimeError(f"{' '.join(command)} failed: {result.stderr}")
    return peak * _PEAK_UNIT


def our_command(given: str | None) -> str:
    """The `cnnops` of this Python's environment, unless another one was given."""
    return given or str(Path(sys.executable).absolute().with_name("cnnops"))
