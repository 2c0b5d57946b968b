"""NumPy's matrix product, kept to one thread.

The operators run on several threads themselves, and a product that is cut among threads may round
in another way. So a result is the same in the command and in Python.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def limit_before_numpy() -> None:
    """Have BLAS start no threads in this process; it reads this when NumPy is imported."""
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Keep the matrix products of this process to one thread each for a while."""
    if all(os.environ.get(name) == "1" for name in _VARIABLES):
        yield
        return
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()


class _Limit:
    """The limit is the process's, so it is set by the first who needs it and lifted by the last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._before: list[int] = []

    def enter(self) -> None:
        with self._lock:
            if self._users == 0:
                self._before = [library.get_num_threads() for library in _libraries()]
                for library in _libraries():
                    library.set_num_threads(1)
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for library, count in zip(_libraries(), self._before, strict=True):
                    library.set_num_threads(count)


_limit = _Limit()


@cache
def _libraries() -> list[Any]:
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
