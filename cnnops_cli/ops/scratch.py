"""Arrays that a thread fills again and again: new memory costs more than many a small layer."""

import math
import threading
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops import buffers

_MOST_KEPT = 1 << 24
"""Bytes; a larger array is not kept for the next call."""


class _Kept(threading.local):
    def __init__(self) -> None:
        self.bytes: dict[str, Array] = {}


_kept = _Kept()


def scratch(use: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array of this thread's that holds anything.

    The next request of this thread for the same use overwrites it.
    """
    if dtype.hasobject:
        return np.empty(shape, dtype)
    size = math.prod(shape) * dtype.itemsize
    kept = _kept.bytes.get(use)
    if kept is None or kept.size < size:
        kept = buffers.empty((size,), np.uint8)
        if size <= _MOST_KEPT:
            _kept.bytes[use] = kept
    array: Array = np.ndarray(shape, dtype, kept)
    return array
