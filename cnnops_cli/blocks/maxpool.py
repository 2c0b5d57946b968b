"""Max pooling of a part of an input."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cnnops_cli.blocks.boxes import Box, Span
from cnnops_cli.blocks.operator import BlockOperator, Read
from cnnops_cli.blocks.seen import lengths_reached, padding_left, seen_inside
from cnnops_cli.dtypes import Array
from cnnops_cli.ops.geometry import Padding, Size, Windows
from cnnops_cli.ops.maxpool import place_windows, pool
from cnnops_cli.ops.parallel import WORKING_BYTES
from cnnops_cli.slabs import slabs


@dataclass(frozen=True, eq=False)
class MaxpoolBlocks(BlockOperator):
    """Max pooling of an input of a known shape."""

    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]
    windows: Windows
    return_indices: bool

    @classmethod
    def planned(
        cls,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        kernel_size: Size,
        *,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> "MaxpoolBlocks":
        """Plan pooling with the arguments of `cnnops_cli.maxpool`, or refuse one of them."""
        windows = place_windows(
            shape,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            ceil_mode=ceil_mode,
        )
        return cls(shape, dtype, windows, return_indices)

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, *output) or (N, C, *output)."""
        return (*self.input_shape[: self._lead], *self.windows.output)

    @property
    def outputs(self) -> dict[str, np.dtype[Any]]:
        """The result, in the input's dtype, and perhaps the indices."""
        indices = {"indices": np.dtype(np.int64)} if self.return_indices else {}
        return {"result": self.input_dtype, **indices}

    @property
    def _lead(self) -> int:
        """The number of axes before the spatial ones."""
        return len(self.input_shape) - self.windows.dims

    @property
    def strides(self) -> tuple[int, ...]:
        """The windows' strides, after 1 for the other axes."""
        return (1,) * (self._lead) + self.windows.stride

    def seen_along(self, axis: int, span: Span) -> list[Span]:
        """Return the same samples and channels, and what the windows see of the spatial axes."""
        if axis < self._lead:
            return [span]
        return seen_inside(self.windows, axis - self._lead, span)

    def bytes_of(self, box: Box) -> int:
        """Return the memory of what is read and of the computation."""
        lengths = lengths_reached(self.windows, box.shape[self._lead :])
        read = math.prod((*box.shape[: self._lead], *lengths)) * self.input_dtype.itemsize
        return read + WORKING_BYTES + self.bytes_of_outputs(box)

    def compute(self, reads: Mapping[str, Read], box: Box) -> dict[str, Array]:
        """Pool what a box sees; indices are positions in the whole plane."""
        [seen] = self.sees(box)
        lengths = seen.shape[self._lead :]
        windows = replace(
            self.windows,
            lengths=lengths,
            padding=padding_left(self.windows, box.spans[self._lead :]),
            output=box.shape[self._lead :],
        )
        values, indices = pool(reads["input"](seen), windows, self.return_indices)
        if indices is None:
            return {"result": values}
        for slab in slabs(indices.reshape(-1)):
            _move_to_plane(slab, lengths, seen.starts[self._lead :], self.windows.lengths)
        return {"result": values, "indices": indices}


def _move_to_plane(
    indices: Array, lengths: Sequence[int], starts: Sequence[int], plane: Sequence[int]
) -> None:
    """Turn flat positions in a part into those in the plane, in which the part has its starts.

    Each row of a part begins where the one before ends; in the plane, what is left of its row lies
    between them. So it is with every axis but the first.
    """
    first, shift = indices.copy(), 0
    for axis in range(len(plane)):
        pitch = math.prod(plane[axis + 1 :])
        shift += starts[axis] * pitch
        if axis and lengths[axis] < plane[axis]:
            indices += first // math.prod(lengths[axis:]) * ((plane[axis] - lengths[axis]) * pitch)
    indices += shift
