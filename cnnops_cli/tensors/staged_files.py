"""Files that are first written next to their places, and then moved there together."""

import errno
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import descriptor_of, is_device, is_directory, real_path, system_reason
from cnnops_cli.tensors.temporaries import Held, Temporary, set_aside, take_over
from cnnops_cli.tensors.write import NpyWriter, Writer

if TYPE_CHECKING:
    from cnnops_cli.tensors.npy_room import Room


@contextmanager
def made_directory(path: str) -> Iterator[None]:
    """Make a directory if it is missing, and remove it again if it stays empty."""
    if is_directory(path):
        yield
        return
    try:
        try:
            os.mkdir(path)
        except OSError as error:
            raise CnnopsError(f"cannot make {path}: {system_reason(error)}") from error
        yield
    finally:
        with suppress(OSError):
            os.rmdir(path)


class NoRoomError(Exception):
    """There is no space for the file at a path; no operand of the call is to blame."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"cannot write {path}: {reason}")


class StagedFiles:
    """The files of one result: all of them change, or none.

    A context manager. If it is left before all are written, replaced files are put back, and new
    ones are removed.

    Examples
    --------
    >>> with StagedFiles() as files:
    ...     files.add("result.json", lambda stream: None)
    ...     # no file is left if something fails here
    """

    def __init__(self) -> None:
        self._reserved: dict[str, _StagedFile] = {}
        self._files: list[_StagedFile] = []
        self._devices: list[tuple[str, Writer]] = []
        self._is_done = False

    def __enter__(self) -> "StagedFiles":
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        lost = [] if self._is_done else [file.put_back() for file in reversed(self._files)]
        for file in (*self._files, *self._reserved.values()):
            file.clear()
        if any(lost):
            raise CnnopsError("; ".join([str(error), *filter(None, lost)])) from error

    @property
    def has_devices(self) -> bool:
        """Whether something goes to a device or a pipe."""
        return bool(self._devices)

    def reserve(self, path: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
        """Return an array in the .npy file that is to be at a path, or None if it cannot be there.

        The space is taken at once. Where `add` writes just this array, it is in its file already.

        Raises
        ------
        NoRoomError
            If there is no space.
        """
        if is_device(path) or path in self._reserved:
            return None
        with _naming_room(path):
            file = self._reserved[path] = _StagedFile(path)
            return file.reserve(shape, dtype)

    def take_space(self, path: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Take the space of an array in the .npy file that `add` will write in another order.

        Raises
        ------
        NoRoomError
            If there is no space.
        """
        if not is_device(path) and path not in self._reserved:
            with _naming_room(path):
                file = self._reserved[path] = _StagedFile(path)
                file.take_space(shape, dtype)

    def add(self, path: str, write: Writer, *, durable: bool = False) -> None:
        """Write a file next to its place; a device or pipe waits for `write_devices`.

        A durable file, which cannot be computed again, survives a power cut: it waits for the disk.
        """
        with _naming(path):
            if is_device(path):
                self._devices.append((path, write))
            else:
                file = self._reserved.pop(path, None) or _StagedFile(path)
                self._files.append(file)
                file.write(write, durable)

    def move(self) -> None:
        """Move all files to their places, in the order in which they were added."""
        for file in self._files:
            is_last = file is self._files[-1] and not self._devices
            with _naming(file.path):
                file.move(is_last)
        self._is_done = not self._devices

    def write_devices(self) -> None:
        """Write to the devices and pipes."""
        for path, write in self._devices:
            with _naming(path), _open_device(path) as stream:
                write(stream)
        self._is_done = True


class _StagedFile:
    """A file, and the temporary names of it and of the file that it replaces."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._place = real_path(path)
        self._folder = os.path.dirname(self._place)
        self._room: Room | None = None
        self._aside: Held | None = None
        self._durable = self._has_space = self._is_moved = self._is_new = False
        self._temporary = Temporary(self._folder)

    def reserve(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
        """Return room for an array after the header of a .npy file."""
        from cnnops_cli.tensors.npy_room import Room

        self._room = Room(self._temporary.descriptor, shape, dtype)
        return self._room.array

    def take_space(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Take the space of a .npy file."""
        from cnnops_cli.tensors.mapped import reserve
        from cnnops_cli.tensors.npy import start_of_values

        size = start_of_values(shape, dtype) + math.prod(shape) * dtype.itemsize
        reserve(self._temporary.descriptor, size)
        self._has_space = True

    def write(self, write: Writer, durable: bool) -> None:
        """Write the file, with the permissions of the one that it replaces."""
        if self._room is not None:
            if isinstance(write, NpyWriter) and self._room.holds(write.array):
                write = write.write_header
            else:  # the values come to another file in another order
                self._temporary.remove()
                self._temporary = Temporary(self._folder)
        descriptor = self._temporary.descriptor
        with suppress(FileNotFoundError):
            take_over(descriptor, os.stat(self._place))
        # A full or unreachable disk may be reported only when a descriptor is closed.
        with os.fdopen(os.dup(descriptor), "wb") as stream:
            write(stream)
            if self._has_space:
                stream.truncate()
        self._durable = durable
        if durable:
            os.fsync(descriptor)

    def move(self, is_last: bool) -> None:
        """Move the file to its place; nothing can fail after the last, so it needs no way back."""
        if self._durable or not is_last:
            self._aside = set_aside(self._place)
            self._is_new = self._aside is None
        os.replace(self._temporary.name(), self._place)
        self._is_moved = True
        if self._durable:
            _sync_directory(os.path.dirname(self._place))

    def put_back(self) -> str | None:
        """Undo `move`; return the error if that fails."""
        try:
            if self._aside is not None:
                os.replace(self._aside.path, self._place)
            elif self._is_moved and self._is_new:
                os.unlink(self._place)
        except OSError as error:
            where = "" if self._aside is None else f"; what it held is in {self._aside.protect()}"
            self._aside = None
            return f"{self.path} could not be put back: {system_reason(error)}{where}"
        return None

    def clear(self) -> None:
        """Remove the temporary names."""
        if self._is_moved:
            self._temporary.release()
        else:
            self._temporary.remove()
        if self._aside is not None:
            self._aside.remove()


def _sync_directory(path: str) -> None:
    """Make a directory's names survive a power cut, if the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # a directory that cannot be listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def _open_device(path: str) -> BinaryIO:
    """Open a device or a pipe, or duplicate a descriptor, which keeps its position."""
    descriptor = descriptor_of(path)
    return open(path, "wb") if descriptor is None else os.fdopen(os.dup(descriptor), "wb")


@contextmanager
def _naming_room(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoRoomError(path, system_reason(error)) from error


@contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CnnopsError(f"cannot write {path}: {system_reason(error)}") from error
