"""The command as tests see it: in a pipe and on a pseudo-terminal.

It runs in the process of the tests, which takes milliseconds, unless CNNOPS_COMMAND names another
that is to be tested. Where the process itself is what a test is about, `installed` starts one.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from calling import Command, CommandHere, InstalledCommand, as_bytes
from mapping import Twice, make_inputs
from pseudo_terminal import Screen, run_on_terminal

NAMED = os.environ.get("CNNOPS_COMMAND")


@pytest.fixture(scope="session")
def executable() -> Path:
    beside = Path(sys.executable).absolute().with_name("cnnops")
    found = shutil.which(NAMED or beside)
    if not found:
        pytest.exit(f"no command to test: {NAMED or beside} (set CNNOPS_COMMAND)", returncode=4)
    return Path(found).absolute()


@pytest.fixture
def installed(executable: Path, tmp_path: Path) -> InstalledCommand:
    """The installed command, in processes of its own."""
    return InstalledCommand(executable, tmp_path)


@pytest.fixture
def cnnops(request: pytest.FixtureRequest, tmp_path: Path) -> Command:
    """The command, wherever it runs."""
    return request.getfixturevalue("installed") if NAMED else CommandHere(tmp_path)


@pytest.fixture
def refused_here(tmp_path: Path) -> Callable[..., str]:
    """Run the command in this process, and give the line that refuses the call."""
    return CommandHere(tmp_path).error


@pytest.fixture
def called_here(tmp_path: Path) -> Callable[..., str]:
    """Run the command in this process, and give its standard output."""
    return CommandHere(tmp_path).text


@pytest.fixture
def terminal(cnnops: Command) -> Callable[..., Screen]:
    """Run the command with some or all of its streams on a pseudo-terminal."""

    def run(*arguments, stdin=None, env=None, **options) -> Screen:
        return run_on_terminal(
            lambda streams: cnnops.run(arguments, streams, env=env),
            stdin=as_bytes(stdin),
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


@pytest.fixture(scope="session")
def large_inputs(tmp_path_factory) -> Path:
    """A folder with the files that calls read which map them."""
    folder = tmp_path_factory.mktemp("large")
    make_inputs(folder)
    return folder


@pytest.fixture
def twice(large_inputs: Path, tmp_path: Path) -> Twice:
    """Make a call in memory and one that maps, and compare all that they leave."""
    return Twice(large_inputs, tmp_path)
