"""Sums of products of integers that are exact, or refused."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError

_FLOAT_EXACT = 2**24
_DOUBLE_EXACT = 2**53
_INT64_LIMIT = 2**63


def exact_integers(
    image: Array,
    kernel: Array,
    bias: Array | None,
    convolve: Callable[[np.dtype[Any], np.dtype[Any]], Array],
) -> Array:
    """Convolve integers into int64 without a rounding or a wrap-around.

    Parameters
    ----------
    image, kernel : numpy.ndarray of int or uint
    bias : numpy.ndarray of int or uint, optional
    convolve : callable
        Convolves these arrays in the first dtype that it is given, and keeps the result in the
        second.

    Returns
    -------
    numpy.ndarray of int64

    Raises
    ------
    CnnopsError
        If int64 cannot hold a sum.

    Notes
    -----
    No sum, nor a part of it, exceeds ``max|x| * max_o sum|w_o| + max|b|``. Below 2**24 a float32 is
    exact and its matrix product the fastest, below 2**53 a double; below 2**63 int64 is exact;
    beyond that Python's integers are, and tell whether the sums fit.
    """
    bound = _largest(image) * _weight_sum(kernel) + (0 if bias is None else _largest(bias))
    whole = np.dtype(np.int64)
    for limit, work in ((_FLOAT_EXACT, np.float32), (_DOUBLE_EXACT, np.float64)):
        if bound < limit:
            return convolve(np.dtype(work), whole)
    if bound < _INT64_LIMIT:
        return convolve(whole, whole)
    result = convolve(np.dtype(object), np.dtype(object))
    outside = (result >= _INT64_LIMIT) | (result < -_INT64_LIMIT)
    if outside.any():
        raise CnnopsError(
            f"the sum {result[outside].flat[0]} does not fit int64; "
            "--dtype float64 computes it in floating point"
        )
    return result.astype(np.int64)


def _largest(array: Array) -> int:
    """The largest absolute value, as a Python integer."""
    return max(int(array.max()), -int(array.min())) if array.size else 0


def _weight_sum(kernel: Array) -> int:
    """The largest sum of absolute weights of one output channel, rounded up."""
    sums: Any = np.abs(kernel.astype(np.float64)).reshape(len(kernel), -1).sum(axis=1)
    return int(sums.max() * (1 + 2**-40)) + 1
