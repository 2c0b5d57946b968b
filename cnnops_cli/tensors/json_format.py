"""JSON: nested arrays of numbers, and the words NaN, Infinity and -Infinity."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import orjson

from cnnops_cli.dtypes import READS_BACK, SHORTEST, TWICE_ROUNDED, Array, is_floating
from cnnops_cli.errors import CnnopsError
from cnnops_cli.spans import spans
from cnnops_cli.tensors.formats import PLAIN, USUAL, Reading, Writing
from cnnops_cli.words import check_names

_MOST_VALUES = 1 << 16
"""The number of values that are turned into text at a time."""


def read(stream: BinaryIO, _: int | None, name: str, reading: Reading = PLAIN) -> Array:
    """Read an array of numbers, or of numbers and letters if `reading` allows that.

    The stream is seekable, and at its start.
    """
    from cnnops_cli.tensors.json_pieces import read_array

    try:
        return read_array(stream, name)
    except CnnopsError:
        if not reading.letters:
            raise
        from cnnops_cli.tensors.letters import parse_letters

        stream.seek(0)
        array = parse_letters(stream.read(), name)
        if array is None:
            raise
        return array


def read_named(
    stream: BinaryIO, _: int | None, name: str, accepted: Sequence[str]
) -> dict[str, Array]:
    """Read an object of arrays, and refuse names that are not accepted."""
    from cnnops_cli.tensors.json_text import parse_object

    arrays = parse_object(stream.read(), name, accepted)
    check_names(name, arrays, accepted)
    return arrays


def write(stream: BinaryIO, array: Array, writing: Writing = USUAL) -> None:
    """Write an array as `format_array` does, and a newline, with little text in memory."""
    if array.dtype.kind == "O":  # formulas
        stream.write(orjson.dumps(array.tolist(), option=orjson.OPT_APPEND_NEWLINE))
        return
    held = b""
    for text in _texts(array, writing.precision):
        if held:
            stream.write(held)
        held = text
    stream.write(held + b"\n")  # a small array takes one write


def write_named(stream: BinaryIO, arrays: dict[str, Array]) -> None:
    """Write arrays as an object on one line."""
    stream.write(b"{")
    mark = b""
    for name, array in arrays.items():
        stream.write(b'%b"%b":' % (mark, name.encode()))
        for text in _texts(array, None):
            stream.write(text)
        mark = b","
    stream.write(b"}\n")


def format_array(array: Array, precision: int | None = None) -> bytes:
    """Write an array as one line of JSON, without the newline.

    Each number has the shortest form that reads back equal in the array's dtype, rounded to it
    directly or by way of float64; or `precision` decimals, with ties of the exact value to even.

    Examples
    --------
    >>> format_array(np.array([[0.1, np.nan]], np.float32))
    b'[[0.1,NaN]]'
    """
    return b"".join(_texts(array, precision))


def _texts(array: Array, precision: int | None) -> Iterator[bytes]:
    """Yield the text of an array in parts."""
    if array.size <= _MOST_VALUES:
        yield _text(array, precision)
        return
    length = _MOST_VALUES * len(array) // array.size
    yield b"["
    for part in spans(len(array), length):
        if part.start:
            yield b","
        if length:
            yield _text(array[part], precision)[1:-1]
        else:
            yield from _texts(array[part.start], precision)
    yield b"]"


def _text(array: Array, precision: int | None) -> bytes:
    flags = array.flags
    if not (flags.c_contiguous and flags.aligned and array.dtype.isnative):
        array = array.astype(array.dtype.newbyteorder("="), order="C")
    numbers = array
    if is_floating(array):
        if precision is not None:
            numbers = round_decimals(array, precision)
        if array.dtype == np.float16:
            numbers = _shortest_halves(numbers)
    text = orjson.dumps(numbers if numbers.ndim else numbers[()], option=orjson.OPT_SERIALIZE_NUMPY)
    if array.dtype == np.float32 and np.count_nonzero(np.abs(numbers) == TWICE_ROUNDED):
        text = text.replace(SHORTEST, READS_BACK)
    if is_floating(array) and not np.isfinite(array).all():
        words = iter([format_word(value) for value in array[~np.isfinite(array)].tolist()])
        text = re.sub(rb"null", lambda _: next(words), text)
    return text


def format_word(value: float) -> bytes:
    """Write a number that is not finite."""
    if math.isnan(value):
        return b"NaN"
    return b"Infinity" if value > 0 else b"-Infinity"


def round_decimals(array: Array, decimals: int) -> Array:
    """Round to decimals by the exact binary values, ties to even.

    `numpy.round` first multiplies by a power of ten, which rounds as well: 2.675 becomes 2.68.
    """
    rounded = [
        round(value, decimals) if math.isfinite(value) else value
        for value in array.ravel().tolist()
    ]
    return np.array(rounded, array.dtype).reshape(array.shape)


def _shortest_halves(array: Array) -> Array:
    """Return what the shortest text of each float16 reads as; by bits, to keep -0.0."""
    bits, inverse = np.unique(array.view(np.uint16), return_inverse=True)
    shortest = np.array([float(str(value)) for value in bits.view(np.float16)])
    return shortest[inverse].reshape(array.shape)
