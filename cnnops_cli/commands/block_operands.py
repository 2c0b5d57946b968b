"""Where blocks are read and written: plain data by which any process opens the arrays of a call.

Blocks have the axes of the operator; here they are brought to those of the user, and back.
"""

from typing import Any, NamedTuple

import numpy as np

from cnnops_cli import signals
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.operator import Read
from cnnops_cli.blocks.work import Write
from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.dtypes import Array, native
from cnnops_cli.errors import CnnopsError, naming_operands
from cnnops_cli.tensors.read import read_tensor
from cnnops_cli.tensors.tensor import Tensor, unify
from cnnops_cli.tensors.zarr_array import ZarrReference, open_reference


class ZarrSource(NamedTuple):
    """A Zarr array that is read; `dtype` is what --dtype says, if it is converted."""

    reference: ZarrReference
    layout: InputLayout
    dtype: str | None = None

    def open(self) -> Read:
        """Open it."""
        array = open_reference(self.reference)

        def read(box: Box) -> Array:
            with signals.waiting():  # zarr's own thread goes on with what is left
                part = array.read(self.layout.place_of_input(box.slices))
            with naming_operands(input=array.shape):
                converted = unify({"input": Tensor(part, array.name, weak=False)}, self.dtype)
            return np.asarray(self.layout.to_operator(converted["input"]), order="C")

        return read


class NpySource(NamedTuple):
    """A .npy file that is read, with the shape and dtype that it has where the call is made."""

    path: str
    argument: str
    layout: InputLayout
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def open(self) -> Read:
        """Open it, or refuse another one."""
        stored = read_tensor(self.path, self.argument).array
        if (stored.shape, native(stored.dtype)) != (self.shape, self.dtype):
            raise CnnopsError(
                f"it finds another {self.argument} at {self.path}: {stored.dtype.name} "
                f"{stored.shape}, not {self.dtype.name} {self.shape}"
            )
        array = self.layout.to_operator(stored)
        return lambda box: np.array(array[box.slices], self.dtype, order="C")


class ZarrSink(NamedTuple):
    """A Zarr array that is written."""

    reference: ZarrReference
    layout: InputLayout

    def open(self) -> Write:
        """Open it."""
        array = open_reference(self.reference)

        def write(box: Box, values: Array) -> None:
            slices = self.layout.place_of_input(box.slices)
            with signals.waiting():
                array.write(slices, self.layout.from_operator(values))

        return write
