"""The calls of a command: tensors are read, its operator applied, results delivered."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnops_cli.commands.deliver import Delivery, deliver
from cnnops_cli.commands.operands import check_standard_input, read_tensors
from cnnops_cli.commands.watch import watching_tiles
from cnnops_cli.errors import CnnopsError
from cnnops_cli.options import Settings
from cnnops_cli.parsers import is_directory
from cnnops_cli.tensors.read import PLAIN, STDIN, Reading
from cnnops_cli.tensors.tensor import Tensor

Work = Callable[[dict[str, Tensor]], Delivery]

_OF_ONE_RESULT = ("view", "explain", "dry_run", "expect")
"""Settings that show, check or write one result."""
_MOST_SHOWN = 40


def settle(
    settings: Settings, inputs: list[str] | None, *read: str | None, **of_one: Any
) -> Settings:
    """Refuse, before any work, what does not go with how many inputs there are.

    Parameters
    ----------
    settings : Settings
    inputs : list of str, optional
    *read : str, optional
        What else is read, and so may not be replaced by a result.
    **of_one
        The command's own options that name a file for one result.

    Returns
    -------
    Settings
        With the file of the one INPUT where its result goes to a directory.

    Raises
    ------
    CnnopsError
        If two results would go to one file, or one where something is read, or an option is for
        one result and there are several.
    """
    texts = inputs or [STDIN]
    if settings.lines or len(texts) > 1:
        why = "--lines has" if settings.lines else f"{len(texts)} INPUTs have"
        _check_none_is_of_one(settings, of_one, why)
    elif settings.keep_going:
        raise CnnopsError("--keep-going goes with --lines, or with several INPUTs")
    if settings.lines:
        _check_lines(settings, inputs)
        return settings
    if len(texts) > 1:
        _check_several(settings, texts)
    elif not is_directory(settings.output):
        return settings
    from cnnops_cli.commands.files import check_places, places

    directory = str(settings.output)
    check_places(texts, directory, [text for text in read if text is not None])
    return settings if len(texts) > 1 else settings._replace(output=places(texts, directory)[0])


def _check_none_is_of_one(settings: Settings, options: dict[str, Any], why: str) -> None:
    shared = settings._asdict()
    options = {name: shared.get(name) for name in _OF_ONE_RESULT} | options
    for name, value in options.items():
        if value:
            raise CnnopsError(
                f"--{name.replace('_', '-')} is for one result, and {why} several; leave it out"
            )


def _check_lines(settings: Settings, inputs: list[str] | None) -> None:
    if inputs not in (None, [], [STDIN]):
        raise CnnopsError(f"--lines reads standard input; leave INPUT {inputs[0]} out")
    if settings.format not in ("auto", "json"):
        raise CnnopsError(f"--lines writes JSON; leave --format {settings.format} out")
    if settings.output not in (None, STDIN):
        raise CnnopsError(
            f"--lines writes to standard output; leave --output out (> {settings.output} takes "
            "the lines)"
        )


def _check_several(settings: Settings, texts: list[str]) -> None:
    if not is_directory(settings.output):
        first, second = (text[:_MOST_SHOWN] for text in texts[:2])
        hint = "; JSON text stands in quotes" if "[" in first else ""
        raise CnnopsError(
            f"several INPUTs, as {first} and {second}, need a directory for their results: "
            f"-o DIRECTORY/{hint}"
        )
    if settings.format != "auto":
        raise CnnopsError(
            f"--format {settings.format} is for one result, but there are {len(texts)} INPUTs, "
            "whose suffixes tell the formats"
        )


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
        Of one INPUT and the operands beside it; others hold numbers.
    **operands : str, optional
        The other TENSOR arguments.
    """
    texts = inputs or [STDIN]
    if settings.lines:
        from cnnops_cli.commands.lines import answer_lines

        check_standard_input(input=STDIN, **operands)
        answer_lines(command, work, settings, read_tensors(PLAIN, settings.layout, **operands))
    elif len(texts) > 1:
        from cnnops_cli.commands.files import apply_to_files

        apply_to_files(
            command, work, settings, texts, read_tensors(PLAIN, settings.layout, **operands)
        )
    else:
        expect = _expected_text(settings)
        with watching_tiles(settings, command):
            reading = reading._replace(headers=settings.dry_run)
            texts_by_argument = {"input": texts[0], **operands, "expect": expect}
            tensors = read_tensors(reading, settings.layout, **texts_by_argument)
            expected = tensors.pop("expect", None)
            delivery = work(tensors)
        _make_directory(settings.output)
        if settings.expect is None:
            deliver(delivery, settings)
        else:
            from cnnops_cli.commands.golden import deliver_checked

            deliver_checked(delivery, settings, expected)


def _expected_text(settings: Settings) -> str | None:
    """Tell which TENSOR is expected; none where the golden file is still to be made."""
    if settings.expect is not None and settings.update_expected:
        from cnnops_cli.tensors.golden import is_there

        return settings.expect if is_there(settings.expect) else None
    return settings.expect


def _make_directory(output: str | None) -> None:
    """Make the directory that `settle` found a file's name for."""
    parent = Path(output or os.curdir).parent
    if output != STDIN and not parent.exists():
        from cnnops_cli.commands.files import make_directory

        make_directory(str(parent))
