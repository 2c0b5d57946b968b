"""Where Zarr arrays are: directories and URLs. Nothing here needs zarr, but for `store`."""

import os
import re
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import is_absent, real_path, system_reason
from cnnops_cli.tensors.formats import UNKNOWN, format_of_name
from cnnops_cli.tensors.read import split_member
from cnnops_cli.words import series, shortened

DOCUMENT = "zarr.json"
ARRAYS = (DOCUMENT, ".zarray")
METADATA = (*ARRAYS, ".zgroup")
"""What a directory holds that is a Zarr array, or a group."""

_SUFFIX = ".zarr"
_URL = re.compile(r"[A-Za-z][\w+.-]+(::[A-Za-z][\w+.-]+)*://")
_S3 = ("s3:", "s3a:")
_LOCAL = re.compile(r"(file|local)://")
_LINK = "::"
"""What is between the URLs of a chain: of what is read, and of the file that it is in."""
_ARCHIVES = ("zip", "tar", "libarchive", "reference")
"""How a chain may begin. Through a cache, an array that is gone would be read as zeros."""
_NOT_FOR_RESULTS = {
    "memory": "memory:// ends with this process",
    "data": "data:// is only read",
    "http": "a web server is only read",
    "https": "a web server is only read",
}
_MOST_SHOWN = 300


def is_zarr(text: str) -> bool:
    """Return whether an argument names a Zarr array, or what would be one.

    That is a URL, a path with a part that ends in ``.zarr`` unless it is a file or has the suffix
    of one, and any directory that holds an array's or a group's metadata.

    Examples
    --------
    >>> [is_zarr(text) for text in ("s3://bucket/x", "x.zarr/raw/0", "x.npy", "[[1, 2]]")]
    [True, True, False, False]
    """
    if _URL.match(text):
        return True
    is_named = any(part.endswith(_SUFFIX) for part in text.split(os.sep))
    is_named = is_named and format_of_name(split_member(text)[0]) is UNKNOWN
    if os.path.isdir(text):
        return is_named or any(os.path.exists(os.path.join(text, key)) for key in METADATA)
    return is_named and is_absent(text)


def is_file_like_zarr(text: str) -> bool:
    """Return whether an argument is a file with a name that Zarr arrays have."""
    return _SUFFIX in os.path.basename(text) and os.path.isfile(text)


def location_of(text: str) -> str:
    """Return the absolute path without symbolic links, or the URL, that an argument names."""
    if _URL.match(text):
        _check_url(text)
    path = _LOCAL.sub("", text, count=1)
    if not _URL.match(path):
        return real_path(path)
    chain, link, last = path.rstrip("/").rpartition(_LINK)
    return f"{chain}{link}{location_of(last)}" if link else last


def is_remote(location: str) -> bool:
    """Return whether a location is a URL."""
    return bool(_URL.match(location))


def parents_of(text: str) -> list[str]:
    """Return the directories or the URLs that the place of an argument is in.

    For a link they are those of the link and of what it leads to.

    Examples
    --------
    >>> parents_of("s3://bucket/a/b")
    ['s3://bucket/a', 's3://bucket']
    """
    location = location_of(text)
    if is_remote(location):
        scheme, mark, path = location.rpartition("://")
        return [f"{scheme}{mark}{parent}" for parent in PurePosixPath(path).parents if parent.name]
    named = Path(os.path.normpath(_LOCAL.sub("", text, count=1)))
    return [str(parent) for parent in (*named.parents, *Path(location).parents)]


def is_within(inner: str, outer: str) -> bool:
    """Return whether a location is another one, or inside it.

    Examples
    --------
    >>> is_within("/data/x.zarr/0", "/data/x.zarr"), is_within("/data/x.zarr2", "/data/x.zarr")
    (True, False)
    """
    (files, path), (outer_files, outer_path) = map(_file_system_and_path, (inner, outer))
    return path.startswith(outer_path) and bool(files == outer_files)


