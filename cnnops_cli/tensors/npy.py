"""The .npy format. Nothing is unpickled."""

import io
import math
import warnings
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.lib import format as npy_format

from cnnops_cli.dtypes import Array, check_supported, native
from cnnops_cli.errors import CnnopsError
from cnnops_cli.large_arrays import empty, is_large
from cnnops_cli.slabs import slabs
from cnnops_cli.tensors.formats import NPY_MAGIC, PLAIN, USUAL, Reading, Writing
from cnnops_cli.words import shortened

_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
"""By version: the number of bytes that hold the length of the header."""
_LONGEST_HEADER = 10_000
_PIECE = 1 << 20


def read(stream: BinaryIO, size: int | None, name: str, reading: Reading = PLAIN) -> Array:
    """Read one array from a stream that need not be seekable.

    Without a size, the data end where the stream does. For a header alone all elements are one zero
    in memory. No memory is taken for data that are not there. A large file is mapped where that can
    be; then the array is read-only, in the file's memory and byte order.
    """
    shape, fortran_order, dtype = _read_header(stream, name)
    check_supported(dtype, name)
    if any(type(length) is not int or length < 0 for length in shape):
        raise CnnopsError(
            f"{name} has a shape that is not a tuple of lengths: {shortened(str(shape))}"
        )
    promise = _Promise(name, dtype, shape)
    if size is not None:
        promise.check(size - stream.tell())
    try:
        if reading.headers:
            return np.broadcast_to(np.zeros((), native(dtype)), shape)
        if size is not None and is_large(promise.bytes):
            mapped = _map(stream, shape, dtype, fortran_order)
            if mapped is not None:
                return mapped
        array = empty("values", (math.prod(shape),), native(dtype)).reshape(shape)
    except ValueError as error:
        raise CnnopsError(
            f"{name} has a shape that NumPy cannot hold: {shortened(str(shape))}"
        ) from error
    except MemoryError:
        if size is None:
            promise.check(_count(stream, promise.bytes))
        raise
    promise.check(_read_values(stream, dtype, array.T if fortran_order else array))
    if size is None and stream.read(1):
        raise promise.broken("more")
    return array


def _map(
    stream: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any], fortran_order: bool
) -> Array | None:
    """Map the values, but for those of bool: any byte but 0 is True, which becomes 1."""
    if dtype.kind == "b":
        return None
    from cnnops_cli.tensors.mapped import map_values

    return map_values(stream, shape, dtype, fortran_order=fortran_order)


class _Promise(NamedTuple):
    """What a header promises."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def check(self, held: int) -> None:
        if held != self.bytes:
            raise self.broken(held)

    def broken(self, held: int | Literal["more"]) -> CnnopsError:
        fault = "too long" if held == "more" or held > self.bytes else "cut short"
        return CnnopsError(
            f"{self.name} is {fault}: its header promises {self.dtype.name} "
            f"{shortened(str(self.shape))}, {self.bytes} bytes, but {held} follow"
        )


def _read_header(stream: BinaryIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    start = stream.read(len(NPY_MAGIC) + 2)
    version = tuple(start[-2:])
    if not start.startswith(NPY_MAGIC) or version not in _LENGTH_BYTES:
        raise CnnopsError(f"{name} is not a .npy file of version 1, 2 or 3")
    length = stream.read(_LENGTH_BYTES[version])
    size = int.from_bytes(length, "little")
    if size > _LONGEST_HEADER:
        raise CnnopsError(f"{name} has a .npy header of {size} bytes; at most {_LONGEST_HEADER}")
    header = io.BytesIO(length + stream.read(size))
    parse = (
        npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    )
    try:
        # NumPy warns of headers that Python 2 wrote, which are valid.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return parse(header, _LONGEST_HEADER)
    except Exception as error:  # whatever its parser of Python literals raises
        raise CnnopsError(f"{name} has no .npy header that can be read") from error


def _read_values(stream: BinaryIO, dtype: np.dtype[Any], array: Array) -> int:
    """Fill an array of any memory order, and return the number of bytes that were read."""
    if array.flags.c_contiguous and dtype == array.dtype:
        return _fill(stream, array.reshape(-1).view(np.uint8))
    filled = 0
    for slab in slabs(array):
        data = np.empty(slab.shape, dtype)
        count = _fill(stream, data.reshape(-1).view(np.uint8))
        filled += count
        if count < data.nbytes:
            break
        slab[...] = data
    return filled


def _fill(stream: BinaryIO, data: Array) -> int:
    """Fill bytes in pieces, since some streams copy them; return the number that were read."""
    view, filled = memoryview(data), 0  # type: ignore[arg-type]
    while count := stream.readinto(view[filled : filled + _PIECE]):  # type: ignore[attr-defined]
        filled += count
    return filled


def _count(stream: BinaryIO, most: int) -> int:
    """Return how many bytes follow, at most `most`, without keeping them."""
    counted = 0
    while counted < most and (piece := stream.read(min(_PIECE, most - counted))):
        counted += len(piece)
    return counted


def write(stream: BinaryIO, array: Array, _: Writing = USUAL) -> None:
    """Write one array: little-endian, row-major, format version 1.0."""
    write_header(stream, array.shape, array.dtype)
    dtype = array.dtype.newbyteorder("<")
    if array.flags.c_contiguous and dtype == array.dtype:
        stream.write(array.reshape(-1).view(np.uint8).data)
        return
    for slab in slabs(array):
        stream.write(np.ascontiguousarray(slab, dtype).reshape(-1).view(np.uint8).data)


def write_header(stream: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Write what a file has before the values."""
    descr = dtype.newbyteorder("<").str
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    npy_format.write_array_header_1_0(stream, header)


def start_of_values(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Return the number of bytes before the values."""
    header = io.BytesIO()
    write_header(header, shape, dtype)
    return len(header.getvalue())
