"""Large JSON text, parsed piece by piece while it is read.

The numbers of a piece become an array before the next piece is read. So they stay in the cache, and
neither the whole text nor all numbers as Python objects are ever in memory.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from cnnops_cli.dtypes import Array, is_floating
from cnnops_cli.errors import CnnopsError
from cnnops_cli.spans import spans
from cnnops_cli.tensors.json_text import BYTE_ORDER_MARK, MOST_AXES, has_minus_zero, parse_array

_PIECE = 1 << 18
_MOST_HELD = 16 * _PIECE
_SPARE = 8
"""For the numbers that follow, there is memory for one in this number of those that are held."""
_FEWEST_COMMAS = 8
"""Between the units of the first piece, since later units may be longer."""
_WALL = re.compile(rb"(\]+)\s*,\s*(\[+)")


class _IrregularError(Exception):
    """The text is unusual or wrong, and has to be parsed as a whole."""


def read_array(stream: BinaryIO, name: str) -> Array:
    """Read one number or nested arrays of numbers, as `parse_array` of all the text does.

    The stream is seekable, and at its start.
    """
    first = stream.read(_PIECE)
    if len(first) == _PIECE:
        try:
            return _read_regular(first.removeprefix(BYTE_ORDER_MARK), stream)
        except (_IrregularError, CnnopsError):
            stream.seek(0)
            first = b""
    return parse_array(first + stream.read(), name)


def _read_regular(first: bytes, stream: BinaryIO) -> Array:
    """Read an array in runs of units: the largest subarrays of which a piece holds several."""
    opening = re.match(rb"[\s\[]*", first).group()  # type: ignore[union-attr]
    axes = opening.count(b"[")
    if axes > MOST_AXES:
        raise _IrregularError
    for unit_axes in range(axes - 1, -1, -1):
        if first.count(b"]" * unit_axes + b",") >= _FEWEST_COMMAS:
            break
    else:
        raise _IrregularError
    lengths = _Lengths(axes - unit_axes)
    numbers = _Numbers()
    unit_shape: tuple[int, ...] | None = None
    unsigned_zero = False
    body = b"[" * unit_axes + first[len(opening) :]
    for run, closed in _runs(body, stream, unit_axes, axes - unit_axes):
        array = parse_array(b"[%b]" % run, "")
        unsigned_zero |= array.dtype.kind == "i" and has_minus_zero(run, array)
        if array.size == 0 or unit_shape not in (None, array.shape[1:]):
            raise _IrregularError
        if array.dtype == np.uint64:
            raise _IrregularError  # the dtype depends on all other integers
        unit_shape = array.shape[1:]
        numbers.add(array)
        lengths.add(len(array), closed)
        if unsigned_zero and numbers.dtype.kind == "f":
            raise _IrregularError
    return numbers.array().reshape(*lengths.found, *(unit_shape or ()))


def _runs(
    body: bytes, stream: BinaryIO, unit_axes: int, outer_axes: int
) -> Iterator[tuple[bytes, int]]:
    """Yield the units of each piece, with commas between, and how many arrays end after them."""
    comma = b"]" * unit_axes + b","
    while piece := stream.read(_PIECE):
        body += piece
        end = body.rfind(comma)
        while end > 0 and body[end - 1 : end] == b"]":  # more than a unit ends there
            end = body.rfind(comma, 0, end)
        if end >= 0:
            yield from _between_walls(body[: end + unit_axes], unit_axes, outer_axes)
            body = body[end + len(comma) :]
        elif len(body) > _MOST_HELD:
            raise _IrregularError
    body = body.rstrip()
    if not body.endswith(b"]" * outer_axes):
        raise _IrregularError
    *inside, (last, _) = _between_walls(body[:-outer_axes], unit_axes, outer_axes)
    yield from inside
    yield last, outer_axes


def _between_walls(text: bytes, unit_axes: int, outer_axes: int) -> Iterator[tuple[bytes, int]]:
    """Split units where the arrays around them end and others begin."""
    start, end = 0, b"]" * (unit_axes + 1)
    while outer_axes > 1 and (at := text.find(end, start)) >= 0:
        wall = _WALL.match(text, at)
        closed = len(wall[1]) - unit_axes if wall else outer_axes
        if wall is None or closed >= outer_axes or closed != len(wall[2]) - unit_axes:
            raise _IrregularError
        yield text[start : at + unit_axes], closed
        start = wall.end() - unit_axes
    yield text[start:], 0


class _Numbers:
    """int64, or float64 from the first on, in memory that grows without a copy."""

    def __init__(self) -> None:
        self.dtype: np.dtype[Any] = np.dtype(np.int64)
        self._memory = np.empty(0, self.dtype)
        self._count = 0

    def add(self, array: Array) -> None:
        """Add the numbers of an array."""
        if is_floating(array) and self.dtype.kind != "f":
            self.dtype = array.dtype
            floats = self._memory.view(self.dtype)
            for part in spans(self._count, _PIECE):
                floats[part] = self._memory[part]
            del floats
        start, self._count = self._count, self._count + array.size
        if self._count > self._memory.size:
            self._memory.resize(self._count + self._count // _SPARE, refcheck=False)
        self._memory.view(self.dtype)[start : self._count] = array.reshape(-1)

    def array(self) -> Array:
        """Return all numbers; none can be added after that."""
        self._memory.resize(self._count, refcheck=False)
        return self._memory.view(self.dtype)


class _Lengths:
    """Counts the lengths of the axes around the units; `found` has those that are known."""

    def __init__(self, axes: int) -> None:
        self.found = [0] * axes
        self._counts = [0] * axes

    def add(self, units: int, closed: int) -> None:
        """Count units, and the arrays that end after them."""
        last = len(self._counts) - 1
        self._counts[last] += units
        for axis in range(last, last - closed, -1):
            if self.found[axis] not in (0, self._counts[axis]):
                raise _IrregularError
            self.found[axis] = self._counts[axis]
            self._counts[axis] = 0
            if axis:
                self._counts[axis - 1] += 1
