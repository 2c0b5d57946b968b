"""Pictures to arrays and back; the only module that knows Pillow, and only some of its formats."""

import io
import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.spans import spans
from cnnops_cli.tensors.bmp import check_bmp
from cnnops_cli.tensors.formats import PLAIN, Reading, Writing, format_of_name, picture_formats
from cnnops_cli.tensors.jpeg import check_jpeg
from cnnops_cli.tensors.pixels import Header, pixels_of, planes_of
from cnnops_cli.tensors.png import check_inflated, check_png
from cnnops_cli.tensors.tiff import TO_RGB, check_tiff
from cnnops_cli.words import series

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_PILLOW: dict[str, tuple[str, dict[str, Any]]] = {
    "BMP": ("Bmp", {}),
    "JPEG": ("Jpeg", {"quality": 95}),
    "PNG": ("Png", {}),
    "TIFF": ("Tiff", {}),
    "WEBP": ("WebP", {"lossless": True, "exact": True}),
}
"""By Pillow's name of a format: its plugin, for no others are imported, and how to save it."""
_CHECKS = {b"II": check_tiff, b"MM": check_tiff, b"\x89PNG": check_png, b"BM": check_bmp,
           b"\xff\xd8": check_jpeg}  # fmt: skip
"""By the first bytes, of which no more are compared than Pillow compares."""
_WITHOUT_ALPHA = ("BMP", "JPEG")
_LONGEST_JPEG = 65_500
_SEVERAL = ("PNG", "TIFF", "WEBP")
"""Formats that may hold several pictures; further frames of a JPEG are previews and maps."""

_SIDEWAYS = (5, 6, 7, 8)
"""Orientation tags of pictures whose rows are stored as columns."""
_ORIENTATION = 0x112

_IN_PLAIN = {"1": "L", "P": "RGB", "PA": "RGBA"}
_AS_THEY_ARE = ("L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16L", "I;16B")
_LIMIT, _MOST_PIXELS = "CNNOPS_MAX_PIXELS", 89_478_485
"""The environment variable for the most pixels that are read, and its default: Pillow's."""
_INSTALL = "pip install pillow"

_AT_ONCE = 1 << 16
"""Pixels that are taken from a picture at a time."""


def check_installed(name: str) -> None:
    """Refuse a picture if Pillow is not installed."""
    try:
        # Before Pillow looks for its formats, which would import all of them.
        for module, _ in _PILLOW.values():
            import_module(f"PIL.{module}ImagePlugin")
    except (ImportError, OSError) as error:
        raise CnnopsError(f"{name} is a picture, which needs Pillow: {_INSTALL}") from error


def read(stream: BinaryIO, _: int | None, name: str, reading: Reading = PLAIN) -> Array:
    """Read a picture, turned upright, as (C, H, W) of uint8.

    It has 1 channel for grey, 3 for colour, and one more for alpha. Grey of a TIFF has the dtype
    that is stored. A palette is expanded, and grey of 1, 2 or 4 bits is scaled to 0 to 255.

    Refused are pictures of which Pillow would change values, and those of more than 89,478,485
    pixels (or CNNOPS_MAX_PIXELS, an environment variable), which may be made to fill the memory.
    """
    check_installed(name)
    from PIL import ImageOps

    most = _most_pixels()
    try:
        with _pillow_within(most), _opened(stream) as picture:
            stored = _check_header(stream)
            _check_frames(picture)
            mode = _mode_of_channels(picture)
            if reading.headers and stored.is_told_before_pixels:
                return _stand_in(picture, mode, stored.dtype)
            if stored.transparent is not None:
                picture.info["transparency"] = stored.transparent
            with reading.decoding():
                picture.load()
            _check_pixels(picture, stored, stream)
            ImageOps.exif_transpose(picture, in_place=True)
            planes = _planes(picture if picture.mode == mode else picture.convert(mode), stored)
    except MemoryError:
        raise
    except CnnopsError as error:
        raise CnnopsError(f"{name} {error}") from error
    except Exception as error:  # whatever Pillow's decoders raise
        raise CnnopsError(f"{name} is damaged: {str(error) or type(error).__name__}") from error
    return planes


def _most_pixels() -> int:
    text = os.environ.get(_LIMIT, str(_MOST_PIXELS))
    if not re.fullmatch("0*[1-9][0-9]{0,17}", text):
        raise CnnopsError(f"{_LIMIT} is {text!r}; expected an integer of 1 or more, below 10**18")
    return int(text)


@contextmanager
def _pillow_within(most: int) -> Iterator[None]:
    """Have Pillow refuse more pixels when it reads the header, and keep it silent."""
    from PIL import Image

    pillow: Any = Image
    logger, mute = logging.getLogger("PIL"), logging.NullHandler()
    logger.addHandler(mute)
    before, pillow.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, most / 2  # it refuses twice as many
    try:
        with warnings.catch_warnings():  # of damaged metadata, and of half as many pixels
            warnings.simplefilter("ignore")
            yield
    except Image.DecompressionBombError as error:
        found = re.search("[0-9]+", str(error))
        raise CnnopsError(
            f"is too large a picture: {found[0] if found else 'too many'} pixels, of which at most "
            f"{most} are read; the environment variable {_LIMIT} says how many"
        ) from None
    finally:
        pillow.MAX_IMAGE_PIXELS = before
        logger.removeHandler(mute)


