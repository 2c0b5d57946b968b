"""Pictures without Pillow: what their headers say, and how an array becomes their bytes."""

from typing import NamedTuple, cast

import numpy as np

from cnnops_cli.dtypes import Array, is_floating
from cnnops_cli.errors import CnnopsError


class Header(NamedTuple):
    """What a header says that Pillow does not.

    Attributes
    ----------
    dtype : str, optional
        Of the samples of a TIFF.
    colours : int, optional
        The number of them in a palette.
    data : list of tuple of int
        Where the deflated pixels of a PNG are, and how many bytes.
    due : int
        The bytes that they inflate to.
    is_interlaced : bool
    transparent : int, optional
        The grey of a PNG that is, spread over 0 to 255 as the pixels are.
    is_told_before_pixels : bool
        Whether nothing after the pixels can say how a picture is turned.
    """

    dtype: str | None = None
    colours: int | None = None
    data: list[tuple[int, int]] | None = None
    due: int = 0
    is_interlaced: bool = False
    transparent: int | None = None
    is_told_before_pixels: bool = True


def planes_of(path: str, array: Array, layout: str) -> Array:
    """Bring an array to the (C, H, W) of a picture."""
    one = array[0] if array.ndim == 4 and len(array) == 1 else array
    if one.ndim == 3 and layout == "channels-last":
        one = np.moveaxis(one, -1, 0)
    planes = one[np.newaxis] if one.ndim == 2 else one
    if planes.ndim != 3 or not 1 <= len(planes) <= 4 or not planes.size:
        form = "(H, W, C)" if layout == "channels-last" else "(C, H, W)"
        raise CnnopsError(
            f"{path}: the result has shape {array.shape}, which is not that of a picture; accepted "
            f"are (H, W), {form} of 1 to 4 channels and a batch of one"
        )
    return planes


def stretched(path: str, planes: Array) -> Array:
    """Bring the least value to 0 and the largest to 255."""
    if not is_floating(planes):
        wide = np.uint64 if planes.dtype.kind == "u" else np.int64
        # Modulo 2**64 the distance to the least is exact.
        distances = planes.astype(wide).view(np.uint64) - wide(planes.min()).view(np.uint64)
        return cast(Array, distances * (255 / max(int(distances.max()), 1)))
    values = planes.astype(np.float64)
    if not np.isfinite(values).all():
        raise CnnopsError(f"{path}: --stretch takes finite values, but the result has others")
    # In units in which no difference is too large or too small for a double.
    values = np.ldexp(values, -int(np.frexp(np.abs(values).max())[1]))
    values -= values.min()
    share: Array = values / (values.max() or 1)
    return share * 255


def as_bytes(path: str, planes: Array) -> Array:
    """Round, ties to even, and clip to 0 and 255."""
    if is_floating(planes):
        if np.isnan(planes).any():
            raise CnnopsError(f"{path}: the result holds NaN, which a picture cannot")
        planes = np.rint(planes)
    elif planes.dtype.itemsize == 1:  # whose limits may be below 255
        planes = planes.astype(np.int16)
    return np.clip(planes, 0, 255).astype(np.uint8)
