"""From a TENSOR argument, as the user wrote it, to an array."""

import io
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.json_text import parse_array, parse_object
from cnnops_cli.tensors.npy import NPY_MAGIC, read_npy
from cnnops_cli.tensors.npz import ZIP_MAGIC, Archive
from cnnops_cli.tensors.tensor import Tensor

STDIN = "-"

_NUMBER = re.compile(r"-?(Infinity|\d+(\.\d*)?([eE][+-]?\d+)?)|NaN")


def read_tensor(text: str, argument: str) -> Tensor:
    """Read a tensor from where the text says: standard input, a file, or the text itself.

    Parameters
    ----------
    text : str
        ``-``, a path, ``archive.npz:name``, or JSON that starts with ``[`` or is a number.
    argument : str
        What the tensor is for, for errors.

    Returns
    -------
    Tensor
        Weak where it was JSON.

    Raises
    ------
    CnnopsError
        If there is no such file or it holds no tensor.
    """
    if text == STDIN:
        return _read_stdin()
    inline = text.lstrip()
    if inline.startswith("[") or (_NUMBER.fullmatch(inline) and not Path(text).exists()):
        return Tensor(parse_array(os.fsencode(text), argument), argument, weak=True)
    path, member = _split_member(text)
    with _open(path, argument) as (stream, size):
        if _starts_with(stream, ZIP_MAGIC) or member is not None:
            return Tensor(Archive(stream, size, str(path)).read(member), text, weak=False)
        return _read_plain(stream, size, text)


def read_named(path: str, argument: str) -> dict[str, Tensor]:
    """Read several arrays by name: an .npz archive, or a JSON object of arrays.

    Raises
    ------
    CnnopsError
        If there is no such file or it is neither.
    """
    with _open(Path(path), argument) as (stream, size):
        if _starts_with(stream, ZIP_MAGIC):
            archive = Archive(stream, size, path)
            return {
                name: Tensor(archive.read(name), f"{path}:{name}", weak=False)
                for name in archive.names
            }
        arrays = parse_object(stream.read(), path)
    return {name: Tensor(array, f"{path}:{name}", weak=True) for name, array in arrays.items()}


def _read_stdin() -> Tensor:
    if sys.stdin is None:
        raise CnnopsError("standard input is closed; name a file instead")
    try:
        data = sys.stdin.buffer.read()
    except OSError as error:
        raise CnnopsError(f"cannot read standard input: {error.strerror}") from error
    if data.startswith(ZIP_MAGIC):
        raise CnnopsError("standard input is an archive; name the .npz file instead")
    return _read_plain(io.BytesIO(data), len(data), "standard input")


def _read_plain(stream: BinaryIO, size: int, name: str) -> Tensor:
    """Read .npy or JSON, told apart by the first bytes, or by the suffix where there is one."""
    if name.endswith(".npy") or (_starts_with(stream, NPY_MAGIC) and not name.endswith(".json")):
        return Tensor(read_npy(stream, size, name), name, weak=False)
    return Tensor(parse_array(stream.read(), name), name, weak=True)


def _split_member(text: str) -> tuple[Path, str | None]:
    """Split ``archive.npz:name``; a file that has such a name itself is meant first."""
    archive, colon, member = text.rpartition(":")
    if colon and archive.endswith(".npz") and not Path(text).exists():
        return Path(archive), member
    return Path(text), None


@contextmanager
def _open(path: Path, argument: str) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file that can be read from any place; what is no regular file is read whole first."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode):
                yield file, status.st_size
            else:
                data = file.read()
                yield io.BytesIO(data), len(data)
    except FileNotFoundError as error:
        raise CnnopsError(f"{argument}: no such file: {path}") from error
    except OSError as error:
        raise CnnopsError(f"{argument}: cannot read {path}: {error.strerror or error}") from error


def _starts_with(stream: BinaryIO, magic: bytes) -> bool:
    start = stream.read(len(magic))
    stream.seek(0)
    return start == magic
