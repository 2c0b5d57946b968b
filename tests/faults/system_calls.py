"""The system calls that a command makes, as strace shows them, and a fault put into one of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

ERRORS = {
    "open openat": "EACCES EIO ESTALE ENOMEM EINTR EPERM EMFILE ENOSPC",
    "read pread64 readv": "EIO ESTALE EINTR ENOMEM EAGAIN",
    "write pwrite64 writev": "ENOSPC EIO EINTR EPERM EAGAIN",
    "stat lstat fstat newfstatat statx access faccessat faccessat2": "EIO ESTALE EACCES ENOMEM",
    "rename renameat renameat2": "EIO ENOSPC EPERM EACCES ESTALE EINTR",
    "link linkat symlink": "EPERM EOPNOTSUPP EIO ENOSPC EACCES",
    "unlink unlinkat rmdir": "EIO EPERM EACCES",
    "mkdir mkdirat": "EACCES ENOSPC EIO",
    "fsync fdatasync": "EIO ENOSPC EINTR EOPNOTSUPP",
    "flock": "EOPNOTSUPP EIO EAGAIN EINTR",
    "chmod fchmod fchmodat chown fchown fchownat": "EPERM EIO EOPNOTSUPP",
    "close": "EIO EINTR ENOSPC",
    "getcwd": "ENOENT EACCES ENOMEM",
    "readlink readlinkat": "EIO EACCES",
    "lseek": "",  # fails on no file that could be opened
    "ftruncate fallocate copy_file_range sendfile": "ENOSPC EOPNOTSUPP EIO EINTR",
    "getdents64": "EIO ESTALE EACCES",
    "clone clone3": "EAGAIN ENOMEM EPERM",
    "sched_getaffinity sched_setaffinity": "EPERM EINVAL ENOSYS",
    "mmap": "ENOMEM",
    "poll ppoll select pselect6": "EINTR ENOMEM",
}
ERRORS_OF = {call: errors.split() for calls, errors in ERRORS.items() for call in calls.split()}
LOOKS = {"read", "pread64", "lseek", "fstat", "newfstatat", "stat", "lstat", "statx", "mmap"}
"""Calls that change nothing."""

ANYWHERE = {
    *("getcwd", "clone", "clone3", "sched_getaffinity", "sched_setaffinity"),
    *("poll", "ppoll", "select", "pselect6"),
}
"""Calls of interest whatever they name."""

NEVER_FATAL = {"clone", "clone3", "sched_getaffinity", "sched_setaffinity"}
"""What a call can do without: it computes the same with fewer threads, bound or not."""

_STRACE = ["strace", "-f", "-y"]
_ENTRY = re.compile(r"(\d+) +(\w+)\((.*)")
_DESCRIPTOR = re.compile(r"(\d+)<(.*?)>(?=[,)( ]|$)")
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
_BY_PATH = {
    *("open", "openat", "stat", "lstat", "newfstatat", "statx", "access", "faccessat"),
    *("faccessat2", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "unlink"),
    *("unlinkat", "rmdir", "mkdir", "mkdirat", "chmod", "fchmodat", "chown", "fchownat"),
    *("readlink", "readlinkat"),
}
_TWO_PATHS = {"rename", "renameat", "renameat2", "link", "linkat", "symlink"}


@dataclass(frozen=True)
class Call:
    """One system call of a command.

    Attributes
    ----------
    name : str
    when : int
        The how-manieth call of this name it is, in its thread.
    targets : tuple of str
        The files that it is about: relative to the command's folder where they are in it.
    files : tuple of str
        The same, and what those that are temporary are moved to.
    descriptor : int
        Where it is about 0, 1 or 2; else -1.
    text : str
        Its arguments, as strace shows them.
    """

    name: str
    when: int
    targets: tuple[str, ...] = ()
    descriptor: int = -1
    text: str = ""
    files: tuple[str, ...] = ()

    @property
    def only_looks(self) -> bool:
        return self.name in LOOKS

    def errors(self) -> list[str]:
        """The errors that the system may well give here."""
        errors = ERRORS_OF[self.name]
        if "O_TMPFILE" in self.text:
            errors = [*errors, "EOPNOTSUPP"]
        elif "O_CREAT" not in self.text and self.name in ("open", "openat"):
            errors = [error for error in errors if error not in ("ENOSPC", "EPERM")]
        if self.name in ("read", "write", "readv", "writev") and self.descriptor < 0:
            errors = [error for error in errors if error != "EAGAIN"]
        return errors

    def is_about(self, other: Call) -> bool:
        """Whether both are the same call of two runs, whose temporary names differ."""
        return (self.name, self.descriptor, list(map(_without_chance, self.targets))) == (
            other.name,
            other.descriptor,
            list(map(_without_chance, other.targets)),
        )


def can_trace() -> str:
    """Why calls cannot be traced here; empty where they can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    run = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True)
    return "" if run.returncode == 0 else "this system does not allow ptrace"


