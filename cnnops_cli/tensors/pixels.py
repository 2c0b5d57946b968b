"""Pictures without Pillow: what their headers say, and the bytes of an array's pixels.

Errors here, and about headers, are bare reasons: pictures.py adds the picture's name.
"""

from typing import NamedTuple, cast

import numpy as np

from cnnops_cli.dtypes import Array, is_floating
from cnnops_cli.errors import CnnopsError


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


def stretched(planes: Array) -> Array:
    """Scale the smallest value to 0 and the largest to 255."""
    if not is_floating(planes):
        wide = np.uint64 if planes.dtype.kind == "u" else np.int64
        # Modulo 2**64 the distance to the smallest is exact.
        distances = planes.astype(wide).view(np.uint64) - wide(planes.min()).view(np.uint64)
        return cast(Array, distances * (255 / max(int(distances.max()), 1)))
    values = planes.astype(np.float64)
    if not np.isfinite(values).all():
        raise CnnopsError("--stretch takes finite values, but the result has others")
    # Scaled by a power of two, so that no difference overflows or underflows.
    values = np.ldexp(values, -int(np.frexp(np.abs(values).max())[1]))
    values -= values.min()
    share: Array = values / (values.max() or 1)
    return share * 255


def as_bytes(planes: Array) -> Array:
    """Round, ties to even, and clip to 0 and 255."""
    if is_floating(planes):
        if np.isnan(planes).any():
            raise CnnopsError("the result holds NaN, which a picture cannot")
        planes = np.rint(planes)
    elif planes.dtype.itemsize == 1:  # whose limits may be below 255
        planes = planes.astype(np.int16)
    return np.clip(planes, 0, 255).astype(np.uint8)
