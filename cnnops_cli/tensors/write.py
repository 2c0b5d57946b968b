"""From arrays to files, each of which appears whole or not at all.

What writes JSON and archives is imported where there is some: a small call is mostly its start.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.npy import write_npy

Writer = Callable[[BinaryIO], None]


def array_writer(path: str, name: str, array: Array, precision: int | None = None) -> Writer:
    """Tell how one array is written to a path, by its suffix.

    Parameters
    ----------
    path : str
        Ends in .npy, .npz or .json.
    name : str
        The array's name in an archive.
    array : numpy.ndarray
    precision : int, optional
        Decimals in JSON.
    """
    suffix = Path(path).suffix
    if suffix == ".npy":
        return npy_writer(array)
    if suffix == ".npz":
        return _npz_writer({name: array})
    return json_writer(array, precision)


def npy_writer(array: Array) -> Writer:
    """Tell how one array is written as .npy."""
    return lambda stream: write_npy(stream, array)


def json_writer(array: Array, precision: int | None = None) -> Writer:
    """Tell how one array is written as a line of JSON."""
    from cnnops_cli.tensors.json_text import write_json

    return lambda stream: write_json(stream, array, precision)


def _npz_writer(arrays: dict[str, Array]) -> Writer:
    from cnnops_cli.tensors.npz import write_npz

    return lambda stream: write_npz(stream, arrays)


def named_writer(path: str, arrays: dict[str, Array]) -> Writer:
    """Tell how several arrays are written to a path: an archive, or a JSON object."""
    if Path(path).suffix == ".npz":
        return _npz_writer(arrays)
    from cnnops_cli.tensors.json_text import format_array

    members = b",".join(b'"%s":%s' % (k.encode(), format_array(v)) for k, v in arrays.items())
    return bytes_writer(b"{%s}\n" % members)


def bytes_writer(data: bytes) -> Writer:
    """Tell how bytes are written as they are."""

    def write(stream: BinaryIO) -> None:
        stream.write(data)

    return write


class StagedFiles:
    """Files that are written beside their places, and moved there together.

    A context manager: what was not committed when it ends is removed.

    Examples
    --------
    >>> with StagedFiles() as files:
    ...     files.add("result.json", lambda stream: None)
    ...     # anything that fails here leaves no file
    """

    def __init__(self) -> None:
        self._staged: list[tuple[Path, Path]] = []
        self._direct: list[tuple[str, Writer]] = []

    def __enter__(self) -> "StagedFiles":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for temporary, _ in self._staged:
            temporary.unlink(missing_ok=True)

    def add(self, path: str, write: Writer) -> None:
        """Write a file beside its place; a device or pipe has no beside and waits for `commit`.

        Raises
        ------
        CnnopsError
            If it cannot be written whole.
        """
        with _naming(path):
            place = Path(path).resolve()
            mode = place.stat().st_mode if place.exists() else None
            if mode is not None and not stat.S_ISREG(mode):
                self._direct.append((path, write))
                return
            temporary = place.with_name(f".cnnops-{os.urandom(8).hex()}.tmp")
            with temporary.open("xb") as stream:
                self._staged.append((temporary, place))
                if mode is not None:
                    temporary.chmod(stat.S_IMODE(mode))
                write(stream)

    def commit(self) -> None:
        """Move every file to its place."""
        for path, write in self._direct:
            with _naming(path), Path(path).open("wb") as stream:
                write(stream)
        for temporary, place in self._staged:
            with _naming(str(place)):
                temporary.replace(place)


@contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CnnopsError(f"cannot write {path}: {error.strerror or error}") from error
