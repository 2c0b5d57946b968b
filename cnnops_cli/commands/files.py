"""Several files: each result goes to a directory, under its input's name."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cnnops_cli import signals
from cnnops_cli.commands.deliver import deliver, wants_summary
from cnnops_cli.commands.delivery import Delivery
from cnnops_cli.commands.operands import read_tensors
from cnnops_cli.commands.report import reason_of, report, tell
from cnnops_cli.commands.watch import progress_of
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.parallel import watched_by
from cnnops_cli.options import Settings
from cnnops_cli.tensors.formats import NPY, Reading, format_of_name
from cnnops_cli.tensors.read import STDIN, is_inline, split_member
from cnnops_cli.tensors.staged_files import made_directory
from cnnops_cli.tensors.tensor import Tensor


def places(inputs: Sequence[str], directory: str) -> list[str]:
    """Return where each input's result goes.

    Raises
    ------
    CnnopsError
        If an input has no name.

    Examples
    --------
    >>> places(["a/x.json", "w.npz:conv1.weight", "photo.raw"], "out/")
    ['out/x.json', 'out/conv1.weight.npy', 'out/photo.raw.npy']
    """
    return [os.path.join(directory, _name(text, directory)) for text in inputs]


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


def check_places(inputs: Sequence[str], directory: str, read: Sequence[str]) -> None:
    """Refuse results that would replace each other, or what is read.

    Parameters
    ----------
    inputs : sequence of str
    directory : str
    read : sequence of str
        What else is read.

    Raises
    ------
    CnnopsError
        If two inputs have one name, or a result that of a file that is read.
    """
    taken: dict[str, str] = {}
    sources = {_identity(split_member(text)[0]): text for text in (*inputs, *read)}
    for text, place in zip(inputs, places(inputs, directory), strict=True):
        if place in taken:
            raise CnnopsError(f"{taken[place]} and {text} would both be written to {place}")
        taken[place] = text
        identity = _identity(place)
        if identity is not None and identity in sources:
            raise CnnopsError(
                f"the result of {text} would replace {sources[identity]}, which is read; "
                "name another directory"
            )


def _identity(path: str) -> tuple[int, int] | None:
    """Tell a file apart from others, whatever it is called; None where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def apply_to_files(
    command: str,
    work: Callable[[dict[str, Tensor]], Delivery],
    settings: Settings,
    inputs: Sequence[str],
    operands: dict[str, Tensor],
    reading: Reading,
) -> None:
    """Apply an operator to each file; one that fails is reported, and the others go on.

    Parameters
    ----------
    command : str
    work : callable
        From the tensors by argument to the result.
    settings : Settings
        Their output is a directory.
    inputs : sequence of str
    operands : dict of str to Tensor
        The other arguments, which are the same for every file.
    reading : Reading

    Raises
    ------
    CnnopsError
        In the end, if one failed.
    """
    directory, failed = str(settings.output), 0
    with (
        made_directory(directory),
        progress_of(settings, command, "INPUTs", len(inputs)) as progress,
    ):
        for text, place in zip(inputs, places(inputs, directory), strict=True):
            signals.release()  # those that waited until the files of the last were in their places
            try:
                with watched_by(progress.within if progress else None):
                    delivery = work(read_tensors(reading, settings.layout, input=text) | operands)
                deliver(delivery, settings._replace(output=place, quiet=True))
            except (CnnopsError, MemoryError) as error:
                failed += 1
                reason = reason_of(error)
                if progress:
                    progress.clear()
                report(f"cnnops {command}", reason if text in reason else f"{text}: {reason}")
            if progress:
                progress.advance()
    if failed == len(inputs):
        raise CnnopsError(f"all {failed} INPUTs failed")
    if failed:
        raise CnnopsError(
            f"{failed} of {len(inputs)} INPUTs failed; the results of the others are in {directory}"
        )
    if wants_summary(settings):
        tell(f"{directory}  {len(inputs)} results")
