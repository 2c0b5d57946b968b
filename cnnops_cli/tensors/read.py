"""From a TENSOR argument, as the user wrote it, to an array.

What reads JSON and archives is imported where there is some: a small call is mostly its start.
"""

import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import is_absent, status_of
from cnnops_cli.tensors.npy import NPY_MAGIC, read_npy
from cnnops_cli.tensors.opening import (
    array_or_whole,
    arriving,
    naming_format,
    open_file,
    opened,
    whole,
)
from cnnops_cli.tensors.tensor import Tensor
from cnnops_cli.words import PICTURE_SUFFIXES, check_word, shortened

if TYPE_CHECKING:
    from cnnops_cli.tensors.npz import Archive

INPUT_ARGUMENT = "INPUT"
STDIN = "-"

ZIP_MAGIC = b"PK"
_PICTURE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")

_LAYER = {"weight", "bias"}
_MOST_SHOWN = 40

_NUMBER = re.compile(r"[+-]?(nan|inf(inity)?|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)", re.IGNORECASE)
"""With spellings that JSON does not have: its error says what it has."""


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
    layer : tuple of str
        What to read of an archive of exactly weight and bias that is named as a whole: the weight,
        and perhaps the bias. Empty where it is an archive like any other.
    """

    headers: bool = False
    letters: bool = False
    decoding: Callable[[], AbstractContextManager[None]] = nullcontext
    layer: tuple[str, ...] = ()


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
    name = path if argument == INPUT_ARGUMENT else f"{argument} {path}"
    with open_file(path, argument) as file:
        stream, size = array_or_whole(file, path)
        with naming_format(stream, name, path):
            if size is not None and (_starts_with(stream, ZIP_MAGIC) or path.endswith(".npz")):
                from cnnops_cli.tensors.npz import Archive

                archive = Archive(stream, size, name)
                if member is None and reading.layer and set(archive.names) == _LAYER:
                    return _read_layer(archive, name, reading)
                array = archive.read(member, header=reading.headers)
                return Tensor(array, name + text.removeprefix(path), weak=False)
            if Path(path).suffix.lower() in PICTURE_SUFFIXES:
                return _read_picture(stream, name, reading)
            return _read_plain(stream, size, name, reading)


def _read_layer(archive: "Archive", name: str, reading: Reading) -> Tensor:
    weight, *bias = (
        Tensor(archive.read(key, header=reading.headers), f"{name}:{key}", weak=False)
        for key in reading.layer
    )
    return weight._replace(bias=bias[0] if bias else None)


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
    with open_file(path, argument) as file:
        stream, size = whole(file)
        with naming_format(stream, name, path):
            if _starts_with(stream, ZIP_MAGIC):
                from cnnops_cli.tensors.npz import Archive

                archive = Archive(stream, size, name)
                names = _known(archive.names, name, accepted)
                if not names:
                    raise CnnopsError(f"{name} holds no array; expected {', '.join(accepted)}")
                weak, arrays = False, {key: archive.read(key) for key in names}
            else:
                from cnnops_cli.tensors.json_text import parse_object

                weak, arrays = True, parse_object(stream.read(), name, accepted)
                _known(arrays, name, accepted)
    return {key: Tensor(array, f"{name}:{key}", weak) for key, array in arrays.items()}


def _known(names: Iterable[str], name: str, accepted: Sequence[str]) -> list[str]:
    for key in names:
        check_word(f"{name} holds a name that is not known:", key, accepted)
    return list(names)


def is_inline(text: str) -> bool:
    """Return whether an argument is JSON text itself, and no file's name."""
    inline = text.lstrip()
    return inline.startswith("[") or bool(_NUMBER.fullmatch(inline) and is_absent(text))


@contextmanager
def open_archive(path: str, argument: str) -> "Iterator[Archive]":
    """Open an archive for reading.

    Raises
    ------
    CnnopsError
        If there is none.
    """
    from cnnops_cli.tensors.npz import Archive

    with opened(path, argument) as file:
        stream, size = whole(file)
        yield Archive(stream, size, f"{argument} {path}")


def _read_inline(text: str, argument: str, reading: Reading) -> Tensor:
    try:
        return read_json(io.BytesIO(os.fsencode(text)), argument, reading)
    except CnnopsError as error:
        hint = f"; for the file of this name write ./{text}" if not is_absent(text) else ""
        raise CnnopsError(f"{error}: {shortened(text, _MOST_SHOWN)!r}{hint}") from None


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
    try:
        stream, size = arriving(sys.stdin.buffer)
        with naming_format(stream, name):
            if size is not None and _starts_with(stream, ZIP_MAGIC):
                raise CnnopsError(f"{name} is an archive; name the .npz file instead")
            return _read_plain(stream, size, name, reading)._replace(name=argument)
    except OSError as error:
        raise CnnopsError(f"{name} cannot be read: {error.strerror or error}") from error


def _read_plain(stream: BinaryIO, size: int | None, name: str, reading: Reading) -> Tensor:
    """Read .npy or JSON, told apart by the first bytes, or by the suffix where there is one."""
    if (
        size is None
        or name.endswith(".npy")
        or (_starts_with(stream, NPY_MAGIC) and not name.endswith(".json"))
    ):
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
    """Split ``archive.npz:name``; a file that has such a name itself is meant first.

    Raises
    ------
    CnnopsError
        If the system does not say whether there is one.
    """
    archive, mark, member = text.partition(".npz:")
    if mark and (is_absent(text) or status_of(text) is None):
        return f"{archive}.npz", member
    return text, None


def _starts_with(stream: BinaryIO, magic: bytes) -> bool:
    start = stream.read(len(magic))
    stream.seek(0)
    return start == magic
