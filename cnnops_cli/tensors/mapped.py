"""Arrays in files that are mapped: the system reads and writes what is used, and may drop it."""

import errno
import math
import mmap
import os
from typing import Any, BinaryIO

import numpy as np

from cnnops_cli.dtypes import Array

_PIECE = 1 << 20
_NOT_OFFERED = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


def map_values(
    stream: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any], *, fortran_order: bool
) -> Array | None:
    """Return the array that a file holds from where the stream is, to read; None if that fails.

    The stream is then at the end of the values.
    """
    start = stream.tell()
    stop = start + _bytes(shape, dtype)
    try:
        values = mmap.mmap(stream.fileno(), stop, access=mmap.ACCESS_READ)
    except (OSError, ValueError, OverflowError):
        return None
    stream.seek(stop)
    array: Array = np.ndarray(shape, dtype, values, start, order="F" if fortran_order else "C")
    return array


def without_name(folder: str | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
    """Return an array in a file in a folder, by default that of temporary files.

    The file has no name, and goes with the array. None if there is no space for it.
    """
    from tempfile import TemporaryFile

    try:
        with TemporaryFile(dir=folder) as file:
            return map_new(file.fileno(), shape, dtype, 0)
    except OSError:
        return None


def map_new(
    descriptor: int, shape: tuple[int, ...], dtype: np.dtype[Any], start: int
) -> Array | None:
    """Return an array to write in a new file, from a place on; None if it cannot be mapped.

    Raises
    ------
    OSError
        If there is no space for it.
    """
    size = start + _bytes(shape, dtype)
    reserve(descriptor, size)
    try:
        room = mmap.mmap(descriptor, size)
    except (OSError, ValueError, OverflowError):
        return None
    array: Array = np.ndarray(shape, dtype, room, start)
    return array


def reserve(descriptor: int, size: int) -> None:
    """Take the space of a new file: to write where there is none ends the process by a signal."""
    try:
        os.posix_fallocate(descriptor, 0, size)
        return
    except OverflowError as error:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG)) from error
    except AttributeError:  # not every system has it
        pass
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise
    zeros = memoryview(bytes(_PIECE))
    for at in range(0, size, _PIECE):
        piece = zeros[: size - at]
        while piece:
            piece = piece[os.write(descriptor, piece) :]
    os.lseek(descriptor, 0, os.SEEK_SET)


def _bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return math.prod(shape) * dtype.itemsize
