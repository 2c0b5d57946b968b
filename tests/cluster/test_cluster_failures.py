"""What a run on a cluster does where a process dies, is interrupted, or could not take part."""

import logging
import os
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import slow_blocks
from calling import CommandHere
from faulty_blocks import FaultyBlocks
from stores import load, store

from cnnops_cli import CnnopsError, conv

zarr = pytest.importorskip("zarr")
pytest.importorskip("distributed")
pytestmark = pytest.mark.cluster

from dask_processes import dask_processes, wait_until  # noqa: E402

from cnnops_cli.blocks import cluster as cluster_module  # noqa: E402
from cnnops_cli.blocks import scheduler as scheduler_module  # noqa: E402
from cnnops_cli.blocks.cluster import connected  # noqa: E402
from cnnops_cli.blocks.own_code import own_code  # noqa: E402
from cnnops_cli.commands import block_plan  # noqa: E402
from cnnops_cli.commands.dropout import Dropping  # noqa: E402

COMMAND = [sys.executable, str(Path(__file__).with_name("small_blocks.py"))]
SHAPE, CHUNKS = (1, 2, 16, 64), (1, 2, 8, 8)
BLOCKS = 16
WORKER = r"worker tcp://127\.0\.0\.1:\d+"
AT_ONCE = 5.0
"""Seconds in which the command ends where nothing more can come of it."""
PATIENCE = 1.0
"""Seconds of the scheduler's silence, in the tests of that."""


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """A cluster of two workers that take their time."""
    folder = tmp_path_factory.mktemp("slow")
    with dask_processes(folder) as processes:
        for name in ("one", "two"):
            processes.start_worker(name, "--preload", "slow_blocks", HOLD=str(folder / "hold"))
        processes.wait_for_workers(2)
        yield processes


