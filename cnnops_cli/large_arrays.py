"""Arrays that memory may not hold: whoever runs a call says which file is to hold them."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array

LARGE = 64 << 20
"""The bytes from which on an array is in a file: to map less takes longer than to read it, as
tests/benchmarks/map_or_read.py shows."""

Holder = Callable[[str, tuple[int, ...], np.dtype[Any]], Array | None]
"""Takes what an array is, its shape and its dtype, and returns one in a file, where it can."""

_holder: ContextVar[Holder | None] = ContextVar("holder", default=None)


def is_large(size: int) -> bool:
    """Return whether an array of `size` bytes is in a file rather than in memory."""
    return size >= LARGE


@contextmanager
def held_by(holder: Holder) -> Iterator[None]:
    """Have large arrays held by `holder`."""
    token = _holder.set(holder)
    try:
        yield
    finally:
        _holder.reset(token)


def held(use: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
    """Return a new large array in a file, or None where memory has to hold it.

    Its values are arbitrary, as those of `numpy.empty`. The `use` is what the caller calls it:
    ``result``, ``indices`` and ``mask`` may be files that the user has named.
    """
    if not is_large(math.prod(shape) * dtype.itemsize):
        return None
    holder = _holder.get()
    return None if holder is None else holder(use, shape, dtype)


def empty(use: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Allocate as `numpy.empty`, a large array in a file if that can be."""
    array = held(use, shape, dtype)
    return np.empty(shape, dtype) if array is None else array
