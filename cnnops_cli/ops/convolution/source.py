"""The padded input of a convolution, of which parts are taken."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.geometry import Windows, extents
from cnnops_cli.ops.scratch import scratch

_SHORT_LINE = 128
"""Cells of a line up to which it is cheaper to clear all of it than each of its ends."""


class Source:
    """An input and what lies around it.

    Parameters
    ----------
    image : numpy.ndarray, shape (N, C, *lengths)
    windows : Windows
    mode : str
        A padding mode of `cnnops_cli.conv`.
    dtype : numpy.dtype
        What is computed in.
    """

    def __init__(self, image: Array, windows: Windows, mode: str, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._image = image
        self._stride = windows.stride
        self._reach = extents(windows.kernel, windows.dilation)
        self._begins = [begin for begin, _ in windows.padding]
        self._mode = mode

    @property
    def is_flat(self) -> bool:
        """Whether `line` can take parts."""
        return self._mode == "zeros" and self._image.flags.c_contiguous

    def line(self, items: slice, channels: slice, start: int, count: int) -> Array:
        """Take cells in the order of memory, the spatial axes being one.

        Before the first cell and behind the last of them all are zeros.

        Returns
        -------
        numpy.ndarray, shape (n, c, count)
            As `part` gives it.
        """
        line = self._image.reshape(*self._image.shape[:2], -1)[items, channels]
        if start >= 0 and start + count <= line.shape[2]:
            return line[..., start : start + count]
        copy = scratch("part", (*line.shape[:2], count), self._dtype)
        _copy_cells(copy, line, (start,))
        return copy

    def part(
        self,
        items: slice,
        channels: slice,
        box: Sequence[slice],
        *,
        lines: int = 0,
        beyond: int = 0,
    ) -> Array:
        """Take what a box of windows sees, from the first window's first cell on.

        At least so many lines are taken along the first axis, and along the last one `beyond` cells
        more behind the last window.

        Returns
        -------
        numpy.ndarray, shape (n, c, *spatial)
            A view of the input in its own dtype; or, where padding is seen, a copy in the dtype
            that is computed in, which the thread's next one overwrites.
        """
        part = self._image[items, channels]
        starts = [
            span.start * step - begin
            for span, step, begin in zip(box, self._stride, self._begins, strict=True)
        ]
        sizes = [
            (span.stop - span.start - 1) * step + reach
            for span, step, reach in zip(box, self._stride, self._reach, strict=True)
        ]
        sizes[0] = max(sizes[0], lines)
        sizes[-1] += beyond
        ends = [start + size for start, size in zip(starts, sizes, strict=True)]
        if min(starts) >= 0 and not any(map(int.__gt__, ends, part.shape[2:])):
            place: tuple[Any, ...] = (..., *map(slice, starts, ends))
            seen_part: Array = part[place]
            return seen_part
        if self._mode != "zeros":
            for axis, (start, size) in enumerate(zip(starts, sizes, strict=True), start=2):
                part = part.take(cells_shown(start, size, part.shape[axis], self._mode), axis)
            return part
        copy = scratch("part", (*part.shape[:2], *sizes), self._dtype)
        _copy_cells(copy, part, starts)
        return copy


def _copy_cells(target: Array, part: Array, starts: Sequence[int]) -> None:
    """Copy the cells from `starts` on to (n, c, *box); those outside of `part` are zero."""
    inside: list[Any] = [slice(None)] * 2
    taken: list[Any] = [slice(None)] * 2
    beyond: list[tuple[Any, ...]] = []
    axes = zip(target.shape[2:], part.shape[2:], starts, strict=True)
    for count, length, start in axes:
        first = min(count, max(0, -start))
        last = max(first, min(count, length - start))
        beyond += [(*inside, slice(first))] * (first > 0)
        beyond += [(*inside, slice(last, None))] * (last < count)
        inside.append(slice(first, last))
        taken.append(slice(start + first, start + last))
    if beyond and target.shape[-1] < _SHORT_LINE:
        beyond = [(...,)]
    for place in beyond:
        target[place] = 0
    np.copyto(target[tuple(inside)], part[tuple(taken)], casting="unsafe")


def cells_shown(start: int, count: int, length: int, mode: str) -> Array:
    """Return which cells of an axis stand for `count` positions from `start` on.

    Examples
    --------
    >>> cells_shown(-2, 6, 3, "reflect")
    array([2, 1, 0, 1, 2, 1])
    """
    positions = np.arange(start, start + count)
    if mode == "replicate":
        return positions.clip(0, length - 1)
    if mode == "circular":
        return positions % length
    round_trip = max(1, 2 * (length - 1))
    positions %= round_trip
    return np.minimum(positions, round_trip - positions)
