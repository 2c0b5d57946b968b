"""What every command does after its operator: write files, standard output and the summary."""

import io
import os
import sys
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from cnnops_cli.commands.operands import Form
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.options import Settings
from cnnops_cli.tensors.write import (
    StagedFiles,
    Writer,
    array_writer,
    bytes_writer,
    json_writer,
    npy_writer,
)

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
        os.path.realpath(path) for path in (settings.output, *paths) if path not in (None, "-")
    ]
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
        if to_file is not None:
            writer = array_writer(to_file, "output", delivery.output, settings.precision)
            staged.add(to_file, writer)
        closed_pipe = None
        if _to_stdout(settings):
            try:
                _write_stdout(_stdout_writer(delivery, settings))
            except BrokenPipeError as error:
                closed_pipe = error
        staged.commit()
    if closed_pipe is not None:
        raise closed_pipe
    if to_file and not settings.quiet and sys.stderr is not None and sys.stderr.isatty():
        from cnnops_cli.views.summary import summarise

        output = delivery.output
        is_formula = output.dtype.kind == "O"
        told = [str(output.shape)] if is_formula else summarise(output, settings.precision)
        parts = [to_file, *told, delivery.terminal_note]
        print(*filter(None, parts), sep="  ", file=sys.stderr)


def _to_stdout(settings: Settings) -> bool:
    return settings.output in (None, "-") or settings.format != "auto" or settings.explain


def _stdout_writer(delivery: Delivery, settings: Settings) -> Writer:
    """Tell how standard output is written."""
    kind = settings.format
    if kind == "auto":
        kind = "table" if sys.stdout.isatty() and not settings.quiet else "json"
    is_formula = delivery.result.dtype.kind == "O"
    if delivery.cells or delivery.estimate or (is_formula and kind == "table"):
        from cnnops_cli.commands.explained import report_writer

        return report_writer(delivery, kind, settings)
    if kind == "npy":
        return npy_writer(delivery.output)
    if kind == "json":
        return json_writer(delivery.output, settings.precision)
    # Rich takes longer to import than a small convolution to run.
    from cnnops_cli.views.table import render
    from cnnops_cli.views.terminal import Terminal

    view = render(
        delivery.operator,
        delivery.output,
        planes=delivery.form.planes(delivery.result),
        note=delivery.terminal_note if sys.stdout.isatty() else delivery.note,
        precision=settings.precision,
        terminal=Terminal.of(sys.stdout, color=not settings.no_color),
    )
    return bytes_writer(view.encode(sys.stdout.encoding or "utf-8", errors="replace"))


class _Unbuffered(io.RawIOBase):
    """Standard output without a buffer, so that nothing is left to fail when the process ends."""

    def write(self, data: "ReadableBuffer") -> int:
        """Write all of it, where a write may take only a part."""
        view = memoryview(data)
        size = len(view)
        while view:
            view = view[os.write(sys.stdout.fileno(), view) :]
        return size


def _write_stdout(write: Writer) -> None:
    try:
        write(cast(BinaryIO, _Unbuffered()))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CnnopsError(f"cannot write standard output: {error.strerror}") from error
