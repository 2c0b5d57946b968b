"""The calls of a command: tensors are read, its operator applied, results delivered."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from cnnops_cli import signals
from cnnops_cli.commands.deliver import deliver
from cnnops_cli.commands.delivery import Delivery
from cnnops_cli.commands.operands import announce_terminal, check_standard_input, read_tensors
from cnnops_cli.commands.watch import watching_tiles
from cnnops_cli.options import Settings
from cnnops_cli.tensors.formats import PLAIN, Reading
from cnnops_cli.tensors.read import STDIN
from cnnops_cli.tensors.staged_files import made_directory
from cnnops_cli.tensors.tensor import Tensor

Work = Callable[[dict[str, Tensor]], Delivery]


def run(
    command: str,
    work: Work,
    settings: Settings,
    inputs: list[str] | None,
    *,
    reading: Reading = PLAIN,
    **operands: str | None,
) -> None:
    """Apply an operator to INPUT, and deliver what comes of it; to several, or line by line.

    Parameters
    ----------
    command : str
        The operator's name.
    work : callable
        The operator with its options: from the tensors by argument, ``input`` among them, to the
        result.
    settings : Settings
        As `settle` returned them.
    inputs : list of str, optional
    reading : Reading
    **operands : str, optional
        The other TENSOR arguments.
    """
    signals.begin()
    texts = inputs or [STDIN]
    announce_terminal(command, settings, *texts, *operands.values(), settings.expect)
    if settings.lines:
        from cnnops_cli.commands.lines import answer_lines

        check_standard_input(input=STDIN, **operands)
        tensors = read_tensors(reading, settings.layout, **operands)
        answer_lines(command, work, settings, tensors, reading)
    elif len(texts) > 1:
        from cnnops_cli.commands.files import apply_to_files

        tensors = read_tensors(reading, settings.layout, **operands)
        apply_to_files(command, work, settings, texts, tensors, reading)
    else:
        expect = _expected_text(settings)
        with watching_tiles(settings, command):
            reading = reading._replace(headers=settings.dry_run)
            texts_by_argument = {"input": texts[0], **operands, "expect": expect}
            tensors = read_tensors(reading, settings.layout, **texts_by_argument)
            expected = tensors.pop("expect", None)
            delivery = work(tensors)
        with _directory_of(settings.output):
            if settings.expect is None:
                deliver(delivery, settings)
            else:
                from cnnops_cli.commands.golden import deliver_checked

                json = texts[0] if tensors["input"].weak else None
                deliver_checked(delivery, settings, expected, json)


def _expected_text(settings: Settings) -> str | None:
    """Return which TENSOR is expected; none where the golden file is still to be made."""
    if settings.expect is not None and settings.update_expected:
        from cnnops_cli.tensors.golden_files import is_there

        return settings.expect if is_there(settings.expect) else None
    return settings.expect


def _directory_of(output: str | None) -> AbstractContextManager[None]:
    """Make the directory that `settle` found a file's name for."""
    directory = os.path.dirname(output or "")
    return made_directory(directory) if directory else nullcontext()
