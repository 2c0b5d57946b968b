"""The arithmetic of pooling's steps: the largest element of each window, and where it is."""

from collections.abc import Callable

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.pooling.axis_steps import CELLS, RESULT, Place, Plan, Step
from cnnops_cli.ops.scratch import scratch


def largest(cells: Array, plan: Plan, out: Array) -> None:
    """Write the maximum of each window; which NaN, and which of 0.0 and -0.0, is not certain.

    `cells` has shape (P, *lengths), `out` has (P, *windows).
    """
    arrays = _arrays(cells, plan, out)
    for earlier, later, target, _, _ in plan.steps:
        if later is None:
            np.copyto(_seen(arrays, target), _seen(arrays, earlier))
        else:
            one, two = _seen(arrays, earlier), _seen(arrays, later)
            np.maximum(one, two, out=_seen(arrays, target))


def largest_and_offsets(
    cells: Array,
    plan: Plan,
    out: Array,
    is_nan: Callable[[Array], Array] | None = None,
) -> Array:
    """Write the maximum of each window, and return its distance from the window's first tap.

    It is that of the first of equal maxima in row-major order. The plan has pitches. `is_nan` is
    needed where there are NaNs: the last one of a window wins.
    """
    kinds = (np.uint8, np.uint16, np.uint32)
    kind = np.dtype(next((kind for kind in kinds if plan.furthest <= np.iinfo(kind).max), np.int64))
    arrays = _arrays(cells, plan, out)
    offsets = [np.zeros((), kind), scratch("offsets", out.shape, kind)]
    offsets += [scratch(f"offsets of {use}", shape, kind) for use, shape in plan.arrays]
    for step in plan.steps:
        _keep_larger(step, arrays, offsets, is_nan)
    return offsets[RESULT]


def _arrays(cells: Array, plan: Plan, out: Array) -> list[Array]:
    return [cells, out, *(scratch(use, shape, cells.dtype) for use, shape in plan.arrays)]


def _seen(arrays: list[Array], place: Place) -> Array:
    number, part = place
    array = arrays[number]
    if not array.ndim:  # the offsets of what was not pooled yet
        return array
    return array[part] if type(part) is tuple else array.reshape(-1)[part]


def _keep_larger(
    step: Step,
    arrays: list[Array],
    offsets: list[Array],
    is_nan: Callable[[Array], Array] | None,
) -> None:
    """Keep the larger of two values, the earlier where they are equal, and its offset.

    What wraps around in unsigned offsets comes back.
    """
    earlier, later, target, earlier_offset, later_offset = step
    into, offsets_into = _seen(arrays, target), _seen(offsets, target)
    kind = offsets_into.dtype
    if later is None:
        np.copyto(into, _seen(arrays, earlier))
        np.copyto(offsets_into, _seen(offsets, earlier))
    else:
        one, two = _seen(arrays, earlier), _seen(arrays, later)
        wins = scratch("wins", into.shape, np.dtype(np.bool_))
        np.greater(two, one, out=wins)
        if is_nan is not None:
            np.logical_or(wins, is_nan(two), out=wins)
        np.maximum(one, two, out=into)
        chosen = wins.view(np.uint8)
        between = np.array(later_offset - earlier_offset).astype(kind)
        if earlier.array == later.array == CELLS:
            np.multiply(chosen, between, out=offsets_into)
        else:
            first, second = _seen(offsets, earlier), _seen(offsets, later)
            difference = scratch("difference", into.shape, kind)
            np.subtract(second, first, out=difference)
            np.add(difference, between, out=difference)
            np.multiply(difference, chosen, out=difference)
            np.add(first, difference, out=offsets_into)
    if earlier_offset:
        np.add(offsets_into, kind.type(earlier_offset), out=offsets_into)
