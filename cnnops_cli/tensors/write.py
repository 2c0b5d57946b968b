"""How arrays are written, by the format of the file.

What writes JSON and archives is imported where there is some: a small call is mostly its start.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from cnnops_cli.dtypes import Array
from cnnops_cli.tensors.npy import write_npy

Writer = Callable[[BinaryIO], None]


def array_writer(path: str, name: str, array: Array, precision: int | None = None) -> Writer:
    """Return how one array is written to a path, by its suffix.

    Parameters
    ----------
    path : str
        Ends in .npy, .npz or .json.
    name : str
        The array's name in an archive.
    array : numpy.ndarray
    precision : int, optional
        Decimals in JSON.
    """
    suffix = Path(path).suffix
    if suffix == ".npy":
        return npy_writer(array)
    if suffix == ".npz":
        return _npz_writer({name: array})
    return json_writer(array, precision)


def npy_writer(array: Array) -> Writer:
    """Return how one array is written as .npy."""
    return lambda stream: write_npy(stream, array)


def json_writer(array: Array, precision: int | None = None) -> Writer:
    """Return how one array is written as a line of JSON."""
    from cnnops_cli.tensors.json_text import write_json

    return lambda stream: write_json(stream, array, precision)


def _npz_writer(arrays: dict[str, Array]) -> Writer:
    from cnnops_cli.tensors.npz import write_npz

    return lambda stream: write_npz(stream, arrays)


def named_writer(path: str, arrays: dict[str, Array]) -> Writer:
    """Return how several arrays are written to a path: an archive, or a JSON object."""
    if Path(path).suffix == ".npz":
        return _npz_writer(arrays)
    from cnnops_cli.tensors.json_text import format_array

    members = b",".join(b'"%s":%s' % (k.encode(), format_array(v)) for k, v in arrays.items())
    return bytes_writer(b"{%s}\n" % members)


def bytes_writer(data: bytes) -> Writer:
    """Return how bytes are written as they are."""

    def write(stream: BinaryIO) -> None:
        stream.write(data)

    return write
