"""The magnitudes of floating-point numbers, by way of their bits.

Without its sign, a number is the larger the larger its bits are as an integer: infinity is above
all numbers, and NaN above infinity.
"""

from itertools import product

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.spans import spans

_BLOCK = 1 << 16
"""The values that are looked at together, so that they stay in cache."""


def finite(values: Array) -> Array:
    """Replace NaN and infinity by 0."""
    are_finite = np.isfinite(values)
    return values if are_finite.all() else np.where(are_finite, values, values.dtype.type(0))


def largest(values: Array) -> float:
    """Return the largest magnitude of an array (N, C, ...); where there is NaN, that."""
    if not values.size:
        return 0.0
    most = max(1, _BLOCK // values[0, 0].size)
    blocks = product(range(len(values)), spans(values.shape[1], most))
    if values.dtype.kind != "f":
        parts = (values[block] for block in blocks)
        return float(max(max(int(part.max()), -int(part.min())) for part in parts))
    # As signed integers the positive numbers are above all others, as unsigned ones the negative.
    digits, unsigned = (values.view(f"{kind}{values.itemsize}") for kind in "iu")
    found, size = 0, np.iinfo(digits.dtype).max
    for block in blocks:
        found = max(found, int(digits[block].max()) & size, int(unsigned[block].max()) & size)
    return float(np.array(found, digits.dtype).view(values.dtype))


def grid_of(values: Array) -> float:
    """Return a power of two of which all values are multiples; infinity where all are zero.

    It is the last digit of the smallest magnitude but zero.
    """
    if not values.size:
        return np.inf
    if values.dtype.kind != "f":
        return 1.0
    limits = np.finfo(values.dtype)
    digits = values.view(f"u{values.itemsize}") << 1
    digits -= 1  # zeros are the largest now
    smallest = int(digits.min())
    if smallest == np.iinfo(digits.dtype).max:
        return np.inf
    exponent = max(1, (smallest + 1) >> (limits.nmant + 1))
    return float(np.ldexp(1.0, exponent + int(limits.minexp) - 1 - int(limits.nmant)))


def finest_grids(values: Array) -> Array:
    """Return, over the last axis of float64, the largest powers of two that divide all values."""
    fraction, exponent = np.frexp(values)
    digits = np.ldexp(fraction, 53).astype(np.int64)
    grids = np.ldexp((digits & -digits).astype(np.float64), exponent - 53)
    finest: Array = np.where(values == 0, np.inf, grids).min(axis=-1)
    return finest
