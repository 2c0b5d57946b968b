"""Pictures without Pillow: what their headers say, and the bytes of an array's pixels.

Errors here, and about headers, are bare reasons: pictures.py adds the picture's name.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array, is_floating
from cnnops_cli.errors import CnnopsError
from cnnops_cli.slabs import elements
from cnnops_cli.spans import spans

_PIECE = 1 << 16
"""Values that become bytes at a time."""


class Header(NamedTuple):
    """What a header says that Pillow does not."""

    dtype: str | None = None  # of the samples of a TIFF
    colours: int | None = None  # the size of a palette
    data: list[tuple[int, int]] | None = None  # place and length of a PNG's deflated pixels
    due: int = 0  # the number of bytes that they inflate to
    is_interlaced: bool = False
    transparent: int | None = None  # the transparent grey of a PNG, scaled to 0 to 255
    is_told_before_pixels: bool = True  # no orientation follows the pixels


def planes_of(array: Array, layout: str) -> Array:
    """Return an array as the (C, H, W) of a picture."""
    one = array[0] if array.ndim == 4 and len(array) == 1 else array
    if one.ndim == 3 and layout == "channels-last":
        one = np.moveaxis(one, -1, 0)
    planes = one[np.newaxis] if one.ndim == 2 else one
    if planes.ndim != 3 or not 1 <= len(planes) <= 4 or not planes.size:
        form = "(H, W, C)" if layout == "channels-last" else "(C, H, W)"
        raise CnnopsError(
            f"the result has shape {array.shape}, which is not that of a picture; accepted are "
            f"(H, W), {form} of 1 to 4 channels and a batch of one"
        )
    return planes


def pixels_of(planes: Array, opaque: int) -> Array:
    """Return the bytes of a picture (C, H, W), as (H, W, C).

    The first `opaque` planes are scaled to 0 to 255; then all are rounded, ties to even, and
    clipped to these.
    """
    channels, height, width = planes.shape
    pixels = np.empty((height, width, channels), np.uint8)
    by_channel = pixels.reshape(-1, channels).T
    stretch = _stretching(planes[:opaque]) if opaque else None
    for number, (plane, target) in enumerate(zip(planes, by_channel, strict=True)):
        for part in spans(plane.size, _PIECE):
            values = elements(plane, part)
            if stretch and number < opaque:
                values = stretch(values)
            target[part] = _as_bytes(values)
    return pixels


def _stretching(planes: Array) -> Callable[[Array], Array]:
    """Return what scales the smallest value to 0 and the largest to 255."""
    smallest, largest = planes.min(), planes.max()
    if not is_floating(planes):
        wide = np.uint64 if planes.dtype.kind == "u" else np.int64
        scale = 255 / max(int(largest) - int(smallest), 1)
        start = wide(smallest).view(np.uint64)
        # Modulo 2**64 the distance to the smallest is exact.
        return lambda values: (values.astype(wide).view(np.uint64) - start) * scale
    low, high = float(smallest), float(largest)
    if not math.isfinite(high) or not math.isfinite(low):
        raise CnnopsError("--stretch takes finite values, but the result has others")
    # Scaled by a power of two, so that no difference overflows or underflows.
    _, exponent = math.frexp(max(abs(low), abs(high)))
    low, high = (float(np.ldexp(value, -exponent)) for value in (low, high))
    size = high - low or 1
    return lambda values: (np.ldexp(values.astype(np.float64), -exponent) - low) / size * 255


def _as_bytes(values: Array) -> Array:
    """Round, ties to even, and clip to 0 and 255."""
    if is_floating(values):
        if np.isnan(values).any():
            raise CnnopsError("the result holds NaN, which a picture cannot")
        values = np.rint(values)
    elif values.dtype.itemsize == 1:  # whose limits may be below 255
        values = values.astype(np.int16)
    return np.clip(values, 0, 255)
