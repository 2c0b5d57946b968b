"""The .npz format: a zip archive of .npy members."""

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import BinaryIO

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.npy import read_npy, write_npy

_SUFFIX = ".npy"
_DEFLATE_MOST = 1032
"""Deflate makes at most this many bytes of one."""


class Archive:
    """An .npz archive that is open for reading.

    Parameters
    ----------
    stream : binary stream
        Seekable.
    size : int
        How many bytes it holds.
    name : str
        What the user calls it, for errors.

    Attributes
    ----------
    names : list of str
        The arrays in it.
    """

    def __init__(self, stream: BinaryIO, size: int, name: str) -> None:
        self._size = size
        self._name = name
        try:
            self._zip = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            raise CnnopsError(f"{name} is not a .npz archive that can be read: {error}") from error
        members = self._zip.namelist()
        self.names = [member[: -len(_SUFFIX)] for member in members if member.endswith(_SUFFIX)]

    def read(self, name: str | None, *, header: bool = False) -> Array:
        """Read the named array, or the only one; or its header, as `read_npy`.

        Raises
        ------
        CnnopsError
            If there is no such array, several and no name, or the member is damaged or lies about
            its size.
        """
        if name is None and len(self.names) == 1:
            name = self.names[0]
        if name is None or name not in self.names:
            lacks = "" if name is None else f"has no array {name!r}; it "
            hint = f"; name one, as {self._name}:{self.names[0]}" if self.names else ""
            held = ", ".join(self.names) or "no array"
            raise CnnopsError(f"{self._name} {lacks}holds {held}{hint}")
        return self._read_member(
            self._zip.getinfo(name + _SUFFIX), f"{self._name}:{name}", header=header
        )

    def _read_member(self, member: zipfile.ZipInfo, name: str, *, header: bool) -> Array:
        ratio = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: _DEFLATE_MOST}.get(
            member.compress_type
        )
        if ratio is None:
            raise CnnopsError(f"{name} is compressed by a method other than deflate")
        held = min(member.compress_size, self._size)
        if member.file_size > held * ratio:
            raise CnnopsError(
                f"{name} cannot hold the {member.file_size} bytes that it promises in {held}"
            )
        with _naming_damage(name), self._zip.open(member) as stream:
            return read_npy(
                stream,  # type: ignore[arg-type]
                member.file_size,
                name,
                header=header,
            )

    def write_with(self, stream: BinaryIO, name: str, array: Array) -> None:
        """Write the archive with one array replaced or added; what else it holds stays as it is.

        Raises
        ------
        CnnopsError
            If something else in it is damaged.
        """
        with zipfile.ZipFile(stream, "w") as archive:
            for member in self._zip.infolist():
                if member.filename == name + _SUFFIX:
                    _write_member(archive, name, array)
                    continue
                with (
                    _naming_damage(f"{self._name}:{member.filename.removesuffix(_SUFFIX)}"),
                    self._zip.open(member) as source,
                    archive.open(copy(member), "w", force_zip64=True) as target,
                ):
                    shutil.copyfileobj(source, target)
            if name not in self.names:
                _write_member(archive, name, array)


@contextmanager
def _naming_damage(name: str) -> Iterator[None]:
    try:
        yield
    except CnnopsError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise CnnopsError(f"{name} is damaged: {error}") from error


def write_npz(stream: BinaryIO, arrays: dict[str, Array]) -> None:
    """Write an archive, without compression; the same arrays give the same bytes."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            _write_member(archive, name, array)


def _write_member(archive: zipfile.ZipFile, name: str, array: Array) -> None:
    with archive.open(zipfile.ZipInfo(name + _SUFFIX), "w", force_zip64=True) as member:
        write_npy(member, np.asarray(array))  # type: ignore[arg-type]
