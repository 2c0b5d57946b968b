"""From a TENSOR argument, as the user wrote it, to an array.

What reads JSON and archives is imported where there is some: a small call is mostly its start.
"""

import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.npy import NPY_MAGIC, read_npy
from cnnops_cli.tensors.tensor import Tensor
from cnnops_cli.words import PICTURE_SUFFIXES, check_word

if TYPE_CHECKING:
    from cnnops_cli.tensors.npz import Archive

INPUT_ARGUMENT = "INPUT"
STDIN = "-"

ZIP_MAGIC = b"PK"
_PICTURE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")

_MOST_SHOWN = 40
_PIECE = 1 << 20

_NUMBER = re.compile(r"-?(Infinity|\d+(\.\d*)?([eE][+-]?\d+)?)|NaN")


class Reading(NamedTuple):
    """How tensors are read.

    Attributes
    ----------
    headers : bool
        Of an array file or a picture, only what its header tells: shape and dtype, the values
        being zeros.
    letters : bool
        In JSON, letters may stand for numbers: they make an array of objects.
    decoding : callable
        Makes the context in which a picture's pixels are decoded.
    """

    headers: bool = False
    letters: bool = False
    decoding: Callable[[], AbstractContextManager[None]] = nullcontext


PLAIN = Reading()


def read_tensor(text: str, argument: str, reading: Reading = PLAIN) -> Tensor:
    """Read a tensor from where the text says: standard input, a file, or the text itself.

    Parameters
    ----------
    text : str
        ``-``, a path, ``archive.npz:name``, or JSON that starts with ``[`` or is a number.
    argument : str
        What the tensor is for: `INPUT_ARGUMENT`, or an option such as ``--kernel``.
    reading : Reading

    Returns
    -------
    Tensor
        Weak where it was JSON. Its name is the path where there is one, behind the option.

    Raises
    ------
    CnnopsError
        If there is no such file or it holds no tensor.
    """
    if not text:
        raise CnnopsError(f"{argument} is empty; expected a file, - or JSON text")
    if text == STDIN:
        return _read_stdin(argument, reading)
    if is_inline(text):
        return _read_inline(text, argument, reading)
    path, member = split_member(text)
    option = "" if argument == INPUT_ARGUMENT else f"{argument} "
    with _open(path, argument) as (stream, size):
        if _starts_with(stream, ZIP_MAGIC) or path.endswith(".npz"):
            from cnnops_cli.tensors.npz import Archive

            array = Archive(stream, size, option + path).read(member, header=reading.headers)
            return Tensor(array, option + text, weak=False)
        if Path(path).suffix.lower() in PICTURE_SUFFIXES:
            return _read_picture(stream, option + text, reading)
        return _read_plain(stream, size, option + text, reading)


def read_named(path: str, argument: str, accepted: Sequence[str]) -> dict[str, Tensor]:
    """Read several arrays by name: an .npz archive, or a JSON object of arrays.

    Parameters
    ----------
    path, argument : str
    accepted : sequence of str
        The names that may be there.

    Raises
    ------
    CnnopsError
        If there is no such file, it is neither, or it holds another name.
    """
    name = f"{argument} {path}"
    with _open(path, argument) as (stream, size):
        if _starts_with(stream, ZIP_MAGIC):
            from cnnops_cli.tensors.npz import Archive

            archive = Archive(stream, size, name)
            weak, arrays = False, {key: archive.read(key) for key in archive.names}
        else:
            from cnnops_cli.tensors.json_text import parse_object

            weak, arrays = True, parse_object(stream.read(), name, accepted)
    for key in arrays:
        check_word(f"{name} holds a name that is not known:", key, accepted)
    return {key: Tensor(array, f"{name}:{key}", weak) for key, array in arrays.items()}


def is_inline(text: str) -> bool:
    """Tell whether an argument is JSON text itself, and no file's name."""
    inline = text.lstrip()
    return inline.startswith("[") or bool(_NUMBER.fullmatch(inline) and not os.path.exists(text))


@contextmanager
def open_archive(path: str, argument: str) -> "Iterator[Archive]":
    """Open an archive for reading.

    Raises
    ------
    CnnopsError
        If there is none.
    """
    from cnnops_cli.tensors.npz import Archive

    with _open(path, argument) as (stream, size):
        yield Archive(stream, size, f"{argument} {path}")


