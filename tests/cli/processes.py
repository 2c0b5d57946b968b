"""A command that runs on while a test writes to it."""

from __future__ import annotations

import signal
import subprocess

import pytest

PIPES = {
    "stdin": subprocess.PIPE,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.PIPE,
}


def interrupt_amid_endless_json(process: subprocess.Popen) -> None:
    """Write an array without end, interrupt the command that reads it, and go on until it ends."""
    process.stdin.write(b"[")
    for block in range(3000):
        if block == 200:
            process.send_signal(signal.SIGINT)
        try:
            process.stdin.write(b"1," * 32_768)
        except BrokenPipeError:
            return
    pytest.fail("still reading 180 MB after the interrupt")
