"""Arrays that start where a cache line does."""

import ctypes
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array

_LINE = 64


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Allocate as `numpy.empty`, but at a multiple of 64 bytes.

    At other addresses, most vectors of 64 bytes cross the border of two cache lines: an operation
    of two arrays into a third takes up to three times as long.
    """
    kind: np.dtype[Any] = np.dtype(dtype)
    room = np.empty(math.prod(shape) * kind.itemsize + _LINE, np.uint8)
    start = ctypes.addressof(ctypes.c_char.from_buffer(room.data))
    array: Array = np.ndarray(shape, kind, room, -start % _LINE)
    return array
