"""Working memory that a thread keeps for its next block: fresh memory is slow."""

import math
import threading
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array

_LINE = 64
"""Bytes of a cache line: steps that write from its beginning take two thirds of the time."""


class Scratch(threading.local):
    """Buffers by name, of this thread alone."""

    def __init__(self) -> None:
        self._buffers: dict[str, Array] = {}
        self._margin: tuple[Any, ...] | None = None

    def take(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Give out the buffer of this name, whatever it holds, in this shape."""
        size = math.prod(shape) * dtype.itemsize
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            fresh = np.empty(size + _LINE, np.uint8)
            begin = -fresh.ctypes.data % _LINE
            buffer = self._buffers[name] = fresh[begin : begin + size]
        array: Array = np.ndarray(shape, dtype, buffer)
        return array

    def beside(
        self, name: str, array: Array | None, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> Array:
        """Of two buffers of this name give out the one that `array` is not in."""
        first = self.take(f"{name} 1", shape, dtype)
        if array is None or not np.may_share_memory(first, array):
            return first
        return self.take(f"{name} 2", shape, dtype)

    def padded(self, region: Array, pads: tuple[tuple[int, int], ...], fill: Any) -> Array:
        """Copy a region (P, *spatial) into a buffer, with a margin of one value around each plane.

        The margin stays from call to call, so nobody else may write to what is given out.
        """
        ends = zip(region.shape[1:], pads, strict=True)
        shape = (len(region), *(begin + length + end for length, (begin, end) in ends))
        padded = self.take("padded", shape, region.dtype)
        margin = (shape, region.dtype, pads, fill)
        if margin != self._margin:
            padded.fill(fill)
            self._margin = margin
        inner = (
            slice(begin, begin + length)
            for length, (begin, _) in zip(region.shape[1:], pads, strict=True)
        )
        padded[(slice(None), *inner)] = region
        return padded


scratch = Scratch()
