"""The way of a call: its tensors are read, an operation is made of them, its outcome written."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from cnnops_cli import signals
from cnnops_cli.commands.call import Call
from cnnops_cli.commands.large_results import in_unnamed_files, staging
from cnnops_cli.commands.operands import announce_terminal, check_standard_input, read_tensors
from cnnops_cli.commands.operation import Operation
from cnnops_cli.commands.outcome import Outcome, work_out
from cnnops_cli.commands.watch import watching_tiles
from cnnops_cli.commands.write_outcome import write_outcome
from cnnops_cli.errors import CnnopsError
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.formats import Reading
from cnnops_cli.tensors.read import STDIN
from cnnops_cli.tensors.staged_files import made_directory
from cnnops_cli.tensors.tensor import Tensor

Work = Callable[[dict[str, Tensor]], Outcome]


def run(kind: type[Operation], call: Call, **options: Any) -> None:
    """Apply an operation to INPUT, or to several, or line by line.

    Parameters
    ----------
    kind : type
        The command's operation.
    call : Call
        As `validate` returned it.
    **options
        The operator's own, which the operation is made with.
    """
    if call.is_zarr:
        from cnnops_cli.commands.in_blocks import run_in_blocks

        _check_offers(kind, call)
        run_in_blocks(kind, call, options)
        return
    signals.begin()
    settings = call.settings
    _check_offers(kind, call)
    work = partial(work_out, kind, call, options)
    reading = Reading(letters=kind.offers("formulas"), headers=settings.dry_run)
    announce_terminal(kind.name, settings, *call.texts, *call.tensors.values(), settings.expect)
    if settings.lines:
        from cnnops_cli.commands.line_by_line import answer_lines

        check_standard_input(input=STDIN, **call.tensors)
        tensors = read_tensors(reading, settings.layout, **call.tensors)
        answer_lines(kind.name, work, settings, tensors, reading)
    elif len(call.texts) > 1:
        from cnnops_cli.commands.many_inputs import apply_to_each

        with in_unnamed_files():
            tensors = read_tensors(reading, settings.layout, **call.tensors)
        apply_to_each(kind.name, work, settings, call.texts, call.outputs, tensors, reading)
    else:
        _apply_to_one(kind.name, work, call, reading)


def _check_offers(kind: type[Operation], call: Call) -> None:
    """Refuse by name what the command does not have."""
    settings = call.settings
    if call.is_zarr and not kind.offers("blocks"):
        raise CnnopsError(f"{kind.name} takes no Zarr array, as {call.texts[0]} is")
    asked = {
        "explain": ("explained", settings.explain),
        "lesson": ("lesson", settings.lesson is not None),
        "dry_run": ("estimate", settings.dry_run),
        "with_input": ("sections", call.with_input),
        **{option: ("writer", path is not None) for option, path in call.all_files.items()},
    }
    for option, (method, is_asked) in asked.items():
        if is_asked and not kind.offers(method):
            raise CnnopsError(f"{kind.name} has no --{option.replace('_', '-')}")


def _apply_to_one(command: str, work: Work, call: Call, reading: Reading) -> None:
    settings, expect = call.settings, _expected_text(call.settings)
    with (
        _directory_of(settings.output),
        staging(settings.output, call.files, settings.layout) as staged,
    ):
        with watching_tiles(settings, command):
            tensors = read_tensors(
                reading, settings.layout, input=call.texts[0], **call.tensors, expect=expect
            )
            expected = tensors.pop("expect", None)
            outcome = work(tensors)
        if settings.expect is None:
            write_outcome(outcome, settings, staged)
        else:
            from cnnops_cli.commands.expectation import write_checked

            json = call.texts[0] if tensors["input"].weak else None
            write_checked(outcome, settings, staged, expected, json)


def _expected_text(settings: Settings) -> str | None:
    """Return which TENSOR is expected; none where the golden file is still to be made."""
    if settings.expect is not None and settings.update_expected:
        from cnnops_cli.tensors.golden_files import is_there

        return settings.expect if is_there(settings.expect) else None
    return settings.expect


def _directory_of(output: str | None) -> AbstractContextManager[None]:
    directory = os.path.dirname(output or "")
    return made_directory(directory) if directory else nullcontext()
