"""JSON in which letters stand for some of the numbers."""

import json
import re
from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.json_text import (
    BYTE_ORDER_MARK,
    MOST_AXES,
    finite,
    raggedness,
    with_minus_zeros,
)
from cnnops_cli.words import shortened

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|-?(?:NaN|Infinity)\b|[+-]?\.?\d[\w.+-]*|[^\W\d]\w*')
"""Strings, words, and numbers with all that is attached to them: `2a` holds no name."""
_MAY_BE_NAME = re.compile(rb"[\[,\s](?!(?:NaN|Infinity)(?![\w\x80-\xff]))[\"A-Za-z_\x80-\xff]")
_BARE = re.compile(r"[^\W\d]\w*")
_NAME = re.compile(r"[^\W\d]\w{0,39}")
_NUMBERS = ("NaN", "Infinity")
_OTHERS = {True: "true", False: "false", None: "null"}
_TAKEN = ("nan", "inf", "infinity", "true", "false", "null", "none")
"""Not names, in any case, since they would be taken for something else."""
_RULE = f": a letter, then up to 39 letters, digits and _, but not {', '.join(_TAKEN)}"
_cut = partial(shortened, most=60)
_INTEGERS = range(-(2**63), 2**64)


def parse_letters(text: bytes, name: str) -> Array | None:
    """Read nested arrays of numbers and names, bare (``a``) or quoted (``"a"``).

    Nothing is looked up or computed. None if there are no names, or if the text is not JSON for
    another reason.

    Examples
    --------
    >>> parse_letters(b'[[a, 2], ["x1", NaN]]', "kernel")
    array([['a', 2],
           ['x1', nan]], dtype=object)
    """
    if not _MAY_BE_NAME.search(text):
        return None
    try:
        bare = text.removeprefix(BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError:
        return None
    quoted = _TOKEN.sub(_in_quotes, bare)
    try:
        value = json.loads(quoted, parse_float=partial(finite, name))
    except json.JSONDecodeError as error:
        if quoted == bare or not bare.lstrip().startswith("["):
            return None
        raise CnnopsError(_not_json(name, bare, error)) from None
    except CnnopsError:
        raise
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list) or _depth(quoted) > MOST_AXES:
        return None
    elements = list(_elements(value))
    if not any(isinstance(element, str) for element in elements):
        return None
    for element in elements:
        _check_element(element, name)
    if b"-0" in text and any(type(element) is float for element in elements):
        signed = with_minus_zeros(text)
        if signed != text:
            return parse_letters(signed, name)
    array = np.array(value, object)
    if any(isinstance(element, list) for element in array.ravel()):
        raise CnnopsError(raggedness(value, name))
    return array


def _elements(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _elements(item)
    else:
        yield value


def _is_name(word: str) -> bool:
    """Return whether a token is a name and not a word of JSON."""
    return bool(_BARE.fullmatch(word)) and word not in (*_NUMBERS, *_OTHERS.values())


def _in_quotes(token: re.Match[str]) -> str:
    return f'"{token.group()}"' if _is_name(token.group()) else token.group()


def _not_json(name: str, text: str, error: json.JSONDecodeError) -> str:
    """Say what is wrong, and where in the text without the quotes that were added."""
    from cnnops_cli.tensors.json_mistakes import meant

    ends = [token.end() for token in _TOKEN.finditer(text) if _is_name(token.group())]
    added = sum(2 for number, end in enumerate(ends) if end + 2 * number < error.pos)
    place = json.JSONDecodeError(error.msg, text, error.pos - added)
    reason = error.msg[0].lower() + error.msg[1:]
    return (
        f"{name} is not JSON, not even with letters for numbers: {reason} at line {place.lineno}, "
        f"column {place.colno}{meant(text, place.pos, name)}"
    )


def _check_element(element: Any, name: str) -> None:
    if isinstance(element, str):
        if not _NAME.fullmatch(element) or element.lower() in _TAKEN:
            from cnnops_cli.tensors.json_mistakes import string_meant

            raise CnnopsError(
                f"{name} holds the string {_cut(element)!r}, which is not a name for a number"
                + (string_meant(element) or _RULE)
            )
    elif type(element) not in (int, float):
        from cnnops_cli.tensors.json_mistakes import INSTEAD

        what = "an object" if isinstance(element, dict) else _OTHERS[element]
        reason = f"{name} holds {what}, which is neither a number nor a letter for one"
        raise CnnopsError(reason + INSTEAD[what])
    elif isinstance(element, int) and element not in _INTEGERS:
        raise CnnopsError(f"{name} holds an integer past 64 bits: {_cut(str(element))}")


def _depth(text: str) -> int:
    """Return how deep JSON is nested; brackets in strings can only add to that."""
    return max(accumulate({"[": 1, "]": -1}[bracket] for bracket in re.findall(r"[][]", text)))
