"""Files next to those that they will replace or have replaced.

A new file has no name where the system has such files, so that a process that is killed leaves
nothing. Elsewhere, and in the instant before it is moved to its place, it has a temporary name.
Each is locked as long as its process lives. A process that is killed leaves no lock on its files:
by that a later process knows what it may remove.
"""

import os
import re
import stat
from contextlib import suppress
from typing import NamedTuple

_START, _ENDING, _PROTECTED = ".cnnops-", ".tmp", ".old"
_LEFT = rf"\{_START}[0-9a-f]{{16}}\{_ENDING}"

_PERMISSIONS = 0o777

_cleaned: set[str] = set()


class Held(NamedTuple):
    """A file under a second name; `lock` is the descriptor that holds its lock, if any."""

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


class Temporary:
    """A new file in a folder. First, what killed processes left there is removed.

    Attributes
    ----------
    descriptor : int
        To write to.
    """

    def __init__(self, folder: str) -> None:
        if folder not in _cleaned:
            _cleaned.add(folder)
            _remove_left(folder)
        self._folder = folder
        self._path: str | None = None
        unnamed = _open_unnamed(folder)
        if unnamed is None:
            self._path, self.descriptor = _new_file(folder)
        else:
            self.descriptor = unnamed

    def name(self) -> str:
        """Give the file a temporary name if it has none, and return that."""
        if self._path is None:
            path, source = _new_name(self._folder), _link_to(self.descriptor)
            try:
                # Python follows a link only with src_dir_fd, which an absolute path ignores.
                os.link(source, path, src_dir_fd=self.descriptor, follow_symlinks=True)
            except (OSError, AttributeError):
                return self._copy()
            self._path = path
        return self._path

    def _copy(self) -> str:
        """Copy the file to a new one that has a name, with its permissions."""
        from shutil import copyfileobj

        unnamed = self.descriptor
        self._path, self.descriptor = _new_file(self._folder)
        take_over(self.descriptor, os.fstat(unnamed))
        with open(unnamed, "rb") as source, open(os.dup(self.descriptor), "wb") as target:
            source.seek(0)
            copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
        return self._path

    def release(self) -> None:
        """Release the lock: the file is in its place."""
        with suppress(OSError):  # errors have been reported when it was written
            os.close(self.descriptor)

    def remove(self) -> None:
        """Remove the file, if it is still there, and release the lock."""
        if self._path is not None:
            with suppress(OSError):
                os.unlink(self._path)
        self.release()


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
            if lock(descriptor):
                os.link(path, aside.path)
                return aside
        aside.release()
    aside = Held(_new_name(folder, _PROTECTED), None)
    try:
        os.rename(path, aside.path)
    except FileNotFoundError:
        return None
    return aside


def take_over(descriptor: int, old: os.stat_result) -> None:
    """Give a file the permissions of another, and its owner if that is allowed."""
    new = os.fstat(descriptor)
    permissions = old.st_mode & _PERMISSIONS
    if new.st_mode & _PERMISSIONS != permissions:
        os.chmod(descriptor, permissions)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        for owner in (old.st_uid, -1):
            with suppress(OSError):
                os.chown(descriptor, owner, old.st_gid)
                return


def _open_unnamed(folder: str) -> int | None:
    """Open a new file without a name and lock it, if it can be given one later."""
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666)
    except (OSError, AttributeError):
        return None
    if os.path.exists(_link_to(descriptor)):
        with suppress(OSError):
            lock(descriptor)
            return descriptor
    os.close(descriptor)
    return None


def _link_to(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _new_file(folder: str) -> tuple[str, int]:
    """Make an empty file under a temporary name and lock it; return its path and descriptor."""
    while True:
        path = _new_name(folder)
        descriptor = None
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            lock(descriptor)
            if _is_at(path, descriptor):
                return path, descriptor
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
        if lock(descriptor) and _is_at(path, descriptor):
            os.unlink(path)
    finally:
        os.close(descriptor)


def lock(descriptor: int) -> bool:
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
