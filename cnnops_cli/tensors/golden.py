"""Golden files: expected tensors, found by their TENSOR text and written in their place."""

import os
from pathlib import Path
from typing import BinaryIO

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import is_absent
from cnnops_cli.tensors.read import STDIN, open_archive, split_member
from cnnops_cli.tensors.write import Writer, array_writer
from cnnops_cli.words import SUFFIXES

_ARGUMENT = "--expect"


def golden_path(text: str) -> str:
    """Return the file that a TENSOR names, and refuse what a golden file cannot be written to.

    Parameters
    ----------
    text : str
        A path, or ``archive.npz:name``.

    Raises
    ------
    CnnopsError
        If it is standard input, JSON text or a path of another suffix, or there is no place for it.
    """
    path = split_member(text)[0]
    if text == STDIN or text.lstrip().startswith("[") or Path(path).suffix not in SUFFIXES:
        raise CnnopsError(
            f"--update-expected writes the FILE of {_ARGUMENT}, which ends in "
            f"{', '.join(SUFFIXES)}: {text!r}"
        )
    if text.endswith(".npz:"):
        raise CnnopsError(f"{_ARGUMENT} {text} names no array: write {text}NAME, or {path}")
    if os.path.isdir(path):
        raise CnnopsError(f"{_ARGUMENT}: {path} is a directory")
    parent = str(Path(path).parent)
    if is_absent(parent) or os.path.isfile(parent):
        raise CnnopsError(f"{_ARGUMENT}: {path} cannot be written: no such directory: {parent}")
    return path


def is_there(text: str) -> bool:
    """Return whether there is such a file, and the member in it that the text names."""
    path, member = split_member(text)
    if member is None or is_absent(path):
        return not is_absent(path)
    with open_archive(path, _ARGUMENT) as archive:
        return member in archive


def golden_writer(text: str, array: Array) -> tuple[str, Writer]:
    """Return the path of a golden file, and its writer: an archive keeps its other arrays."""
    path, member = split_member(text)
    if Path(path).suffix == ".npz" and not is_absent(path):
        return path, lambda stream: _write_into_archive(stream, path, member, array)
    return path, array_writer(path, member or "output", array)


def _write_into_archive(stream: BinaryIO, path: str, member: str | None, array: Array) -> None:
    with open_archive(path, _ARGUMENT) as archive:
        archive.write_with(stream, member, array)
