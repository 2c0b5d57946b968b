"""The arithmetic of pooling's steps: the largest cell of each window, and where it stands."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.pooling.margins import with_margins
from cnnops_cli.ops.pooling.steps import RESULT, Place, Plan, Step
from cnnops_cli.ops.scratch import scratch

_LITTLE_ENDIAN = bool(np.ones(1, np.uint16).view(np.uint8)[0])

_SHORT_ROW = 512
"""Bytes of a row that is copied as one value: NumPy keeps threads waiting where values are few."""


def largest(
    cells: Array,
    plan: Plan,
    out: Array,
    lowest: Any,
) -> None:
    """Write the maximum of each window.

    Parameters
    ----------
    cells : numpy.ndarray, shape (P, *spatial)
    plan : Plan
        Of the steps over these cells.
    out : numpy.ndarray, shape (P, *windows)
        Which NaN, and which of 0.0 and -0.0, is not certain.
    lowest : scalar
        What padding holds.
    """
    arrays = _arrays(cells, plan, out, lowest)
    for earlier, later, target, _, _ in plan.steps:
        into = _seen(arrays, target)
        if later is None:
            copy_cells(arrays[earlier.array], earlier.part, into)
        else:
            np.maximum(_seen(arrays, earlier), _seen(arrays, later), out=into)


def largest_and_offsets(
    cells: Array,
    plan: Plan,
    out: Array,
    lowest: Any,
    *,
    furthest: int,
    nan_wins: bool,
) -> Array:
    """Write the maximum of each window and find where it stands, seen from the first tap.

    Parameters
    ----------
    cells, plan, out, lowest
        As `largest`; of a plan with pitches.
    furthest : int
        The largest offset that there can be.
    nan_wins : bool
        Needed where there are NaNs: the last one of a window is its maximum.

    Returns
    -------
    numpy.ndarray of integers, shape (P, *windows)
        The first of equal maxima in row-major order.
    """
    arrays = _arrays(cells, plan, out, lowest)
    kinds = (kind for kind in (np.uint8, np.uint16, np.uint32) if furthest <= np.iinfo(kind).max)
    kind = np.dtype(next(kinds, np.int64))
    offsets = [
        scratch(f"offsets of {use}", shape if use != "cells" else (0,), kind)
        for use, shape in zip(plan.uses, plan.shapes, strict=True)
    ]
    known: set[int] = set()
    for step in plan.steps:
        _keep_larger(step, arrays, offsets, known, nan_wins)
        known.add(step.target.array)
    return offsets[RESULT]


def _arrays(cells: Array, plan: Plan, out: Array, lowest: Any) -> list[Array]:
    arrays = [cells, out]
    for use, shape in zip(plan.uses[2:], plan.shapes[2:], strict=True):
        if use == "padded":
            assert plan.margins is not None
            arrays.append(with_margins(use, shape, cells.dtype, plan.margins, lowest))
        else:
            arrays.append(scratch(use, shape, cells.dtype))
    return arrays


def _seen(arrays: Sequence[Array], place: Place) -> Array:
    array, index = arrays[place.array], place.part
    if isinstance(index, slice):
        return array.reshape(-1)[index]
    return array[index]


def _keep_larger(
    step: Step, arrays: list[Array], offsets: list[Array], known: set[int], nan_wins: bool
) -> None:
    """Keep the larger of two values, the earlier where they are equal, and its offset.

    What wraps around in unsigned offsets comes back.
    """
    earlier, later, target, earlier_offset, later_offset = step
    into, offsets_into = _seen(arrays, target), _seen(offsets, target)
    kind = offsets_into.dtype
    if later is None:
        copy_cells(arrays[earlier.array], earlier.part, into)
        if earlier.array in known:
            copy_cells(offsets[earlier.array], earlier.part, offsets_into)
            if earlier_offset:
                offsets_into += kind.type(earlier_offset)
        else:
            offsets_into[...] = earlier_offset
        return
    one, two = _seen(arrays, earlier), _seen(arrays, later)
    wins = scratch("wins", into.shape, np.dtype(np.bool_))
    np.greater(two, one, out=wins)
    if nan_wins:
        is_nan = scratch("is nan", into.shape, wins.dtype)
        np.logical_or(wins, np.isnan(two, out=is_nan), out=wins)
    np.maximum(one, two, out=into)
    chosen = wins.view(np.uint8)
    first = _seen(offsets, earlier) if earlier.array in known else None
    second = _seen(offsets, later) if later.array in known else None
    if first is None and second is None:
        np.multiply(chosen, kind.type(later_offset - earlier_offset), out=offsets_into)
        if earlier_offset:
            offsets_into += kind.type(earlier_offset)
        return
    difference = scratch("difference", into.shape, kind)
    between = np.array(later_offset - earlier_offset).astype(kind)[()]
    if first is not None and second is not None:
        np.subtract(second, first, out=difference)
        np.add(difference, between, out=difference)
    elif first is not None:
        np.subtract(between, first, out=difference)
    elif second is not None:
        np.add(second, between, out=difference)
    np.multiply(difference, chosen, out=difference)
    if first is None:
        np.add(difference, kind.type(earlier_offset), out=offsets_into)
        return
    np.add(first, difference, out=offsets_into)
    if earlier_offset:
        offsets_into += kind.type(earlier_offset)


def copy_cells(cells: Array, index: slice | tuple[slice, ...], out: Array) -> None:
    """Take cells out: short rows as one value each, of pairs of cells the first as their half."""
    if isinstance(index, slice):
        cells, index = cells.reshape(-1), (index,)
    *rows, row = index
    start, step, itemsize = row.start or 0, row.step or 1, cells.dtype.itemsize
    count = out.shape[-1]
    has_rows = count > 0 and all(array.strides[-1] == itemsize for array in (cells, out))
    if has_rows and step == 1 and count * itemsize <= _SHORT_ROW:
        whole = np.dtype((np.void, count * itemsize))
        np.copyto(out.view(whole), cells[(*rows, slice(start, start + count))].view(whole))
    elif has_rows and step == 2 and itemsize < 8:
        # A pair of cells as one integer, cut to the half that is first in memory: this takes a
        # third of the time of a copy with gaps.
        fits = min(count, (cells.shape[-1] - start) // 2)
        pairs = cells[(*rows, slice(start, start + 2 * fits))].view(f"u{2 * itemsize}")
        if not _LITTLE_ENDIAN:
            pairs = pairs >> (8 * itemsize)
        np.copyto(out[..., :fits].view(f"u{itemsize}"), pairs, casting="unsafe")
        if fits < count:
            out[..., -1] = cells[(*rows, start + 2 * fits)]
    else:
        np.copyto(out, cells[index])
