"""JSON text: nested arrays of numbers, and the words NaN, Infinity and -Infinity."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import orjson

from cnnops_cli.dtypes import READS_BACK, SHORTEST, TWICE_ROUNDED, Array, is_floating
from cnnops_cli.errors import CnnopsError

MOST_AXES = 64
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_MOST_VALUES = 1 << 16
"""What is turned into text at a time."""
_WORD = re.compile(rb"-?Infinity|NaN")
_INTEGER_MINUS_ZERO = re.compile(rb"-0(?<![eE]-0)(?![.eE\d])")
_NO_NUMBERS = (
    (b"{", "an object"),
    (b'"', "a string"),
    (b"true", "true"),
    (b"false", "false"),
    (b"null", "null"),
)
_IN_NO_NUMBERS = (b"{", b'"', b"u", b"f")
"""One byte of each, which is found much faster."""


def parse_array(text: bytes, name: str) -> Array:
    """Read one number or nested arrays of numbers.

    Parameters
    ----------
    text : bytes
        UTF-8.
    name : str
        What the user calls it, for errors.

    Returns
    -------
    numpy.ndarray
        int64 where every number is written as an integer (uint64 where they are not negative and
        int64 is too small), else float64; -0 is an integer, and has its sign beside fractions.

    Raises
    ------
    CnnopsError
        If the text is anything else, rows differ in length, or an integer needs over 64 bits.

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

    # orjson has no word for what is not finite: null stands in for each, in order.
    words: list[bytes] = _WORD.findall(text) if b"N" in text or b"I" in text else []
    try:
        value = orjson.loads(_WORD.sub(b"null", text) if words else text)
    except orjson.JSONDecodeError as error:
        raise CnnopsError(_not_json(name, _in_place(error, text) if words else error)) from None
    if any(byte in text for byte in _IN_NO_NUMBERS):
        for mark, what in _NO_NUMBERS:
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
    """Return whether a zero of an array is written as -0, whose sign no integer has."""
    if b"-0" not in text or np.count_nonzero(array) == array.size:
        return False
    return _INTEGER_MINUS_ZERO.search(text) is not None


def with_minus_zeros(text: bytes) -> bytes:
    """Write each -0 as a fraction, which has a sign: beside fractions it is one."""
    return _INTEGER_MINUS_ZERO.sub(b"-0.0", text)


def parse_object(text: bytes, name: str, accepted: Sequence[str]) -> dict[str, Array]:
    """Read a JSON object whose values are tensors.

    Parameters
    ----------
    text : bytes
    name : str
        What the user calls it, for errors.
    accepted : sequence of str
        The names that it may have, for errors.

    Raises
    ------
    CnnopsError
        If the text is anything else.
    """

    def load(text: bytes) -> Any:
        return json.loads(text, parse_float=_finite, object_pairs_hook=_unique)

    try:
        value = load(text)
        signed = load(with_minus_zeros(text)) if b"-0" in text else value
    except json.JSONDecodeError as error:
        raise CnnopsError(_not_json(name, error)) from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        reason = str(error) if isinstance(error, CnnopsError) else "is no JSON object"
        raise CnnopsError(f"{name} {reason}") from error
    if not isinstance(value, dict):
        raise CnnopsError(f"{name} is not a JSON object with any of {', '.join(accepted)}")
    arrays = {}
    for key, item in value.items():
        array = parse_array(json.dumps(item).encode(), f"{name}:{key}")
        if is_floating(array):
            array = parse_array(json.dumps(signed[key]).encode(), f"{name}:{key}")
        arrays[key] = array
    return arrays


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise CnnopsError(f"holds a number past 64 bits: {digits}")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise CnnopsError(f"holds {name!r} twice")
        found[name] = value
    return found


def _not_json(name: str, error: json.JSONDecodeError) -> str:
    if "UTF-8" in error.msg:
        return f"{name} is no UTF-8 text, as JSON is, nor .npy or a picture of a kind that is read"
    if "infinity" in error.msg:
        return f"{name} holds a number past 64 bits at line {error.lineno}, column {error.colno}"
    from cnnops_cli.tensors.json_mistakes import meant

    reason = f"{error.msg} at line {error.lineno}, column {error.colno}"
    return f"{name} is not JSON: {reason}{meant(error.doc, error.pos, name)}"


def _no_number(name: str, what: str, text: bytes) -> str:
    from cnnops_cli.tensors.json_mistakes import INSTEAD

    meant = INSTEAD[what] if what != "a string" or re.search(rb'"-?[\d.NI]', text) else ""
    return f"{name} holds {what}; a JSON tensor is nested arrays of numbers{meant}"


