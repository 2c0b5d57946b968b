"""A .npy file in which an array is computed."""

from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.tensors.mapped import map_new
from cnnops_cli.tensors.npy import start_of_values


class Room:
    """The values of a .npy file; what is missing in the end is its header.

    Attributes
    ----------
    array : numpy.ndarray or None
        With arbitrary values; None if the file cannot be mapped.

    Raises
    ------
    OSError
        If there is no space for it.
    """

    def __init__(self, descriptor: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._start = start_of_values(shape, dtype)
        self.array = map_new(descriptor, shape, dtype, self._start)

    def holds(self, array: Array) -> bool:
        """Return whether the file, with a header, is that of an array."""
        room = self.array
        return (
            room is not None
            and array.flags.c_contiguous
            and array.dtype == room.dtype == room.dtype.newbyteorder("<")
            and (_address(array), array.size) == (_address(room), room.size)
            and start_of_values(array.shape, array.dtype) == self._start
        )


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
