"""Where Zarr arrays are: directories and URLs. Nothing here needs zarr, but for `store`."""

import os
import re
from contextlib import suppress
from typing import Any

from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import is_absent, real_path, system_reason
from cnnops_cli.words import shortened

ARRAYS = ("zarr.json", ".zarray")
METADATA = (*ARRAYS, ".zgroup")
"""What a directory holds that is a Zarr array, or a group."""

_SUFFIX = ".zarr"
_URL = re.compile(r"[A-Za-z][\w+.-]+(::[A-Za-z][\w+.-]+)*://")
_LOCAL = re.compile(r"(file|local)://")
_MOST_SHOWN = 300


def is_zarr(text: str) -> bool:
    """Return whether an argument names a Zarr array, or what would be one.

    That is a URL, a path with a part that ends in ``.zarr`` unless it is a file, and any directory
    that holds an array's or a group's metadata.

    Examples
    --------
    >>> [is_zarr(text) for text in ("s3://bucket/x", "x.zarr/raw/0", "x.npy", "[[1, 2]]")]
    [True, True, False, False]
    """
    if _URL.match(text):
        return True
    is_named = any(part.endswith(_SUFFIX) for part in text.split(os.sep))
    if os.path.isdir(text):
        return is_named or any(os.path.exists(os.path.join(text, key)) for key in METADATA)
    return is_named and is_absent(text)


def location_of(text: str) -> str:
    """Return the absolute path without symbolic links, or the URL, that an argument names."""
    if _LOCAL.match(text) or not _URL.match(text):
        return real_path(_LOCAL.sub("", text, count=1))
    return text.rstrip("/")


def is_remote(location: str) -> bool:
    """Return whether a location is a URL."""
    return bool(_URL.match(location))


def overlap(first: str, second: str) -> bool:
    """Return whether one location is the other, or inside it.

    Examples
    --------
    >>> overlap("/data/x.zarr/0", "/data/x.zarr"), overlap("/data/x.zarr", "/data/x.zarr2")
    (True, False)
    """
    first, second = (f"{location.rstrip('/')}/" for location in (first, second))
    return first.startswith(second) or second.startswith(first)


def place_at(location: str, name: str) -> "Directory | Prefix":
    """Return what is read and written at a location; errors call it by `name`."""
    if not is_remote(location):
        return Directory(location)
    try:
        return Prefix(location)
    except ImportError as error:
        how = "pip install 'cnnops-cli[s3]'" if location.startswith("s3:") else reason(error)
        raise CnnopsError(f"{name} needs a library that is not installed: {how}") from error
    except Exception as error:  # whatever a file system of fsspec raises
        raise CnnopsError(f"{name} cannot be reached: {reason(error)}") from error


class Directory:
    """A directory that holds a Zarr array, or will."""

    def __init__(self, path: str) -> None:
        self.path = path

    def store(self, *, read_only: bool) -> Any:
        """Return zarr's store of the directory."""
        from zarr.storage import LocalStore

        return LocalStore(self.path, read_only=read_only)

    def keys(self) -> list[str]:
        """Return the names in the directory; none if it does not exist."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return sorted(os.listdir(self.path))
        return []

    def read(self, key: str) -> bytes | None:
        """Return what a file holds, or None if there is none."""
        with suppress(FileNotFoundError, NotADirectoryError):
            with open(os.path.join(self.path, key), "rb") as file:
                return file.read()
        return None

    def write(self, key: str, data: bytes) -> None:
        """Write a file."""
        with open(os.path.join(self.path, key), "wb") as file:
            file.write(data)

    def remove(self, key: str) -> None:
        """Remove a file."""
        os.unlink(os.path.join(self.path, key))


class Prefix:
    """What an object store holds under a URL."""

    def __init__(self, url: str) -> None:
        from fsspec import url_to_fs

        self._url = url
        self._files, self._root = url_to_fs(url)

    def store(self, *, read_only: bool) -> Any:
        """Return zarr's store of what is under the URL."""
        from zarr.storage import FsspecStore

        return FsspecStore.from_url(self._url, read_only=read_only)

    def keys(self) -> list[str]:
        """Return the names of all objects under the URL, without it."""
        self._files.invalidate_cache()
        paths = self._files.find(self._root)
        return sorted(path.removeprefix(self._root).lstrip("/") for path in paths)

    def read(self, key: str) -> bytes | None:
        """Return what an object holds, or None if there is none."""
        with suppress(FileNotFoundError):
            data: bytes = self._files.cat_file(f"{self._root}/{key}")
            return data
        return None

    def write(self, key: str, data: bytes) -> None:
        """Write an object."""
        self._files.pipe_file(f"{self._root}/{key}", data)

    def remove(self, key: str) -> None:
        """Remove an object."""
        self._files.rm_file(f"{self._root}/{key}")

    def remove_all(self) -> None:
        """Remove all objects under the URL."""
        if self.keys():
            self._files.rm(self._root, recursive=True)


def reason(error: Exception) -> str:
    """Return what a library says is wrong, as one line."""
    lines = system_reason(error).strip().splitlines()
    return shortened(lines[0], _MOST_SHOWN) if lines else type(error).__name__
