"""Files and pipes that are opened for reading; what fails names the argument and the file."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.npy import NPY_MAGIC
from cnnops_cli.tensors.pipe import patient, read_whole
from cnnops_cli.words import PICTURE_SUFFIXES, shortened

_OTHER_SUFFIXES = (".npz", ".json", *PICTURE_SUFFIXES)
_LONGEST_PATH = 400


@contextmanager
def open_file(path: str, argument: str) -> Iterator[BinaryIO]:
    """Open a file; whatever fails while it is read, the error names it."""
    try:
        with opened(path, argument) as file:
            yield file
    except OSError as error:
        raise _unreadable(path, argument, error) from error


def opened(path: str, argument: str) -> BinaryIO:
    """Open a file, of which only that is named here if it fails."""
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise _unreadable(path, argument, error) from error
    except ValueError as error:  # a name that no file can have
        raise _unreadable(path, argument, FileNotFoundError()) from error


@contextmanager
def naming_format(stream: BinaryIO, name: str, path: str | None = None) -> Iterator[None]:
    """Where reading fails, say of a format that is not read here how to convert it."""
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


def whole(file: BinaryIO) -> tuple[BinaryIO, int]:
    """Return what can be read from any place, and its size; what is not a regular file is read."""
    status = os.fstat(file.fileno())
    return (file, status.st_size) if stat.S_ISREG(status.st_mode) else read_whole(patient(file))


def array_or_whole(file: BinaryIO, path: str) -> tuple[BinaryIO, int | None]:
    """Return the same; or .npy that arrives, which is not held twice: its size is not known."""
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return whole(file)
    return arriving(file, Path(path).suffix)


def arriving(file: BinaryIO, suffix: str = "") -> tuple[BinaryIO, int | None]:
    """Return the whole of a pipe and its size, or the pipe itself where it begins as .npy does."""
    pipe = patient(file, len(NPY_MAGIC))
    if suffix.lower() not in _OTHER_SUFFIXES and pipe.peek().startswith(NPY_MAGIC):
        return pipe, None
    return read_whole(pipe)
