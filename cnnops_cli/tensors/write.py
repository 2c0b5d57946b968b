"""Writers: functions that write arrays to a stream, by the format of the file."""

from collections.abc import Callable
from typing import BinaryIO

from cnnops_cli.dtypes import Array
from cnnops_cli.tensors.formats import JSON, NPY, USUAL, Format, Writing, format_of_name

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
    return _writer_as(NPY, array, USUAL)


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


def _writer_as(row: Format, array: Array, writing: Writing) -> Writer:
    code = row.code
    return lambda stream: code.write(stream, array, writing)
