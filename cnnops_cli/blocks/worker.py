"""What the workers of a cluster do. A client sends the names of these functions and plain data."""

import pickle
from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple

from cnnops_cli import __version__
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.work import BlockReport, BlockWork, run_block
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.parallel import using_threads

Prepare = Callable[[int], None]
"""Makes a process ready for a number of threads, or refuses it: it does not see the same arrays."""


class ClusterRun(NamedTuple):
    """What a worker has to know of a run.

    Attributes
    ----------
    identity : str
        Of this run alone.
    version : str
        Of cnnops-cli, where the client is.
    work : BlockWork
    prepare : callable
        Is called once in each process of a worker.
    bytes_of_block : int
        The memory that a block takes at most.
    """

    identity: str
    version: str
    work: BlockWork
    prepare: Prepare
    bytes_of_block: int


def unpacked(run: bytes) -> ClusterRun:
    """Unpickle a run, once on each worker."""
    found: ClusterRun = pickle.loads(run)
    return found


def prepare_worker(run: ClusterRun, dask_worker: Any) -> None:
    """Refuse a worker that could not run a block, or would run it on other data."""
    check_version(__version__, run.version)
    _check_memory(run.bytes_of_block, dask_worker)
    run.prepare(dask_worker.state.nthreads)


def run_on_worker(run: ClusterRun, starts: tuple[int, ...], stops: tuple[int, ...]) -> BlockReport:
    """Run a block on one thread; a worker that has joined since the run began is prepared first."""
    from distributed import get_worker

    with _preparing:
        if run.identity not in _prepared:
            prepare_worker(run, get_worker())
            _prepared.add(run.identity)
    with using_threads(1):
        return run_block(run.work, Box(starts, stops))


def check_version(found: str | None, expected: str) -> None:
    """Refuse another version of this package."""
    if found != expected:
        has = f"has cnnops-cli {found}" if found else "does not have cnnops-cli"
        raise CnnopsError(f"{has}, but {expected} is running here: install the same version there")


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
            f"has room for {room >> 20} MiB, of which {taken >> 20} MiB are in use, but a block "
            f"takes up to {-(-bytes_of_block >> 20)} MiB on each of {threads} threads: give "
            "workers more memory or fewer threads, or the result smaller chunks"
        )


_prepared: set[str] = set()
_preparing = Lock()
