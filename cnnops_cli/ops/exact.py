"""Sums of products of integers that are exact, or refused."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError

_INT64_LIMIT = 2**63

EXACT_UP_TO = ((2**24, "float32"), (2**53, "float64"), (_INT64_LIMIT, "int64"))
"""Below which bound of their sums integers are computed in which dtype, the fastest first."""


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
    bound = largest_sum(image, kernel, bias)
    work, whole = dtype_for_sums(bound), np.dtype(np.int64)
    if work.kind != "O":
        return convolve(work, whole)
    result = convolve(work, work)
    outside = (result >= _INT64_LIMIT) | (result < -_INT64_LIMIT)
    if outside.any():
        raise CnnopsError(
            f"the sum {result[outside].flat[0]} does not fit int64; "
            "--dtype float64 computes it in floating point"
        )
    return result.astype(np.int64)


def largest_sum(image: Array, kernel: Array, bias: Array | None) -> int:
    """Bound the sums of a convolution of integers, and every part of them."""
    return largest(image) * _weight_sum(kernel) + (0 if bias is None else largest(bias))


def dtype_for_sums(bound: int) -> np.dtype[Any]:
    """Return what computes sums up to a bound exactly; object stands for Python's integers.

    Examples
    --------
    >>> dtype_for_sums(6521)
    dtype('float32')
    """
    for limit, work in EXACT_UP_TO:
        if bound < limit:
            return np.dtype(work)
    return np.dtype(object)


def largest(array: Array) -> int:
    """The largest absolute value, as a Python integer."""
    return max(int(array.max()), -int(array.min())) if array.size else 0


def _weight_sum(kernel: Array) -> int:
    """The largest sum of absolute weights of one output channel, rounded up."""
    sums: Any = np.abs(kernel.astype(np.float64)).reshape(len(kernel), -1).sum(axis=1)
    return int(sums.max() * (1 + 2**-40)) + 1