def recording(trace: Path) -> list[str]:
    """Start of a command line that writes all calls of interest to a file."""
    names = ",".join(f"?{name}" for name in ERRORS_OF)
    return [*_STRACE, "--seccomp-bpf", "-e", f"trace={names}", "-o", str(trace)]


def injecting(trace: Path, call: Call, fault: str) -> list[str]:
    """Start of a command line that puts an error or a signal into one call."""
    is_signal = fault.startswith("SIG")
    # A signal is delivered only where every call stops, not through the kernel's filter.
    filtered = [] if is_signal else ["--seccomp-bpf"]
    inject = f"inject={call.name}:{'signal' if is_signal else 'error'}={fault}:when={call.when}"
    return [*_STRACE, *filtered, "-e", f"trace={call.name}", "-e", inject, "-o", str(trace)]


def read_calls(trace: str, folder: Path) -> list[tuple[Call, str, bool]]:
    """Each call in the order of its start, its thread, and whether a fault was put into it."""
    counts: dict[tuple[str, str], int] = {}
    calls = []
    for line in trace.splitlines():
        if not (entry := _ENTRY.match(line)):
            continue
        thread, name, text = entry.groups()
        counts[thread, name] = counts.get((thread, name), 0) + 1
        targets, descriptor = _targets(name, text, folder)
        call = Call(name, counts[thread, name], targets, descriptor, text)
        calls.append((call, thread, "(INJECTED)" in line))
    return calls


def calls_of_interest(trace: str, folder: Path, package: str = "/cnnops_cli/") -> list[Call]:
    """What the package did: calls about the folder or a standard stream, and those `ANYWHERE`.

    Parameters
    ----------
    trace : str
        What strace wrote.
    folder : Path
        Where the command ran.
    package : str
        The first path with this in it marks the end of Python's own start.
    """
    chosen: dict[tuple[str, int], Call] = {}
    begun = working = False
    calls = read_calls(trace, folder)
    for call, thread, _ in calls:
        # Threads count by themselves: the same number would also hit the first one's start.
        if thread != calls[0][1] and call.name not in NEVER_FATAL:
            continue
        begun = begun or package in call.text
        about_folder = any(not os.path.isabs(target) for target in call.targets)
        working = working or (begun and about_folder)
        if begun and (
            about_folder
            or call.descriptor >= 0
            or (call.name in ANYWHERE)
            or (call.name == "mmap" and working)
            or any(target.startswith(("/proc/", "/sys/")) for target in call.targets)
        ):
            chosen.setdefault((call.name, call.when), call)
    return _with_final_names(list(chosen.values()))


def imports(trace: str, folder: Path, package: str = "/cnnops_cli/") -> list[Call]:
    """The files that were opened between the package's first and the command's first one."""
    opened = []
    for call, _, _ in read_calls(trace, folder):
        if call.name == "openat" and (opened or package in call.text):
            if any(not os.path.isabs(target) for target in call.targets):
                break
            opened.append(call)
    return opened


def where_hit(trace: str, folder: Path, call: Call, fault: str) -> Call | None:
    """The call that a fault was really put into."""
    for seen, _, injected in read_calls(trace, folder):
        is_it = f" {fault} " in trace or f"by {fault}" in trace if fault[:3] == "SIG" else injected
        if (seen.name, seen.when) == (call.name, call.when) and is_it:
            return seen
    return None


def _targets(name: str, text: str, folder: Path) -> tuple[tuple[str, ...], int]:
    first = (_DESCRIPTOR.search if name == "mmap" else _DESCRIPTOR.match)(text)
    descriptor = int(first[1]) if first and int(first[1]) <= 2 else -1
    if name not in _BY_PATH:
        return (_relative(first[2], folder),) if first else (), descriptor
    paths = [
        os.path.join(base or folder, path) if path else base for base, path in _PATH.findall(text)
    ]
    count = 2 if name in _TWO_PATHS else 1
    return tuple(_relative(path, folder) for path in paths[:count]), descriptor


def _relative(path: str, folder: Path) -> str:
    if path == str(folder) or path.startswith(f"{folder}/"):
        return os.path.relpath(path, folder)
    return path if os.path.isabs(path) else f"/{path}"


def _without_chance(name: str) -> str:
    return re.sub(r"#\d+|[0-9a-f]{8,}|\[\d+\]", "*", name)


def _with_final_names(calls: list[Call]) -> list[Call]:
    """Give temporary files the names that they are moved to."""
    final: dict[str, str] = {}
    for call in calls:
        if call.name in _TWO_PATHS and len(call.targets) == 2:
            source, target = call.targets
            final.setdefault(*((target, source) if _is_temporary(target) else (source, target)))
    moved = [[final[name] for name in call.targets if name in final] for call in calls]
    return [
        replace(call, files=(*call.targets, *names))
        for call, names in zip(calls, moved, strict=True)
    ]


def _is_temporary(name: str) -> bool:
    return os.path.basename(name).startswith(".")
