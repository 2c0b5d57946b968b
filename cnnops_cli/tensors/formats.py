"""The formats of files, one row each: what is read, written, accepted and named in help.

A row names the module that knows the format, so that a call imports no format but its own. The
module offers

- ``read(stream, size, name, reading)``, which returns the array of a seekable file that the user
  calls ``name``; with ``reading.headers`` zeros of its shape and dtype do, where it has a header;
- ``write(stream, array, writing)``;
- ``Archive(stream, size, name)`` instead of ``read`` where the format has members, as in npz.py;
- ``read_named(stream, size, name, accepted)`` and ``write_named(stream, arrays)`` where it has
  names.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from cnnops_cli.words import series

_ANY = ord("?")

NPY_MAGIC = b"\x93NUMPY"
LONGEST_MAGIC = 12
"""How many bytes at the start of a file are looked at."""


class Format(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    name : str
        What help and errors call it.
    suffixes : tuple of str
        The usual one first.
    module : str
    magic : tuple of bytes
        How its files begin, where that tells it from JSON; ``?`` is any byte.
    has_members : bool
        Whether a file holds arrays that TENSOR may name: ``archive.npz:name``.
    has_names : bool
        Whether several arrays are read and written together, by name.
    has_header : bool
        Whether shape and dtype are read without the values.
    is_streamed : bool
        Whether a pipe is read as it arrives; it is not seekable and `size` is None then.
    is_text : bool
        Whether its numbers have no dtype, and letters may stand for them.
    is_picture : bool
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    magic: tuple[bytes, ...] = ()
    has_members: bool = False
    has_names: bool = False
    has_header: bool = False
    is_streamed: bool = False
    is_text: bool = False
    is_picture: bool = False

    @property
    def code(self) -> Any:
        """The module, imported when it is first asked for."""
        return import_module(self.module)

    def begins(self, start: bytes) -> bool:
        """Return whether the first bytes of a file are those of this format."""
        return any(
            len(start) >= len(magic)
            and all(wanted in (byte, _ANY) for byte, wanted in zip(start, magic, strict=False))
            for magic in self.magic
        )


def _picture(name: str, suffixes: tuple[str, ...], *magic: bytes) -> Format:
    module = f"{__package__}.pictures"
    return Format(name, suffixes, module, magic, has_header=True, is_picture=True)


UNKNOWN = Format("", (), "")
NPY = Format(".npy", (".npy",), f"{__package__}.npy", (NPY_MAGIC,), has_header=True,
             is_streamed=True)  # fmt: skip
JSON = Format("JSON", (".json",), f"{__package__}.json_format", has_names=True, is_text=True)

FILE_FORMATS = [
    NPY,
    Format(".npz", (".npz",), f"{__package__}.npz", (b"PK",), has_header=True, has_members=True,
           has_names=True),
    JSON,
    _picture("PNG", (".png",), b"\x89PNG"),
    _picture("JPEG", (".jpg", ".jpeg"), b"\xff\xd8\xff"),
    _picture("WebP", (".webp",), b"RIFF????WEBP"),
    _picture("TIFF", (".tif", ".tiff"), b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    _picture("BMP", (".bmp",), b"BM"),
]  # fmt: skip


class Reading(NamedTuple):
    """How tensors are read.

    Attributes
    ----------
    headers : bool
        Where the format has a header, only what it tells: shape and dtype, the values being zeros.
    letters : bool
        In JSON, letters may stand for numbers: they make an array of objects.
    decoding : callable
        Makes the context in which a picture's pixels are decoded.
    layer : tuple of str
        Of an archive that is named as a whole and holds exactly weight and bias, which of the two
        to read. Empty where it is an archive like any other.
    """

    headers: bool = False
    letters: bool = False
    decoding: Callable[[], AbstractContextManager[None]] = nullcontext
    layer: tuple[str, ...] = ()


class Writing(NamedTuple):
    """How an array is written: its name in an archive, decimals in JSON, and how in a picture."""

    path: str = ""
    name: str = "output"
    precision: int | None = None
    layout: str = "channels-first"
    stretch: bool = False


PLAIN, USUAL = Reading(), Writing()


def format_of_name(path: str) -> Format:
    """Return the format that a file's suffix tells; cameras write that of a picture as .JPG."""
    suffix = Path(path).suffix
    for row in FILE_FORMATS:
        if (suffix.lower() if row.is_picture else suffix) in row.suffixes:
            return row
    return UNKNOWN


def format_of_bytes(start: bytes) -> Format:
    """Return the format that the first bytes of a file tell."""
    return next((row for row in FILE_FORMATS if row.begins(start)), UNKNOWN)


def format_of(path: str, start: bytes) -> Format:
    """Return a file's format: that of an archive by its first bytes, others by suffix first."""
    by_bytes = format_of_bytes(start)
    if by_bytes.has_members:
        return by_bytes
    return next(row for row in (format_of_name(path), by_bytes, JSON) if row is not UNKNOWN)


def is_picture(path: str) -> bool:
    """Return whether a file that is written is a picture."""
    return format_of_name(path).is_picture


def array_formats() -> list[Format]:
    """Return all formats but pictures."""
    return [row for row in FILE_FORMATS if not row.is_picture]


def picture_formats() -> list[Format]:
    """Return the formats of pictures."""
    return [row for row in FILE_FORMATS if row.is_picture]


def suffixes_of(rows: list[Format]) -> tuple[str, ...]:
    """Return all suffixes of formats."""
    return tuple(suffix for row in rows for suffix in row.suffixes)


def output_suffixes() -> tuple[str, ...]:
    """Return what --output may end in."""
    return suffixes_of(FILE_FORMATS)


def array_suffixes() -> tuple[str, ...]:
    """Return what a file of one array may end in."""
    return suffixes_of(array_formats())


def named_suffixes() -> tuple[str, ...]:
    """Return what a file of several arrays with names may end in."""
    return suffixes_of([row for row in FILE_FORMATS if row.has_names])


def member_suffixes() -> tuple[str, ...]:
    """Return what an archive may end in, whose arrays TENSOR may name."""
    return suffixes_of([row for row in FILE_FORMATS if row.has_members])


def members_in_words() -> list[str]:
    """Return the suffixes of array files, as ``archive.npz:name`` where one has members."""
    members = member_suffixes()
    return [f"archive{each}:name" if each in members else each for each in array_suffixes()]


def pictures_in_words() -> str:
    """Return the usual suffixes of pictures."""
    return " ".join(row.suffixes[0] for row in picture_formats())


def headers_in_words() -> str:
    """Return the kinds of files of which headers can be read alone."""
    rows = [row for row in array_formats() if row.has_header]
    return series([*suffixes_of(rows), "pictures"], "and")
