"""The installed command as tests see it: in a pipe and on a pseudo-terminal."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cnnops_cli.app import run

from .pseudo_terminal import Screen, run_on_terminal

PATIENCE = 60


def _bytes(stdin: bytes | str | np.ndarray | None) -> bytes:
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
    """Runs the installed command, by default in the test's own folder."""

    def __init__(self, executable: Path, folder: Path) -> None:
        self.executable = executable
        self.folder = folder

    def start(self, *arguments, cwd=None, env=None, setup=None, **streams) -> subprocess.Popen:
        """Start the command, after the shell command ``setup`` if there is one."""
        shell = ["/bin/sh", "-c", f'{setup}; exec "$0" "$@"'] if setup else []
        return subprocess.Popen(
            [*shell, self.executable, *arguments],
            cwd=cwd or self.folder,
            env=environment(env),
            **streams,
        )

    def __call__(self, *arguments, stdin=None, stdout=subprocess.PIPE, **options) -> Result:
        pipes = {"stdin": subprocess.PIPE, "stdout": stdout, "stderr": subprocess.PIPE}
        with self.start(*arguments, **pipes, **options) as process:
            try:
                out, err = process.communicate(_bytes(stdin), timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Result(process.returncode, out or b"", err.decode(errors="replace"))

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

    def refusal(self, *arguments, **options) -> str:
        """The reason that a refused call gives, once its form has been checked."""
        result = self(*arguments, **options)
        assert (result.status, result.out) == (2, b""), result
        command = arguments[0] if arguments[0] in COMMANDS else ""
        prefix = f"cnnops {command}".rstrip() + ": error: "
        assert result.err.startswith(prefix), result.err
        assert result.err.endswith("\n")
        assert len(result.err.splitlines()) == 1, result.err
        return result.err[len(prefix) :].rstrip("\n")


COMMANDS = ("conv", "maxpool", "batchnorm", "dropout")


@pytest.fixture(scope="session")
def executable() -> Path:
    named = os.environ.get("CNNOPS_COMMAND")
    beside = Path(sys.executable).absolute().with_name("cnnops")
    found = shutil.which(named or beside)
    if not found:
        pytest.exit(f"no command to test: {named or beside} (set CNNOPS_COMMAND)", returncode=4)
    return Path(found).absolute()


@pytest.fixture
def cnnops(executable: Path, tmp_path: Path) -> Command:
    return Command(executable, tmp_path)


@pytest.fixture
def refused_here(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch):
    """Run the command in this process, in the test's folder, and give the line that refuses it."""
    monkeypatch.chdir(tmp_path)

    def refused(*arguments: str) -> str:
        status = run(list(arguments))
        out, err = capfd.readouterr()
        assert (status, out) == (2, "")
        assert err.endswith("\n")
        assert len(err.splitlines()) == 1, err
        return err.removesuffix("\n")

    return refused


@pytest.fixture
def called_here(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch):
    """Run the command in this process, in the test's folder, and give its standard output."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str) -> str:
        status = run(list(arguments))
        out, err = capfd.readouterr()
        assert (status, err) == (0, "")
        return out

    return called


@pytest.fixture
def terminal(executable: Path, tmp_path: Path) -> Callable[..., Screen]:
    """Run the command with some or all of its streams on a pseudo-terminal."""

    def run(*arguments, stdin=None, env=None, **options) -> Screen:
        return run_on_terminal(
            [str(executable), *arguments],
            stdin=_bytes(stdin),
            cwd=tmp_path,
            env=environment(env),
            patience=PATIENCE,
            **options,
        )

    return run


@pytest.fixture
def same() -> Callable[..., None]:
    """Compare shape, then dtype, then values."""

    def compare(actual: np.ndarray, expected: np.ndarray, rtol: float = 0) -> None:
        assert actual.shape == expected.shape
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=0)

    return compare