@pytest.fixture
def hold(slow):
    """The file that holds all blocks of this cluster while it is there."""
    path = slow.folder / "hold"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def operands(tmp_path):
    """INPUT and two kernels in the current folder."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(SHAPE).astype(np.float32)
    store(tmp_path / "x.zarr", x, CHUNKS)
    kernels = rng.standard_normal((2, 2, 2, 3, 3)).astype(np.float32)
    for number, kernel in enumerate(kernels):
        np.save(tmp_path / f"k{number}.npy", kernel)
    return x, kernels


@contextmanager
def running(
    folder, address, kernel=0, *, source="x.zarr", output="out.zarr", until=None, **environment
):
    """The command while it runs: from where it has written a block, if nothing else is said."""
    call = ["conv", "-k", f"k{kernel}.npy", "-p", "1", source, "-o", output]
    until = until or (lambda: written(folder))
    with subprocess.Popen(
        [*COMMAND, *call, "--scheduler", address],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    ) as process:
        try:
            wait_until(lambda: process.poll() is not None or until())
            yield process
        finally:
            process.kill()


def there(folder):
    return sorted(folder.rglob("*"))


def leaves(folder, before):
    """Check that nothing else is there than before, after the blocks that were under way."""
    wait_until(lambda: there(folder) == before)
    time.sleep(2 * slow_blocks.SECONDS)
    assert there(folder) == before


def written(folder):
    """How many chunks of the result there are, in its place or not."""
    return sum(path.is_file() for path in folder.glob("*/c/**/*") if "x.zarr" not in path.parts)


def ends(process, status, error=""):
    """Check how the command ends, and return in how many seconds."""
    began = time.monotonic()
    got = process.communicate(timeout=60)
    assert (process.returncode, *got) == (status, "", error)
    return time.monotonic() - began


def refused(folder, address, **paths):
    """Return the one line that a call is refused by, and check that it leaves nothing."""
    before = there(folder)
    with running(folder, address, **paths) as process:
        out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert there(folder) == before
    [line] = error.splitlines()
    return line


def result(folder):
    return zarr.open_array(folder / "out.zarr", mode="r")[...]


def test_a_worker_that_is_killed_costs_its_blocks_again(slow, operands, tmp_path):
    x, kernels = operands
    with running(tmp_path, slow.address) as process:
        assert written(tmp_path) < BLOCKS
        os.kill(slow.pids()["one"], signal.SIGKILL)
        ends(process, 0)
    assert result(tmp_path).tobytes() == conv(x, kernels[0], padding=1).tobytes()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_cancels_the_blocks(slow, hold, operands, tmp_path, number, status):
    before = there(tmp_path)
    with running(tmp_path, slow.address) as process:
        hold.touch()
        process.send_signal(number)
        assert ends(process, status) < AT_ONCE
        hold.unlink()
    with slow.client() as client:
        wait_until(lambda: not any(client.processing().values()))
        assert not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
    leaves(tmp_path, before)


def test_late_workers_of_a_dead_run_do_not_write_into_the_next(slow, hold, operands, tmp_path):
    x, kernels = operands
    with running(tmp_path, slow.address) as process:
        hold.touch()
        time.sleep(2 * slow_blocks.SECONDS)
        process.kill()
    [left] = tmp_path.glob(".cnnops-*")
    assert 0 < written(tmp_path) < BLOCKS
    with running(tmp_path, slow.address, 1, until=lambda: not left.exists()) as process:
        hold.unlink()
        ends(process, 0)
    assert result(tmp_path).tobytes() == conv(x, kernels[1], padding=1).tobytes()
    wait_until(lambda: f"there is no {left}/cnnops-run, since the run is over" in slow.log())
    assert sorted(os.listdir(tmp_path)) == ["k0.npy", "k1.npy", "out.zarr", "x.zarr"]


@pytest.fixture
def faulty(monkeypatch, tmp_path):
    """A call whose operator fails in one block, which returns the line that it ends with."""
    x = np.arange(64, dtype=np.float32).reshape(8, 8)
    store(tmp_path / "x.zarr", x, (4, 4))
    monkeypatch.setattr(block_plan, "BLOCK_BYTES", 1)

    def call(dask, fault, *options, starts=(4, 0), memory=2):
        operator = FaultyBlocks(x.shape, starts, fault, str(tmp_path / "tries"), memory)
        monkeypatch.setattr(Dropping, "blocks", lambda _: operator)
        line = CommandHere(tmp_path).refusal(
            *("dropout", "x.zarr", "-o", "y.zarr", "--scheduler", dask.address, *options)
        )
        assert set(os.listdir(tmp_path)) <= {"x.zarr", "tries"}
        return line

    return call


def test_a_block_that_kills_its_workers(dask, faulty):
    line = faulty(dask, "killed")
    assert re.fullmatch(
        r"block \[[048:]+, [048:]+\] of the result, or one that was on the same workers, ended 4 "
        r"workers, the last of them tcp://127\.0\.0\.1:\d+: the workers' logs say why, it may be "
        "for want of memory",
        line,
    )
    dask.wait_for_workers(2)


@pytest.mark.parametrize(
    ("fault", "line", "tries"),
    [
        ("refused", "input has a value that is refused", 1),
        ("busy", "cannot read x.zarr: slow down", 3),
    ],
)
def test_a_store_is_tried_again_and_what_is_refused_is_not(
    dask, faulty, tmp_path, fault, line, tries
):
    assert faulty(dask, fault) == line
    assert (tmp_path / "tries").read_text() == f"{fault}\n" * tries


def test_what_a_worker_does_not_expect(dask, faulty):
    line = faulty(dask, "no idea")
    assert line == "block [4:8, 0:4] of the result failed: RuntimeError: no idea"


def test_blocks_that_share_a_task(dask, faulty, tmp_path, monkeypatch):
    """64 blocks, and 2 tasks for each of 2 threads."""
    monkeypatch.setattr(cluster_module, "_TASKS_OF_A_THREAD", 2)
    options = ("--output-chunks", "1,1")
    line = faulty(dask, "no idea", *options, starts=(5, 3))
    assert line == (
        "one of the blocks [4:5, 0:1] to [5:6, 7:8] of the result failed: RuntimeError: no idea"
    )
    call = ("dropout", "x.zarr", "-o", "y.zarr", "--eval", "--scheduler", dask.address, *options)
    monkeypatch.undo()
    assert CommandHere(tmp_path).text(*call) == ""
    assert load(tmp_path / "y.zarr")[1].tobytes() == load(tmp_path / "x.zarr")[1].tobytes()


OWN = re.escape(own_code())
VERSIONS = {
    "another": (
        "import cnnops_cli; cnnops_cli.__version__ = '0.0.9'",
        rf"{WORKER}: it has cnnops-cli 0\.0\.9 \(sources \w{{12}}\), not {OWN}; install the same "
        "sources there, and start it again",
    ),
    "none": (
        "import sys; sys.modules['cnnops_cli'] = None",
        rf"{WORKER} cannot run cnnops-cli {OWN}: .*ModuleNotFoundError.*",
    ),
}


@pytest.mark.parametrize("found", VERSIONS)
def test_a_worker_of_another_version(dask, operands, tmp_path, tmp_path_factory, found):
    patch, said = VERSIONS[found]
    folder = tmp_path_factory.mktemp("patch")
    (folder / "sitecustomize.py").write_text(patch)
    with dask.another_worker("other", PYTHONPATH=str(folder)):
        line = refused(tmp_path, dask.address)
    assert re.fullmatch(f"cnnops conv: error: {said}", line)


def hiding(folder):
    """What starts a process that finds a folder empty."""
    unshare = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"']
    if subprocess.run([*unshare, str(folder), "true"], capture_output=True).returncode:
        pytest.skip("a process cannot be shown another file system here")
    return [*unshare, str(folder)]


@pytest.fixture
def hidden(dask, operands, tmp_path):
    """A folder with a copy of INPUT, which one worker finds empty."""
    folder = tmp_path / "hidden"
    shutil.copytree(tmp_path / "x.zarr", folder / "x.zarr")
    with dask.another_worker("elsewhere", before=hiding(folder)):
        yield folder


def test_an_input_that_a_worker_does_not_share(dask, hidden, tmp_path):
    line = refused(tmp_path, dask.address, source="hidden/x.zarr")
    assert re.fullmatch(
        f"cnnops conv: error: {WORKER}: it finds no array at {hidden}/x.zarr; all workers "
        "must see hidden/x.zarr there",
        line,
    )


def test_a_result_that_a_worker_does_not_share(dask, hidden, tmp_path):
    line = refused(tmp_path, dask.address, output="hidden/out.zarr")
    assert re.fullmatch(
        rf"cnnops conv: error: {WORKER}: hidden/out\.zarr is not written here: there is no "
        rf"{hidden}/\.cnnops-[\w.-]+\.tmp/cnnops-run, since the run is over or this machine does "
        "not share the place",
        line,
    )


def test_a_worker_that_joins_later_is_asked_too(slow, hold, operands, tmp_path):
    folder = tmp_path / "hidden"
    folder.mkdir()
    there = {"output": "hidden/out.zarr", "until": lambda: written(folder)}
    with running(tmp_path, slow.address, **there) as process:
        hold.touch()
        with slow.another_worker("elsewhere", before=hiding(folder)):
            hold.unlink()
            out, error = process.communicate()
    assert (process.returncode, out) == (2, "")
    leaves(folder, [])
    assert re.fullmatch(
        rf"cnnops conv: error: {WORKER}: hidden/out\.zarr is not written here: there is no "
        rf"{folder}/\.cnnops-[\w.-]+\.tmp/cnnops-run, since the run is over or this machine does "
        "not share the place\n",
        error,
    )


@pytest.fixture
def doomed(tmp_path_factory):
    """A cluster of one worker, whose scheduler need not live."""
    with dask_processes(tmp_path_factory.mktemp("doomed")) as processes:
        hold = str(processes.folder / "hold")
        processes.start_worker("one", "--preload", "slow_blocks", HOLD=hold)
        processes.wait_for_workers(1)
        yield processes


def test_a_scheduler_that_dies_ends_it_at_once(doomed, operands, tmp_path):
    before = there(tmp_path)
    with running(tmp_path, doomed.address) as process:
        os.kill(doomed.scheduler.pid, signal.SIGKILL)
        seconds = ends(
            process,
            2,
            f"cnnops conv: error: the scheduler at {doomed.address} has ended, or the blocks were "
            "cancelled there\n",
        )
    assert seconds < AT_ONCE
    leaves(tmp_path, before)


def test_a_scheduler_that_hangs_ends_it(slow, operands, tmp_path):
    before = there(tmp_path)
    with running(tmp_path, slow.address, PATIENCE=str(PATIENCE)) as process:
        os.kill(slow.scheduler.pid, signal.SIGSTOP)
        try:
            seconds = ends(
                process,
                2,
                f"cnnops conv: error: the scheduler at {slow.address} has not answered for 1 "
                "seconds\n",
            )
            late = refused(tmp_path, slow.address, PATIENCE=str(PATIENCE))
        finally:
            os.kill(slow.scheduler.pid, signal.SIGCONT)
    assert PATIENCE < seconds < PATIENCE + AT_ONCE
    leaves(tmp_path, before)
    assert late == (
        f"cnnops conv: error: --scheduler {slow.address}: no Dask scheduler answers there in 1 "
        "seconds; its port is usually 8786, and that of its dashboard 8787"
    )
    slow.wait_for_workers(2)


def test_a_block_that_takes_long_is_not_taken_for_that(slow, hold, operands, tmp_path):
    x, kernels = operands
    with running(tmp_path, slow.address, PATIENCE=str(PATIENCE)) as process:
        hold.touch()
        time.sleep(2 * PATIENCE)
        assert process.poll() is None
        assert written(tmp_path) < BLOCKS
        hold.unlink()
        ends(process, 0)
    assert result(tmp_path).tobytes() == conv(x, kernels[0], padding=1).tobytes()


@pytest.mark.parametrize("memory", [1 << 30, 4 << 30])
def test_memory_of_a_worker(dask, faulty, memory):
    """Those of the fixture have 4 GiB."""
    line = faulty(dask, "no idea", memory=memory)
    if memory < 4 << 30:
        assert line == "block [4:8, 0:4] of the result failed: RuntimeError: no idea"
    else:
        assert re.fullmatch(
            rf"{WORKER}: it has room for 3276 MiB, \d+ MiB of it in use, but a block takes up to "
            "4097 MiB on each of 1 threads; give it more memory or fewer threads, or the result "
            "smaller chunks",
            line,
        )


def test_a_cluster_without_workers(faulty, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(scheduler_module, "_PATIENCE", 0.2)
    with dask_processes(tmp_path_factory.mktemp("empty")) as dask:
        line = faulty(dask, "none")
    assert line == (
        f"the scheduler at {dask.address} had no workers for 0 seconds: start some with dask "
        f"worker {dask.address}"
    )


def test_a_scheduler_that_dies_while_it_has_no_workers(faulty, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(scheduler_module, "_CONNECTING", 0.5)
    with dask_processes(tmp_path_factory.mktemp("empty")) as dask:
        timer = threading.Timer(0.5, dask.scheduler.kill)
        timer.start()
        line = faulty(dask, "none")
        timer.join()
    assert line == (
        f"the scheduler at {dask.address} has ended, or the blocks were cancelled there"
    )


class Web(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_server_of_another_kind():
    with socketserver.TCPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"tcp://127.0.0.1:{server.server_address[1]}"
        expected = re.escape(f"--scheduler {address}: what answers there is not a Dask scheduler")
        try:
            with pytest.raises(CnnopsError, match=f"^{expected}$"), connected(address):
                pass
        finally:
            server.shutdown()
            thread.join()


NO_SCHEDULER = {
    "tcp://127.0.0.1:1": "OSError: Timed out trying to connect to tcp://127.0.0.1:1 after 0.2 s",
    "nonsense": "ValueError: missing port number in address 'nonsense'",
}


@pytest.mark.parametrize("address", NO_SCHEDULER)
def test_an_address_without_a_scheduler(address, monkeypatch):
    monkeypatch.setattr(scheduler_module, "_CONNECTING", 0.2)
    expected = re.escape(
        f"--scheduler {address}: no Dask scheduler answers: {NO_SCHEDULER[address]}"
    )
    logging.disable(logging.DEBUG)
    try:
        with pytest.raises(CnnopsError, match=f"^{expected}$"), connected(address):
            pass
        assert logging.root.manager.disable == logging.DEBUG
    finally:
        logging.disable(logging.NOTSET)


def test_a_transport_that_dask_is_not_set_up_for():
    expected = re.escape(
        "--scheduler tls://127.0.0.1:1: Dask has no TLS certificates (distributed.comm.tls in its "
        "configuration) here"
    )
    with pytest.raises(CnnopsError, match=f"^{expected}$"), connected("tls://127.0.0.1:1"):
        pass


def test_dask_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    expected = re.escape("--scheduler needs Dask: pip install 'cnnops-cli[dask]'")
    with pytest.raises(CnnopsError, match=f"^{expected}$"), connected("tcp://127.0.0.1:1"):
        pass
