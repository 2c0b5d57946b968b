"""A directory next to the one that it will replace, with a random name until it is whole.

The process that makes it holds its lock, and its name tells the machine: by these a later process
of the same machine knows what a killed one left. A lock says nothing about other machines.

What it replaces has a name of its own until the end, `.cnnops-NAME.old`, and a lock too: a process
that is killed before the new directory is in its place leaves the old one there, whole.
"""

import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import is_absent, real_path
from cnnops_cli.tensors.temporaries import lock, take_over

_PARTIAL = ".partial"
"""How zarr's names of files end that are not whole."""
_START, _ENDING, _PROTECTED = ".cnnops-", ".tmp", ".old"


class StagedDirectory:
    """A new directory. First, what killed processes of this machine left next to it is removed.

    Parameters
    ----------
    path : str
    overwrite : bool
        Whether it may replace another directory.

    Attributes
    ----------
    path : str
        Of the new directory.
    aside : str or None
        Where what was replaced is until `clear`.
    """

    def __init__(self, path: str, *, overwrite: bool = False) -> None:
        self._place, self._overwrite = real_path(path), overwrite
        folder = os.path.dirname(self._place)
        _remove_left(folder)
        self.path, self._lock = _new_directory(folder)
        self.aside: str | None = None
        self._old_lock: int | None = None
        self._is_moved = False

    def complete(self) -> None:
        """Remove what killed writers left, and take over the permissions of what is replaced."""
        for folder, _, names in os.walk(self.path):
            for name in names:
                if name.endswith(_PARTIAL):
                    os.unlink(os.path.join(folder, name))
        if self._lock is not None:
            with suppress(FileNotFoundError):
                take_over(self._lock, os.stat(self._place))

    def move(self) -> None:
        """Move the directory to its place; what is there is moved aside, or is an error."""
        if self._overwrite and not is_absent(self._place):
            self._set_aside()
        os.rename(self.path, self._place)
        self._is_moved = True

    def _set_aside(self) -> None:
        try:
            with suppress(PermissionError):  # a system that does not open directories
                self._old_lock = os.open(self._place, os.O_RDONLY)
                lock(self._old_lock)
        except BlockingIOError as error:
            raise CnnopsError(f"{self._place} is being replaced by another call") from error
        os.rename(self._place, aside_of(self._place))
        self.aside = aside_of(self._place)

    def put_back(self) -> None:
        """Undo `move`."""
        if self._is_moved:
            os.rename(self._place, self.path)
            self._is_moved = False
        if self.aside is not None:
            os.rename(self.aside, self._place)
            self.aside = None

    def clear(self, is_done: bool) -> None:
        """Remove what was replaced, or the directory itself if that is not wanted any more."""
        left = self.aside if is_done else self.path
        if left is not None:
            _remove(left)
        for descriptor in (self._lock, self._old_lock):
            if descriptor is not None:
                os.close(descriptor)


def aside_of(place: str) -> str:
    """Return where a directory is while it is replaced."""
    folder, name = os.path.split(place)
    return os.path.join(folder, f"{_START}{name}{_PROTECTED}")


def put_back_left(place: str) -> None:
    """Put back what a killed process set aside, or remove it if what replaces it is there.

    Where the system cannot tell whether that process lives, it is an error.
    """
    aside = aside_of(place)
    try:
        os.stat(aside)  # an error if that name is too long
    except FileNotFoundError:
        return
    descriptor = None
    try:
        with suppress(PermissionError):  # a system that does not open directories
            descriptor = os.open(aside, os.O_RDONLY)
        if descriptor is None or not lock(descriptor):
            raise CnnopsError(
                f"{aside} is what a call that was killed set aside when it replaced {place}: "
                "move it back, or remove it"
            )
        if is_absent(place):
            os.rename(aside, place)
        else:
            _remove(aside)
    except BlockingIOError:  # it lives
        pass
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def removed_if_made_again(path: str) -> Iterator[None]:
    """Remove a directory at the end if it is not the one of the start.

    A writer makes it again if its run removes it, or moves it, at the same time.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            if not os.path.samestat(os.fstat(descriptor), os.stat(path)):
                shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def _new_directory(folder: str) -> tuple[str, int | None]:
    """Make an empty directory and lock it; return its path and what holds the lock, if any."""
    while True:
        path = _new_path(folder, _ENDING)
        os.mkdir(path)
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # another process took it for an abandoned one
            continue
        except OSError:  # a system that does not open directories
            return path, None
        with suppress(BlockingIOError):
            lock(descriptor)
            if os.path.isdir(path):
                return path, descriptor
        os.close(descriptor)


def _remove(path: str) -> None:
    """Remove a directory, under a name by which the rest is removed later if this is killed."""
    doomed = _new_path(os.path.dirname(path), _ENDING)
    with suppress(OSError):
        os.rename(path, doomed)
        path = doomed
    shutil.rmtree(path, ignore_errors=True)


def _new_path(folder: str, ending: str) -> str:
    return os.path.join(folder, f"{_START}{_machine()}-{os.urandom(8).hex()}{ending}")


def _machine() -> str:
    return re.sub(r"[^\w.]", "_", platform.node())[:64]


def _remove_left(folder: str) -> None:
    left = re.compile(rf"{re.escape(_START + _machine())}-[0-9a-f]{{16}}{re.escape(_ENDING)}")
    with suppress(OSError):
        for name in os.listdir(folder):
            if left.fullmatch(name):
                with suppress(OSError):
                    _remove_abandoned(os.path.join(folder, name))


def _remove_abandoned(path: str) -> None:
    """Remove a directory, unless its process lives or may do so."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if lock(descriptor):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)
