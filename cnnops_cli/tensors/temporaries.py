"""Files under temporary names, next to those that they will replace or have replaced.

Each is locked as long as its process lives. A process that is killed leaves its files, but no lock
on them: by that a later process knows what it may remove.
"""

import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

_START, _ENDING, _PROTECTED = ".cnnops-", ".tmp", ".old"
_LEFT = rf"\{_START}[0-9a-f]{{16}}\{_ENDING}"

_cleaned: set[str] = set()


class Held(NamedTuple):
    """A file under a temporary name; `lock` is the descriptor that holds its lock, if any."""

    path: str
    lock: int | None

    def release(self) -> None:
        """Release the lock: the file is in its place."""
        if self.lock is not None:
            with suppress(OSError):  # errors have been reported when it was written
                os.close(self.lock)

    def remove(self) -> None:
        """Remove the file, if it is still there, and release the lock."""
        with suppress(OSError):
            os.unlink(self.path)
        self.release()

    def protect(self) -> str:
        """Give the file a name that no process removes, if possible, and return its name."""
        self.release()
        protected = f"{os.path.splitext(self.path)[0]}{_PROTECTED}"
        try:
            os.rename(self.path, protected)
        except OSError:
            return self.path
        return protected


def create(folder: str, fill: Callable[[int], None]) -> Held:
    """Make a file and fill it, or leave none; first remove what killed processes left there."""
    if folder not in _cleaned:
        _cleaned.add(folder)
        _remove_left(folder)
    path, descriptor, is_locked = _new_file(folder)
    file = Held(path, descriptor)
    try:
        fill(descriptor)
    except BaseException:
        file.remove()
        raise
    if is_locked:
        return file
    file.release()
    return Held(path, None)


def set_aside(path: str) -> Held | None:
    """Keep a file that is about to be replaced; return None if there is none.

    It gets a second name and a lock. If the system refuses either, it is renamed to a name that no
    process removes.
    """
    folder = os.path.dirname(path)
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        aside = Held(_new_name(folder), descriptor)
        with suppress(OSError, AttributeError):
            if _lock(descriptor):
                os.link(path, aside.path)
                return aside
        aside.release()
    aside = Held(_new_name(folder, _PROTECTED), None)
    try:
        os.rename(path, aside.path)
    except FileNotFoundError:
        return None
    return aside


def _new_file(folder: str) -> tuple[str, int, bool]:
    """Make an empty file; return its path, its descriptor, and whether it is locked."""
    while True:
        path = _new_name(folder)
        descriptor = None
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            is_locked = _lock(descriptor)
            if _is_at(path, descriptor):
                return path, descriptor, is_locked
        except BlockingIOError:  # another process takes it for an abandoned one
            pass
        except BaseException:
            Held(path, descriptor).remove()
            raise
        Held(path, descriptor).remove()


def _new_name(folder: str, ending: str = _ENDING) -> str:
    return os.path.join(folder, f"{_START}{os.urandom(8).hex()}{ending}")


def _remove_left(folder: str) -> None:
    with suppress(OSError):
        with os.scandir(folder) as entries:
            ours = [entry for entry in entries if entry.name.startswith(_START)]
        left = [entry.path for entry in ours if re.fullmatch(_LEFT, entry.name)]
        for path in left:
            with suppress(OSError):
                _remove_abandoned(path)


def _remove_abandoned(path: str) -> None:
    """Remove a file, unless its writer lives or may do so."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if _lock(descriptor) and _is_at(path, descriptor):
            os.unlink(path)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a file, and return whether that is supported."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock

        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        raise
    except (ImportError, OSError):
        return False
    return True


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
