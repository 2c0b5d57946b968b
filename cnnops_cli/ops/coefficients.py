"""What each channel of batch normalization is multiplied by and added to."""

import numpy as np

from cnnops_cli.dtypes import Array, is_floating

_NEAR = 0.5
"""Up to this number of deviations from zero, a mean is not taken off first if that costs a pass."""

_SMALLEST, _LARGEST = 2.0**-102, 2.0**102
"""Scales and offsets in this range neither overflow nor lose digits in float32 on the way."""

_MOST_OF_NEAR = np.array([[_NEAR], [_LARGEST], [_LARGEST]])

HUGE = 2.0**970
"""Adding a float64 below this to a finite number makes nothing infinite."""


def coefficients(
    values: Array,
    output: Array,
    mean: Array,
    rest: Array,
    variance: Array,
    weight: Array,
    bias: Array,
    eps: float,
) -> Array:
    """Compute centre, scale and offset of ``(x - centre) * scale + offset``: (3, C).

    They are float32 where that fits them, else float64. What `centre` leaves of the mean goes into
    `offset`; in float32, that is all of it where the mean is at most half the deviation. Where no
    channel has a centre, it is left out: (2, C).
    """
    inverse = 1 / np.sqrt(variance + eps)
    terms = np.empty((3, values.shape[1]))
    centre, scale, offset = terms
    np.multiply(weight, inverse, out=scale)
    narrow = all(array.dtype.itemsize <= 4 and is_floating(array) for array in (values, output))
    if narrow:
        distance = np.multiply(mean, inverse, out=centre)
        np.subtract(bias, distance * weight, out=offset)
        sizes = np.abs(terms)
        least = np.count_nonzero(sizes[1] >= _SMALLEST)
        if 3 * least == np.count_nonzero(sizes <= _MOST_OF_NEAR) == terms.size:
            return terms[1:].astype(np.float32)
    for dtype in (np.float32, np.float64) if narrow else (np.float64,):
        centre[...] = mean.astype(dtype, copy=False)
        if dtype == np.float32:
            np.copyto(centre, 0, where=np.abs(mean) * inverse <= _NEAR)
        left = (mean - centre + rest) * scale
        offset[...] = bias
        # What is not a number here comes from what spoils the channel anyway.
        np.subtract(offset, left, out=offset, where=np.abs(left) > 0)
        if dtype == np.float64 or _fits_float32(terms):
            break
    return (terms if centre.any() else terms[1:]).astype(dtype, copy=False)


def are_surely_ordinary(terms: Array) -> bool:
    """Return whether a quick check shows that nothing overflows or underflows on the way."""
    if terms.itemsize == 4:
        return True
    sizes = np.abs(terms)
    return bool(np.minimum.reduce(sizes[-2]) > 1 / HUGE and sizes.max() < HUGE)


def _fits_float32(terms: Array) -> bool:
    """Return whether float32 holds them and what they make; NaN spoils its channel anyway."""
    sizes = np.abs(terms)
    scale = sizes[1]
    beyond = np.any(sizes > _LARGEST, axis=0) | ((scale < _SMALLEST) & (scale > 0))
    return not np.any(beyond & ~np.isnan(scale))
