"""The .npy format. Nothing is unpickled."""

import io
import math
import warnings
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from cnnops_cli.dtypes import Array, check_supported, native
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.slabs import slabs

NPY_MAGIC = b"\x93NUMPY"

_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
"""How many bytes tell the length of the header, by version."""
_LONGEST_HEADER = 10_000


def read_npy(stream: BinaryIO, size: int | None, name: str, *, header: bool = False) -> Array:
    """Read one array.

    Parameters
    ----------
    stream : binary stream
        At the first byte of the file; need not be seekable.
    size : int or None
        How many bytes there are, from that byte on; None where that is not known, of a header.
    name : str
        What the user calls the file, for errors.
    header : bool
        Read no data.

    Returns
    -------
    numpy.ndarray
        Of a supported dtype in native byte order; bool as uint8. A header alone gives zeros, one in
        memory for all.

    Raises
    ------
    CnnopsError
        If the header is not one, promises another amount of data than there is, or names a dtype
        that is not supported. Nothing is allocated before.
    """
    shape, fortran_order, dtype = _read_header(stream, name)
    check_supported(dtype, name)
    if any(type(length) is not int or length < 0 for length in shape):
        raise CnnopsError(f"{name} has a shape that is not one of lengths: {shape}")
    promised = math.prod(shape) * dtype.itemsize
    held = promised if size is None else size - stream.tell()
    if promised != held:
        raise CnnopsError(
            f"{name} is {'cut short' if promised > held else 'too long'}: its header promises "
            f"{dtype.name} {shape}, {promised} bytes, but {held} follow"
        )
    try:
        if header:
            return np.broadcast_to(np.zeros((), native(dtype)), shape)
        array = np.empty(math.prod(shape), native(dtype)).reshape(shape)
    except ValueError as error:
        raise CnnopsError(f"{name} has a shape that NumPy cannot hold: {shape}") from error
    in_file_order = array.T if fortran_order else array
    if in_file_order.flags.c_contiguous and dtype == array.dtype:
        _fill(stream, array.reshape(-1).view(np.uint8), name)
    else:
        _convert(stream, dtype, in_file_order, name)
    return array


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
    try:
        # NumPy warns of headers that Python 2 wrote; they are as good as any.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if version == (1, 0):
                return npy_format.read_array_header_1_0(header, _LONGEST_HEADER)
            return npy_format.read_array_header_2_0(header, _LONGEST_HEADER)
    except Exception as error:  # whatever NumPy's parser of Python literals raises
        raise CnnopsError(f"{name} has no .npy header that can be read") from error


def _convert(stream: BinaryIO, dtype: np.dtype[Any], array: Array, name: str) -> None:
    """Fill an array of any memory order with values in another byte or memory order."""
    for slab in slabs(array):
        data = np.empty(slab.shape, dtype)
        _fill(stream, data.reshape(-1).view(np.uint8), name)
        slab[...] = data


def _fill(stream: BinaryIO, data: Array, name: str) -> None:
    """Fill bytes from a stream that may hand out fewer than were asked for."""
    view = memoryview(data)  # type: ignore[arg-type]
    while len(view):
        count = stream.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise CnnopsError(f"{name} ended {len(view)} bytes before the end of its data")
        view = view[count:]


def write_npy(stream: BinaryIO, array: Array) -> None:
    """Write one array: little-endian, row-major, format version 1.0."""
    dtype = array.dtype.newbyteorder("<")
    header = {"descr": dtype.str, "fortran_order": False, "shape": array.shape}
    npy_format.write_array_header_1_0(stream, header)
    if array.flags.c_contiguous and dtype == array.dtype:
        stream.write(array.reshape(-1).view(np.uint8).data)
        return
    for slab in slabs(array):
        stream.write(np.ascontiguousarray(slab, dtype).reshape(-1).view(np.uint8).data)
