"""A directory next to the one that it will replace, with a random name until it is whole.

The process that makes it holds its lock, and its name tells the machine: by these a later process
of the same machine knows what a killed one left. A lock says nothing about other machines.
"""

import os
import platform
import re
import shutil
from contextlib import suppress

from cnnops_cli.paths import real_path
from cnnops_cli.tensors.temporaries import lock, take_over

_PARTIAL = ".partial"
"""How zarr's names of files end that are not whole."""
_START, _ENDING, _PROTECTED = ".cnnops-", ".tmp", ".old"


class StagedDirectory:
    """A new directory. First, what killed processes of this machine left next to it is removed.

    Attributes
    ----------
    path : str
        Of the new directory.
    aside : str or None
        Where what was replaced is until `clear`.
    """

    def __init__(self, path: str) -> None:
        self._place = real_path(path)
        folder = os.path.dirname(self._place)
        _remove_left(folder)
        self.path, self._lock = _new_directory(folder)
        self.aside: str | None = None
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
        """Move the directory to its place, and what was there aside."""
        aside = _new_path(os.path.dirname(self._place), _PROTECTED)
        with suppress(FileNotFoundError):
            os.rename(self._place, aside)
            self.aside = aside
        os.rename(self.path, self._place)
        self._is_moved = True

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
            # So named, the rest is removed later if this process is killed.
            doomed = _new_path(os.path.dirname(left), _ENDING)
            with suppress(OSError):
                os.rename(left, doomed)
                left = doomed
            shutil.rmtree(left, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)


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
