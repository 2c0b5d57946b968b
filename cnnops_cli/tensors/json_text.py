"""JSON text that is parsed at once, to arrays."""

import json
import math
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import orjson

from cnnops_cli.dtypes import Array, is_floating
from cnnops_cli.errors import CnnopsError
from cnnops_cli.words import shortened

MOST_AXES = 64
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_MOST_DIGITS = 60
_WORD = re.compile(rb"-?Infinity|NaN")
_INTEGER_MINUS_ZERO = re.compile(rb"-0(?<![eE]-0)(?![.eE\d])")
_NO_NUMBERS = {b"{": "an object", b'"': "a string", b"true": "true", b"false": "false",
               b"null": "null"}  # fmt: skip
_IN_NO_NUMBERS = (b"{", b'"', b"u", b"f")
"""One byte of each, which is searched for much faster."""


def parse_array(text: bytes, name: str) -> Array:
    """Read one number or nested arrays of numbers from UTF-8.

    They are int64 if all are written as integers (uint64 if none is negative and int64 is too
    small), else float64. -0 is an integer, and keeps its sign next to fractions.

    Examples
    --------
    >>> parse_array(b"[[1, 2.5], [NaN, -Infinity]]", "input")
    array([[ 1. ,  2.5],
           [ nan, -inf]])
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    if not text.strip():
        raise CnnopsError(f"{name} is empty; expected JSON numbers or a .npy file")
    depth = re.match(rb"[\s\[]*", text).group().count(b"[")  # type: ignore[union-attr]
    if depth > MOST_AXES:
        raise CnnopsError(f"{name} is nested {depth} deep; an array has at most {MOST_AXES} axes")

    # orjson knows only finite numbers: null replaces each other word, in order.
    words: list[bytes] = _WORD.findall(text) if b"N" in text or b"I" in text else []
    try:
        value = orjson.loads(_WORD.sub(b"null", text) if words else text)
    except orjson.JSONDecodeError as error:
        raise CnnopsError(_not_json(name, _in_place(error, text) if words else error)) from None
    if any(byte in text for byte in _IN_NO_NUMBERS):
        for mark, what in _NO_NUMBERS.items():
            if mark in text:
                raise CnnopsError(_no_number(name, what, text))
    try:
        array = np.array(value, np.float64 if words else None)
    except ValueError:
        raise CnnopsError(raggedness(value, name)) from None
    if words:
        array[np.isnan(array)] = [float(word) for word in words]
    if array.dtype.kind not in "iuf":
        raise CnnopsError(raggedness(value, name))
    if array.size and is_floating(array):
        if not (words or re.search(rb"[.eE]", text)):
            return _unsigned(value, text, name)
        if has_minus_zero(text, array):
            return parse_array(with_minus_zeros(text), name)
    return array


def has_minus_zero(text: bytes, array: Array) -> bool:
    """Return whether a zero of an array is written as -0, whose sign an integer loses."""
    if b"-0" not in text or np.count_nonzero(array) == array.size:
        return False
    return _INTEGER_MINUS_ZERO.search(text) is not None


def with_minus_zeros(text: bytes) -> bytes:
    """Write each -0 as a fraction, which keeps its sign."""
    return _INTEGER_MINUS_ZERO.sub(b"-0.0", text)


def parse_object(text: bytes, name: str, accepted: Sequence[str]) -> dict[str, Array]:
    """Read a JSON object whose values are tensors; the accepted names are only for errors."""
    hooks: Any = {
        "parse_float": partial(finite, name),
        "object_pairs_hook": partial(_unique, name),
    }
    try:
        value = json.loads(text, **hooks)
        signed = json.loads(with_minus_zeros(text), **hooks) if b"-0" in text else value
    except json.JSONDecodeError as error:
        raise CnnopsError(_not_json(name, error)) from None
    except CnnopsError:
        raise
    except (RecursionError, ValueError) as error:
        raise CnnopsError(f"{name} is not a JSON object") from error
    if not isinstance(value, dict):
        raise CnnopsError(f"{name} is not a JSON object with any of {', '.join(accepted)}")
    arrays = {}
    for key, item in value.items():
        array = parse_array(json.dumps(item).encode(), f"{name}:{key}")
        if is_floating(array):
            array = parse_array(json.dumps(signed[key]).encode(), f"{name}:{key}")
        arrays[key] = array
    return arrays


def finite(name: str, digits: str) -> float:
    """Read a number, and refuse what is too large for float64."""
    number = float(digits)
    if math.isinf(number):
        raise CnnopsError(
            f"{name} holds {shortened(digits, _MOST_DIGITS)}, which is too large for float64"
        )
    return number


def _unique(name: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise CnnopsError(f"{name} holds {key!r} twice")
        found[key] = value
    return found


def _not_json(name: str, error: json.JSONDecodeError) -> str:
    if "UTF-8" in error.msg:
        return f"{name} is not UTF-8 text, as JSON is, nor .npy or a picture of a kind that is read"
    if "infinity" in error.msg:
        finite(name, re.split(r"[\s,\]}]", error.doc[error.pos :], maxsplit=1)[0])
    from cnnops_cli.tensors.json_mistakes import meant

    reason = f"{error.msg} at line {error.lineno}, column {error.colno}"
    return f"{name} is not JSON: {reason}{meant(error.doc, error.pos, name)}"


def _no_number(name: str, what: str, text: bytes) -> str:
    from cnnops_cli.tensors.json_mistakes import INSTEAD

    meant = INSTEAD[what] if what != "a string" or re.search(rb'"-?[\d.NI]', text) else ""
    return f"{name} holds {what}; a JSON tensor is nested arrays of numbers{meant}"


def _in_place(error: json.JSONDecodeError, text: bytes) -> json.JSONDecodeError:
    """Find the error again in the original text, for its place there."""
    try:
        json.loads(text)
    except json.JSONDecodeError as found:
        return found
    except (RecursionError, ValueError):
        pass
    return error


def _unsigned(value: Any, text: bytes, name: str) -> Array:
    try:
        return np.array(value, np.uint64)
    except (OverflowError, ValueError, TypeError):
        integers: list[bytes] = re.findall(rb"-?\d+", text)
        largest = max(integers, key=lambda digits: abs(int(digits))).decode()
        raise CnnopsError(
            f"{name} holds integers past 64 bits: {largest} fits neither int64 nor, with the "
            "others, uint64"
        ) from None


def raggedness(value: list[Any], name: str) -> str:
    """Say where the lengths of the rows begin to differ."""
    level, where = [value], [""]
    while True:
        sizes = [len(item) if isinstance(item, list) else None for item in level]
        for size, place in zip(sizes, where, strict=True):
            if size != sizes[0]:
                return (
                    f"{name} is ragged: {where[0]} holds {_count(sizes[0])}, "
                    f"but {place} holds {_count(size)}"
                )
        where = [
            f"{p}[{i}]" for p, item in zip(where, level, strict=True) for i in range(len(item))
        ]
        level = [element for item in level for element in item]


def _count(size: int | None) -> str:
    return "one number" if size is None else f"{size} value{'s' * (size != 1)}"
