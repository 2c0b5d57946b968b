"""What a path leads to; only "no such file" means that there is nothing."""

import errno
import os
import re
import stat

from cnnops_cli.errors import CnnopsError

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_DESCRIPTOR = r"/(?:dev|proc/self)/fd/(\d{1,9})"
_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}


def status_of(path: str) -> os.stat_result | None:
    """Return the status of the file at a path, or None if there is no file."""
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise CnnopsError(f"cannot reach {path}: {system_reason(error)}") from error


def is_absent(path: str) -> bool:
    """Return whether there is no such file; one that cannot be examined is not absent.

    Examples
    --------
    >>> is_absent("no/such/file.npy")
    True
    """
    try:
        os.stat(path)
    except ValueError:  # a name that no file can have
        return True
    except OSError as error:
        return error.errno in _ABSENT
    return False


def real_path(path: str) -> str:
    """Return the path without symbolic links, or as it is where the working directory is gone."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path


def is_directory(path: str) -> bool:
    """Return whether there is a directory at a path."""
    status = status_of(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def is_device(path: str) -> bool:
    """Return whether a path leads to a device, a pipe or a descriptor, which nothing replaces."""
    if descriptor_of(path) is not None:
        return True
    status = status_of(path)
    return status is not None and not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode))


def descriptor_of(path: str) -> int | None:
    """Return the descriptor that a path names, as ``/dev/fd/3`` does, or None."""
    found = re.fullmatch(_DESCRIPTOR, path) if "/fd/" in path else None
    return int(found[1]) if found else _STREAMS.get(path)


def system_reason(error: Exception) -> str:
    """Return the system's message, without the number of the error and the file."""
    return getattr(error, "strerror", None) or str(error)
