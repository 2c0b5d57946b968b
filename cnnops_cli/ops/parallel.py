"""One pool of threads for all operators.

The work is cut by the shapes alone, never by the number of threads, so that a result does not
depend on it. NumPy lets other threads run while it computes on an array.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TypeVar

Part = TypeVar("Part")

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
        What the work was cut into.
    """
    threads = min(_threads.get() or available_cores(), len(parts))
    if threads <= 1:
        for part in parts:
            work(part)
        return
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(threads)
    try:
        # Each part runs in a copy of this context, which holds NumPy's error state.
        tasks = [pool.submit(copy_context().run, work, part) for part in parts]
        for task in tasks:
            task.result()
    finally:
        pool.shutdown(cancel_futures=True)


def spans(length: int, size: int) -> list[slice]:
    """Cut `length` items into slices of at most `size`.

    Examples
    --------
    >>> spans(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, size)
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]
