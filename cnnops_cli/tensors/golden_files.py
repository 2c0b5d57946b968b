"""Golden files: expected tensors, found by their TENSOR text and updated in place."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import is_absent
from cnnops_cli.tensors.formats import array_suffixes, format_of_name
from cnnops_cli.tensors.opening import open_file, opened, seekable
from cnnops_cli.tensors.read import STDIN, split_member
from cnnops_cli.tensors.write import Writer, array_writer

if TYPE_CHECKING:
    from cnnops_cli.tensors.npz import Archive

_ARGUMENT = "--expect"


def golden_path(text: str) -> str:
    """Return the file that a TENSOR names, and refuse one that cannot be written."""
    path, member = split_member(text)
    suffixes = array_suffixes()
    if text == STDIN or text.lstrip().startswith("[") or Path(path).suffix not in suffixes:
        raise CnnopsError(
            f"--update-expected writes the FILE of {_ARGUMENT}, which ends in "
            f"{', '.join(suffixes)}: {text!r}"
        )
    if member == "":
        raise CnnopsError(f"{_ARGUMENT} {text} names no array: write {text}NAME, or {path}")
    if os.path.isdir(path):
        raise CnnopsError(f"{_ARGUMENT}: {path} is a directory")
    parent = str(Path(path).parent)
    if is_absent(parent) or os.path.isfile(parent):
        raise CnnopsError(f"{_ARGUMENT}: {path} cannot be written: no such directory: {parent}")
    return path


def is_there(text: str) -> bool:
    """Return whether there is such a file, and in it the member that the text names."""
    path, member = split_member(text)
    if member is None or is_absent(path):
        return not is_absent(path)
    with open_file(path, _ARGUMENT) as file:
        return member in _archive(file, path)


def golden_writer(text: str, array: Array) -> tuple[str, Writer]:
    """Return the path of a golden file, and its writer: an archive keeps its other arrays."""
    path, member = split_member(text)
    if not format_of_name(path).has_members or is_absent(path):
        return path, array_writer(path, member or "output", array)

    def write(stream: BinaryIO) -> None:
        with opened(path, _ARGUMENT) as file:
            _archive(file, path).write_with(stream, member, array)

    return path, write


def _archive(file: BinaryIO, path: str) -> "Archive":
    stream, size = seekable(file)
    archive: Archive = format_of_name(path).code.Archive(stream, size, f"{_ARGUMENT} {path}")
    return archive
