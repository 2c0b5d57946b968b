"""The padded input of a convolution, of which parts are taken."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.geometry import Windows, extents
from cnnops_cli.ops.scratch import scratch

_NUMPY_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


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
        self._cells: list[Array] | None = None
        if mode != "zeros":
            self._cells = [
                np.pad(np.arange(length), pads, mode=_NUMPY_PAD_MODES[mode])  # type: ignore[call-overload]
                for length, pads in zip(windows.lengths, windows.padding, strict=True)
            ]

    def part(
        self,
        items: slice,
        channels: slice,
        box: Sequence[slice],
        beyond: int = 0,
    ) -> Array:
        """Take what a box of windows sees, from the first window's first cell on.

        Behind the last window, `beyond` cells more of the last axis are taken.

        Returns
        -------
        numpy.ndarray, shape (n, c, *spatial)
            A view of the input in its own dtype; or, where padding is seen, a copy in the dtype
            that is computed in, which the thread's next one overwrites.
        """
        part = self._image[items, channels]
        firsts = [span.start * step for span, step in zip(box, self._stride, strict=True)]
        sizes = [
            (span.stop - span.start - 1) * step + reach
            for span, step, reach in zip(box, self._stride, self._reach, strict=True)
        ]
        sizes[-1] += beyond
        starts = [first - begin for first, begin in zip(firsts, self._begins, strict=True)]
        if self._cells is not None:
            for axis, cells in enumerate(self._cells):
                seen = cells[firsts[axis] : firsts[axis] + sizes[axis]]
                part = part.take(seen, axis + 2)
            starts = [0] * len(box)
        ends = [start + size for start, size in zip(starts, sizes, strict=True)]
        if min(starts) >= 0 and not any(map(int.__gt__, ends, part.shape[2:])):
            place: tuple[Any, ...] = (..., *map(slice, starts, ends))
            seen_part: Array = part[place]
            return seen_part
        copy = scratch("part", (*part.shape[:2], *sizes), self._dtype)
        _copy_cells(copy, part, starts)
        return copy


def _copy_cells(target: Array, part: Array, starts: Sequence[int]) -> None:
    """Copy the cells from `starts` on to (n, c, *box); those outside of `part` are zero."""
    inside: list[Any] = [slice(None)] * 2
    taken: list[Any] = [slice(None)] * 2
    axes = zip(target.shape[2:], part.shape[2:], starts, strict=True)
    for count, length, start in axes:
        first = min(count, max(0, -start))
        last = max(first, min(count, length - start))
        if first > 0:
            target[(*inside, slice(first))] = 0
        if last < count:
            target[(*inside, slice(last, None))] = 0
        inside.append(slice(first, last))
        taken.append(slice(start + first, start + last))
    np.copyto(target[tuple(inside)], part[tuple(taken)], casting="unsafe")
