"""The padded input of a convolution, of which parts are copied; it never exists as a whole."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.geometry import Windows, extents

_NUMPY_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class Source:
    """An input and what lies around it.

    Parameters
    ----------
    image : numpy.ndarray, shape (N, C, *lengths)
    windows : Windows
    mode : str
        A padding mode of `cnnops_cli.conv`.
    """

    def __init__(self, image: Array, windows: Windows, mode: str) -> None:
        self._image = image
        self._windows = windows
        self._cells: list[Array] | None = None
        if mode != "zeros":
            self._cells = [
                np.pad(np.arange(length), pads, mode=_NUMPY_PAD_MODES[mode])  # type: ignore[call-overload]
                for length, pads in zip(windows.lengths, windows.padding, strict=True)
            ]

    def part(
        self, items: slice, channels: slice, box: Sequence[slice]
    ) -> tuple[Array, tuple[int, ...]]:
        """Take what a box of windows sees.

        Returns
        -------
        part : numpy.ndarray, shape (n, c, *spatial)
            A view of the input where padding is zero, else a copy of what the windows see.
        starts : tuple of int
            Where the first window of the box begins in it, by axis; negative in the padding.
        """
        part = self._image[items, channels]
        firsts = [
            outputs.start * step for outputs, step in zip(box, self._windows.stride, strict=True)
        ]
        if self._cells is None:
            pads = self._windows.padding
            return part, tuple(
                first - begin for first, (begin, _) in zip(firsts, pads, strict=True)
            )
        reach = extents(self._windows.kernel, self._windows.dilation)
        for axis, first in enumerate(firsts):
            outputs, step = box[axis], self._windows.stride[axis]
            last = (outputs.stop - 1) * step + reach[axis]
            part = part.take(self._cells[axis][first:last], axis + 2)
        return part, (0,) * len(box)


def copy_cells(target: Array, part: Array, starts: Sequence[int], steps: Sequence[int]) -> None:
    """Copy cells at regular distances; those outside of `part` are zero.

    Parameters
    ----------
    target : numpy.ndarray, shape (..., *box)
    part : numpy.ndarray, shape (..., *spatial)
        With the same leading axes.
    starts, steps : sequence of int
        By spatial axis, where the first cell is and how far the next.
    """
    lead = target.ndim - len(starts)
    inside: list[Any] = [slice(None)] * lead
    taken: list[Any] = [slice(None)] * lead
    axes = zip(target.shape[lead:], part.shape[lead:], starts, steps, strict=True)
    for axis, (count, length, start, step) in enumerate(axes, start=lead):
        first = min(count, max(0, -(start // step)))
        last = max(first, min(count, (length - 1 - start) // step + 1))
        before: tuple[Any, ...] = (*[slice(None)] * axis, slice(0, first))
        after: tuple[Any, ...] = (*[slice(None)] * axis, slice(last, count))
        if first > 0:
            target[before] = 0
        if last < count:
            target[after] = 0
        inside.append(slice(first, last))
        begin = start + first * step
        taken.append(slice(begin, max(begin, begin + (last - first - 1) * step + 1), step))
    target[tuple(inside)] = part[tuple(taken)]
