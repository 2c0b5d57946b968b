"""One pool of threads for all operators.

The work is cut by the shapes alone, never by the number of threads, so that a result does not
depend on it. NumPy lets other threads run while it computes on an array.
"""

import ctypes
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar, copy_context
from functools import cache, partial
from queue import SimpleQueue
from threading import Lock, Thread, get_native_id
from typing import TypeVar

Part = TypeVar("Part")

WORKING_BYTES = 60 << 20
"""What an operator may hold for a while beside its input and its result."""

Watcher = Callable[[int], Callable[[], None]]
"""Is told how many parts there are, and tells what to call after each, on whatever thread."""

_count: ContextVar[int | None] = ContextVar("count", default=None)
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


def available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def using_threads(count: int | None) -> Iterator[None]:
    """Compute on this many threads; None stands for `available_cores`."""
    token = _count.set(count)
    try:
        yield
    finally:
        _count.reset(token)


@contextmanager
def watched_by(watcher: Watcher | None) -> Iterator[None]:
    """Tell a watcher of the parts that are done, but not of those that a part is cut into."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def for_each(work: Callable[[Part], None], parts: Sequence[Part], bytes_of_a_part: int = 0) -> None:
    """Call `work` on every part, on several threads where there are several parts.

    Parameters
    ----------
    work : callable
        Writes the results of one part where no other part writes.
    parts : sequence
        What the work was cut into. Waking a thread takes about 0.1 ms, so a part should be worth
        more than that. What is cut again in `work` stays on its thread.
    bytes_of_a_part : int
        What a part needs of memory for itself. No more threads run than `WORKING_BYTES` has room
        for.

    Raises
    ------
    Exception
        What `work` raised, on the first of the parts where it did.
    """
    threads = len(parts)
    watcher = _watcher.get()
    if watcher is not None and threads > 1:
        with watched_by(None):
            for_each(_telling(work, watcher(threads)), parts, bytes_of_a_part)
        return
    if threads > 1:
        threads = min(_count.get() or available_cores(), threads)
    if bytes_of_a_part:
        threads = min(threads, max(1, WORKING_BYTES // bytes_of_a_part))
    if threads <= 1:
        for part in parts:
            work(part)
        return
    waiting = deque(enumerate(parts))
    failed: list[tuple[int, BaseException]] = []

    def take() -> None:
        while waiting:
            try:
                number, part = waiting.popleft()
            except IndexError:  # another thread took the last
                return
            try:
                work(part)
            except BaseException as error:
                failed.append((number, error))
                waiting.clear()

    with using_threads(1), _threads().helping(take, threads - 1):
        take()
    if failed:
        raise min(failed, key=lambda failure: failure[0])[1]


def _telling(work: Callable[[Part], None], tell: Callable[[], None]) -> Callable[[Part], None]:
    def work_and_tell(part: Part) -> None:
        work(part)
        tell()

    return work_and_tell


class _Threads:
    """The threads beside the caller's own: started when first needed, waiting from then on."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._started: list[Thread] = []
        self._apart_on: tuple[set[int], int] | None = None
        self._lock = Lock()

    @contextmanager
    def helping(self, take: Callable[[], None], count: int) -> Iterator[None]:
        """Have so many threads call `take`; in the end wait for those that have begun."""
        with self._lock:
            for _ in range(count - len(self._started)):
                thread = Thread(target=self._serve, name="cnnops", daemon=True)
                thread.start()
                self._started.append(thread)
        tickets = deque(range(count))
        done: SimpleQueue[None] = SimpleQueue()

        def job(context: Context) -> None:
            try:
                tickets.pop()
            except IndexError:  # the caller no longer waits
                return
            context.run(take)
            done.put(None)

        with self._kept_apart():
            # Each thread runs in a copy of this context, which holds NumPy's error state.
            for _ in range(count):
                self._jobs.put(partial(job, copy_context()))
            yield
            begun = count
            while tickets:
                with suppress(IndexError):
                    tickets.pop()
                    begun -= 1
            for _ in range(begun):
                done.get()

    @contextmanager
    def _kept_apart(self) -> Iterator[None]:
        """Keep the caller on its core for a while, and the threads off it.

        Linux wakes a thread on the core of whoever wakes it, and two that compute stay there for
        milliseconds. The caller is woken as well, each time that it gets the interpreter's lock.
        """
        core = _current_core()
        allowed = set() if core is None else os.sched_getaffinity(0)
        if core not in allowed or len(allowed) == 1:
            yield
            return
        others = allowed - {core}
        with self._lock:
            if self._apart_on != (others, len(self._started)):
                for thread in self._started:
                    _keep_on(others, thread.native_id)
                self._apart_on = others, len(self._started)
        _keep_on({core}, get_native_id())
        try:
            yield
        finally:
            _keep_on(allowed, get_native_id())

    def _serve(self) -> None:
        while True:
            self._jobs.get()()


def _keep_on(cores: set[int], thread: int | None) -> None:
    if thread is not None:
        with suppress(OSError):  # the process may have lost cores meanwhile
            os.sched_setaffinity(thread, cores)


@cache
def _core_call() -> Callable[[], int] | None:
    """C's `sched_getcpu`, where there is one."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    call: Callable[[], int] | None = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return call


def _current_core() -> int | None:
    """The core that this thread runs on, where the system tells."""
    call = _core_call()
    core = -1 if call is None else call()
    return None if core < 0 else core


@cache
def _threads() -> _Threads:
    return _Threads()


if hasattr(os, "register_at_fork"):
    # In a child the threads are missing: they are the parent's.
    os.register_at_fork(after_in_child=_threads.cache_clear)


def spans(length: int, size: int) -> list[slice]:
    """Cut `length` items into slices of at most `size`.

    Examples
    --------
    >>> spans(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, size)
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]
