"""NumPy's matrix product, kept to one thread.

The operators run on several threads themselves, and a product that BLAS cuts among threads may
round differently.
"""

import os
from collections.abc import Callable
from functools import cache, wraps
from itertools import product
from queue import SimpleQueue
from threading import RLock, Thread
from typing import Any, ParamSpec, TypeVar

from cnnops_cli.ops.threads import start_thread

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def limit_before_numpy() -> None:
    """Have BLAS start no threads; it reads this when NumPy is imported."""
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))


def on_one_thread(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Keep the matrix products of this process to one thread each while a function runs.

    Afterwards the limit is the host's again, whatever is interrupted. Python interrupts only the
    main thread, so after an interrupt another thread lifts the limit too. What wakes it is in C and
    first in `finally`, before which a second interrupt cannot come.
    """

    @wraps(function)
    def limited(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if _is_limited():
            return function(*args, **kwargs)
        user = object()
        limit = _limit.watched()
        alarm: Callable[[object], object] = limit.interrupted.put
        try:
            limit.take(user)
            result = function(*args, **kwargs)
            limit.leave(user)
            alarm = id  # which does nothing
        finally:
            try:
                alarm(user)
            finally:
                limit.leave(user)
        return result

    return limited


@cache
def _is_limited() -> bool:
    return all(os.environ.get(name) == "1" for name in _VARIABLES)


class _Limit:
    """The limit of the process, set by its first user and lifted by the last.

    `take` and `leave` may be interrupted anywhere: what is about to be done is noted first, and
    `leave` may be called again.
    """

    def __init__(self) -> None:
        self._users: set[object] = set()
        self.start_anew()

    def start_anew(self) -> None:
        """Begin, or begin again in a child of the process, whose one thread is not a user."""
        if self._users:
            self.lift()
        self.interrupted: SimpleQueue[object] = SimpleQueue()
        self._lock = RLock()
        self._keeper: Thread | None = None
        self._users = set()
        self._before: list[int] = []
        self._is_set = False

    def watched(self) -> "_Limit":
        """Start the thread that lifts the limit for users who were interrupted."""
        if self._keeper is None:
            with self._lock:
                self._keeper = self._keeper or start_thread(self._keep)
        return self

    def take(self, user: object) -> None:
        with self._lock:
            if not self._users:
                self._is_set = False
                self._before = [get() for get, _ in _libraries()]
            self._users.add(user)
            if not self._is_set:
                for _, set_ in _libraries():
                    set_(1)
                self._is_set = True

    def leave(self, user: object) -> None:
        """Lift the limit if this is the last user; what the host has set meanwhile stays."""
        if user not in self._users:
            return
        with self._lock:
            if self._users == {user}:
                self.lift()
            self._users.discard(user)

    def lift(self) -> None:
        for (get, set_), count in zip(_libraries(), self._before, strict=True):
            if get() == 1:
                set_(count)

    def _keep(self) -> None:
        while True:
            self.leave(self.interrupted.get())


_limit = _Limit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limit.start_anew)


@cache
def _libraries() -> list[tuple[Callable[[], int], Callable[[int], object]]]:
    """Return what gets and what sets the number of threads, for each BLAS of this process."""
    from threadpoolctl import ThreadpoolController

    return [
        _functions(library)
        for library in ThreadpoolController().select(user_api="blas").lib_controllers
    ]


def _functions(library: Any) -> tuple[Callable[[], int], Callable[[int], object]]:
    """Prefer OpenBLAS's own: threadpoolctl's may affect only the first thread that used them."""
    for prefix, suffix in product(("", "scipy_"), ("", "64_", "_64")):
        get, set_ = (
            getattr(library.dynlib, f"{prefix}openblas_{verb}_num_threads{suffix}", None)
            for verb in ("get", "set")
        )
        if get is not None and set_ is not None:
            return get, set_
    return library.get_num_threads, library.set_num_threads
