"""Files and pipes opened for reading; errors name the argument and the file."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, UnsupportedOperation
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.formats import LONGEST_MAGIC, NPY, Format, format_of
from cnnops_cli.tensors.pipe import patient, read_whole
from cnnops_cli.words import shortened

_LONGEST_PATH = 400


class Source(NamedTuple):
    """A stream to read from."""

    stream: BinaryIO
    size: int | None  # None if it is read as it arrives
    format: Format


@contextmanager
def open_file(path: str, argument: str) -> Iterator[BinaryIO]:
    """Open a file; errors name it, also those while it is read."""
    try:
        with opened(path, argument) as file:
            yield file
    except OSError as error:
        raise _unreadable(path, argument, error) from error


def opened(path: str, argument: str) -> BinaryIO:
    """Open a file; errors name it, but not those while it is read."""
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise _unreadable(path, argument, error) from error
    except ValueError as error:  # a name that no file can have
        raise _unreadable(path, argument, FileNotFoundError()) from error


@contextmanager
def naming_format(stream: BinaryIO, name: str, path: str | None = None) -> Iterator[None]:
    """If reading fails since the format is not supported, say how to convert it instead."""
    try:
        yield
    except CnnopsError:
        from cnnops_cli.tensors.foreign import conversion

        if stream.seekable() and (found := conversion(stream, path)):
            raise CnnopsError(f"{name} {found}") from None
        raise


def _unreadable(path: str, argument: str, error: OSError) -> CnnopsError:
    shown = shortened(path, _LONGEST_PATH)
    if isinstance(error, FileNotFoundError):
        return CnnopsError(f"{argument}: no such file: {shown}")
    if isinstance(error, IsADirectoryError):
        from cnnops_cli.tensors.foreign import conversion_of_directory

        if found := conversion_of_directory(path):
            return CnnopsError(f"{argument}: {path} {found}")
    return CnnopsError(f"{argument}: cannot read {shown}: {error.strerror or error}")


def regular_size(file: BinaryIO) -> int | None:
    """Return the size of a regular file, or None for anything else."""
    try:
        status = os.fstat(file.fileno())
    except UnsupportedOperation:  # not a stream of the system's
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def seekable(file: BinaryIO) -> tuple[BinaryIO, int]:
    """Return a seekable stream and its size; a pipe is read to its end."""
    size = regular_size(file)
    return read_whole(patient(file)) if size is None else (file, size)


def source_of(file: BinaryIO, path: str) -> Source:
    """Return how a file or pipe is read, and its format."""
    size = regular_size(file)
    if size is None:
        return arriving(file, path)
    return Source(file, size, format_of(path, first_bytes(file)))


def source_of_stream(stream: BinaryIO) -> Source:
    """Return how standard input is read: what may be mapped as a file, from where it is."""
    size = regular_size(stream)
    if size is not None and NPY.begins(cast(BufferedReader, stream).peek(LONGEST_MAGIC)):
        return Source(stream, size, NPY)
    return arriving(stream)


def arriving(file: BinaryIO, path: str = "") -> Source:
    """Return a pipe, read to its end unless its format can be read as it arrives."""
    pipe = patient(file, LONGEST_MAGIC)
    start = pipe.peek()
    row = format_of(path, start)
    if row.is_streamed and row.begins(start):
        return Source(pipe, None, row)
    return Source(*read_whole(pipe), row)


def first_bytes(stream: BinaryIO) -> bytes:
    """Return the bytes by which a format is recognised, and go back to the start."""
    start = stream.read(LONGEST_MAGIC)
    stream.seek(0)
    return start
