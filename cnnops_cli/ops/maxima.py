"""The largest cell of each window, one axis after the other.

Along an axis: the maximum of two neighbours, of two such pairs, and so on, until a window's cells
are covered, in about log2(kernel) steps. A step runs over a contiguous array as over one long row,
since NumPy takes as long to begin a row as for some 150 cells; what it compares across the end of
a row belongs to no window, and is left behind where the windows are taken out.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.pool_buffers import scratch
from cnnops_cli.ops.tiles import Reach

_ROW = 150
"""What a row costs beside its cells, where a step over one cell costs 1."""

_COPIED_ROW = 30
"""The same in a copy."""

_STRIDED_CELL = 1.9
"""What a cell costs that is not beside the one before it."""

_LITTLE_ENDIAN = bool(np.ones(1, np.uint16).view(np.uint8)[0])


class Found(NamedTuple):
    """The largest cell so far of each run of cells, and how far it is from the run's first.

    No offsets: they are not asked for, or are all 0.
    """

    values: Array
    offsets: Array | None


def largest(cells: Array, piece: Sequence[Reach], out: Array, *, column: int = 0) -> None:
    """Write the maximum of each window.

    Parameters
    ----------
    cells : numpy.ndarray, shape (P, *spatial)
        Contiguous planes, padded: the cells that the piece sees, and along the last axis possibly
        more, so that the first window begins at `column`.
    piece : sequence of Reach
        By axis.
    out : numpy.ndarray, shape (P, *windows of the piece)
        Which NaN, and which of 0.0 and -0.0, is not certain.
    column : int
    """
    found = Found(cells, None)
    last = cells.ndim - 1
    axes = [axis for axis, reach in enumerate(piece, 1) if reach.count < cells.shape[axis]]
    if piece[-1].stride > 1 and _merge(cells.shape, piece[-1]):
        axes.reverse()
    for axis in axes:
        target = out if axis == axes[-1] else None
        keep = _Keep(None, 0, False)
        found = _along(found, axis, piece[axis - 1], keep, target, column if axis == last else 0)
    if not axes:
        np.copyto(out, cells)


def largest_and_offsets(
    cells: Array,
    piece: Sequence[Reach],
    pitches: Sequence[int],
    *,
    column: int = 0,
    nan_wins: bool,
) -> tuple[Array, Array]:
    """Find the maximum of each window and where it stands, seen from the window's first tap.

    Parameters
    ----------
    cells, piece, column
        As `largest`.
    pitches : sequence of int
        By axis: how many positions apart neighbours are.
    nan_wins : bool
        Needed where there are NaNs: the last one of a window is its maximum.

    Returns
    -------
    values : numpy.ndarray, shape (P, *windows of the piece)
        Which NaN, and which of 0.0 and -0.0, is not certain.
    offsets : numpy.ndarray of integers, same shape
        Sums of steps along each axis times its pitch.

    Notes
    -----
    The last axis comes first, and each step keeps the earlier of equal values: so it is the first
    in row-major order that stands.
    """
    furthest = sum(
        (reach.taps - 1) * reach.dilation * pitch
        for reach, pitch in zip(piece, pitches, strict=True)
    )
    kinds = (kind for kind in (np.uint8, np.uint16, np.uint32) if furthest <= np.iinfo(kind).max)
    kind = np.dtype(next(kinds, np.int64))
    found = Found(cells, None)
    for axis in reversed(range(1, cells.ndim)):
        reach = piece[axis - 1]
        if reach.count < cells.shape[axis]:
            keep = _Keep(kind, reach.dilation * pitches[axis - 1], nan_wins)
            begin = column if axis == cells.ndim - 1 else 0
            found = _along(found, axis, reach, keep, None, begin)
    if found.offsets is None:
        return found.values, np.zeros(found.values.shape, kind)
    return found.values, found.offsets


class _Keep(NamedTuple):
    """Keeps the larger of two values, the earlier where they are equal, and its offset."""

    kind: np.dtype[Any] | None
    pitch: int
    nan_wins: bool

    def larger(self, earlier: Found, later: Found, taps: int, out: Found) -> None:
        """Compare runs that begin some taps apart. `out` may be `earlier`.

        What wraps around in unsigned offsets comes back.
        """
        if self.kind is None or out.offsets is None:
            np.maximum(earlier.values, later.values, out=out.values)
            return
        wins = scratch.take("wins", out.values.shape, np.dtype(np.bool_))
        np.greater(later.values, earlier.values, out=wins)
        if self.nan_wins:
            is_nan = scratch.take("is nan", wins.shape, wins.dtype)
            np.logical_or(wins, np.isnan(later.values, out=is_nan), out=wins)
        np.maximum(earlier.values, later.values, out=out.values)
        chosen, step = wins.view(np.uint8), self.kind.type(taps * self.pitch)
        if earlier.offsets is None:
            np.multiply(chosen, step, out=out.offsets)
            return
        difference = scratch.take("difference", wins.shape, self.kind)
        if later.offsets is None:
            np.subtract(step, earlier.offsets, out=difference)
        else:
            np.subtract(later.offsets, earlier.offsets, out=difference)
            np.add(difference, step, out=difference)
        np.multiply(difference, chosen, out=difference)
        np.add(earlier.offsets, difference, out=out.offsets)


def _along(
    found: Found, axis: int, reach: Reach, keep: _Keep, out: Array | None, begin: int
) -> Found:
    """Leave one value for each window along an axis, the first of which begins at `begin`."""
    shape = found.values.shape
    is_last = axis == len(shape) - 1
    pitch = math.prod(shape[axis + 1 :])
    covered = _covered(reach.taps, reach.stride, _run(shape, axis, reach), is_last)
    have = 1
    while have < covered:
        more = min(have, covered - have)
        shift = more * reach.dilation * pitch
        target = _room(found, shape, keep)
        keep.larger(
            _flat(found, slice(None, -shift)),
            _flat(found, slice(shift, None)),
            more,
            _flat(target, slice(None, -shift)),
        )
        found, have = target, have + more
    starts = [*range(0, reach.taps - covered, covered), reach.taps - covered]
    counted = (*shape[:axis], reach.count, *shape[axis + 1 :])
    target = _room(found, counted, keep) if out is None else Found(out, None)
    if len(starts) == 1:
        _copy(found.values, axis, reach, begin, target.values)
        if target.offsets is not None:
            if found.offsets is None:
                return Found(target.values, None)
            _copy(found.offsets, axis, reach, begin, target.offsets)
    best = _taps(found, axis, reach, begin)
    for start in starts[1:]:
        keep.larger(best, _taps(found, axis, reach, begin + start * reach.dilation), start, target)
        best = target
    return target


def _run(shape: tuple[int, ...], axis: int, reach: Reach) -> int:
    """How many cells NumPy takes out at once: rows without a gap between them are one row."""
    if axis == len(shape) - 1:
        return reach.count * (math.prod(shape[:-1]) if _merge(shape, reach) else 1)
    return math.prod(shape[axis + 1 :]) * (reach.count if reach.stride == 1 else 1)


def _merge(shape: tuple[int, ...], reach: Reach) -> bool:
    """Whether from the last window of a row to the first of the next it is one stride."""
    return reach.count * reach.stride == shape[-1]


@cache
def _covered(taps: int, stride: int, row: int, is_last: bool) -> int:
    """How many taps to cover before the windows are taken out, at their stride.

    `row` is how many cells are taken out at once, as `_run` says.
    """
    cell = _STRIDED_CELL if is_last and stride > 1 else 1
    copied = 1 if is_last and stride == 2 else 0.8 * cell

    def price(covered: int) -> float:
        long_steps = (covered - 1).bit_length() * stride * row
        row_steps = -(-taps // covered) - 1
        taken = row_steps * (cell * row + _ROW) if row_steps else copied * row + _COPIED_ROW
        return long_steps + taken

    return min([*(1 << power for power in range(taps.bit_length())), taps], key=price)


def _room(found: Found, shape: tuple[int, ...], keep: _Keep) -> Found:
    """Buffers that hold nothing of what was found."""
    values = scratch.beside("cells", found.values, shape, found.values.dtype)
    if keep.kind is None:
        return Found(values, None)
    return Found(values, scratch.beside("offsets", found.offsets, shape, keep.kind))


def _flat(found: Found, part: slice) -> Found:
    offsets = None if found.offsets is None else found.offsets.reshape(-1)[part]
    return Found(found.values.reshape(-1)[part], offsets)


def _taps(found: Found, axis: int, reach: Reach, first: int) -> Found:
    """One tap of all windows along an axis; that of the first window stands at `first`."""
    last = first + (reach.count - 1) * reach.stride
    index: tuple[Any, ...] = (*(slice(None),) * axis, slice(first, last + 1, reach.stride))
    return Found(found.values[index], None if found.offsets is None else found.offsets[index])


def _copy(cells: Array, axis: int, reach: Reach, begin: int, out: Array) -> None:
    """Take out the first tap of all windows along an axis."""
    is_last = axis == cells.ndim - 1
    itemsize = cells.dtype.itemsize
    pairs_fit = begin % 2 == 0 and cells.shape[-1] % 2 == 0
    if is_last and reach.stride == 2 and itemsize < 8 and pairs_fit:
        # A pair of cells as one integer, cut to the half that is first in memory: this takes a
        # third of the time of a copy with gaps.
        pairs = cells.view(f"u{2 * itemsize}")[..., begin // 2 : begin // 2 + reach.count]
        if not _LITTLE_ENDIAN:
            pairs = pairs >> (8 * itemsize)
        np.copyto(out.view(f"u{itemsize}"), pairs, casting="unsafe")
    else:
        np.copyto(out, _taps(Found(cells, None), axis, reach, begin).values)
