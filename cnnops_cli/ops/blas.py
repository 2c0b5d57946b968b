"""NumPy's matrix product, kept to one thread.

The operators run on several threads themselves, and a product that is cut among threads may round
in another way. So a result is the same in the command and in Python.
"""

import os
from contextlib import AbstractContextManager, nullcontext
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


def on_one_thread() -> AbstractContextManager[object]:
    """Keep the matrix products of this process to one thread each for a while."""
    return _no_limit if _is_limited() else _limit


@cache
def _is_limited() -> bool:
    return all(os.environ.get(name) == "1" for name in _VARIABLES)


class _Limit:
    """The limit is the process's, so it is set by the first who needs it and lifted by the last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._before: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._before = [library.get_num_threads() for library in _libraries()]
                for library in _libraries():
                    library.set_num_threads(1)
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for library, count in zip(_libraries(), self._before, strict=True):
                    library.set_num_threads(count)


_limit, _no_limit = _Limit(), nullcontext()


@cache
def _libraries() -> list[Any]:
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
