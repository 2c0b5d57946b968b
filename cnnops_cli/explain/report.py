"""Explanations as a program reads them, and as people do."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from cnnops_cli.explain.cells import Explanation, Index, Place
from cnnops_cli.explain.layout import fold
from cnnops_cli.explain.numbers import Beyond, Decimals

Explained = Iterable[tuple[Index, Explanation]]
"""Explanations, each with where the user has its cell."""


def json_lines(cells: Explained, place: Place, precision: int | None) -> Iterator[str]:
    """Write one JSON object a line and cell.

    Parameters
    ----------
    cells : iterable of (tuple of int, Explanation)
    place : callable
        Where the user has a cell of the operator's input.
    precision : int, optional
        Decimals.
    """
    numbers = Decimals(precision)
    for at, explanation in cells:
        yield json_line(explanation.record(at, place, numbers))


def json_line(value: Any) -> str:
    """Write JSON with blanks between members, and none in places.

    Examples
    --------
    >>> json_line({"at": (0, 1), "terms": [], "bias": None})
    '{"at": [0,1], "terms": [], "bias": null}'
    """
    if isinstance(value, dict):
        members = (f"{json.dumps(key)}: {json_line(item)}" for key, item in value.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(value, tuple):
        return f"[{','.join(map(str, value))}]"
    if isinstance(value, list):
        return f"[{', '.join(map(json_line, value))}]"
    if isinstance(value, Beyond):
        return value.digits
    return json.dumps(value, ensure_ascii=False)


def head_lines(parts: list[str], width: int) -> list[str]:
    """Write a header, whose parts stay whole."""
    first, *rest = parts
    words = [first, *(f" {part}" for part in rest)]
    return [line.strip() for line in fold(words, width, indent="")]


def text_lines(
    head: list[str],
    cells: Explained,
    left_out: str,
    place: Place,
    precision: int | None,
    width: int,
) -> Iterator[str]:
    """Write explanations for people, below a header.

    Parameters
    ----------
    head : list of str
        Parts of the header.
    cells, place, precision
        As for `json_lines`, but that six digits are shown without `precision`.
    left_out : str
        What is said in the end, if anything.
    width : int
        Of the terminal.
    """
    numbers = Decimals(precision, exact=False)
    yield from head_lines(head, width)
    for at, explanation in cells:
        yield ""
        title = f"{list(at)} = {numbers.text(explanation.value)}"
        is_formula = isinstance(explanation.value, str)  # which follows below
        yield f"{list(at)}" if is_formula or len(title) > width else title
        for line in explanation.lines(place, numbers, width):
            yield line.rstrip()
    if left_out:
        yield ""
        yield from fold(left_out.split(), width, indent="")
