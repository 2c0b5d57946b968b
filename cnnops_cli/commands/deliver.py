"""What every command does after its operator: write files, standard output and the summary."""

import sys
from pathlib import Path

from cnnops_cli import signals
from cnnops_cli.commands.delivery import Delivery
from cnnops_cli.commands.operands import FORMULAS_ARE_TEXT
from cnnops_cli.commands.report import tell
from cnnops_cli.commands.stdout import is_viewed, is_written, write_stdout
from cnnops_cli.commands.view import file_view, stdout_view
from cnnops_cli.errors import CnnopsError
from cnnops_cli.options import Settings
from cnnops_cli.parsers import takes_any_format
from cnnops_cli.tensors.formats import format_of_name
from cnnops_cli.tensors.staged_files import StagedFiles
from cnnops_cli.tensors.write import Writer, array_writer, json_writer, npy_writer


def deliver(delivery: Delivery, settings: Settings) -> None:
    """Send a result where the settings say: files appear together, and after standard output.

    Raises
    ------
    CnnopsError
        If something cannot be written: no file has changed, but for devices and pipes.
    """
    to_file = None if settings.output == "-" else settings.output
    with StagedFiles() as staged:
        for path, write in delivery.files.items():
            staged.add(path, write)
        if settings.view is not None:
            staged.add(settings.view, file_view(delivery, settings, Path(settings.view).suffix))
        if to_file is not None:
            staged.add(to_file, _file_writer(to_file, delivery, settings))
        for path, write in delivery.durable_files.items():
            staged.add(path, write, durable=True)
        closed_pipe = None
        if is_written(settings):
            try:
                write_stdout(_stdout_writer(delivery, settings))
            except BrokenPipeError as error:
                closed_pipe = error
        _put_in_place(staged)
    if closed_pipe is not None:
        raise closed_pipe
    if to_file and wants_summary(settings):
        from cnnops_cli.views.summary import summarise

        told = [delivery.shape]
        if not delivery.is_formulas:
            told = summarise(delivery.output, settings.precision, shape=delivery.shape)
        tell("  ".join(filter(None, [to_file, *told, delivery.terminal_note])))


def _put_in_place(staged: StagedFiles) -> None:
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


def _file_writer(path: str, delivery: Delivery, settings: Settings) -> Writer:
    """Return how the result's file is written, by its suffix."""
    if delivery.is_formulas and not (format_of_name(path).is_text or takes_any_format(path)):
        raise CnnopsError(f"{FORMULAS_ARE_TEXT}, not to {path}")
    if takes_any_format(path):
        return _device_writer(delivery, settings)
    how = settings.precision, settings.layout, settings.stretch
    return array_writer(path, "output", delivery.output, *how)


def _device_writer(delivery: Delivery, settings: Settings) -> Writer:
    """Return how the result is written where --format decides, and JSON is the usual."""
    if settings.format == "npy":
        return npy_writer(delivery.output)
    if settings.format == "table" and not delivery.is_formulas:
        return file_view(delivery, settings, ".txt")
    return json_writer(delivery.output, settings.precision)


def _stdout_writer(delivery: Delivery, settings: Settings) -> Writer:
    """Return how standard output is written."""
    if delivery.cells or delivery.estimate or (delivery.is_formulas and is_viewed(settings)):
        from cnnops_cli.commands.explained import report_writer

        return report_writer(delivery, settings)
    if is_viewed(settings):
        return stdout_view(delivery, settings)
    if settings.format == "npy":
        return npy_writer(delivery.output)
    return json_writer(delivery.output, settings.precision)
