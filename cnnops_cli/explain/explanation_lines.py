"""Explanations as text, for programs and for people."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from cnnops_cli.explain.arithmetic import result_span
from cnnops_cli.explain.explanation import Explanation, Index, Page, Place
from cnnops_cli.text.numbers import Beyond, Decimals
from cnnops_cli.text.styled_lines import BOLD, DIM, Line, fold_parts, fold_text

Explained = Iterable[tuple[Index, Explanation]]
"""Explanations, each with the user's index of its element."""


def json_lines(elements: Explained, place: Place, precision: int | None) -> Iterator[str]:
    """Write one JSON object per line and element."""
    numbers = Decimals(precision)
    for at, explanation in elements:
        yield json_line(explanation.record(at, place, numbers))


def json_line(value: Any) -> str:
    """Write JSON with blanks between members, but none in a tuple, which is an index.

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


def text_lines(
    head: list[str], elements: Explained, left_out: str, place: Place, page: Page
) -> Iterator[Line]:
    """Write explanations for people, below the parts of a header; `left_out` ends them."""
    yield from fold_parts(head, page.width, BOLD)
    for at, explanation in elements:
        yield []
        title = f"{list(at)} = "
        value = page.numbers.result(explanation.result)
        if explanation.has_letters or len(title + value) > page.width:
            yield [(f"{list(at)}", DIM)]
        else:
            yield [(title, DIM), result_span(value)]
        yield from map(_stripped, explanation.lines(place, page))
    if left_out:
        yield []
        yield from fold_text(left_out, page.width, DIM, indent="")


def _stripped(line: Line) -> Line:
    """Leave out the blanks at the end that have no colour."""
    *most, (text, style) = line
    return [*most, (text.rstrip() if style.background is None else text, style)]
