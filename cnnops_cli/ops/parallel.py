"""One pool of threads for all operators.

The work is cut by the shapes alone, never by the number of threads, so that a result does not
depend on it. NumPy lets other threads run while it computes on an array.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from typing import Any, TypeVar

Part = TypeVar("Part")

_MOST_THREADS = 1024

_threads: ContextVar[int | None] = ContextVar("threads", default=None)


def available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def using_threads(count: int | None) -> Iterator[None]:
    """Compute on this many threads; None stands for `available_cores`."""
    token = _threads.set(count)
    try:
        yield
    finally:
        _threads.reset(token)


def for_each(work: Callable[[Part], None], parts: Sequence[Part]) -> None:
    """Call `work` on every part, on several threads where there are several parts.

    Parameters
    ----------
    work : callable
        Writes the results of one part where no other part writes.
    parts : sequence
        What the work was cut into. Waking a thread takes about 0.1 ms, so a part should be worth
        more than that.

    Raises
    ------
    Exception
        What `work` raised, on the first of the parts where it did.
    """
    threads = min(_threads.get() or available_cores(), len(parts))
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

    # Each thread runs in a copy of this context, which holds NumPy's error state.
    helpers = [_pool().submit(copy_context().run, take) for _ in range(threads - 1)]
    take()
    for helper in helpers:
        if not helper.cancel():
            helper.result()
    if failed:
        raise min(failed, key=lambda failure: failure[0])[1]


@cache
def _pool() -> Any:
    """The threads beside the caller's own, each started when it is first needed."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(_MOST_THREADS, "cnnops")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def spans(length: int, size: int) -> list[slice]:
    """Cut `length` items into slices of at most `size`.

    Examples
    --------
    >>> spans(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, size)
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]
