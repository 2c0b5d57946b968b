"""A pseudo-terminal from the standard library, and what a program wrote to it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from dataclasses import dataclass

ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")


@dataclass(frozen=True)
class Screen:
    """``raw`` is what the terminal received; ``out`` and ``err`` what went into pipes."""

    status: int
    raw: str
    out: bytes
    err: str

    @property
    def shown(self) -> str:
        return ESCAPE.sub("", self.raw).replace("\r", "")

    @property
    def lines(self) -> list[str]:
        return self.shown.splitlines()

    @property
    def coloured(self) -> bool:
        return bool(COLOUR.search(self.raw))


def _open(columns: int, rows: int) -> tuple[int, int]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    mode = termios.tcgetattr(theirs)
    mode[1] &= ~termios.OPOST
    mode[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, mode)
    return ours, theirs


def _collect(process: subprocess.Popen, sources: dict[int, bytearray], deadline: float) -> None:
    waiting = set(sources)
    while waiting:
        ready, _, _ = select.select(list(waiting), [], [], 0.05)
        for source in ready:
            try:
                chunk = os.read(source, 65536)
            except OSError:  # Linux reports the end of a terminal as an input/output error
                chunk = b""
            sources[source] += chunk
            if not chunk:
                waiting.discard(source)
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise TimeoutError(f"still running: {process.args}")


def run_on_terminal(
    arguments: list[str],
    *,
    on: tuple[str, ...] = ("stdin", "stdout", "stderr"),
    columns: int = 80,
    rows: int = 24,
    typed: bytes = b"",
    stdin: bytes = b"",
    cwd: os.PathLike,
    env: dict[str, str],
    patience: float,
) -> Screen:
    """Run a program whose streams named in ``on`` are one terminal and the others pipes."""
    ours, theirs = _open(columns, rows)
    streams = {
        name: theirs if name in on else subprocess.PIPE for name in ("stdin", "stdout", "stderr")
    }
    process = subprocess.Popen(arguments, cwd=cwd, env=env, start_new_session=True, **streams)
    os.close(theirs)
    received = {ours: bytearray()}
    pipes = {name: getattr(process, name) for name in ("stdout", "stderr") if name not in on}
    received.update({pipe.fileno(): bytearray() for pipe in pipes.values()})
    try:
        if process.stdin:
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(stdin)
        os.write(ours, typed)
        _collect(process, received, time.monotonic() + patience)
        status = process.wait(patience)
        piped = {name: bytes(received[pipe.fileno()]) for name, pipe in pipes.items()}
    finally:
        os.close(ours)
        for pipe in pipes.values():
            pipe.close()
    return Screen(
        status=status,
        raw=received[ours].decode(errors="replace"),
        out=piped.get("stdout", b""),
        err=piped.get("stderr", b"").decode(errors="replace"),
    )