def _in_place(error: json.JSONDecodeError, text: bytes) -> json.JSONDecodeError:
    """Find the error again in the text as it was, where words are still in their places."""
    try:
        json.loads(text)
    except json.JSONDecodeError as found:
        return found
    except (RecursionError, ValueError):
        pass
    return error


def _unsigned(value: Any, text: bytes, name: str) -> Array:
    """Read integers that int64 is too small for."""
    try:
        return np.array(value, np.uint64)
    except (OverflowError, ValueError, TypeError):
        integers: list[bytes] = re.findall(rb"-?\d+", text)
        largest = max(integers, key=lambda digits: abs(int(digits))).decode()
        raise CnnopsError(
            f"{name} holds integers past 64 bits: {largest} fits neither int64 nor, beside the "
            "others, uint64"
        ) from None


def raggedness(value: list[Any], name: str) -> str:
    """Say where the rows begin to differ."""
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


def write_json(stream: BinaryIO, array: Array, precision: int | None = None) -> None:
    """Write an array as `format_array` does, and a newline, with little text at once in memory."""
    if array.dtype.kind == "O":  # formulas
        stream.write(orjson.dumps(array.tolist(), option=orjson.OPT_APPEND_NEWLINE))
        return
    held = b""
    for text in _texts(array, precision):
        if held:
            stream.write(held)
        held = text
    stream.write(held + b"\n")  # with the newline, for a small array is one write


def format_array(array: Array, precision: int | None = None) -> bytes:
    """Write an array as one line of JSON, without the newline.

    Parameters
    ----------
    array : numpy.ndarray
    precision : int, optional
        Round to this many decimals, ties of the exact value to even.

    Returns
    -------
    bytes
        Each number in the shortest form that reads back equal in the array's dtype, rounded to it
        at once or by way of float64.

    Examples
    --------
    >>> format_array(np.array([[0.1, np.nan]], np.float32))
    b'[[0.1,NaN]]'
    """
    return b"".join(_texts(array, precision))


def _texts(array: Array, precision: int | None) -> Iterator[bytes]:
    """Cut the text of an array where items of it begin."""
    if array.size <= _MOST_VALUES:
        yield _text(array, precision)
        return
    items = _MOST_VALUES * len(array) // array.size
    yield b"["
    for start in range(0, len(array), max(items, 1)):
        if start:
            yield b","
        if items:
            yield _text(array[start : start + items], precision)[1:-1]
        else:
            yield from _texts(array[start], precision)
    yield b"]"


def _text(array: Array, precision: int | None) -> bytes:
    numbers = array
    if is_floating(array):
        if precision is not None:
            numbers = round_decimals(array, precision)
        if array.dtype == np.float16:
            numbers = _shortest_halves(numbers)
    numbers = np.ascontiguousarray(numbers).reshape(array.shape)
    text = orjson.dumps(numbers if numbers.ndim else numbers[()], option=orjson.OPT_SERIALIZE_NUMPY)
    if array.dtype == np.float32 and np.count_nonzero(np.abs(numbers) == TWICE_ROUNDED):
        text = text.replace(SHORTEST, READS_BACK)
    if is_floating(array) and not np.isfinite(array).all():
        words = iter([format_word(value) for value in array[~np.isfinite(array)].tolist()])
        text = re.sub(rb"null", lambda _: next(words), text)
    return text


def format_word(value: float) -> bytes:
    """Write what is not finite."""
    if math.isnan(value):
        return b"NaN"
    return b"Infinity" if value > 0 else b"-Infinity"


def round_decimals(array: Array, decimals: int) -> Array:
    """Round to decimals, each value as its exact binary value demands, ties to even.

    Notes
    -----
    `numpy.round` multiplies by a power of ten, which rounds by itself: 2.675 would become 2.68.
    Python's `round` does not.
    """
    rounded = [
        round(value, decimals) if math.isfinite(value) else value
        for value in array.ravel().tolist()
    ]
    return np.array(rounded, array.dtype).reshape(array.shape)


def _shortest_halves(array: Array) -> Array:
    """Turn float16 into the float64 that the shortest text of each reads as; by bits, for -0.0."""
    bits, inverse = np.unique(array.view(np.uint16), return_inverse=True)
    shortest = np.array([float(str(value)) for value in bits.view(np.float16)])
    return shortest[inverse].reshape(array.shape)
