"""What each channel of batch normalization is multiplied by and added to."""

from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.moments import Moments

_NEAR = 0.5
"""Up to this number of deviations from zero, a mean is not taken off first if that costs a pass."""

_SMALLEST, _LARGEST = 2.0**-102, 2.0**102
"""Scales and offsets in this range neither overflow nor lose digits in float32 on the way."""

_MOST_OF_NEAR = np.array([[_NEAR], [_LARGEST], [_LARGEST]])

HUGE = 2.0**970
"""Adding a float64 below this to a finite number makes nothing infinite."""


def coefficients(
    channels: int,
    narrow: bool,
    statistics: Moments,
    weight: Array,
    bias: Array,
    eps: float,
) -> tuple[Array, bool]:
    """Compute centre, scale and offset of ``(x - centre) * scale + offset``: (3, C).

    They are float32 where that fits them and both input and result, which are `narrow` then; else
    float64. What `centre` leaves of the mean goes into `offset`; in float32, that is all of it
    where the mean is at most half the deviation. Where no channel has a centre, it is left out:
    (2, C). The second result is whether a quick check shows that nothing overflows or underflows on
    the way from ordinary values, and no infinity is NaN.
    """
    mean, rest, variance, _ = statistics
    deviation = np.sqrt(variance + eps)
    terms = np.empty((3, channels))
    centre, scale, offset = terms[0], terms[1], terms[2]
    np.divide(weight, deviation, out=scale)
    if narrow:
        np.divide(mean, deviation, out=centre)
        np.subtract(bias, mean * scale, out=offset)
        sizes = np.abs(terms)
        fits = np.count_nonzero(sizes <= _MOST_OF_NEAR) == sizes.size
        if fits and sizes[1, sizes[1].argmin()] >= _SMALLEST:
            return terms[1:].astype(np.float32), True
    for dtype in (np.float32, np.float64) if narrow else (np.float64,):
        centre[...] = mean.astype(dtype, copy=False)
        if dtype == np.float32:
            np.copyto(centre, 0, where=np.abs(mean) / deviation <= _NEAR)
        left = (mean - centre + rest) * scale
        offset[...] = bias
        # What is not a number here comes from what spoils the channel anyway.
        np.subtract(offset, left, out=offset, where=np.abs(left) > 0)
        if dtype == np.float64 or _fits_float32(terms):
            break
    terms = (terms if centre.any() else terms[1:]).astype(dtype, copy=False)
    sizes = np.abs(terms)
    return terms, bool(sizes[-2].min() > 1 / HUGE and sizes.max() < HUGE)


def making_nan(terms: Array) -> Array:
    """Return in which channels values that are not NaN may become NaN."""
    sure: Array = np.isfinite(terms).all(0) & (terms[-2] != 0)
    return ~sure


def is_narrow(dtype: np.dtype[Any]) -> bool:
    """Return whether float32 holds what a dtype holds."""
    return dtype.kind == "f" and dtype.itemsize <= 4


def _fits_float32(terms: Array) -> bool:
    """Return whether float32 holds them and what they make; NaN spoils its channel anyway."""
    sizes = np.abs(terms)
    scale = sizes[1]
    beyond = np.any(sizes > _LARGEST, axis=0) | ((scale < _SMALLEST) & (scale > 0))
    return not np.any(beyond & ~np.isnan(scale))
