"""The .npz format: a zip archive of .npy members."""

import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import BinaryIO

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors import npy
from cnnops_cli.tensors.formats import NPY_MAGIC, PLAIN, Reading, Writing
from cnnops_cli.tensors.pipe import pieces
from cnnops_cli.words import check_names, listed, shortened

_SUFFIX = ".npy"
_RATIOS = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}
"""By accepted method: the most bytes that a compressed byte expands to."""
_OTHER_METHODS = {9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_ENCRYPTED, _PATCH, _STRONGLY_ENCRYPTED, _MASKED = 1 << 0, 1 << 5, 1 << 6, 1 << 13
_AES = 99


class Archive:
    """An .npz archive on a seekable stream; its arrays have the names that NumPy gives them."""

    def __init__(self, stream: BinaryIO, size: int, name: str) -> None:
        self._size = size
        self._name = name
        with _naming_damage(name, "is not a .npz archive that can be read"):
            self._zip = zipfile.ZipFile(stream)
        stored = self._zip.namelist()
        self._stored = {member.removesuffix(_SUFFIX): member for member in stored}
        self._stored |= {member: member for member in stored}

    def __contains__(self, name: str) -> bool:
        return name in self._stored

    @property
    def names(self) -> list[str]:
        """The names of its arrays, each once."""
        short = {member: member.removesuffix(_SUFFIX) for member in self._zip.namelist()}
        return [
            name if self._stored[name] == member else member
            for member, name in short.items()
            if member.endswith(_SUFFIX) or self._begins_as_array(member)
        ]

    def _begins_as_array(self, member: str) -> bool:
        try:
            with self._open(member, "") as stream:
                return stream.read(len(NPY_MAGIC)) == NPY_MAGIC
        except CnnopsError:
            return False

    def read(self, name: str | None, reading: Reading = PLAIN) -> Array:
        """Read the named array, or the only one, as `npy.read` does."""
        if name is None or name not in self:
            names = self.names
            if name is not None or len(names) != 1:
                lacks = "" if name is None else f"has no array {shortened(repr(name))}; it "
                hint = f"; name one, as {self._name}:{shortened(names[0])}" if names else ""
                raise CnnopsError(f"{self._name} {lacks}holds {listed(names) or 'no array'}{hint}")
            name = names[0]
        member, shown = self._stored[name], f"{self._name}:{shortened(name)}"
        size = self._zip.getinfo(member).file_size
        with self._open(member, shown) as stream:
            if not stream.peek(len(NPY_MAGIC)).startswith(NPY_MAGIC):
                raise CnnopsError(f"{shown} is not an array: a member of .npz holds .npy data")
            return npy.read(stream, size, shown, reading)  # type: ignore[arg-type]

    @contextmanager
    def _open(self, member: str, name: str) -> Iterator[zipfile.ZipExtFile]:
        """Open a member, which cannot expand to more bytes than it promises."""
        info = self._zip.getinfo(member)
        if unusual := _unusual(info):
            raise CnnopsError(f"{name} is {unusual}; accepted are members stored or deflated")
        held = min(info.compress_size, self._size)
        if info.file_size > held * _RATIOS[info.compress_type]:
            raise CnnopsError(
                f"{name} cannot hold the {info.file_size} bytes that it promises in {held}"
            )
        with _naming_damage(name), self._zip.open(info) as stream:
            yield stream  # type: ignore[misc]

    def write_with(self, stream: BinaryIO, name: str | None, array: Array) -> None:
        """Write a copy of the archive in which the named array, or the only one, is new."""
        name = self.names[0] if name is None else name
        replaced = self._zip.getinfo(self._stored[name]) if name in self else None
        with zipfile.ZipFile(stream, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other members with equal names
            archive.comment = self._zip.comment
            for member in self._zip.infolist():
                if member is replaced:
                    _write_member(archive, member.filename, array)
                elif replaced is None or member.filename != replaced.filename:
                    self._copy(member, archive)
            if replaced is None:
                _write_member(archive, _stored_name(name), array)

    def _copy(self, member: zipfile.ZipInfo, archive: zipfile.ZipFile) -> None:
        copied, content = copy(member), self._content(member)
        first = next(content, b"")  # nothing is written if it cannot be read
        with archive.open(copied, "w", force_zip64=True) as target:
            target.write(first)
            for piece in content:
                target.write(piece)
        copied.external_attr = member.external_attr  # which zipfile sets where it is 0

    def _content(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        name = f"{self._name}:{shortened(member.filename.removesuffix(_SUFFIX))}"
        unusual = _unusual(member)
        if unusual == "encrypted":
            raise CnnopsError(f"{name} is encrypted, and cannot be kept as it is")
        fault = f"is {unusual}, and cannot be kept as it is" if unusual else "is damaged"
        with _naming_damage(name, fault), self._zip.open(member) as source:
            yield from pieces(source)  # type: ignore[arg-type]


def _unusual(member: zipfile.ZipInfo) -> str | None:
    """Return how a member differs from those that NumPy writes, or None."""
    is_encrypted = member.flag_bits & (_ENCRYPTED | _STRONGLY_ENCRYPTED | _MASKED)
    if is_encrypted or member.compress_type == _AES:
        return "encrypted"
    if member.flag_bits & _PATCH:
        return "a patch of other data"
    if member.compress_type in _RATIOS:
        return None
    method = _OTHER_METHODS.get(member.compress_type, f"method {member.compress_type}")
    return f"compressed by {method}"


@contextmanager
def _naming_damage(name: str, fault: str = "is damaged") -> Iterator[None]:
    try:
        yield
    except (CnnopsError, MemoryError):
        raise
    except Exception as error:  # whatever zipfile and its decoders raise
        if isinstance(error, OSError) and error.strerror:
            raise CnnopsError(f"{name} cannot be read: {error.strerror}") from error
        raise CnnopsError(
            f"{name} {fault}: {shortened(str(error) or 'it ends too early')}"
        ) from error


def read_named(stream: BinaryIO, size: int, name: str, accepted: Sequence[str]) -> dict[str, Array]:
    """Read all arrays of an archive, and refuse names that are not accepted."""
    archive = Archive(stream, size, name)
    names = archive.names
    check_names(name, names, accepted)
    if not names:
        raise CnnopsError(f"{name} holds no array; expected {', '.join(accepted)}")
    return {key: archive.read(key) for key in names}


def write(stream: BinaryIO, array: Array, writing: Writing) -> None:
    """Write an archive of one array."""
    write_named(stream, {writing.name: array})


def write_named(stream: BinaryIO, arrays: dict[str, Array]) -> None:
    """Write an archive without compression; equal arrays give equal bytes."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            _write_member(archive, _stored_name(name), array)


def _stored_name(name: str) -> str:
    return name if name.endswith(_SUFFIX) else name + _SUFFIX


def _write_member(archive: zipfile.ZipFile, member: str, array: Array) -> None:
    with archive.open(zipfile.ZipInfo(member), "w", force_zip64=True) as stream:
        npy.write(stream, np.asarray(array))  # type: ignore[arg-type]