def _read_inline(text: str, argument: str, reading: Reading) -> Tensor:
    try:
        return read_json(io.BytesIO(os.fsencode(text)), argument, reading)
    except CnnopsError as error:
        shown = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
        hint = f"; for the file of this name write ./{text}" if os.path.exists(text) else ""
        raise CnnopsError(f"{error}: {shown!r}{hint}") from None


def _numbers_or_letters(
    read: Callable[[BinaryIO, str], Array], stream: BinaryIO, name: str, reading: Reading
) -> Array:
    """Read JSON; where it is no array of numbers, one in which letters stand for some, if taken."""
    try:
        return read(stream, name)
    except CnnopsError:
        if not reading.letters:
            raise
        from cnnops_cli.tensors.letters import parse_letters

        stream.seek(0)
        array = parse_letters(stream.read(), name)
        if array is None:
            raise
        return array


def _read_stdin(argument: str, reading: Reading) -> Tensor:
    name = "standard input" if argument == INPUT_ARGUMENT else f"{argument}, standard input,"
    if sys.stdin is None:
        raise CnnopsError(f"{name} is closed; name a file instead")
    pipe = cast(io.BufferedReader, sys.stdin.buffer)
    try:
        if reading.headers and pipe.peek(len(NPY_MAGIC)).startswith(NPY_MAGIC):
            return Tensor(read_npy(pipe, None, name, header=True), argument, weak=False)
        stream, size = _read_whole(pipe)
    except OSError as error:
        raise CnnopsError(f"{name} cannot be read: {error.strerror}") from error
    if _starts_with(stream, ZIP_MAGIC):
        raise CnnopsError(f"{name} is an archive; name the .npz file instead")
    return _read_plain(stream, size, name, reading)._replace(name=argument)


def _read_plain(stream: BinaryIO, size: int, name: str, reading: Reading) -> Tensor:
    """Read .npy or JSON, told apart by the first bytes, or by the suffix where there is one."""
    if name.endswith(".npy") or (_starts_with(stream, NPY_MAGIC) and not name.endswith(".json")):
        return Tensor(read_npy(stream, size, name, header=reading.headers), name, weak=False)
    if _is_picture(stream) and not name.endswith(".json"):
        return _read_picture(stream, name, reading)
    return read_json(stream, name, reading)


def read_json(stream: BinaryIO, name: str, reading: Reading) -> Tensor:
    """Read a tensor of JSON text.

    Parameters
    ----------
    stream : binary stream
        Seekable, at its start.
    name : str
        What the user calls it.
    reading : Reading

    Raises
    ------
    CnnopsError
        If it is something else.
    """
    from cnnops_cli.tensors.json_pieces import read_array

    return Tensor(_numbers_or_letters(read_array, stream, name, reading), name, weak=True)


def _is_picture(stream: BinaryIO) -> bool:
    """Tell by bytes that begin no JSON text."""
    start = stream.read(12)
    stream.seek(0)
    return start.startswith(_PICTURE_MAGIC) or (start[:4] == b"RIFF" and start[8:] == b"WEBP")


def _read_picture(stream: BinaryIO, name: str, reading: Reading) -> Tensor:
    from cnnops_cli.tensors.pictures import read_picture

    array = read_picture(stream, name, header=reading.headers, decoding=reading.decoding)
    return Tensor(array, name, weak=False, picture=True)


def split_member(text: str) -> tuple[str, str | None]:
    """Split ``archive.npz:name``; a file that has such a name itself is meant first."""
    archive, mark, member = text.partition(".npz:")
    if mark and not os.path.exists(text):
        return f"{archive}.npz", member
    return text, None


@contextmanager
def _open(path: str, argument: str) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file that can be read from any place; what is no regular file is read whole first."""
    try:
        with Path(path).open("rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode):
                yield file, status.st_size
            else:
                yield _read_whole(file)
    except FileNotFoundError as error:
        raise CnnopsError(f"{argument}: no such file: {path}") from error
    except OSError as error:
        raise CnnopsError(f"{argument}: cannot read {path}: {error.strerror or error}") from error


def _read_whole(pipe: io.BufferedReader) -> tuple[BinaryIO, int]:
    """Read a pipe to its end, piece by piece, so that an interrupt is heard between two of them."""
    stream = io.BytesIO()
    while piece := pipe.read1(_PIECE):
        stream.write(piece)
    size = stream.tell()
    stream.seek(0)
    return stream, size


def _starts_with(stream: BinaryIO, magic: bytes) -> bool:
    start = stream.read(len(magic))
    stream.seek(0)
    return start == magic
