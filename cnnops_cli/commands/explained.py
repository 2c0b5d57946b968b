"""What --explain, --dry-run and letters show instead of the result."""

import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from cnnops_cli.commands.outcome import Outcome
from cnnops_cli.commands.stderr import tell
from cnnops_cli.commands.stdout import is_for_people
from cnnops_cli.explain.explanation import Explainer, Explanation, Index, Page, indices_of
from cnnops_cli.explain.explanation_lines import json_line, json_lines, text_lines
from cnnops_cli.options import Settings
from cnnops_cli.tensors.write import Writer
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import Line, plain_text
from cnnops_cli.views.room import Room

_PIECE = 1 << 16
"""Characters that are written at a time."""


def report_writer(outcome: Outcome, settings: Settings) -> Writer:
    """Return how standard output is written where it does not carry the result."""
    as_text = is_for_people(settings)
    if outcome.estimate is not None:
        if as_text:
            return _text_writer(outcome.estimate.lines(outcome.shape, _width()))
        return _lines_writer([json_line(outcome.estimate.record(outcome.output.shape))])
    if outcome.explainer is None:
        return _text_writer(lines_of_formulas(outcome, _width()))
    return _explanation_writer(outcome, outcome.explainer, settings, as_text=as_text)


def _explanation_writer(
    outcome: Outcome, explainer: Explainer, settings: Settings, *, as_text: bool
) -> Writer:
    output, place = outcome.output, outcome.operation.layout.place_of_input
    picked = indices_of(output.shape, settings.at)
    explained = _explained(outcome, explainer, picked)
    rest = 0 if settings.at else output.size - len(picked)
    left_out = f"… {rest} more element{'s' * (rest != 1)}; --at picks others" if rest > 0 else ""
    if not as_text:
        write = _lines_writer(json_lines(explained, place, settings.precision))
        if not left_out or settings.quiet:
            return write
        first = f"the first {len(picked)} of {output.size} elements"
        return _with_note(write, f"cnnops {outcome.operator}: {first}; --at picks others")
    note = outcome.stdout_note
    kind_of_values = "formulas" if outcome.is_formulas else output.dtype.name
    head = [outcome.operator, outcome.shape, kind_of_values, *([note] if note else [])]
    terminal = Room.of(sys.stdout, color=not settings.no_color)
    page = Page(Decimals(settings.precision, exact=False), terminal.width, terminal.color)
    lines = text_lines(head, explained, left_out, place, page)
    return _text_writer(lines, color=terminal.color)


def _with_note(write: Writer, note: str) -> Writer:
    """Say something on standard error once all is written."""

    def write_and_tell(stream: BinaryIO) -> None:
        write(stream)
        tell(note)

    return write_and_tell


def _explained(
    outcome: Outcome, explainer: Explainer, picked: list[Index]
) -> Iterator[tuple[Index, Explanation]]:
    for at in picked:
        yield at, explainer(outcome.operation.layout.place_in_result(at, outcome.result))


def lines_of_formulas(outcome: Outcome, width: int) -> list[Line]:
    """Write a result of formulas with its shape."""
    from cnnops_cli.explain.formulas import formula_lines

    planes, output = outcome.operation.layout.planes(outcome.result), outcome.output
    head = [outcome.operator, outcome.shape, "formulas"]
    return formula_lines(head, planes, output, width)


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
