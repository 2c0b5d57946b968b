"""The command as tests call it: in this process, or as the one that is installed."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from cnnops_cli import app

COMMANDS = ("conv", "maxpool", "batchnorm", "dropout")
PATIENCE = 60
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def as_bytes(stdin: bytes | str | np.ndarray | None) -> bytes:
    if isinstance(stdin, np.ndarray):
        stream = io.BytesIO()
        np.save(stream, stdin, allow_pickle=False)
        return stream.getvalue()
    return stdin.encode() if isinstance(stdin, str) else stdin or b""


def environment(extra: dict[str, str] | None) -> dict[str, str]:
    fixed = {"PATH": os.defpath, "HOME": "/", "LANG": "C.UTF-8", "TERM": "xterm-256color"}
    return fixed | (extra or {})


@dataclass(frozen=True)
class Result:
    status: int
    out: bytes
    err: str


class Command:
    """What the calls of a command have in common, wherever it runs."""

    def __call__(self, *arguments, **options) -> Result:
        raise NotImplementedError

    def text(self, *arguments, **options) -> str:
        """Standard output of a call that succeeds and has nothing to say on standard error."""
        result = self(*arguments, **options)
        assert (result.status, result.err) == (0, "")
        return result.out.decode()

    def json(self, *arguments, **options) -> str:
        """The one line of JSON that a call prints, without blanks: numbers keep their spelling."""
        text = self.text(*arguments, **options)
        assert text.endswith("\n")
        assert text.count("\n") == 1
        return re.sub(r"\s", "", text)

    def array(self, command: str, *arguments, **options) -> np.ndarray:
        """The array that a call prints with ``-f npy``."""
        result = self(command, "-f", "npy", *arguments, **options)
        assert (result.status, result.err) == (0, "")
        return np.load(io.BytesIO(result.out), allow_pickle=False)

    def error(self, *arguments, **options) -> str:
        """The one line of a refused call, without its end."""
        result = self(*arguments, **options)
        assert (result.status, result.out) == (2, b""), result
        assert result.err.endswith("\n")
        assert len(result.err.splitlines()) == 1, result.err
        return result.err.removesuffix("\n")

    def refusal(self, *arguments, **options) -> str:
        """The reason that a refused call gives, once its form has been checked."""
        error = self.error(*arguments, **options)
        command = arguments[0] if arguments[0] in COMMANDS else ""
        prefix = f"cnnops {command}".rstrip() + ": error: "
        assert error.startswith(prefix), error
        return error.removeprefix(prefix)


class CommandHere(Command):
    """Runs the command in this process, by default in the test's own folder.

    Streams, environment and working directory are as in a process of its own, and none stays.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments, stdin=None, stdout=None, **options) -> Result:
        (reading, feeding), (taking, writing), (hearing, saying) = (os.pipe() for _ in range(3))
        out = writing if stdout is None else stdout if isinstance(stdout, int) else stdout.fileno()
        status, (out, err) = converse(
            lambda: self.run(arguments, (reading, out, saying), **options),
            theirs=(reading, writing, saying),
            fed=(feeding, as_bytes(stdin)),
            drained=(taking, hearing),
        )
        return Result(status, out, err.decode(errors="replace"))

    def run(self, arguments, streams, cwd=None, env=None) -> int:
        """Run the command with these descriptors as its streams, and return its exit status."""
        with ExitStack() as undoing:
            undoing.enter_context(mock.patch.dict(os.environ, environment(env), clear=True))
            # It speaks to the import of NumPy, which this process has behind it.
            undoing.enter_context(mock.patch.object(app, "limit_before_numpy"))
            undoing.callback(os.chdir, os.getcwd())
            os.chdir(cwd or self.folder)
            for number, (name, descriptor) in enumerate(zip(STREAMS, streams, strict=True)):
                kept = os.dup(number)
                undoing.callback(os.close, kept)
                undoing.callback(os.dup2, kept, number)
                os.dup2(descriptor, number)
                stream = undoing.enter_context(open_stream(name, number))
                undoing.enter_context(mock.patch.object(sys, name, stream))
            try:
                return app.run([str(argument) for argument in arguments])
            except SystemExit as end:  # of a completion
                return end.code or 0


STREAMS = {
    "stdin": {"mode": "r", "errors": "surrogateescape"},
    "stdout": {"mode": "w", "errors": "surrogateescape"},
    "stderr": {"mode": "w", "errors": "backslashreplace", "buffering": 1},
}


def open_stream(name: str, descriptor: int):
    """Open a descriptor as Python does at its start, in the locale of `environment`."""
    return open(descriptor, **STREAMS[name], encoding="utf-8", closefd=False)


def converse(
    run: Callable[[], int],
    *,
    theirs: Iterable[int],
    fed: tuple[int, bytes] | None,
    drained: Iterable[int],
) -> tuple[int, list[bytes]]:
    """Feed and drain descriptors while a call uses their other ends, which are closed then."""
    with ThreadPoolExecutor(4) as pool:
        feeding = pool.submit(_feed, *fed) if fed else None
        draining = [pool.submit(_drain, descriptor) for descriptor in drained]
        try:
            status = run()
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        if feeding:
            feeding.result()
        return status, [each.result() for each in draining]


def _feed(descriptor: int, data: bytes) -> None:
    with suppress(BrokenPipeError), open(descriptor, "wb", buffering=0) as pipe:
        while data:
            data = data[pipe.write(data) :]


def _drain(descriptor: int) -> bytes:
    data = bytearray()
    with open(descriptor, "rb", buffering=0) as source:
        with suppress(OSError):  # Linux reports the end of a terminal as an input/output error
            while chunk := source.read(1 << 16):
                data += chunk
    return bytes(data)


class InstalledCommand(Command):
    """Runs the installed command as a process, by default in the test's own folder."""

    def __init__(self, executable: Path, folder: Path) -> None:
        self.executable = executable
        self.folder = folder

    def start(self, *arguments, cwd=None, env=None, setup=None, **streams) -> subprocess.Popen:
        """Start the command, after the shell command ``setup`` if there is one."""
        shell = ["/bin/sh", "-c", f'{setup}; exec "$0" "$@"'] if setup else []
        return subprocess.Popen(
            [*shell, self.executable, *map(str, arguments)],
            cwd=cwd or self.folder,
            env=environment(env),
            **streams,
        )

    def __call__(self, *arguments, stdin=None, stdout=None, **options) -> Result:
        streams = PIPES if stdout is None else PIPES | {"stdout": stdout}
        with self.start(*arguments, **streams, **options) as process:
            try:
                out, err = process.communicate(as_bytes(stdin), timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Result(process.returncode, out or b"", err.decode(errors="replace"))

    def run(self, arguments, streams, cwd=None, env=None) -> int:
        """Run the command with descriptors as its streams, and return its exit status."""
        pipes = dict(zip(STREAMS, streams, strict=True))
        with self.start(*arguments, cwd=cwd, env=env, start_new_session=True, **pipes) as process:
            try:
                return process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


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
