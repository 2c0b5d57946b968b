"""Golden files: expected tensors, found by their TENSOR text and written in their place."""

import os
from pathlib import Path

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.read import STDIN, read_members, split_member
from cnnops_cli.tensors.write import Writer, array_writer, named_writer
from cnnops_cli.words import SUFFIXES


def golden_path(text: str) -> str:
    """Tell the file that a TENSOR names, and refuse what a golden file cannot be written to.

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
            f"--update-expected writes the FILE of --expect, which ends in {', '.join(SUFFIXES)}: "
            f"{text!r}"
        )
    if os.path.isdir(path):
        raise CnnopsError(f"--expect: {path} is a directory")
    if not Path(path).parent.is_dir():
        raise CnnopsError(
            f"--expect: {path} cannot be written: no such directory: {Path(path).parent}"
        )
    return path


def is_there(text: str) -> bool:
    """Tell whether there is such a file, and the member in it that the text names."""
    path, member = split_member(text)
    if not os.path.exists(path):
        return False
    return member is None or member in read_members(path, "--expect")


def golden_writer(text: str, array: Array) -> tuple[str, Writer]:
    """Tell the path that a golden file is written to, and how: an archive keeps its other arrays.

    Raises
    ------
    CnnopsError
        If the archive cannot be read.
    """
    path, member = split_member(text)
    if Path(path).suffix == ".npz":
        members = read_members(path, "--expect") if os.path.exists(path) else {}
        name = member or next(iter(members), "output")
        return path, named_writer(path, members | {name: array})
    return path, array_writer(path, "output", array)
