"""Memory for results, and for what a thread needs again and again on the way to them."""

import ctypes
import math
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array
from cnnops_cli.large_arrays import held

_LINE = 64
"""Bytes of a cache line."""

_WORTH_ALIGNING = 1 << 15
"""Bytes; in a smaller array, all lines that are crossed take less time than to find the first."""

_MOST_KEPT = 1 << 24
"""Bytes; a larger array is not kept for the next call."""

UNBUFFERED = 16
"""With buffers of this size, NumPy does not copy operands that are repeated along an axis."""

_kept = threading.local()


def empty_result(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Allocate a result: a large one in the file that is to hold it, another as `empty_aligned`."""
    array = held("result", shape, np.dtype(dtype))
    return empty_aligned(shape, dtype) if array is None else array


def empty_aligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Allocate as `numpy.empty`, but where a cache line starts.

    Elsewhere, most vectors of 64 bytes cross from one cache line into the next: an operation of
    two arrays into a third takes up to three times as long.
    """
    kind: np.dtype[Any] = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if size < _WORTH_ALIGNING:
        return np.empty(shape, kind)
    room = np.empty(size + _LINE, np.uint8)
    start = ctypes.addressof(ctypes.c_char.from_buffer(room.data))
    array: Array = np.ndarray(shape, kind, room, -start % _LINE)
    return array


def scratch(use: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array with arbitrary values in the memory that this thread has for a use.

    The thread overwrites it when it asks for the same use again. To allocate anew each time costs
    more than many small layers.
    """
    if dtype.hasobject:
        return np.empty(shape, dtype)
    size = math.prod(shape) * dtype.itemsize
    kept: Array | None = getattr(_kept, use, None)
    if kept is None or kept.size < size:
        kept = None
        setattr(_kept, use, kept)  # freed before more is allocated
        kept = empty_aligned((size,), np.uint8)
        if size <= _MOST_KEPT:
            setattr(_kept, use, kept)
    array: Array = np.ndarray(shape, dtype, kept)
    return array
