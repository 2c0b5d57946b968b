"""TENSOR arguments, as the user wrote them, to arrays."""

import io
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import is_absent, status_of
from cnnops_cli.tensors.formats import FILE_FORMATS, JSON, PLAIN, Reading, format_of_bytes
from cnnops_cli.tensors.opening import (
    Source,
    first_bytes,
    naming_format,
    open_file,
    seekable,
    source_of,
    source_of_stream,
)
from cnnops_cli.tensors.tensor import Tensor
from cnnops_cli.words import shortened

if TYPE_CHECKING:
    from cnnops_cli.tensors.npz import Archive

INPUT_ARGUMENT = "INPUT"
STDIN = "-"

_LAYER = {"weight", "bias"}
_MOST_SHOWN = 40

_NUMBER = r"[+-]?(nan|inf(inity)?|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)"
"""Spellings that JSON does not have are included, for its error names those that it has."""


def read_tensor(text: str, argument: str, reading: Reading = PLAIN) -> Tensor:
    """Read the tensor that a text names: standard input, a file, or the text itself."""
    if not text:
        raise CnnopsError(f"{argument} is empty; expected a file, - or JSON text")
    if text == STDIN:
        return _read_stdin(argument, reading)
    if is_inline(text):
        return _read_inline(text, argument, reading)
    path, member = split_member(text)
    name = path if argument == INPUT_ARGUMENT else f"{argument} {path}"
    with open_file(path, argument) as file:
        source = source_of(file, path)
        with naming_format(source.stream, name, path):
            if not source.format.has_members:
                return _read(source, name, reading)
            archive = source.format.code.Archive(source.stream, source.size, name)
            if member is None and reading.layer and set(archive.names) == _LAYER:
                return _read_layer(archive, name, reading)
            array = archive.read(member, reading)
            return Tensor(array, name + text.removeprefix(path), weak=False)


def _read(source: Source, name: str, reading: Reading) -> Tensor:
    row = source.format
    array = row.code.read(source.stream, source.size, name, reading)
    return Tensor(array, name, weak=row.is_weak, picture=row.is_picture)


def _read_layer(archive: "Archive", name: str, reading: Reading) -> Tensor:
    weight, *bias = (
        Tensor(archive.read(key, reading), f"{name}:{key}", weak=False) for key in reading.layer
    )
    return weight._replace(bias=bias[0] if bias else None)


def _read_stdin(argument: str, reading: Reading) -> Tensor:
    name = "standard input" if argument == INPUT_ARGUMENT else f"{argument}, standard input,"
    if sys.stdin is None:
        raise CnnopsError(f"{name} is closed; name a file instead")
    try:
        source = source_of_stream(sys.stdin.buffer)
        with naming_format(source.stream, name):
            if source.format.has_members:
                suffix = source.format.suffixes[0]
                raise CnnopsError(f"{name} is an archive; name the {suffix} file instead")
            return _read(source, name, reading)._replace(name=argument)
    except OSError as error:
        raise CnnopsError(f"{name} cannot be read: {error.strerror or error}") from error


def _read_inline(text: str, argument: str, reading: Reading) -> Tensor:
    try:
        return read_json(io.BytesIO(os.fsencode(text)), argument, reading)
    except CnnopsError as error:
        hint = f"; for the file of this name write ./{text}" if not is_absent(text) else ""
        raise CnnopsError(f"{error}: {shortened(text, _MOST_SHOWN)!r}{hint}") from None


def read_json(stream: BinaryIO, name: str, reading: Reading) -> Tensor:
    """Read a tensor as JSON from a seekable stream at its start."""
    return _read(Source(stream, None, JSON), name, reading)


def is_inline(text: str) -> bool:
    """Return whether an argument is JSON text itself, and not a file's name."""
    inline = text.lstrip()
    if inline.startswith("["):
        return True
    return bool(re.fullmatch(_NUMBER, inline, re.IGNORECASE)) and is_absent(text)


def read_named(path: str, argument: str, accepted: Sequence[str]) -> dict[str, Tensor]:
    """Read arrays with accepted names from an .npz archive or a JSON object."""
    name = f"{argument} {path}"
    with open_file(path, argument) as file:
        stream, size = seekable(file)
        with naming_format(stream, name, path):
            row = format_of_bytes(first_bytes(stream))
            row = row if row.has_names else JSON
            arrays = row.code.read_named(stream, size, name, accepted)
    return {key: Tensor(array, f"{name}:{key}", row.is_weak) for key, array in arrays.items()}


def split_member(text: str) -> tuple[str, str | None]:
    """Split ``archive.npz:name``, unless there is a file of that whole name."""
    for row in FILE_FORMATS:
        for suffix in row.suffixes if row.has_members else ():
            archive, mark, member = text.partition(f"{suffix}:")
            if mark and (is_absent(text) or status_of(text) is None):
                return f"{archive}{suffix}", member
    return text, None
