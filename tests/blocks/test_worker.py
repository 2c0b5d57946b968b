"""Whether a worker of a cluster may take part; real ones are in tests/cluster."""

import pickle
import re
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from cnnops_cli import CnnopsError, __version__
from cnnops_cli.blocks import own_code as own_code_module
from cnnops_cli.blocks.dropout import DropoutBlocks
from cnnops_cli.blocks.own_code import own_code
from cnnops_cli.blocks.work import BlockWork
from cnnops_cli.blocks.worker import ClusterRun, prepare_worker, run_on_worker
from cnnops_cli.errors import StoreError
from cnnops_cli.ops.parallel import thread_count, using_threads

MIB = 1 << 20


def ready(threads):
    assert threads == 2


def refusing(threads):
    raise CnnopsError("it finds no array at /x.zarr")


class Worker(SimpleNamespace):
    """What of a worker of Dask is looked at."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def __init__(self, limit=1000, taken=100, threads=2, pause=0.8):
        super().__init__(
            address="tcp://host:1",
            memory_manager=SimpleNamespace(
                memory_limit=limit and limit * MIB, memory_pause_fraction=pause
            ),
            monitor=SimpleNamespace(get_process_memory=lambda: taken * MIB),
            state=SimpleNamespace(nthreads=threads),
        )


def run_of(sources=(), bytes_of_block=MIB, how=ready):
    operator = DropoutBlocks.planned((4, 4), np.dtype(np.float32), seed=1)
    return pickle.dumps(ClusterRun(BlockWork(operator, dict(sources), {}), how, bytes_of_block))


def prepare(worker, bytes_of_block=MIB, how=ready):
    prepare_worker(own_code(), run_of((), bytes_of_block, how), worker)


def refused(said, *arguments, **how):
    expected = f"^{re.escape(f'worker tcp://host:1: {said}')}$"
    with pytest.raises(CnnopsError, match=expected):
        prepare(*arguments, **how)


@pytest.mark.parametrize("pause", [0.8, False])
def test_a_block_per_thread_fits_below_where_dask_pauses_a_worker(pause):
    room = 800 if pause else 1000
    each = (room - 100) * MIB // 2
    prepare(Worker(pause=pause), each)
    refused(
        f"it has room for {room} MiB, 100 MiB of it in use, but a block takes up to "
        f"{each // MIB + 1} MiB on each of 2 threads; give it more memory or fewer threads, or the "
        "result smaller chunks",
        Worker(pause=pause),
        each + 1,
    )


def test_a_worker_without_a_limit_takes_any_block():
    prepare(Worker(limit=None), 1 << 60)


@pytest.mark.parametrize("code", ["0.0.9 (sources 0123456789ab)", __version__])
def test_other_code_is_refused_before_anything_is_unpickled(code):
    said = (
        f"it has cnnops-cli {own_code()}, not {code}; install the same sources there, and start "
        "it again"
    )
    with pytest.raises(CnnopsError, match=f"^worker tcp://host:1: {re.escape(said)}$"):
        prepare_worker(code, b"no pickle", Worker())


def test_what_tells_code_apart(tmp_path, monkeypatch):
    """Its version and its sources with their names, but neither the folder nor line endings."""

    def code_of(folder, version="0.1.0", **sources):
        for name, text in sources.items():
            (tmp_path / folder / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name / "a.py").write_bytes(text)
        monkeypatch.setattr(own_code_module, "__file__", str(tmp_path / folder / "x/own_code.py"))
        monkeypatch.setattr(own_code_module, "__version__", version)
        return own_code.__wrapped__()

    code = code_of("one", x=b"1\n", y=b"2\n")
    assert re.fullmatch(r"0\.1\.0 \(sources [0-9a-f]{12}\)", code)
    assert code == code_of("two", x=b"1\r\n", y=b"2\n")
    others = [
        code_of("three", x=b"1\n", y=b"3\n"),
        code_of("four", x=b"2\n", y=b"1\n"),
        code_of("five", x=b"1\n", z=b"2\n"),
        code_of("six", x=b"1\n2\n"),
        code_of("one", "0.1.1"),
    ]
    assert len({code, *others}) == 6


def test_arrays_that_are_not_shared_are_refused():
    refused("it finds no array at /x.zarr", Worker(), how=refusing)


class Missing(NamedTuple):
    """A source that is not there."""

    def open(self):
        raise CnnopsError("no such file: /m.npy")


def test_sources_are_opened_before_the_work():
    with pytest.raises(CnnopsError, match=r"^worker tcp://host:1: no such file: /m\.npy$"):
        prepare_worker(own_code(), run_of({"mask": Missing()}), Worker())


class Failing(NamedTuple):
    """A source that cannot be read."""

    error: Exception

    def open(self):
        return self.read

    def read(self, box):
        raise type(self.error)(f"{self.error} by {thread_count()} thread")


@pytest.fixture
def run_boxes(monkeypatch):
    """Run a block of a source on a worker of two threads, in a process of more."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(distributed, "get_worker", Worker)

    def run(source):
        with using_threads(4):
            return run_on_worker(own_code(), run_of({"input": source}), [((0, 0), (4, 4))])

    return run


def test_a_block_is_computed_on_one_thread_and_what_would_fail_again_is_returned(run_boxes):
    """Dask tries again what is raised."""
    answer = run_boxes(Failing(CnnopsError("refused")))
    assert type(answer) is CnnopsError
    assert str(answer) == "refused by 1 thread"
    with pytest.raises(StoreError, match=r"^busy by 1 thread$"):
        run_boxes(Failing(StoreError("busy")))
