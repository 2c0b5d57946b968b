"""What --explain, --dry-run and letters show instead of the result."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

from cnnops_cli.commands.outcome import Outcome
from cnnops_cli.commands.stderr import tell
from cnnops_cli.commands.stdout import is_for_people
from cnnops_cli.errors import CnnopsError
from cnnops_cli.explain.explanation import Explainer, Explanation, Index, Page
from cnnops_cli.explain.explanation_lines import json_line, json_lines, text_lines
from cnnops_cli.explain.indices import MOST_UNASKED, indices_of
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.write import Writer
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import Line, plain_text
from cnnops_cli.views.room import Room

_PIECE = 1 << 16
"""Characters that are written at a time."""

_MOST_LINES = 10_000
"""The most lines of a view file; standard output has no limit."""


def report_writer(outcome: Outcome, settings: Settings) -> Writer:
    """Return how standard output is written where it does not carry the result."""
    as_text = is_for_people(settings)
    if outcome.estimate is not None:
        if as_text:
            return _text_writer(outcome.estimate.lines(outcome.shape, _width()))
        return _lines_writer([json_line(outcome.estimate.record(outcome.output.shape))])
    if outcome.explainer is None:
        from cnnops_cli.commands.result_view import lines_of_formulas

        return _text_writer(lines_of_formulas(outcome, _width()))
    if as_text:
        terminal = Room.of(sys.stdout, color=not settings.no_color)
        lines = _explanation_lines(outcome, outcome.explainer, settings, terminal)
        return _text_writer(lines, color=terminal.color)
    return _records_writer(outcome, outcome.explainer, settings)


def explanation_view(
    outcome: Outcome, explainer: Explainer, settings: Settings, suffix: str
) -> Writer:
    """Return how an explanation is written to a file, by its suffix."""
    from cnnops_cli.commands.result_view import view_writer

    def lines_in(room: Room) -> list[Line]:
        lines = _explanation_lines(outcome, explainer, settings, room, outcome.note)
        shown = list(islice(lines, _MOST_LINES + 1))
        if len(shown) > _MOST_LINES:
            raise CnnopsError(
                f"--view {settings.view} would have more than {_MOST_LINES} lines; pick fewer "
                "elements with --at"
            )
        return shown

    return view_writer(lines_in, suffix)


def _records_writer(outcome: Outcome, explainer: Explainer, settings: Settings) -> Writer:
    place = outcome.operation.layout.place_of_input
    explained = _explained(outcome, explainer, settings)
    write = _lines_writer(json_lines(explained, place, settings.precision))
    rest, size = _left_out(outcome, settings), outcome.output.size
    if not rest or settings.quiet:
        return write
    first = f"the first {size - rest} of {size} elements"
    return _with_note(write, f"cnnops {outcome.operator}: {first}; --at picks others")


def _explanation_lines(
    outcome: Outcome, explainer: Explainer, settings: Settings, room: Room, note: str | None = None
) -> Iterator[Line]:
    """Write explanations for people; the header has a note, or that of standard output."""
    note = outcome.stdout_note if note is None else note
    kind_of_values = "formulas" if outcome.is_formulas else outcome.output.dtype.name
    head = [outcome.operator, outcome.shape, kind_of_values, *([note] if note else [])]
    rest = _left_out(outcome, settings)
    left_out = f"… {rest} more element{'s' * (rest != 1)}; --at picks others" if rest else ""
    numbers = Decimals(settings.precision, exact=False)
    page = Page(numbers, room.width, room.color, int(room.draws))
    explained = _explained(outcome, explainer, settings)
    place = outcome.operation.layout.place_of_input
    return text_lines(head, explained, left_out, place, page)


def _left_out(outcome: Outcome, settings: Settings) -> int:
    return 0 if settings.at else max(0, outcome.output.size - MOST_UNASKED)


def _with_note(write: Writer, note: str) -> Writer:
    """Say something on standard error once all is written."""

    def write_and_tell(stream: BinaryIO) -> None:
        write(stream)
        tell(note)

    return write_and_tell


def _explained(
    outcome: Outcome, explainer: Explainer, settings: Settings
) -> Iterable[tuple[Index, Explanation]]:
    layout, result = outcome.operation.layout, outcome.result
    picked = indices_of(outcome.output.shape, settings.at)
    return ((at, explainer(layout.place_in_result(at, result))) for at in picked)


def _width() -> int:
    return Room.of(sys.stdout, color=False).width


def _text_writer(lines: Iterable[Line], *, color: bool = False) -> Writer:
    write = plain_text
    if color:
        from cnnops_cli.views.ansi import coloured_text

        write = coloured_text
    return _pieces_writer((write([line]) for line in lines), sys.stdout.encoding or "utf-8")


def _lines_writer(lines: Iterable[str]) -> Writer:
    return _pieces_writer((f"{line}\n" for line in lines), "utf-8")


def _pieces_writer(texts: Iterable[str], encoding: str) -> Writer:
    """Return how texts are written, some at a time: they may be many."""

    def write(stream: BinaryIO) -> None:
        piece, size = [], 0
        for text in texts:
            piece.append(text)
            size += len(text)
            if size > _PIECE:
                stream.write("".join(piece).encode(encoding, errors="replace"))
                piece, size = [], 0
        stream.write("".join(piece).encode(encoding, errors="replace"))

    return write
