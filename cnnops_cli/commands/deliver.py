"""What every command does after its operator: write files, standard output and the summary."""

import io
import os
import sys
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from cnnops_cli.commands.operands import Form
from cnnops_cli.commands.view import file_view, is_viewed, stdout_view
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.options import Settings
from cnnops_cli.parsers import is_directory, is_picture
from cnnops_cli.tensors.write import (
    StagedFiles,
    Writer,
    array_writer,
    bytes_writer,
    json_writer,
    npy_writer,
)
from cnnops_cli.words import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from cnnops_cli.explain.cells import Cells
    from cnnops_cli.explain.estimate import Estimate


class Delivery:
    """A result, and what else was asked for.

    Parameters
    ----------
    operator : str
        The name of the command.
    result : numpy.ndarray
        As the operator returned it, channels first.
    form : Form
        What the user has in its place.
    note : str
        What the view and the summary say beside the result, as a seed that was drawn.
    algorithm : str
        How it was computed. A terminal alone is told: elsewhere the view is compared byte by byte,
        and a faster way to the same numbers is no change.

    Attributes
    ----------
    files : dict of str to callable
        What other files hold, by path.
    beside : dict of str to numpy.ndarray or list of str
        What the view shows before the result, by name: planes, or what is said of them.
    cells : callable, optional
        Explains a cell of the result; where there is one, that is what standard output shows.
    estimate : Estimate, optional
        What the result would take, where nothing was computed.
    """

    def __init__(
        self, operator: str, result: Array, form: Form, note: str = "", algorithm: str = ""
    ) -> None:
        self.operator = operator
        self.result = result
        self.form = form
        self.note = note
        self.algorithm = algorithm
        self.files: dict[str, Writer] = {}
        self.beside: dict[str, Array | list[str]] = {}
        self.cells: Cells | None = None
        self.estimate: Estimate | None = None

    @classmethod
    def planned(cls, operator: str, estimate: "Estimate", form: Form) -> "Delivery":
        """What there is of a result that was not computed: its shape, and zeros in its place."""
        delivery = cls(
            operator, np.broadcast_to(np.zeros((), estimate.dtype), estimate.shape), form
        )
        delivery.estimate = estimate
        return delivery

    @property
    def terminal_note(self) -> str:
        """The note with what only a terminal is told."""
        return "  ".join(filter(None, (self.algorithm, self.note)))

    @property
    def stdout_note(self) -> str:
        """The note for what standard output is."""
        return self.terminal_note if sys.stdout.isatty() else self.note

    @property
    def output(self) -> Array:
        """The result in the user's layout."""
        return self.form.from_operator(self.result)


def check_output(settings: Settings, *paths: str | None) -> None:
    """Refuse, before any work, results that would have nowhere to go.

    Parameters
    ----------
    settings : Settings
    *paths : str, optional
        The other files that the command writes.

    Raises
    ------
    CnnopsError
        If two results would go to one file, or to a terminal as .npy, or a view is asked for and
        forbidden.
    """
    files = [
        os.path.realpath(path)
        for path in (settings.output, settings.view, *paths)
        if path not in (None, "-")
    ]
    if settings.output is not None and is_picture(settings.output):
        from cnnops_cli.tensors.pictures import check_installed

        check_installed(settings.output)
    elif settings.stretch and not is_directory(settings.output):
        raise CnnopsError(
            f"--stretch goes with a picture: --output FILE, {', '.join(PICTURE_SUFFIXES)}"
        )
    if settings.check_options():
        from cnnops_cli.commands.golden import check_options

        check_options(settings, files)
    twice = [path for path in files if files.count(path) > 1]
    if twice:
        raise CnnopsError(f"two results cannot go to one file: {os.path.relpath(twice[0])}")
    if sys.stdout is None and _to_stdout(settings):
        raise CnnopsError("standard output is closed; name a file with --output")
    if settings.format == "npy" and sys.stdout is not None and sys.stdout.isatty():
        raise CnnopsError(
            "--format npy is binary and standard output is a terminal: name a file with --output, "
            "or pipe it"
        )
    if settings.quiet and settings.format == "table":
        raise CnnopsError("--quiet shows no view, and --format table is one: leave one of them out")
    if settings.explain or settings.at or settings.dry_run:
        from cnnops_cli.commands.explained import check_asked

        check_asked(settings, *paths)


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
            staged.add(settings.view, file_view(delivery, settings, settings.view))
        if to_file is not None:
            staged.add(to_file, _file_writer(to_file, delivery, settings))
        closed_pipe = None
        if _to_stdout(settings):
            try:
                write_stdout(_stdout_writer(delivery, settings))
            except BrokenPipeError as error:
                closed_pipe = error
        staged.commit()
    if closed_pipe is not None:
        raise closed_pipe
    if to_file and wants_summary(settings):
        from cnnops_cli.views.summary import summarise

        output = delivery.output
        is_formula = output.dtype.kind == "O"
        told = [str(output.shape)] if is_formula else summarise(output, settings.precision)
        parts = [to_file, *told, delivery.terminal_note]
        print(*filter(None, parts), sep="  ", file=sys.stderr)


def wants_summary(settings: Settings) -> bool:
    """Tell whether someone would read what was written where."""
    return not settings.quiet and sys.stderr is not None and sys.stderr.isatty()


def _file_writer(path: str, delivery: Delivery, settings: Settings) -> Writer:
    """Tell how the result's file is written, by its suffix."""
    if not is_picture(path):
        return array_writer(path, "output", delivery.output, settings.precision)
    from cnnops_cli.tensors.pictures import encode_picture

    picture = encode_picture(
        path, delivery.output, layout=settings.layout, stretch=settings.stretch
    )
    return bytes_writer(picture)


def _to_stdout(settings: Settings) -> bool:
    if settings.explain or settings.dry_run:
        return True
    unasked = settings.output is None and settings.expect is None
    return unasked or settings.output == "-" or settings.format != "auto"


def _stdout_writer(delivery: Delivery, settings: Settings) -> Writer:
    """Tell how standard output is written."""
    is_formula = delivery.result.dtype.kind == "O"
    if delivery.cells or delivery.estimate or (is_formula and is_viewed(settings)):
        from cnnops_cli.commands.explained import report_writer

        return report_writer(delivery, settings)
    if is_viewed(settings):
        return stdout_view(delivery, settings)
    if settings.format == "npy":
        return npy_writer(delivery.output)
    return json_writer(delivery.output, settings.precision)


class _Unbuffered(io.RawIOBase):
    """Standard output without a buffer, so that nothing is left to fail when the process ends."""

    def write(self, data: "ReadableBuffer") -> int:
        """Write all of it, where a write may take only a part."""
        view = memoryview(data)
        size = len(view)
        while view:
            view = view[os.write(sys.stdout.fileno(), view) :]
        return size


def write_stdout(write: Writer) -> None:
    """Write to standard output at once.

    Raises
    ------
    BrokenPipeError
        If whoever read it has gone.
    CnnopsError
        If it cannot be written otherwise.
    """
    try:
        write(cast(BinaryIO, _Unbuffered()))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CnnopsError(f"cannot write standard output: {error.strerror}") from error
