"""The threads next to the caller's own: started when first needed, waiting from then on.

An interrupt of the caller may come before any line of Python and does not lose a thread: the caller
and the threads share only jobs, and each job has its own lock.
"""

import ctypes
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from functools import cache
from queue import SimpleQueue
from threading import Lock, RLock, Thread, get_native_id


def start_thread(work: Callable[[], None]) -> Thread | None:
    """Start a thread that does not keep the process from ending; None if the system refuses."""
    thread = Thread(target=work, name="cnnops", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread


class Job:
    """Work for one thread, if it takes the job before that is cancelled.

    When the work is done, the thread may use the cores of the thread `back_to` again.
    """

    def __init__(self, work: Callable[[], None], context: Context) -> None:
        self.back_to: int | None = None
        self._work = work
        self._context = context
        self._taken_by: dict[None, str] = {}
        self._running = Lock()
        self._running.acquire()

    def run(self) -> None:
        """Do the work on the calling thread."""
        try:
            if self._taken_by.setdefault(None, "thread") == "thread":
                self._context.run(self._work)
        finally:
            if self.back_to is not None:
                with suppress(AttributeError, OSError):  # that thread may be gone
                    os.sched_setaffinity(0, os.sched_getaffinity(self.back_to))
            self._running.release()

    def finish(self) -> None:
        """Cancel the work, or wait for its end if it has begun; may be called again."""
        if self._taken_by.setdefault(None, "asker") == "thread":
            with self._running:
                pass


class Threads:
    """All threads of the package; any thread may give them jobs."""

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        """Start again in a child of the process, which has only the thread of its caller."""
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._started: list[Thread] = []
        # A handler of a signal may call an operator in the middle of `_start`.
        self._lock = RLock()

    def ask(self, jobs: Sequence[Job]) -> None:
        """Have each job done by its own thread, as far as threads can be started."""
        if len(self._started) < len(jobs):
            self._start(len(jobs))
        threads = self._started[: len(jobs)]
        back_to = get_native_id() if _send_elsewhere(threads) else None
        for job, _ in zip(jobs, threads, strict=False):
            job.back_to = back_to
            self._jobs.put(job)

    def _start(self, count: int) -> None:
        with self._lock:
            while len(self._started) < count:
                thread = start_thread(self._serve)
                if thread is None:
                    return
                self._started.append(thread)

    def _serve(self) -> None:
        while True:
            self._jobs.get().run()


def _send_elsewhere(threads: Sequence[Thread]) -> bool:
    """Keep our threads off the core that the caller is on, and return whether they are.

    Linux wakes a thread on the core of whoever wakes it, and two that compute stay there for
    milliseconds. The caller itself is left alone: an interrupt could come before it is free again.
    """
    call = _core_call()
    if call is None or not threads:
        return False
    try:
        core, allowed = call(), os.sched_getaffinity(0)
        if core not in allowed or len(allowed) == 1:
            return False
        for thread in threads:
            if thread.native_id is not None:
                os.sched_setaffinity(thread.native_id, allowed - {core})
    except (AttributeError, OSError):  # not every system has this, or allows it
        return False
    return True


@cache
def _core_call() -> Callable[[], int] | None:
    """Return C's `sched_getcpu`, where there is one."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    call: Callable[[], int] | None = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return call
