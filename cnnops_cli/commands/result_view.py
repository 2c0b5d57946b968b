"""The view of a result, on standard output and in the file that `--view` names."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.commands.outcome import Outcome
from cnnops_cli.dtypes import Array
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.write import Writer, bytes_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnnops_cli.text.styled_lines import Line
    from cnnops_cli.views.room import Room
    from cnnops_cli.views.sections import Section
    from cnnops_cli.views.view import View


_MOST_PADDED = 4096
"""Values of an input that could be shown as numbers."""
_MOST_PADDED_AXES = 2
_NOT_DRAWN = "padding not drawn"
_PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def in_words(geometry: dict[str, Any], **usual: Any) -> list[str]:
    """Say sizes and choices by name, but those that are as usual.

    Examples
    --------
    >>> in_words({"stride": (1, 2), "padding": ((0, 1),), "ceil_mode": True}, padding=0)
    ['stride 1×2', 'padding 0:1', 'ceil mode']
    >>> in_words({"stride": 1, "padding": "same"}, stride=1)
    ['padding same']
    """
    from cnnops_cli.text.shapes import sizes_in_words

    said = []
    for name, value in geometry.items():
        if name not in usual or value != usual[name]:
            what = "" if value is True else f" {sizes_in_words(value)}"
            said.append(f"{name.replace('_', ' ')}{what}")
    return said


def input_section(
    layout: InputLayout,
    image: Array,
    padding: Sequence[tuple[int, int]] = (),
    mode: str = "zeros",
    sign: str = "",
) -> "Section":
    """Return what the view shows of INPUT, which is as the operator takes it.

    Around few numbers the padding of the spatial axes is shown: what it holds in a padding mode, or
    a `sign` where it holds nothing. Planes of depth have indices, which it would shift. Where it is
    not shown, that is said.
    """
    from cnnops_cli.views.marks import Marks
    from cnnops_cli.views.sections import Section

    section = Section("input", [layout.shape_in_words(image)], layout.planes(image))
    if not image.size or not any(any(pair) for pair in padding):
        return section
    unpadded = section._replace(said=[*section.said, _NOT_DRAWN])
    if len(padding) > _MOST_PADDED_AXES or image.size > _MOST_PADDED:
        return unpadded
    pairs = [(0, 0)] * (image.ndim - len(padding)) + list(padding)
    padded = np.pad(image, pairs, _PAD_MODES[mode])  # type: ignore[call-overload]
    is_padding = np.pad(np.zeros(image.shape, bool), pairs, constant_values=True).ravel()
    marks = Marks(is_padding.__getitem__, "padding", sign)
    return unpadded._replace(padded=section._replace(planes=layout.planes(padded), marks=marks))


def stdout_view(outcome: Outcome, settings: Settings) -> Writer:
    """Return how standard output is written as a view: coloured and named in full on a terminal."""
    from cnnops_cli.text.styled_lines import plain_text
    from cnnops_cli.views.heat import HALF
    from cnnops_cli.views.room import Room
    from cnnops_cli.views.view_files import in_ascii

    encoding = sys.stdout.encoding or "utf-8"
    # Shades alone have a likeness in ASCII.
    has_blocks = HALF.encode(encoding, "ignore") != b""
    terminal = Room.of(sys.stdout, color=has_blocks and not settings.no_color)
    lines = _view_of(outcome, settings).lines(terminal, outcome.stdout_note)
    text = plain_text(lines)
    if terminal.color:
        # Rich takes longer to import than a small convolution to run.
        from cnnops_cli.views.ansi import coloured_text

        text = coloured_text(lines)
    try:
        return bytes_writer(text.encode(encoding))
    except UnicodeEncodeError:
        return bytes_writer(in_ascii(text).encode(encoding, errors="replace"))


def file_view(outcome: Outcome, settings: Settings, suffix: str) -> Writer:
    """Return how a view is written to a file, by its suffix; the same wherever it is called."""

    def lines_in(room: "Room") -> "list[Line]":
        if outcome.is_formulas and not outcome.sections and not room.draws:
            return lines_of_formulas(outcome, room.width)
        return _view_of(outcome, settings).lines(room, outcome.note)

    return view_writer(lines_in, suffix)


def lines_of_formulas(outcome: Outcome, width: int) -> "list[Line]":
    """Write a result of formulas with its shape."""
    from cnnops_cli.explain.formulas import formula_lines

    planes, output = outcome.operation.layout.planes(outcome.result), outcome.output
    head = [outcome.operator, outcome.shape, "formulas"]
    return formula_lines(head, planes, output, width)


def view_writer(lines_in: "Callable[[Room], list[Line]]", suffix: str) -> Writer:
    """Return how the lines for a room are written to a file, by its suffix."""
    from cnnops_cli.text.styled_lines import plain_text
    from cnnops_cli.views.room import Room
    from cnnops_cli.views.view_files import html, svg

    write = {".svg": svg, ".html": html, ".txt": plain_text}[suffix]
    room = Room.of_file(draws=write is not plain_text)
    return bytes_writer(write(lines_in(room)).encode())


def _view_of(outcome: Outcome, settings: Settings) -> "View":
    from cnnops_cli.views.view import View

    return View(
        outcome.operator,
        outcome.output,
        outcome.operation.layout.planes(outcome.result),
        settings.precision,
        outcome.sections,
        outcome.shape,
        outcome.operation.marks(),
    )
