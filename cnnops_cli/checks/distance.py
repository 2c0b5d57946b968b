"""Differences between values, exact for integers, and which values count as equal.

Both arrays have one dtype, and one axis; they are pieces of what is compared.
"""

from typing import cast

import numpy as np

from cnnops_cli.checks.tolerance import Tolerance
from cnnops_cli.dtypes import Array, is_floating

_MOST = 2**64 - 1
_SIGNED = {2: np.int16, 4: np.int32, 8: np.int64}
"""Integers as wide as a floating-point number, by its bytes."""


def close(result: Array, expected: Array, tolerance: Tolerance) -> Array:
    """Return which values count as equal.

    Whatever the tolerance, an infinity is equal only to itself, and NaN to nothing, or to NaN with
    `equal_nan`. A difference that overflows is not within any tolerance. float16 and float32 are
    compared in float64.
    """
    equal = result == expected
    if not tolerance.exact and not equal.all():
        if tolerance.ulp is not None:
            within = ulps(result, expected) <= np.uint64(min(tolerance.ulp, _MOST))
        else:
            errors = errors_between(result, expected)
            within = (errors <= _allowed(expected, tolerance)) & np.isfinite(errors)
        if is_floating(result):
            within &= np.isfinite(result) & np.isfinite(expected)
        equal |= within
    if tolerance.equal_nan and is_floating(result):
        equal |= np.isnan(result) & np.isnan(expected)
    return cast(Array, equal)


def errors_between(result: Array, expected: Array) -> Array:
    """Return |result - expected|: exact uint64 for integers, else float64."""
    if not is_floating(result):
        return _between(result, expected)
    with np.errstate(all="ignore"):
        return np.abs(result.astype(np.float64) - expected.astype(np.float64))


def relative_errors(errors: Array, expected: Array) -> Array:
    """Divide errors by the magnitude of the expected values, in float64; NaN where that is 0."""
    with np.errstate(all="ignore"):
        size = np.abs(expected.astype(np.float64))
        return np.where(size == 0, np.nan, errors / size)


def ulps(result: Array, expected: Array) -> Array:
    """Return the number of steps between representable values, as uint64.

    Examples
    --------
    >>> ulps(np.array([1.0, 5e-324]), np.array([1.0 + 2**-52, -5e-324]))
    array([1, 2], dtype=uint64)
    """
    if is_floating(result):
        result, expected = _order(result), _order(expected)
    return _between(result, expected)


def _order(values: Array) -> Array:
    """Number floating-point values in their order; 0.0 and -0.0 are 0."""
    signed = _SIGNED[values.dtype.itemsize]
    bits = values.view(signed).astype(np.int64)
    return np.where(bits < 0, -(1 << (8 * values.dtype.itemsize - 1)) - bits, bits)


def _between(first: Array, second: Array) -> Array:
    """Subtract the smaller integer from the larger modulo 2**64, which is exact."""
    wide = np.uint64 if first.dtype.kind == "u" else np.int64
    a, b = (values.astype(wide).view(np.uint64) for values in (first, second))
    return np.where(first >= second, a - b, b - a)


def _allowed(expected: Array, tolerance: Tolerance) -> Array:
    with np.errstate(all="ignore"):
        allowed = tolerance.atol + tolerance.rtol * np.abs(expected.astype(np.float64))
    if is_floating(expected):
        return cast(Array, allowed)
    floor = np.full(expected.shape, _MOST, np.uint64)
    small = allowed < 2.0**64
    floor[small] = allowed[small].astype(np.uint64)
    return floor
