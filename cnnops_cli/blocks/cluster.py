"""Blocks on a Dask cluster that runs already, in tasks that do not depend on one another."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.own_code import own_code
from cnnops_cli.blocks.scheduler import Scheduler, connected_scheduler, described
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

_TASKS_OF_A_THREAD = 32
"""Tasks for each thread of the workers: more blocks than that share tasks, for the scheduler."""

_RETRIES = 2
"""Times that a task is tried again where it fails: a store that many use may be busy."""


class Cluster:
    """The workers of a scheduler.

    Attributes
    ----------
    dashboard : str or None
        The address of the page on which the scheduler shows what it does.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._client = scheduler.client
        self.dashboard = scheduler.dashboard

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
        from distributed import as_completed

        if not boxes:
            return
        # No block is larger than the first of a grid.
        run = pickle.dumps(ClusterRun(work, prepare, work.bytes_of(boxes[0])))
        self._check_workers(run)
        # A task, so that it is there again where its worker dies.
        shared = self._scheduler.submit(received, run)
        waiting = self._shared_out(boxes)
        running: dict[str, Sequence[Box]] = {}
        finished = as_completed(loop=self._client.loop, with_results=True, raise_errors=False)

        def submit(count: int) -> None:
            for some in islice(waiting, count):
                plain = [tuple(box) for box in some]
                future = self._scheduler.submit(
                    run_on_worker, own_code(), shared, plain, retries=_RETRIES
                )
                running[future.key] = some
                finished.add(future)

        submit(IN_FLIGHT)
        while running:
            batch = self._next_batch(finished)
            for future, reports in batch:
                some = running.pop(future.key)
                if not isinstance(reports, list):
                    raise self._failure(reports, some)
                for report in reports:
                    done(report)
            submit(len(batch))

    def _shared_out(self, boxes: Sequence[Box]) -> Iterator[Sequence[Box]]:
        """Yield the blocks of one task after the other, in order."""
        threads = max(1, sum(self._scheduler.answer(self._client.nthreads).values()))
        count = max(1, len(boxes) // (_TASKS_OF_A_THREAD * threads))
        for start in range(0, len(boxes), count):
            yield boxes[start : start + count]

    def _check_workers(self, run: bytes) -> None:
        """Refuse a cluster of which a worker could not take part."""

        def prepare() -> Any:
            return self._client.run(prepare_worker, own_code(), run, on_error="return")

        self._scheduler.wait_for_workers()
        for address, failure in sorted(self._scheduler.answer(prepare).items()):
            if isinstance(failure, CnnopsError):
                raise failure
            if failure is not None:
                why = f"cannot run cnnops-cli {own_code()}: {described(failure)}"
                if "No module named 'cnnops_cli'" in str(failure):
                    why = "has no cnnops-cli; install it there, and start the worker again"
                raise CnnopsError(f"worker {address} {why}") from failure

    def _next_batch(self, finished: Any) -> list[Any]:
        """Wait for blocks that are done."""
        while not (batch := finished.next_batch(block=False)):
            self._scheduler.look()
        return list(batch)

    def _failure(self, answer: Any, boxes: Sequence[Box]) -> Exception:
        """Say why blocks have no report."""
        from distributed import KilledWorker

        if isinstance(answer, CnnopsError):
            return answer
        if not isinstance(answer, tuple):
            return self._scheduler.ended()
        error: BaseException = answer[1]
        if isinstance(error, CnnopsError):
            return error
        first, last = map(_in_words, (boxes[0], boxes[-1]))
        which = f"block {first}" if len(boxes) == 1 else f"one of the blocks {first} to {last}"
        if isinstance(error, KilledWorker):
            # Dask holds a death against all blocks that the worker had.
            return CnnopsError(
                f"{which} of the result, or one that was on the same workers, ended "
                f"{error.allowed_failures + 1} workers, the last of them "
                f"{error.last_worker.address}: the workers' logs say why, it may be for want of "
                "memory"
            )
        return CnnopsError(f"{which} of the result failed: {described(error)}")


def _in_words(box: Box) -> str:
    return f"[{', '.join(f'{start}:{stop}' for start, stop in box.spans)}]"


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to the scheduler at an address; blocks still under way are cancelled at the end."""
    with connected_scheduler(address) as scheduler:
        yield Cluster(scheduler)
