"""A pseudo-terminal from the standard library, and what a program wrote to it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Callable
from dataclasses import dataclass

from calling import STREAMS, converse

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


def run_on_terminal(
    run: Callable[..., int],
    *,
    on: tuple[str, ...] = ("stdin", "stdout", "stderr"),
    columns: int = 80,
    rows: int = 24,
    typed: bytes = b"",
    stdin: bytes = b"",
) -> Screen:
    """Run with three descriptors: those named in ``on`` are one terminal, the others pipes."""
    ours, theirs = _open(columns, rows)
    os.write(ours, typed)
    pipes = {name: os.pipe() for name in STREAMS if name not in on}
    ends = {name: pipe[name != "stdin"] for name, pipe in pipes.items()}
    fed = (pipes["stdin"][1], stdin) if "stdin" in pipes else None
    status, (raw, *piped) = converse(
        lambda: run([ends.get(name, theirs) for name in STREAMS]),
        theirs=(theirs, *ends.values()),
        fed=fed,
        drained=(ours, *(pipes[name][0] for name in pipes if name != "stdin")),
    )
    received = dict(zip([name for name in pipes if name != "stdin"], piped, strict=True))
    return Screen(
        status=status,
        raw=raw.decode(errors="replace"),
        out=received.get("stdout", b""),
        err=received.get("stderr", b"").decode(errors="replace"),
    )
