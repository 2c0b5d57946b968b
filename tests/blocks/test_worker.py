"""Whether a worker of a cluster may take part; real ones are in tests/cluster."""

import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest

from cnnops_cli import CnnopsError, __version__
from cnnops_cli.blocks.dropout import DropoutBlocks
from cnnops_cli.blocks.work import BlockWork
from cnnops_cli.blocks.worker import ClusterRun, prepare_worker

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


def prepare(worker, bytes_of_block=MIB, version=__version__, how=ready):
    operator = DropoutBlocks.planned((4, 4), np.dtype(np.float32), seed=1)
    run = ClusterRun(BlockWork(operator, {}, {}), how, bytes_of_block)
    prepare_worker(version, pickle.dumps(run), worker)


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


def test_another_version_is_refused_before_anything_is_unpickled():
    said = f"it has cnnops-cli {__version__}, not 0.0.9"
    with pytest.raises(CnnopsError, match=f"^worker tcp://host:1: {re.escape(said)}$"):
        prepare_worker("0.0.9", b"no pickle", Worker())


def test_arrays_that_are_not_shared_are_refused():
    refused("it finds no array at /x.zarr", Worker(), how=refusing)