def _file_system_and_path(location: str) -> tuple[Any, str]:
    """Return what has one value for all spellings of a location; the path ends in a slash."""
    end = location.rpartition(_LINK)[2] if is_remote(location) else location
    place = place_at(end, end)
    if isinstance(place, Directory):
        return None, f"{place.path.rstrip('/')}/"
    return place.files, f"{place.path}/"


def _check_url(url: str) -> None:
    """Refuse a URL that names nothing, or a chain that does not lead into an archive."""
    *chain, last = url.split(_LINK)
    scheme = url.partition("://")[0].partition(_LINK)[0]
    if not last.rpartition("://")[2].strip("/"):
        raise CnnopsError(f"{url} names nothing; a URL is such as s3://bucket/x.zarr")
    if chain and scheme not in _ARCHIVES:
        raise CnnopsError(f"{url} begins with {scheme}, but before {_LINK} is {series(_ARCHIVES)}")
    if not chain and scheme in _ARCHIVES:
        raise CnnopsError(f"{url} names no file; what is in one is {scheme}://x.zarr{_LINK}FILE")


def check_takes_results(text: str) -> None:
    """Refuse a URL at which nothing can be written, or nothing stays."""
    if _LOCAL.match(text) or not _URL.match(text):
        return
    scheme, _, path = text.partition("://")
    why = "a chain of URLs is only read" if _LINK in text else _NOT_FOR_RESULTS.get(scheme)
    if why:
        raise CnnopsError(
            f"{text} cannot be written: {why}; a result goes to a directory or to a URL such as "
            "s3://bucket/y.zarr"
        )
    _check_url(text)
    if not {"", ".", ".."}.isdisjoint(path.strip("/").split("/")):
        raise CnnopsError(f"{text} has a part that is empty, . or ..; leave it out")


def place_at(location: str, name: str) -> "Directory | Prefix":
    """Return what is read and written at a location; errors call it by `name`."""
    if not is_remote(location):
        return Directory(location)
    try:
        return Prefix(location)
    except ImportError as error:
        how = "pip install 'cnnops-cli[s3]'" if location.startswith(_S3) else reason(error)
        raise CnnopsError(f"{name} needs a library that is not installed: {how}") from error
    except (TypeError, AttributeError) as error:  # of arguments that the URL does not give
        scheme = location.partition("://")[0]
        raise CnnopsError(f"{name} cannot be reached: {scheme}:// needs more than a URL") from error
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
    """What an object store holds under a URL.

    Attributes
    ----------
    files : fsspec.AbstractFileSystem
    path : str
        Without slashes around it.
    """

    def __init__(self, url: str) -> None:
        from fsspec import url_to_fs

        self._url = url
        self.files, self._root = url_to_fs(url)
        self.path: str = self._root.strip("/")

    def store(self, *, read_only: bool) -> Any:
        """Return zarr's store of what is under the URL."""
        from zarr.storage import FsspecStore

        return FsspecStore.from_url(self._url, read_only=read_only)

    def keys(self) -> list[str]:
        """Return the names of all objects under the URL, without it."""
        self.files.invalidate_cache()
        paths = self.files.find(self._root)
        return sorted(path.strip("/").removeprefix(self.path).lstrip("/") for path in paths)

    def read(self, key: str) -> bytes | None:
        """Return what an object holds, or None if there is none."""
        with suppress(FileNotFoundError):
            data: bytes = self.files.cat_file(f"{self._root}/{key}")
            return data
        return None

    def write(self, key: str, data: bytes) -> None:
        """Write an object."""
        self.files.pipe_file(f"{self._root}/{key}", data)

    def remove(self, key: str) -> None:
        """Remove an object."""
        self.files.rm_file(f"{self._root}/{key}")

    def remove_all(self) -> None:
        """Remove all objects under the URL."""
        if self.keys():
            self.files.rm(self._root, recursive=True)


def reason(error: Exception) -> str:
    """Return what a library says is wrong, as one line."""
    if isinstance(error, NotImplementedError):
        return "its file system does not do that"
    lines = system_reason(error).strip().splitlines()
    return shortened(lines[0], _MOST_SHOWN) if lines else type(error).__name__
