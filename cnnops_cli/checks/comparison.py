"""How a result compares with what was expected: shape, then dtype, then values."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.checks.distance import close, errors_between, relative_errors, ulps
from cnnops_cli.checks.tolerance import Tolerance, tolerance_of
from cnnops_cli.dtypes import Array, fits, is_floating, native
from cnnops_cli.slabs import elements

MOST_SHOWN = 10
_PIECE = 1 << 16
"""Values that are compared together: few enough for copies to be small."""


class Element(NamedTuple):
    """An index, and the value there on both sides, each in its own dtype."""

    at: tuple[int, ...]
    result: Any
    expected: Any


class Largest(NamedTuple):
    """The largest error of some kind, and the element that has it."""

    error: Any
    element: Element


@dataclass
class Comparison:
    """How a result differs from what was expected; values are compared where the shapes are equal.

    Attributes
    ----------
    misfit : Element or None
        The first expected number that should take the result's dtype and does not fit it.
    differing, nan_pairs : int
        The number of values that differ, and of those among them that are NaN on both sides.
    first : list of Element
        The first values that differ, in row-major order.
    absolute, relative, distance : Largest or None
        The largest errors where both sides are finite. `relative` leaves out expected zeros, and
        `distance` is in ulp, where the tolerance is too.
    """

    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    dtypes: tuple[np.dtype[Any], np.dtype[Any]]
    tolerance: Tolerance
    misfit: Element | None = None
    differing: int = 0
    nan_pairs: int = 0
    first: list[Element] = field(default_factory=list)
    absolute: Largest | None = None
    relative: Largest | None = None
    distance: Largest | None = None

    @property
    def equal(self) -> bool:
        """Whether shape and dtype are the same, and every value is within the tolerance."""
        alike = self.shapes[0] == self.shapes[1] and self.dtypes[0] == self.dtypes[1]
        return alike and self.misfit is None and not self.differing


def compare(
    result: Array,
    expected: Array,
    *,
    weak: bool = False,
    tolerance: Callable[..., Tolerance] = tolerance_of,
) -> Comparison:
    """Compare a result with what was expected, in a few MiB of memory.

    Values of different dtypes are compared in one that holds both; integers with floats, and uint64
    with signed integers, in float64. `tolerance` is called with both dtypes.

    A `weak` expected array, such as one from JSON, takes the result's dtype if its numbers fit: a
    fraction does not fit an integer. An empty one takes the shape too, which JSON cannot write.

    Examples
    --------
    >>> found = compare(np.array([1, 2, 3]), np.array([1, 2, 5]))
    >>> found.equal, found.differing, found.absolute.error
    (False, 1, np.uint64(2))
    """
    if weak and _is_empty_in_json(expected.shape, result.shape):
        expected = np.empty(result.shape, expected.dtype)
    own = native(result.dtype)
    dtypes = (own, own if weak else native(expected.dtype))
    found = Comparison((result.shape, expected.shape), dtypes, tolerance(*dtypes))
    if result.shape != expected.shape:
        return found
    if weak:
        found.misfit = _first_misfit(result, expected)
    common = np.result_type(*dtypes if found.misfit is None else (result.dtype, expected.dtype))
    for offset, ours, theirs in _pieces(result, expected):
        _add(found, offset, ours, theirs, common)
    return found


def _is_empty_in_json(expected: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Return whether JSON has this for an empty array of a shape: it lacks the last axes."""
    return 0 in shape and expected == shape[: shape.index(0) + 1]


def _pieces(result: Array, expected: Array) -> Iterator[tuple[int, Array, Array]]:
    """Yield values of both sides in row-major order, after the number of those before them."""
    for start in range(0, result.size, _PIECE):
        part = slice(start, start + _PIECE)
        yield start, elements(result, part), elements(expected, part)


def _first_misfit(result: Array, expected: Array) -> Element | None:
    if expected.dtype == result.dtype:
        return None
    for offset, ours, theirs in _pieces(result, expected):
        holds = _held(theirs, result.dtype)
        if not holds.all():
            return _element(result.shape, offset, ours, theirs, int(np.argmin(holds)))
    return None


def _held(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return which numbers a dtype holds: integers no fraction, floats all that stay finite."""
    with np.errstate(all="ignore"):
        held = fits(values, values.astype(dtype))
    if dtype.kind != "f" and is_floating(values):
        held &= values == np.trunc(values)
    return held


def _element(
    shape: tuple[int, ...], offset: int, ours: Array, theirs: Array, index: int
) -> Element:
    at = tuple(int(axis) for axis in np.unravel_index(offset + index, shape))
    return Element(at, ours[index].copy(), theirs[index].copy())


def _add(found: Comparison, offset: int, ours: Array, theirs: Array, common: np.dtype[Any]) -> None:
    """Add the differences of a piece."""
    result, expected = (side.astype(common, copy=False) for side in (ours, theirs))
    (where,) = np.nonzero(~close(result, expected, found.tolerance))
    if not where.size:
        return
    found.differing += where.size
    shape = found.shapes[0]
    for index in where[: MOST_SHOWN - len(found.first)].tolist():
        found.first.append(_element(shape, offset, ours, theirs, index))
    result, expected = result[where], expected[where]
    if is_floating(result):
        found.nan_pairs += int((np.isnan(result) & np.isnan(expected)).sum())
        finite = np.isfinite(result) & np.isfinite(expected)
        where, result, expected = where[finite], result[finite], expected[finite]

    def largest(errors: Array, before: Largest | None) -> Largest | None:
        counted = np.where(np.isnan(errors), -1, errors) if is_floating(errors) else errors
        if not counted.size or counted.max() < 0:
            return before
        index = int(np.argmax(counted))
        if before is not None and errors[index] <= before.error:
            return before
        return Largest(errors[index], _element(shape, offset, ours, theirs, int(where[index])))

    errors = errors_between(result, expected)
    found.absolute = largest(errors, found.absolute)
    found.relative = largest(relative_errors(errors, expected), found.relative)
    if found.tolerance.ulp is not None:
        found.distance = largest(ulps(result, expected), found.distance)
