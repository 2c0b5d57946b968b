"""What the workers of a cluster do. A client sends the names of these functions and plain data."""

import pickle
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.own_code import own_code
from cnnops_cli.blocks.work import BlockReport, BlockWork, OpenWork, run_block
from cnnops_cli.errors import CnnopsError, StoreError
from cnnops_cli.ops.parallel import using_threads

Prepare = Callable[[int], None]
"""Makes a process ready for a number of threads, or refuses it: it does not see the same arrays."""

_RUNS = 2
"""How many runs a process of a worker remembers that it is ready for."""


class ClusterRun(NamedTuple):
    """What workers have to know of a run; it is sent as the bytes that pickle makes of it.

    Attributes
    ----------
    work : BlockWork
    prepare : callable
        Is called once in each process of a worker.
    bytes_of_block : int
        The memory that a block takes at most.
    """

    work: BlockWork
    prepare: Prepare
    bytes_of_block: int


def received(run: bytes) -> bytes:
    """Return a run as it was sent: a task whose result all others take, so that it is sent once."""
    return run


def prepare_worker(code: str, run: bytes, dask_worker: Any) -> None:
    """Refuse a worker that could not run a block, or would run it on other data."""
    _prepared(code, run, dask_worker)


def run_on_worker(
    code: str, run: bytes, boxes: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]
) -> list[BlockReport] | CnnopsError:
    """Run blocks on one thread; a worker that was not there before is prepared first.

    `code` is the client's `own_code`. What would fail again is returned: Dask tries again what is
    raised.
    """
    from distributed import get_worker

    work = _prepared(code, run, get_worker())
    try:
        with using_threads(1):
            return [run_block(work, Box(*box)) for box in boxes]
    except StoreError:
        raise
    except CnnopsError as error:
        return error


@lru_cache(_RUNS)
def _prepared(code: str, run: bytes, worker: Any) -> OpenWork:
    """Open what a run needs, once in each process, and see whether it can be computed there."""
    try:
        if code != own_code():
            raise CnnopsError(
                f"it has cnnops-cli {own_code()}, not {code}; install the same sources there, and "
                "start it again"
            )
        found: ClusterRun = pickle.loads(run)
        _check_memory(found.bytes_of_block, worker)
        found.prepare(worker.state.nthreads)
        return found.work.open()
    except CnnopsError as error:
        raise CnnopsError(f"worker {worker.address}: {error}") from error


def _check_memory(bytes_of_block: int, worker: Any) -> None:
    """Refuse a worker on which a block per thread would not fit below where Dask pauses it."""
    limit = worker.memory_manager.memory_limit
    if not limit:
        return
    threads = worker.state.nthreads
    room = int(limit * (worker.memory_manager.memory_pause_fraction or 1))
    taken = worker.monitor.get_process_memory()
    if taken + threads * bytes_of_block > room:
        raise CnnopsError(
            f"it has room for {room >> 20} MiB, {taken >> 20} MiB of it in use, but a block "
            f"takes up to {-(-bytes_of_block >> 20)} MiB on each of {threads} threads; give it "
            "more memory or fewer threads, or the result smaller chunks"
        )
