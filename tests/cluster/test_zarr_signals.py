"""Runs that are ended leave no store, and no other thread writes once they are over."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from stores import assert_same_bytes, load, store, zarr

from cnnops_cli import signals
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.commands import block_operands
from cnnops_cli.commands.block_operands import ZarrSink, ZarrSource
from cnnops_cli.commands.input_layout import InputLayout

pytestmark = pytest.mark.cluster

X = np.arange(12 * 10, dtype=np.float32).reshape(12, 10)
PROGRAM = """
import os, threading
from cnnops_cli.commands import block_operands, block_plan

block_plan.BLOCK_BYTES = 1
real, lock, calls = block_operands.ZarrSink.open, threading.Lock(), []

def opened(sink):
    write = real(sink)
    def write_and_signal(box, values):
        write(box, values)
        with lock:
            calls.append(box)
            if len(calls) == {number}:
                os.kill(os.getpid(), {signal})
    return write_and_signal

block_operands.ZarrSink.open = opened
from cnnops_cli.__main__ import main
main()
"""
POOL = ("maxpool", "-k", "1", "x.zarr", "-o", "y.zarr", "--indices", "i.zarr", "--threads", "2")


@pytest.fixture
def signalled(tmp_path):
    """Run a call whose process gets a signal after one of its writes."""
    store(tmp_path / "x.zarr", X, (2, 5))

    def run(number, signal_number, *arguments):
        program = PROGRAM.format(number=number, signal=int(signal_number))
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=tmp_path,
            capture_output=True,
            check=False,
            timeout=60,
        )

    return run


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
@pytest.mark.parametrize("after", [1, 7, 24])
def test_a_signal_leaves_nothing(signalled, tmp_path, number, status, after):
    run = signalled(after, number, *POOL)
    assert (run.returncode, run.stdout, run.stderr) == (status, b"", b"")
    assert names(tmp_path) == ["x.zarr"]


def test_a_second_signal_does_not_interrupt_the_clean_up(tmp_path):
    store(tmp_path / "x.zarr", X, (2, 5))
    program = (
        "import os, shutil, signal\n"
        "remove = shutil.rmtree\n"
        "def rmtree(*arguments, **options):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    remove(*arguments, **options)\n"
        "shutil.rmtree = rmtree\n"
    ) + PROGRAM.format(number=3, signal=int(signal.SIGINT))
    run = subprocess.run([sys.executable, "-c", program, *POOL], cwd=tmp_path, capture_output=True)
    assert (run.returncode, run.stdout, run.stderr) == (130, b"", b"")
    assert names(tmp_path) == ["x.zarr"]


def test_a_signal_leaves_what_was_there(signalled, tmp_path):
    store(tmp_path / "y.zarr", X + 1, (12, 10))
    run = signalled(5, signal.SIGINT, *POOL, "--overwrite")
    assert run.returncode == 130
    assert names(tmp_path) == ["x.zarr", "y.zarr"]
    assert_same_bytes(load(tmp_path / "y.zarr")[1], X + 1)


def test_a_kill_leaves_no_store_that_opens_and_the_next_run_removes_the_rest(signalled, tmp_path):
    for _ in range(2):
        assert signalled(7, signal.SIGKILL, *POOL).returncode == -signal.SIGKILL
    left = [name for name in names(tmp_path) if name != "x.zarr"]
    assert len(left) == 2
    for name in left:
        assert name.startswith(".cnnops-")
        with pytest.raises(FileNotFoundError):
            zarr.open(str(tmp_path / name), mode="r")
    run = signalled(0, 0, *POOL)
    assert (run.returncode, run.stderr) == (0, b"")
    assert names(tmp_path) == ["i.zarr", "x.zarr", "y.zarr"]
    assert_same_bytes(load(tmp_path / "y.zarr")[1], X.reshape(12, 10))


def test_after_the_work_a_signal_changes_nothing(tmp_path):
    """It waits from the first move on."""
    store(tmp_path / "x.zarr", X, (2, 5))
    program = """
import os, signal
from cnnops_cli.tensors import zarr_results

real = zarr_results.ZarrResults.move

def move(results):
    real(results)
    os.kill(os.getpid(), signal.SIGINT)

zarr_results.ZarrResults.move = move
from cnnops_cli.__main__ import main
main()
"""
    run = subprocess.run(
        [sys.executable, "-c", program, *POOL], cwd=tmp_path, capture_output=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert names(tmp_path) == ["i.zarr", "x.zarr", "y.zarr"]
    assert os.path.isfile(tmp_path / "y.zarr" / "zarr.json")


@pytest.mark.parametrize("kind", [ZarrSource, ZarrSink])
def test_what_another_thread_would_go_on_with_is_ended_before_a_signal_is_heard(monkeypatch, kind):
    monkeypatch.setattr(signals, "_has_begun", True)
    monkeypatch.setattr(signals, "_ended_by", None)
    monkeypatch.setattr(signals, "_is_held", False)
    ended = []

    def transfer(*arguments):
        signals._hear(signal.SIGINT, None)
        ended.append(arguments)
        return X

    array = SimpleNamespace(name="x.zarr", read=transfer, write=transfer)
    monkeypatch.setattr(block_operands, "open_reference", lambda _: array)
    opened = kind(None, InputLayout(0, "channels-first")).open()
    with pytest.raises(KeyboardInterrupt):
        opened(*[Box((0, 0), (12, 10)), X][: 1 + (kind is ZarrSink)])
    assert len(ended) == 1