def _opened(stream: BinaryIO) -> "Picture":
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(stream, formats=list(_PILLOW))
    except Image.DecompressionBombError:
        raise
    except Exception as error:
        if _check_header(stream).dtype is not None:  # unless the header shows what is wrong
            raise CnnopsError("is a TIFF of a kind that Pillow does not read") from error
        if isinstance(error, UnidentifiedImageError):
            kinds = series([row.name for row in picture_formats()])
            raise CnnopsError(f"is not a {kinds} picture") from None
        raise


def _check_header(stream: BinaryIO) -> Header:
    """Refuse, before it is decoded, a picture that would change or is shorter than it says."""
    place, size = stream.tell(), stream.seek(0, io.SEEK_END)
    stream.seek(0)
    start = stream.read(4)
    stream.seek(0)
    checks = (check for magic, check in _CHECKS.items() if start.startswith(magic))
    header = next(checks, lambda *_: Header())(stream, size)
    stream.seek(place)
    return header


def _check_frames(picture: "Picture") -> None:
    frames = getattr(picture, "n_frames", 1)
    if picture.format in _SEVERAL and frames > 1:
        raise CnnopsError(f"holds {frames} pictures; a tensor is read from one")


def _mode_of_channels(picture: "Picture") -> str:
    """Return the mode in which channels are numbers, with alpha last."""
    mode = picture.mode
    if picture.has_transparency_data and mode in ("1", "L", "P", "RGB"):
        return "LA" if mode in ("1", "L") else "RGBA"
    if mode in _AS_THEY_ARE:
        return mode
    if mode not in _IN_PLAIN:
        raise CnnopsError(f"is not read: its colours are {mode}, {TO_RGB}")
    return _IN_PLAIN[mode]


def _check_pixels(picture: "Picture", stored: Header, stream: BinaryIO) -> None:
    """Refuse faults that only decoding shows and that Pillow does not report."""
    if stored.data is not None:
        last = picture.crop((0, picture.height - 1, *picture.size))
        if stored.is_interlaced or not np.asarray(last).any():
            check_inflated(stream, stored)
    if stored.colours is not None:
        largest = int(np.max(picture.getextrema()))
        largest = min(largest, 1) if picture.mode == "1" else largest
        if largest >= stored.colours:
            raise CnnopsError(
                f"is damaged: a pixel has colour {largest}, but the last of its palette is "
                f"{stored.colours - 1}"
            )


def _planes(picture: "Picture", stored: Header) -> Array:
    """Return pixels as (C, H, W), some rows at a time: next to the picture, they are held once."""
    width, height = picture.size
    pixel = np.asarray(picture.crop((0, 0, 1, 1)))
    dtype = np.dtype(stored.dtype or pixel.dtype.newbyteorder("="))
    planes = np.empty((pixel.size, height, width), dtype)
    for rows in spans(height, max(1, _AT_ONCE // width)):
        strip = np.asarray(picture.crop((0, rows.start, width, rows.stop)))
        by_channel = np.moveaxis(strip.reshape(*strip.shape[:2], -1), -1, 0)
        planes[:, rows] = by_channel  # modulo 2**n, as Pillow has it
    return planes


def _stand_in(picture: "Picture", mode: str, dtype: str | None) -> Array:
    """Return zeros in the shape of a picture that is not decoded."""
    from PIL import Image, ImageMode

    width, height = picture.size
    # A PNG's own method decodes it first; the size of a TIFF is that of the upright picture.
    orientation = Image.Image.getexif(picture).get(_ORIENTATION)
    if orientation in _SIDEWAYS and picture.format != "TIFF":
        width, height = height, width
    pixels = ImageMode.getmode(mode)
    zero = np.zeros((), dtype or np.dtype(pixels.typestr).newbyteorder("="))
    return np.broadcast_to(zero, (len(pixels.bands), height, width))


def write(stream: BinaryIO, array: Array, writing: Writing) -> None:
    """Write an array as a picture, by the suffix of its path.

    It is (H, W), (C, H, W) of 1 to 4 channels, (H, W, C) in that layout, or a batch of one. Values
    are rounded, ties to even, and clipped to 0 to 255; or stretched to that range, except alpha.
    """
    path = writing.path
    check_installed(path)
    name = format_of_name(path).name
    try:
        picture = _picture(_pixels(array, name, writing))
    except CnnopsError as error:
        raise CnnopsError(f"{path}: {error}") from error
    stream.write(_encoded(path, picture, name.upper()).getbuffer())


def _pixels(array: Array, name: str, writing: Writing) -> Array:
    planes = planes_of(array, writing.layout)
    has_alpha = len(planes) in (2, 4)
    if has_alpha and name in _WITHOUT_ALPHA:
        others = [row.suffixes[0] for row in picture_formats() if row.name not in _WITHOUT_ALPHA]
        raise CnnopsError(
            f"{name} has no alpha channel, but the result has {len(planes)} channels; "
            f"{series(others, 'and')} take 1 to 4"
        )
    longest = max(planes.shape[1:])
    if name == "JPEG" and longest > _LONGEST_JPEG:
        raise CnnopsError(
            f"a JPEG has at most {_LONGEST_JPEG} rows and columns, but the result {longest}"
        )
    return pixels_of(planes, opaque=len(planes) - has_alpha if writing.stretch else 0)


def _picture(pixels: Array) -> "Picture":
    """Make a picture of (H, W, C) of uint8."""
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _encoded(path: str, picture: "Picture", name: str) -> io.BytesIO:
    """Encode a picture; `name` is Pillow's name of the format."""
    stream = io.BytesIO()
    try:
        picture.save(stream, format=name, **_PILLOW[name][1])
    except MemoryError:
        raise
    except Exception as error:  # as of a side that is too long for the format
        raise CnnopsError(f"cannot write {path}: {error}") from error
    return stream
