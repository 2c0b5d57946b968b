"""The magnitudes of floating-point numbers, by way of their bits.

Without its sign, a number is the larger the larger its bits are as an integer: infinity is above
all numbers, and NaN above infinity.
"""

import numpy as np

from cnnops_cli.dtypes import Array


def finite(values: Array) -> Array:
    """Replace NaN and infinity by 0."""
    are_finite = np.isfinite(values)
    return values if are_finite.all() else np.where(are_finite, values, 0).astype(values.dtype)


def largest(values: Array) -> Array:
    """Return the largest magnitudes over the axes from the third on, in float64.

    Where there is NaN, that is the largest.
    """
    if not values.size:
        return np.zeros(values.shape[:2])
    axes = tuple(range(2, values.ndim))
    if values.dtype.kind != "f":
        return np.maximum(values.max(axes), -values.min(axes).astype(np.float64))
    size = values.itemsize
    of_positive = values.view(f"i{size}").max(axes)
    of_negative = values.view(f"u{size}").max(axes).view(f"i{size}")
    digits = np.maximum(*(bits & np.iinfo(bits.dtype).max for bits in (of_positive, of_negative)))
    return digits.view(values.dtype).astype(np.float64)


def grid_of(values: Array) -> float:
    """Return a power of two of which all values are multiples; infinity where all are zero.

    It is the last digit of the smallest magnitude but zero.
    """
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
    return np.where(values == 0, np.inf, grids).min(axis=-1)
