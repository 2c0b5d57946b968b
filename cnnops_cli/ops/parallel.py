"""One pool of threads for all operators.

How work is cut depends only on shapes, so that results do not depend on the number of threads.
NumPy lets other threads run while it computes on an array.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import wraps
from typing import ParamSpec, TypeVar

from cnnops_cli.ops.threads import Job, Threads

Arguments = ParamSpec("Arguments")
Part = TypeVar("Part")
Result = TypeVar("Result")

WORKING_BYTES = 60 << 20
"""The memory that an operator may use in addition to its input and its result."""

Watcher = Callable[[int], Callable[[], None]]
"""Takes the number of parts, and returns what to call after each, on any thread."""

Ends = tuple[deque[None], ...]

_count: ContextVar[int | None] = ContextVar("count", default=None)
_ends: ContextVar[Ends] = ContextVar("ends", default=())
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not every system has this, or allows it
        return os.cpu_count() or 1


def thread_count() -> int:
    """Return the number of threads to compute on."""
    return _count.get() or available_cores()


@contextmanager
def using_threads(count: int | None) -> Iterator[None]:
    """Compute on `count` threads, by default one per available core."""
    token = _count.set(count)
    try:
        yield
    finally:
        _count.reset(token)


@contextmanager
def watched_by(watcher: Watcher | None) -> Iterator[None]:
    """Have a watcher told of each part that is done, but not of parts within parts."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def apart(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Keep the context variables that a function sets from its caller.

    NumPy's error state and buffer size are such variables. Python code that restores them may be
    interrupted before it starts, but a `Context` is left within one call in C.
    """

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return copy_context().run(function, *args, **kwargs)

    return run


class AbandonedError(Exception):
    """The parts around a part end, so that it does not go on."""


def for_each(work: Callable[[Part], None], parts: Sequence[Part], bytes_of_a_part: int = 0) -> None:
    """Call `work` on every part, on several threads where there are several parts.

    No part may write where another does, and each should take longer than it takes to wake a
    thread, which is about 0.1 ms. If a part calls `for_each`, that stays on its thread. There are
    only as many threads as `WORKING_BYTES` has room for, at `bytes_of_a_part` each. What the first
    of the parts that fail has raised is raised here; then no part is begun, nor a part of a part.
    """
    if len(parts) == 1:
        work(parts[0])
        return
    watcher = _watcher.get()
    note = watcher(len(parts)) if watcher and parts else None
    context = copy_context()
    context.run(_watcher.set, None)
    threads = min(thread_count(), len(parts))
    if bytes_of_a_part:
        threads = min(threads, max(1, WORKING_BYTES // bytes_of_a_part))
    if threads > 1:
        context.run(_count.set, 1)
    waiting = deque(enumerate(parts))
    around, end = _ends.get(), deque[None]()
    context.run(_ends.set, (*around, end))
    failed: list[tuple[int, BaseException]] = []

    def take() -> None:
        while waiting and not end:
            try:
                number, part = waiting.popleft()
            except IndexError:  # another thread took the last
                return
            try:
                if any(around):
                    raise AbandonedError
                work(part)
                if note is not None:
                    note()
            except BaseException as error:
                failed.append((number, error))
                end.append(None)

    jobs = [Job(take, context.copy()) for _ in range(threads - 1)]
    try:
        _threads.ask(jobs)
        context.run(take)
        _finish(jobs)
    finally:
        try:
            end.append(None)  # in C; Python does not look for a second interrupt before it
        finally:
            _finish(jobs)
    if failed:
        raise min(failed, key=_precedence)[1]


def _precedence(failure: tuple[int, BaseException]) -> tuple[bool, bool, int]:
    """Order failures: an interrupt, then those of parts, then of parts that ended because of it."""
    number, error = failure
    return isinstance(error, Exception), isinstance(error, AbandonedError), number


def one_by_one(work: Callable[[Part], None], parts: Sequence[Part]) -> None:
    """Call `work`, which uses all threads itself, on every part; a watcher is told of these."""
    watcher = _watcher.get()
    if watcher is None or len(parts) == 1:
        for part in parts:
            work(part)
        return
    note = watcher(len(parts))
    with watched_by(None):
        for part in parts:
            work(part)
            note()


def _finish(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.finish()


_threads = Threads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.start_anew)
