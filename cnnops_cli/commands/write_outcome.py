"""Where an outcome goes: files, standard output and the summary."""

import sys
from pathlib import Path

from cnnops_cli import signals
from cnnops_cli.commands.operands import FORMULAS_ARE_TEXT
from cnnops_cli.commands.outcome import Outcome
from cnnops_cli.commands.stderr import tell
from cnnops_cli.commands.stdout import is_viewed, is_written, write_stdout
from cnnops_cli.errors import CnnopsError
from cnnops_cli.parsers import takes_any_format
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.formats import format_of_name
from cnnops_cli.tensors.staged_files import StagedFiles
from cnnops_cli.tensors.write import Writer, array_writer, bytes_writer, json_writer, npy_writer


def write_outcome(outcome: Outcome, settings: Settings, staged: StagedFiles) -> None:
    """Write an outcome where the settings say: files appear together, after standard output.

    Where something cannot be written, no file has changed, but for devices and pipes.
    """
    to_file = None if settings.output == "-" else settings.output
    for path, write in outcome.files.items():
        staged.add(path, write)
    if settings.view is not None:
        staged.add(settings.view, _view_writer(outcome, settings, Path(settings.view).suffix))
    if settings.lesson is not None and outcome.lesson is not None:
        staged.add(settings.lesson, bytes_writer(outcome.lesson.html().encode()))
    if to_file is not None:
        staged.add(to_file, _file_writer(to_file, outcome, settings))
    for path, write in outcome.durable_files.items():
        staged.add(path, write, durable=True)
    closed_pipe = None
    if is_written(settings):
        try:
            write_stdout(_stdout_writer(outcome, settings))
        except BrokenPipeError as error:
            closed_pipe = error
    move_into_place(staged)
    if closed_pipe is not None:
        raise closed_pipe
    if to_file and wants_summary(settings):
        from cnnops_cli.views.summary import summarise

        told = [outcome.shape]
        if not outcome.is_formulas:
            told = summarise(outcome.output, settings.precision, shape=outcome.shape)
        tell("  ".join(filter(None, [to_file, *told, outcome.terminal_note])))


def move_into_place(staged: StagedFiles) -> None:
    """Move the files; signals wait from the first move on, but for a device or pipe that blocks."""
    signals.hold()
    staged.move()
    if staged.has_devices:
        signals.release()
        try:
            staged.write_devices()
        finally:
            signals.hold()


def wants_summary(settings: Settings) -> bool:
    """Return whether someone would read what was written where."""
    return not settings.quiet and sys.stderr is not None and sys.stderr.isatty()


def _view_writer(outcome: Outcome, settings: Settings, suffix: str) -> Writer:
    """Return how the file of `--view` is written: what is shown, or would be on a terminal."""
    if outcome.explainer is not None:
        from cnnops_cli.commands.explained import explanation_view

        return explanation_view(outcome, outcome.explainer, settings, suffix)
    from cnnops_cli.commands.result_view import file_view

    return file_view(outcome, settings, suffix)


def _file_writer(path: str, outcome: Outcome, settings: Settings) -> Writer:
    """Return how the result's file is written, by its suffix."""
    takes_letters = format_of_name(path).holds_letters or takes_any_format(path)
    if outcome.is_formulas and not takes_letters:
        raise CnnopsError(f"{FORMULAS_ARE_TEXT}, not to {path}")
    if takes_any_format(path):
        return _device_writer(outcome, settings)
    how = settings.precision, settings.layout, settings.stretch
    return array_writer(path, "output", outcome.output, *how)


def _device_writer(outcome: Outcome, settings: Settings) -> Writer:
    """Return how the result is written where --format decides, and JSON is the usual."""
    if settings.format == "npy":
        return npy_writer(outcome.output)
    if settings.format == "table" and not outcome.is_formulas:
        from cnnops_cli.commands.result_view import file_view

        return file_view(outcome, settings, ".txt")
    return json_writer(outcome.output, settings.precision)


def _stdout_writer(outcome: Outcome, settings: Settings) -> Writer:
    """Return how standard output is written."""
    is_list = outcome.is_formulas and not outcome.sections and is_viewed(settings)
    if outcome.explainer or outcome.estimate or is_list:
        from cnnops_cli.commands.explained import report_writer

        return report_writer(outcome, settings)
    if is_viewed(settings):
        from cnnops_cli.commands.result_view import stdout_view

        return stdout_view(outcome, settings)
    if settings.format == "npy":
        return npy_writer(outcome.output)
    return json_writer(outcome.output, settings.precision)
