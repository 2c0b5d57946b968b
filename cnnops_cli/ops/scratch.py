"""Arrays that a thread fills again and again: new memory costs more than many small layers."""

import math
import threading
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops import buffers

_MOST_KEPT = 1 << 24
"""Bytes; a larger array is not kept for the next call."""

_kept = threading.local()


def scratch(use: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array with arbitrary values, of the memory that this thread has for a use.

    It is this thread's until it asks for the same use again.
    """
    if dtype.hasobject:
        return np.empty(shape, dtype)
    size = math.prod(shape) * dtype.itemsize
    kept: Array | None = getattr(_kept, use, None)
    if kept is None or kept.size < size:
        kept = buffers.empty((size,), np.uint8)
        if size <= _MOST_KEPT:
            setattr(_kept, use, kept)
    array: Array = np.ndarray(shape, dtype, kept)
    return array
