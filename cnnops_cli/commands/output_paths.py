"""Where results go that are written to a directory: each under its INPUT's name."""

import os
from collections.abc import Sequence
from pathlib import Path

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.formats import NPY, format_of_name
from cnnops_cli.tensors.read import STDIN, is_inline, split_member


def output_paths(inputs: Sequence[str], directory: str, read: Sequence[str] = ()) -> list[str]:
    """Return where the result of each INPUT goes.

    An INPUT without a name is refused, and a result that would replace another, or what is read.

    Examples
    --------
    >>> output_paths(["a/x.json", "w.npz:conv1.weight", "photo.raw"], "out/")
    ['out/x.json', 'out/conv1.weight.npy', 'out/photo.raw.npy']
    """
    paths = [os.path.join(directory, _name(text, directory)) for text in inputs]
    taken: dict[str, str] = {}
    sources = {_identity(split_member(text)[0]): text for text in (*inputs, *read)}
    for text, path in zip(inputs, paths, strict=True):
        if path in taken:
            raise CnnopsError(f"{taken[path]} and {text} would both be written to {path}")
        taken[path] = text
        identity = _identity(path)
        if identity is not None and identity in sources:
            raise CnnopsError(
                f"the result of {text} would replace {sources[identity]}, which is read; "
                "name another directory"
            )
    return paths


def _name(text: str, directory: str) -> str:
    if text in ("", STDIN) or is_inline(text):
        what = {"": "is empty", STDIN: "is standard input"}.get(text, "is JSON text")
        raise CnnopsError(
            f"INPUT {what}, which has no name for a result in {directory}; name a file instead"
        )
    path, member = split_member(text)
    name = Path(path if member is None else member.removesuffix(".npy")).name or Path(path).stem
    is_kept = member is None and bool(format_of_name(name).suffixes)
    return name if is_kept else f"{name}{NPY.suffixes[0]}"


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells a file from others, whatever it is called; None where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
