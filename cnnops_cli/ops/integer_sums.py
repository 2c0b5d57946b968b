"""How large the sums of a convolution of integers can be, and whether int64 holds them."""

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.slabs import slabs
from cnnops_cli.spans import spans

_AT_ONCE = 1 << 14
"""Weights that are added up at a time."""

_ROUNDED_UP = 1 + 2**-40
"""Makes up for the roundings of a sum in float64."""


def largest_sum(image: Array, kernel: Array, bias: Array | None) -> int:
    """Bound the sums of a convolution of integers, and every part of them.

    None exceeds ``max|x| * max_o sum|w_o| + max|b|``.
    """
    most = max(1, _AT_ONCE // kernel[0].size)
    weights = max(_largest_filter(kernel[part]) for part in spans(len(kernel), most))
    weights = int(weights * _ROUNDED_UP)
    return _largest(image) * weights + (0 if bias is None else _largest(bias))


def _largest_filter(filters: Array) -> float:
    """Return the largest sum of absolute values of a filter; several filters are small."""
    if len(filters) == 1:
        return sum(float(np.abs(slab.astype(np.float64)).sum()) for slab in slabs(filters))
    sizes = np.abs(filters.astype(np.float64)).reshape(len(filters), -1)
    return float(sizes.sum(axis=1).max())


def _largest(array: Array) -> int:
    """The largest absolute value."""
    return max(int(array.max()), -int(array.min())) if array.size else 0


def as_int64(sums: Array) -> Array:
    """Convert Python's integers, or refuse the first that int64 cannot hold."""
    limits = np.iinfo(np.int64)
    outside = (sums > limits.max) | (sums < limits.min)
    if outside.any():
        raise CnnopsError(
            f"the sum {sums[outside].flat[0]} does not fit int64; "
            "--dtype float64 computes it in floating point"
        )
    return sums.astype(np.int64)
