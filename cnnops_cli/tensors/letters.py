"""JSON in which letters stand for some of the numbers."""

import json
import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.json_text import BYTE_ORDER_MARK, MOST_AXES, raggedness

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)\b|[+-]?\.?\d[\w.+-]*|[^\W\d]\w*')
_NAME = re.compile(r"[^\W\d]\w{0,39}")
_NUMBERS = ("NaN", "Infinity", "-Infinity")
_TAKEN = ("nan", "inf", "infinity", "true", "false", "null", "none")
"""In any case these are no names: they would be taken for something else."""


def parse_letters(text: bytes, name: str) -> Array | None:
    """Read nested arrays of numbers and names, bare (``a``) or quoted (``"a"``).

    Nothing is looked up or computed: a name stays what it is.

    Parameters
    ----------
    text : bytes
        UTF-8.
    name : str
        What the user calls it, for errors.

    Returns
    -------
    numpy.ndarray of object, or None
        Of int, float and str. None where there are no names, or the text is no JSON for another
        reason.

    Raises
    ------
    CnnopsError
        If a name is none, or rows differ in length.

    Examples
    --------
    >>> parse_letters(b'[[a, 2], ["x1", NaN]]', "kernel")
    array([['a', 2],
           ['x1', nan]], dtype=object)
    """
    try:
        bare = text.removeprefix(BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError:
        return None
    quoted = _TOKEN.sub(_quote, bare)
    try:
        value = json.loads(quoted)
    except json.JSONDecodeError as error:
        if quoted == bare or not bare.lstrip().startswith("["):
            return None
        raise CnnopsError(
            f"{name} is not JSON, not even with letters for numbers: {error.msg}"
        ) from None
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list) or _depth(quoted) > MOST_AXES:
        return None
    cells: list[Any] = []
    _flatten(value, cells.append)
    names = [cell for cell in cells if isinstance(cell, str)]
    if not names or not all(type(cell) in (int, float, str) for cell in cells):
        return None
    for letter in names:
        if not _NAME.fullmatch(letter) or letter.lower() in _TAKEN:
            raise CnnopsError(
                f"{name} holds the string {letter!r}, which is no name for a number: a letter, "
                f"then letters, digits and _, but not {', '.join(_TAKEN)}"
            )
    shape = _shape(value)
    if shape is None:
        raise CnnopsError(raggedness(value, name))
    array = np.empty(len(cells), object)
    array[:] = cells
    return array.reshape(shape)


def _quote(token: re.Match[str]) -> str:
    """Quote a bare name; words that JSON has keep their meaning."""
    word = token.group()
    bare = _NAME.fullmatch(word) and word not in (*_NUMBERS, "true", "false", "null")
    return f'"{word}"' if bare else word


def _depth(text: str) -> int:
    """How deep JSON is nested; what is in strings only makes it seem deeper."""
    return max(accumulate({"[": 1, "]": -1}[bracket] for bracket in re.findall(r"[][]", text)))


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape of nested lists, or None where they are ragged."""
    if not isinstance(value, list):
        return ()
    shapes = {_shape(item) for item in value}
    inner = shapes.pop() if shapes else ()
    return None if shapes or inner is None else (len(value), *inner)


def _flatten(value: Any, add: Callable[[Any], object]) -> None:
    if isinstance(value, list):
        for item in value:
            _flatten(item, add)
    else:
        add(value)
