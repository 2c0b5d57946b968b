"""Blocks on a Dask cluster that runs already, each of them one task that depends on no other."""

import logging
import pickle
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from types import ModuleType
from typing import Any

from cnnops_cli import __version__
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.work import BlockReport, BlockWork
from cnnops_cli.blocks.worker import (
    ClusterRun,
    Prepare,
    prepare_worker,
    received,
    run_on_worker,
)
from cnnops_cli.errors import CnnopsError

IN_FLIGHT = 10_000
"""Tasks that the scheduler knows of at a time."""

_CONNECTING = 5.0
"""Seconds in which a scheduler answers."""
_PATIENCE = 30.0
"""Seconds in which a cluster without workers has one again."""
_LOOKING = 0.01
"""Seconds between two looks for blocks that are done."""
_RETRIES = 2
"""Times that a block is tried again where it fails: a store that many use may be busy."""


class Cluster:
    """A connection to a scheduler.

    Attributes
    ----------
    address : str
    dashboard : str or None
        The address of the page on which the scheduler shows what it does.
    """

    def __init__(self, address: str, distributed: ModuleType, client: Any) -> None:
        self.address = address
        self._distributed = distributed
        self._client = client
        self.dashboard: str | None = None
        if "dashboard" in client.scheduler_info()["services"]:
            self.dashboard = client.dashboard_link

    def run(
        self,
        work: BlockWork,
        boxes: Sequence[Box],
        done: Callable[[BlockReport], None],
        prepare: Prepare,
    ) -> None:
        """Run all blocks, and have `done` told of each; the first error ends it.

        Before that, every worker is asked whether it can: see `prepare_worker`. `prepare` is plain
        data too.
        """
        if not boxes:
            return
        # No block is larger than the first of a grid.
        bytes_of_block = work.operator.bytes_of(boxes[0])
        run = pickle.dumps(ClusterRun(work, prepare, bytes_of_block))
        self._check_workers(run)
        # A task, so that it is there again where its worker dies.
        shared = self._client.submit(received, run, pure=False)
        waiting = iter(boxes)
        running: dict[str, Box] = {}
        finished = self._distributed.as_completed(
            loop=self._client.loop, with_results=True, raise_errors=False
        )

        def submit(count: int) -> None:
            for box in islice(waiting, count):
                future = self._client.submit(
                    run_on_worker, __version__, shared, *box, pure=False, retries=_RETRIES
                )
                running[future.key] = box
                finished.add(future)

        submit(IN_FLIGHT)
        while running:
            batch = self._next_batch(finished)
            for future, report in batch:
                box = running.pop(future.key)
                if not isinstance(report, BlockReport):
                    raise self._failure(report, box)
                done(report)
            submit(len(batch))

    def _check_workers(self, run: bytes) -> None:
        """Refuse a cluster of which a worker could not take part."""
        try:
            self._client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            raise self._no_workers() from error
        answers = self._client.run(prepare_worker, __version__, run, on_error="return")
        for address, failure in sorted(answers.items()):
            if isinstance(failure, CnnopsError):
                raise failure
            if failure is not None:
                raise CnnopsError(
                    f"worker {address} cannot run cnnops-cli {__version__}: {_described(failure)}"
                ) from failure

    def _next_batch(self, finished: Any) -> list[Any]:
        """Wait for blocks that are done, and give up where there are no workers any more."""
        last_seen = looked = time.monotonic()
        while True:
            if batch := finished.next_batch(block=False):
                return list(batch)
            time.sleep(_LOOKING)
            if (now := time.monotonic()) - looked < 1:
                continue
            looked = now
            if self._client.status != "running" or self._client.nthreads():
                last_seen = now
            elif now - last_seen > _PATIENCE:
                raise self._no_workers()

    def _no_workers(self) -> CnnopsError:
        return CnnopsError(
            f"the scheduler at {self.address} had no workers for {_PATIENCE:.0f} seconds: start "
            f"some with dask worker {self.address}"
        )

    def _failure(self, answer: Any, box: Box) -> Exception:
        """Say why a block has no report."""
        if not isinstance(answer, tuple):
            return CnnopsError(
                f"the scheduler at {self.address} has ended, or the blocks were cancelled there"
            )
        error: BaseException = answer[1]
        if isinstance(error, CnnopsError):
            return error
        where = ", ".join(f"{start}:{stop}" for start, stop in box.spans)
        if isinstance(error, self._distributed.KilledWorker):
            # Dask holds a death against all blocks that the worker had.
            return CnnopsError(
                f"block [{where}] of the result, or one that was on the same workers, ended "
                f"{error.allowed_failures + 1} workers, the last of them "
                f"{error.last_worker.address}: the workers' logs say why, it may be for want of "
                "memory"
            )
        return CnnopsError(f"block [{where}] of the result failed: {_described(error)}")


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to the scheduler at an address; blocks still under way are cancelled at the end."""
    try:
        import distributed
    except ImportError as error:
        raise CnnopsError("--scheduler needs Dask: pip install 'cnnops-cli[dask]'") from error
    # What it would write on standard error, about lost connections above all.
    logging.disable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            client = distributed.Client(address, timeout=_CONNECTING, set_as_default=False)
        except Exception as error:  # whatever its transports raise
            raise CnnopsError(
                f"--scheduler {address}: no Dask scheduler answers: {_described(error)}"
            ) from error
        try:
            yield Cluster(address, distributed, client)
        finally:
            client.close(timeout=_CONNECTING)


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
