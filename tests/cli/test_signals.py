"""Signals: silent, no file has changed; or all have, and the status is that of what was done."""

import os
import signal
import subprocess
import time
from types import SimpleNamespace

import numpy as np
import pytest

from cnnops_cli import app, signals

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

PROGRAM = """
import {module} as module
import os

real, calls = module.{call}, []

def then_a_signal(*arguments, **options):
    calls.append(arguments)
    result = real(*arguments, **options)
    if len(calls) == {number}:
        os.kill(os.getpid(), {signal})
    return result

module.{call} = then_a_signal
from cnnops_cli.__main__ import main
main()
"""


@pytest.fixture
def signalled(installed, tmp_path):
    """Run the command, which sends itself a signal after a call of Python's library."""
    np.save(tmp_path / "x.npy", np.arange(16.0).reshape(4, 4))

    def run(number, after, *arguments, at=1, setup=""):
        module, call = after.split(".")
        program = PROGRAM.format(module=module, call=call, number=at, signal=int(number))
        python = installed.executable.with_name("python")
        shell = ["/bin/sh", "-c", f'{setup} exec "$0" "$@"']
        return subprocess.run(
            [*shell, python, "-c", program, *arguments],
            cwd=tmp_path,
            capture_output=True,
            check=False,
            timeout=60,
        )

    return run


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "x.npy")


POOL = ["maxpool", "-k", "2", "x.npy", "--indices", "i.npy", "-o", "y.npy"]
STATE = ["batchnorm", "x.npy", "--state", "s.npz", "--save-state", "s.npz", "-o", "y.npy"]


@pytest.mark.parametrize("number", ENDING)
def test_before_the_first_move_nothing_changes(signalled, tmp_path, number):
    done = signalled(number, "os.fsync", *STATE)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, b"", b"")
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("at", [1, 2])
def test_from_the_first_move_on_all_changes(signalled, tmp_path, number, at):
    done = signalled(number, "os.replace", *POOL, at=at)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert names(tmp_path) == ["i.npy", "y.npy"]


@pytest.mark.parametrize("number", ENDING)
def test_what_was_done_stands_until_the_process_ends(signalled, tmp_path, number):
    done = signalled(number, "gc.freeze", *POOL)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert names(tmp_path) == ["i.npy", "y.npy"]


@pytest.mark.parametrize("number", ENDING)
def test_a_check_that_fails_keeps_its_status(signalled, number):
    call = ["maxpool", "-k", "2", "x.npy", "-o", "y.npy", "--expect", "[[0]]", "-q"]
    assert signalled(number, "os.replace", *call).returncode == 1


@pytest.mark.parametrize("number", ENDING)
def test_of_several_inputs_those_that_are_done_are_whole(signalled, tmp_path, number):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.ones((2, 2)))
    call = ["maxpool", "-k", "2", "a.npy", "b.npy", "-o", "out"]
    done = signalled(number, "os.replace", *call)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, b"", b"")
    assert names(tmp_path / "out") == ["a.npy"]
    done = signalled(number, "os.replace", *call, at=2)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert names(tmp_path / "out") == ["a.npy", "b.npy"]


def test_of_several_inputs_without_a_result_no_directory_stays(signalled, tmp_path):
    call = ["maxpool", "-k", "2", "x.npy", "x.npy:b", "-o", "out"]
    done = signalled(signal.SIGTERM, "os.mkdir", *call)
    assert (done.returncode, done.stderr) == (143, b"")
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_that_the_caller_ignores_stays_ignored(signalled, tmp_path, number):
    done = signalled(number, "os.fsync", *STATE, setup=f"trap '' {int(number)};")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert names(tmp_path) == ["s.npz", "y.npy"]


@pytest.mark.parametrize("number", ENDING)
def test_a_pipe_that_nobody_reads_can_be_left_and_nothing_has_changed(installed, tmp_path, number):
    np.save(tmp_path / "x.npy", np.arange(16.0).reshape(4, 4))
    (tmp_path / "i.npy").write_bytes(b"old")
    os.mkfifo(tmp_path / "pipe")
    call = ["maxpool", "-k", "2", "x.npy", "--indices", "i.npy", "-o", "pipe"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with installed.start(*call, **streams) as process:
        while (tmp_path / "i.npy").stat().st_size < 4:  # until the files are in their places
            assert process.poll() is None
        time.sleep(0.2)  # until it waits for a reader
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (128 + number, b"", b"")
    assert (tmp_path / "i.npy").read_bytes() == b"old"
    assert names(tmp_path) == ["i.npy", "pipe"]


@pytest.fixture
def ended(monkeypatch):
    """Calls of the handler of signals, after a call has begun, and the clock that it looks at."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(signals, "time", SimpleNamespace(monotonic=lambda: clock.now))
    for name, value in {"_ended_by": None, "_has_begun": True, "_is_held": False}.items():
        monkeypatch.setattr(signals, name, value)
    return clock


def test_signals_within_ten_seconds_of_the_first_are_ignored(ended):
    with pytest.raises(KeyboardInterrupt):
        signals._hear(signal.SIGINT, None)
    ended.now += 9.9
    signals._hear(signal.SIGTERM, None)
    signals.hold()
    signals._hear(signal.SIGTERM, None)
    signals.release()
    assert signals.ended_by() == signal.SIGINT
    ended.now += 0.1
    with pytest.raises(SystemExit, match=r"^143$"):
        signals._hear(signal.SIGTERM, None)
    assert signals.ended_by() == signal.SIGTERM


def test_what_a_signal_ends_is_silent_whatever_error_takes_its_place(ended, capfd):
    assert app._fail("cnnops conv", "cannot read x.zarr: release unlocked lock") == 2
    expected = "cnnops conv: error: cannot read x.zarr: release unlocked lock\n"
    assert capfd.readouterr() == ("", expected)
    with pytest.raises(KeyboardInterrupt):
        signals._hear(signal.SIGINT, None)
    assert app._fail("cnnops conv", "cannot read x.zarr: release unlocked lock") == 130
    assert capfd.readouterr() == ("", "")
