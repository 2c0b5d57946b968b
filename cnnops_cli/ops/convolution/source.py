"""The padded input of a convolution, of which parts are taken."""

import operator
from collections.abc import Sequence
from functools import cache
from threading import get_ident
from typing import Any, Protocol, TypeAlias

import numpy as np

from cnnops_cli.dtypes import Array, working_dtype
from cnnops_cli.ops.convolution.layer_tiles import Layer
from cnnops_cli.ops.geometry import Windows
from cnnops_cli.ops.scratch import scratch
from cnnops_cli.ops.strides import strided

_SHORT_LINE = 128
"""The most elements of a line that is cleared whole, not at its ends."""

_SHORT_ROW = 256
"""The most bytes of a row that is copied as one value, which takes two thirds of the time."""


Place: TypeAlias = tuple[slice, ...]
"""Samples, channels and windows along each axis."""


class Shown(Protocol):
    """What shows the windows of tiles their elements."""

    def part(
        self,
        items: slice,
        channels: slice,
        box: Sequence[slice],
        *,
        lines: int = 0,
        beyond: int = 0,
    ) -> Array:
        """Return what a box of windows sees, as `Source.part` does."""


class Source:
    """An input (N, C, *lengths) and its padding, in a mode of `cnnops_cli.conv`."""

    def __init__(
        self,
        image: Array,
        windows: Windows,
        mode: str,
        dtype: np.dtype[Any],
        kept: np.dtype[Any] | None = None,
    ) -> None:
        self._dtype = dtype
        self._kept = kept
        self._padded_dtype = dtype if kept is None or kept.kind != "f" else working_dtype(kept)
        self._image = image
        self._windows = windows
        self._mode = mode
        self._last: dict[int, tuple[Place, Array]] = {}  # by thread

    def part(
        self,
        items: slice,
        channels: slice,
        box: Sequence[slice],
        *,
        lines: int = 0,
        beyond: int = 0,
    ) -> Array:
        """Return what a box of windows sees, (n, c, *spatial).

        It has at least `lines` along the first axis, and `beyond` further elements along the last.
        Without padding it is a view of the input; else a copy in the dtype to compute in, which the
        thread overwrites with the next.
        """
        part = self._image[items, channels]
        windows = self._windows
        starts, ends = [], []
        axes = zip(box, windows.stride, windows.padding, windows.reach, strict=True)
        for span, step, (before, _), reach in axes:
            starts.append(span.start * step - before)
            ends.append((span.stop - 1) * step - before + reach)
        ends[0] = max(ends[0], starts[0] + lines)
        ends[-1] += beyond
        if min(starts) >= 0 and not any(map(int.__gt__, ends, part.shape[2:])):
            place: tuple[Any, ...] = (..., *map(slice, starts, ends))
            return self._rounded(part[place])
        sizes = [end - start for start, end in zip(starts, ends, strict=True)]
        if self._mode != "zeros":
            for axis, (start, size) in enumerate(zip(starts, sizes, strict=True), start=2):
                part = part.take(cells_shown(start, size, part.shape[axis], self._mode), axis)
            return self._rounded(part)
        return self._padded((items, channels, *box), sizes, starts)

    def _padded(self, place: Place, sizes: list[int], starts: list[int]) -> Array:
        """Return a padded copy, or what there is of it if it was the thread's last."""
        thread = get_ident()
        last, copy = self._last.get(thread, (None, None))
        if copy is not None and last == place and not any(map(int.__gt__, sizes, copy.shape[2:])):
            return copy[(slice(None), slice(None), *map(slice, sizes))]
        part = self._image[place[:2]]
        copy = scratch("part", (*part.shape[:2], *sizes), self._padded_dtype)
        self._copy_padded(copy, part, starts)
        self._last[thread] = (place, copy)
        return copy

    def _rounded(self, part: Array) -> Array:
        """Round elements that are to be computed in a longer dtype than they are kept in."""
        if self._kept is None or self._kept == self._dtype or np.can_cast(part.dtype, self._kept):
            return part
        return part.astype(self._kept)

    def _copy_padded(self, target: Array, part: Array, starts: Sequence[int]) -> None:
        """Copy the elements from `starts` on to (n, c, *box); those outside of `part` are zero."""
        inside: list[Any] = [slice(None)] * 2
        taken: list[Any] = [slice(None)] * 2
        beyond: list[tuple[Any, ...]] = []
        for count, length, start in zip(target.shape[2:], part.shape[2:], starts, strict=True):
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
        copy_rows(self._rounded(part[tuple(taken)]), target[tuple(inside)])


def copy_rows(source: Array, into: Array) -> None:
    """Copy, short rows as one value each."""
    size = into.shape[-1] * into.itemsize
    are_runs = source.strides[-1] == into.strides[-1] == into.itemsize
    if are_runs and source.dtype == into.dtype and 0 < size <= _SHORT_ROW:
        row = _row(size)
        source, into = source.view(row), into.view(row)
    np.copyto(into, source, casting="unsafe")


@cache
def _row(size: int) -> np.dtype[Any]:
    return np.dtype((np.void, size))


def cells_shown(start: int, count: int, length: int, mode: str) -> Array:
    """Return the indices of the elements shown at `count` positions from `start` on.

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


def windows_of(part: Array, layer: Layer, sizes: Sequence[int]) -> Array:
    """View what each window sees of a part of the input, as (n, g, *sizes, C, *kernel)."""
    windows = layer.windows
    of_item, of_channel, *of_axis = part.strides
    return strided(
        part,
        (len(part), part.shape[1] // layer.channels, *sizes, layer.channels, *windows.kernel),
        (
            *(of_item, layer.channels * of_channel),
            *map(operator.mul, windows.stride, of_axis),
            of_channel,
            *map(operator.mul, windows.dilation, of_axis),
        ),
    )
