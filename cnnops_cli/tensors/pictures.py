"""Pictures to arrays and back; the only place that knows Pillow, and only these formats of it."""

import io
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

from cnnops_cli.dtypes import Array, is_floating
from cnnops_cli.errors import CnnopsError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_FORMATS = {"BMP": "Bmp", "JPEG": "Jpeg", "PNG": "Png", "TIFF": "Tiff", "WEBP": "WebP"}
"""What is read and written, and the module of Pillow that does; no other is even imported."""
_WRITTEN_AS: dict[str, tuple[str, dict[str, Any]]] = {
    ".bmp": ("BMP", {}),
    ".jpeg": ("JPEG", {"quality": 95}),
    ".jpg": ("JPEG", {"quality": 95}),
    ".png": ("PNG", {}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
}
_WITHOUT_ALPHA = ("BMP", "JPEG")
_LONGEST_JPEG = 65_500
_SEVERAL = ("PNG", "TIFF", "WEBP")
"""Formats whose further frames are as good as the first; those of a JPEG are previews and maps."""

_SIDEWAYS = (5, 6, 7, 8)
"""Orientation tags of pictures whose rows are stored as columns."""
_ORIENTATION = 0x112
_TEXTS, _TURNING = (b"tEXt", b"zTXt", b"iTXt"), (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
"""Chunks of a PNG, and how those begin that may hold an orientation."""
_LONGEST_WORD = 32

_AS_THEY_ARE = ("L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16L", "I;16B")
_IN_GREY = {"1": "L", "La": "LA"}
_IN_COLOUR = {"P": "RGB", "PA": "RGBA", "RGBa": "RGBA"}
_DEEP = ";16"
"""Pillow's mark of 16 bits a channel, of which it keeps 8 where there are several channels."""
_INSTALL = "pip install 'cnnops-cli[images]'"


def check_installed(name: str) -> None:
    """Refuse a picture where Pillow is not there to read or write it.

    Raises
    ------
    CnnopsError
        With the line that installs it.
    """
    try:
        # Before Pillow looks for its formats, which would import all that it has.
        for module in _FORMATS.values():
            import_module(f"PIL.{module}ImagePlugin")
    except (ImportError, OSError) as error:
        raise CnnopsError(f"{name} is a picture, which takes Pillow: {_INSTALL}") from error


def read_picture(stream: BinaryIO, name: str, *, header: bool = False) -> Array:
    """Read a picture, turned upright.

    Parameters
    ----------
    stream : binary stream
        Seekable, at its start.
    name : str
        What the user calls it, for errors.
    header : bool
        Decode no pixels: zeros stand in their place, one in memory for all.

    Returns
    -------
    numpy.ndarray
        (C, H, W), uint8: 1 channel for grey, 3 for colour, and one more for alpha. Grey of more
        than 8 bits is uint16, int32 or float32, as it is stored.

    Raises
    ------
    CnnopsError
        If Pillow is not there, or it is no picture of these formats, damaged, or too large.

    Notes
    -----
    A palette is expanded. Pictures of over 178 956 970 pixels are refused, as by Pillow: their
    files may be made to fill the memory.
    """
    check_installed(name)
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():  # of large pictures; the largest are refused
            warnings.simplefilter("ignore")
            with Image.open(stream, formats=list(_FORMATS)) as picture:
                _check_depth(picture, name)
                mode = _mode_of_channels(picture)
                if header and _is_told_before_pixels(picture, stream):
                    return _stand_in(picture, mode)
                upright = ImageOps.exif_transpose(picture)
                array = np.asarray(upright if upright.mode == mode else upright.convert(mode))
    except (CnnopsError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise CnnopsError(f"{name} is no PNG, JPEG, WebP, TIFF or BMP picture") from None
    except Image.DecompressionBombError as error:
        raise CnnopsError(f"{name} is too large a picture: {error}") from None
    except Exception as error:  # whatever Pillow's decoders raise
        raise CnnopsError(f"{name} is damaged: {error}") from error
    planes = array[np.newaxis] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    return np.ascontiguousarray(planes, planes.dtype.newbyteorder("="))


def _check_depth(picture: "Picture", name: str) -> None:
    frames = getattr(picture, "n_frames", 1)
    if picture.format in _SEVERAL and frames > 1:
        raise CnnopsError(f"{name} holds {frames} pictures; a tensor is read from one")
    if picture.format not in ("PNG", "TIFF") or picture.mode.startswith("I"):
        return
    for tile in getattr(picture, "tile", ()):
        raw = tile[3] if isinstance(tile[3], str) else tile[3][0]
        if _DEEP in raw:
            raise CnnopsError(
                f"{name} has 16 bits a channel, of which Pillow keeps 8 in colour; accepted are 8, "
                "grey of 16, or a .npy file"
            )


def _mode_of_channels(picture: "Picture") -> str:
    """Name the mode in which channels are numbers, of which alpha is the last."""
    mode = picture.mode
    if picture.has_transparency_data and mode in ("1", "L", "P", "RGB"):
        return "LA" if mode in ("1", "L") else "RGBA"
    if mode in _AS_THEY_ARE:
        return mode
    return _IN_GREY.get(mode) or _IN_COLOUR.get(mode, "RGB")


def _is_told_before_pixels(picture: "Picture", stream: BinaryIO) -> bool:
    """Tell whether nothing behind the pixels of a PNG can say how it is turned."""
    if picture.format != "PNG":
        return True
    stream.seek(8)
    is_behind = False
    while len(start := stream.read(8)) == 8:
        length, kind = int.from_bytes(start[:4], "big"), start[4:]
        word = stream.read(min(length, _LONGEST_WORD))
        is_behind = is_behind or kind == b"IDAT"
        if is_behind and (kind == b"eXIf" or (kind in _TEXTS and word.startswith(_TURNING))):
            return False
        stream.seek(length - len(word) + 4, io.SEEK_CUR)
    return True


def _stand_in(picture: "Picture", mode: str) -> Array:
    """Make zeros in the form of a picture that is not decoded."""
    from PIL import Image, ImageMode

    width, height = picture.size
    # A PNG's own method decodes it first; the size of a TIFF is that of the upright picture.
    orientation = Image.Image.getexif(picture).get(_ORIENTATION)
    if orientation in _SIDEWAYS and picture.format != "TIFF":
        width, height = height, width
    stored = ImageMode.getmode(mode)
    zero = np.zeros((), np.dtype(stored.typestr).newbyteorder("="))
    return np.broadcast_to(zero, (len(stored.bands), height, width))


def encode_picture(path: str, array: Array, *, layout: str, stretch: bool) -> bytes:
    """Encode an array as a picture, by the suffix of its path.

    Parameters
    ----------
    path : str
    array : numpy.ndarray
        (H, W), (C, H, W) of 1 to 4 channels, or a batch of one; channels last with that `layout`.
    layout : str
    stretch : bool
        Bring the least value of all channels but alpha to 0 and the largest to 255. Otherwise
        values are rounded, ties to even, and clipped to 0 and 255.

    Raises
    ------
    CnnopsError
        If the array is no picture, or holds NaN, or the format does not take it.
    """
    check_installed(path)
    planes = _planes(path, array, layout)
    has_alpha, (format_name, _) = len(planes) in (2, 4), _WRITTEN_AS[_suffix(path)]
    if has_alpha and format_name in _WITHOUT_ALPHA:
        raise CnnopsError(
            f"{path}: {format_name} has no alpha channel, but the result has {len(planes)} "
            "channels; .png, .webp and .tif take 1 to 4"
        )
    if not stretch:
        return _encoded(path, _bytes(path, planes))
    opaque = len(planes) - has_alpha
    parts = [_bytes(path, _stretched(path, planes[:opaque])), _bytes(path, planes[opaque:])]
    return _encoded(path, np.concatenate(parts))


def _suffix(path: str) -> str:
    return Path(path).suffix.lower()


def _encoded(path: str, pixels: Array) -> bytes:
    """Encode (C, H, W) of uint8."""
    from PIL import Image

    format_name, options = _WRITTEN_AS[_suffix(path)]
    longest = max(pixels.shape[1:])
    if format_name == "JPEG" and longest > _LONGEST_JPEG:
        raise CnnopsError(
            f"{path}: a JPEG has at most {_LONGEST_JPEG} rows and columns, but the result {longest}"
        )
    laid_out = pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)
    stream = io.BytesIO()
    try:
        picture = Image.fromarray(np.ascontiguousarray(laid_out))
        picture.save(stream, format=format_name, **options)
    except MemoryError:
        raise
    except Exception as error:  # as of a side that is too long for the format
        raise CnnopsError(f"cannot write {path}: {error}") from error
    return stream.getvalue()


def _planes(path: str, array: Array, layout: str) -> Array:
    """Bring an array to (C, H, W)."""
    one = array[0] if array.ndim == 4 and len(array) == 1 else array
    if one.ndim == 3 and layout == "channels-last":
        one = np.moveaxis(one, -1, 0)
    planes = one[np.newaxis] if one.ndim == 2 else one
    if planes.ndim != 3 or not 1 <= len(planes) <= 4 or not planes.size:
        form = "(H, W, C)" if layout == "channels-last" else "(C, H, W)"
        raise CnnopsError(
            f"{path}: the result has shape {array.shape}, which is no picture; accepted are "
            f"(H, W), {form} of 1 to 4 channels and a batch of one"
        )
    return planes


def _stretched(path: str, planes: Array) -> Array:
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


def _bytes(path: str, planes: Array) -> Array:
    if is_floating(planes):
        if np.isnan(planes).any():
            raise CnnopsError(f"{path}: the result holds NaN, which no picture can")
        planes = np.rint(planes)
    elif planes.dtype.itemsize == 1:  # whose limits may be below 255
        planes = planes.astype(np.int16)
    return np.clip(planes, 0, 255).astype(np.uint8)
