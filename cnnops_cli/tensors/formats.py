"""The formats of files, one row each: what is read, written, accepted and named in help.

A row names the module that knows the format, so that a call imports only the formats that it uses.
The module offers

- ``read(stream, size, name, reading)``, which returns the array of a seekable file that the user
  calls ``name``; for ``reading.headers``, zeros of its shape and dtype if it has a header;
- ``write(stream, array, writing)``;
- ``Archive(stream, size, name)`` instead of ``read`` if it has members, as in npz.py;
- ``read_named(stream, size, name, accepted)`` and ``write_named(stream, arrays)`` if it has names.
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
"""The number of bytes at the start of a file that are looked at."""


class Format(NamedTuple):
    """A row of the table."""

    name: str  # in help and errors
    suffixes: tuple[str, ...]  # the usual one first
    module: str
    magic: tuple[bytes, ...] = ()  # how its files begin, if that tells it from JSON; ? is any byte
    has_members: bool = False  # TENSOR may name an array in it: archive.npz:name
    has_names: bool = False  # several arrays are read and written together, by name
    has_header: bool = False  # shape and dtype can be read without the values
    is_streamed: bool = False  # a pipe is read as it arrives: not seekable, and its size is None
    is_weak: bool = False  # its numbers have no dtype, and take that of others
    holds_letters: bool = False  # they may stand for numbers
    is_picture: bool = False

    @property
    def code(self) -> Any:
        """The module, imported at its first use."""
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
JSON = Format("JSON", (".json",), f"{__package__}.json_format", has_names=True, is_weak=True,
              holds_letters=True)  # fmt: skip

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
    """How tensors are read."""

    headers: bool = False  # only shape and dtype, with zeros for values, if the format has a header
    letters: bool = False  # letters may stand for numbers in JSON, in an array of objects
    decoding: Callable[[], AbstractContextManager[None]] = nullcontext  # around a picture's pixels
    layer: tuple[str, ...] = ()  # what to read of an archive of exactly a weight and a bias


class Writing(NamedTuple):
    """How an array is written."""

    path: str = ""
    name: str = "output"  # in an archive
    precision: int | None = None  # decimals in JSON
    layout: str = "channels-first"  # of a picture, as is the next
    stretch: bool = False


PLAIN, USUAL = Reading(), Writing()


def format_of_name(path: str) -> Format:
    """Return the format of a file by its suffix; a picture's may be in capitals, as cameras do."""
    suffix = Path(path).suffix
    for row in FILE_FORMATS:
        if (suffix.lower() if row.is_picture else suffix) in row.suffixes:
            return row
    return UNKNOWN


def format_of_bytes(start: bytes) -> Format:
    """Return the format of a file by its first bytes."""
    return next((row for row in FILE_FORMATS if row.begins(start)), UNKNOWN)


def format_of(path: str, start: bytes) -> Format:
    """Return the format of a file: an archive by its first bytes, others by suffix first."""
    by_bytes = format_of_bytes(start)
    if by_bytes.has_members:
        return by_bytes
    return next(row for row in (format_of_name(path), by_bytes, JSON) if row is not UNKNOWN)


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
    """Return what an archive may end in of which TENSOR may name an array."""
    return suffixes_of([row for row in FILE_FORMATS if row.has_members])


def members_in_words() -> list[str]:
    """Return the suffixes of array files, as ``archive.npz:name`` where one has members."""
    members = member_suffixes()
    return [f"archive{each}:name" if each in members else each for each in array_suffixes()]


def pictures_in_words() -> str:
    """Return the usual suffixes of pictures."""
    return " ".join(row.suffixes[0] for row in picture_formats())


def headers_in_words() -> str:
    """Return the kinds of files whose headers can be read without the values."""
    suffixes = suffixes_of([row for row in array_formats() if row.has_header])
    return series([*suffixes, "pictures"], "and")
