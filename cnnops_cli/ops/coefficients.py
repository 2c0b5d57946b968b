"""What a channel of batch normalization is multiplied with and added to, in the dtype that does."""

import numpy as np

from cnnops_cli.dtypes import Array, is_floating

_NEAR = 0.5
"""Up to so many deviations from zero, a mean is not taken off first where that costs a pass."""

_SMALLEST, _LARGEST = 2.0**-102, np.array([[2.0**102], [2.0**102], [_NEAR]])
"""A scale and an offset of this size neither overflow nor lose digits in float32 on the way."""

HUGE = 2.0**970
"""A float64 below it makes no finite number infinite that it is added to."""


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
    """Coefficients of ``(x - centre) * scale + offset``, in the dtype that fits them: (3, C).

    What `centre` leaves of the mean goes into `offset`. In float32 that is all of it where the mean
    is at most half the deviation. Where no channel has a centre, there is none: (2, C).
    """
    inverse = 1 / np.sqrt(variance + eps)
    narrow = all(array.dtype.itemsize <= 4 and is_floating(array) for array in (values, output))
    if narrow:
        terms = np.empty((3, values.shape[1]))
        scale, offset, distance = terms
        np.multiply(weight, inverse, out=scale)
        np.multiply(mean, inverse, out=distance)
        np.subtract(bias, distance * weight, out=offset)
        sizes = np.abs(terms)
        least, most = np.count_nonzero(sizes[0] >= _SMALLEST), np.count_nonzero(sizes <= _LARGEST)
        if 3 * least == most == terms.size:
            return terms[:2].astype(np.float32)
    terms = np.empty((3, values.shape[1]))
    centre, scale, offset = terms
    np.multiply(weight, inverse, out=scale)
    for dtype in (np.float32, np.float64) if narrow else (np.float64,):
        centre[...] = mean.astype(dtype, copy=False)
        if dtype == np.float32:
            np.copyto(centre, 0, where=np.abs(mean) * inverse <= _NEAR)
        left = (mean - centre + rest) * scale
        offset[...] = bias
        # What is no number here comes from what spoils the channel anyway.
        np.subtract(offset, left, out=offset, where=np.abs(left) > 0)
        if dtype == np.float64 or _fits_float32(terms):
            break
    return (terms if centre.any() else terms[1:]).astype(dtype, copy=False)


def are_surely_ordinary(terms: Array) -> bool:
    """Return whether a short look tells that nothing overflows or underflows on the way."""
    if terms.itemsize == 4:
        return True
    flat, scale = terms.reshape(-1), terms[-2]
    least = scale[scale.argmin()]
    if least < 0:
        sizes = np.abs(scale)
        least = sizes[sizes.argmin()]
    return bool(least > 1 / HUGE and flat.dot(flat) < np.inf)


def _fits_float32(terms: Array) -> bool:
    """Whether float32 holds the coefficients and what they make; NaN spoils its channel anyway."""
    sizes = np.abs(terms)
    scale = sizes[1]
    beyond = np.any(sizes > _LARGEST[0], axis=0) | ((scale < _SMALLEST) & (scale > 0))
    return not np.any(beyond & ~np.isnan(scale))
