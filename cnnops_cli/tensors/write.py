"""Writers: functions that write arrays to a stream, by the format of the file."""

from collections.abc import Callable
from typing import BinaryIO

from cnnops_cli.dtypes import Array
from cnnops_cli.tensors.formats import JSON, NPY, Format, Writing, format_of_name

Writer = Callable[[BinaryIO], object]


def array_writer(
    path: str,
    name: str,
    array: Array,
    precision: int | None = None,
    layout: str = "channels-first",
    stretch: bool = False,
) -> Writer:
    """Return the writer of one array in the format of a path; see `Writing`."""
    writing = Writing(path, name, precision, layout, stretch)
    return _writer_as(format_of_name(path), array, writing)


def npy_writer(array: Array) -> Writer:
    """Return the writer of one array as .npy."""
    return NpyWriter(array)


def json_writer(array: Array, precision: int | None = None) -> Writer:
    """Return the writer of one array as a line of JSON."""
    return _writer_as(JSON, array, Writing(precision=precision))


def named_writer(path: str, arrays: dict[str, Array]) -> Writer:
    """Return the writer of several arrays in the format of a path: an archive or a JSON object."""
    code = format_of_name(path).code
    return lambda stream: code.write_named(stream, arrays)


def bytes_writer(data: bytes) -> Writer:
    """Return the writer of bytes."""
    return lambda stream: stream.write(data)


class NpyWriter:
    """Writes one array as .npy, all of it or, where its values are in the file, the header."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __call__(self, stream: BinaryIO) -> None:
        """Write the file."""
        NPY.code.write(stream, self.array)

    def write_header(self, stream: BinaryIO) -> None:
        """Write what is before the values."""
        stream.seek(0)
        NPY.code.write_header(stream, self.array.shape, self.array.dtype)


def _writer_as(row: Format, array: Array, writing: Writing) -> Writer:
    if row is NPY:
        return NpyWriter(array)
    code = row.code
    return lambda stream: code.write(stream, array, writing)
