"""What an operator offers, so that any part of its result can be computed by itself."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cnnops_cli.blocks.boxes import Box, Span, boxes_of
from cnnops_cli.dtypes import Array

Read = Callable[[Box], Array]
"""Returns a box of an array in memory: in native byte order, and contiguous."""


class BlockOperator:
    """An operator with its arguments, for an input of which only the shape and dtype are known.

    It is plain data, so that it can be pickled. Its axes are those of the operator, such as
    (N, C, *spatial). What is wrong with the arguments is refused when it is made.

    Attributes
    ----------
    input_shape : tuple of int
    input_dtype : numpy.dtype
    shape : tuple of int
        The shape of the result, and of every further output.
    outputs : dict of str to numpy.dtype
        ``result``, and perhaps ``indices`` or ``mask``.
    """

    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        raise NotImplementedError

    @property
    def outputs(self) -> dict[str, np.dtype[Any]]:
        """What is computed, with its dtype."""
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the result."""
        return self.outputs["result"]

    @property
    def strides(self) -> tuple[int, ...]:
        """How far apart along each axis of the input is what two neighbours of the result see."""
        return (1,) * len(self.shape)

    @property
    def needs_statistics(self) -> bool:
        """Whether moments of all boxes come first; see `cnnops_cli.blocks.batchnorm`."""
        return False

    def seen_along(self, axis: int, span: Span) -> list[Span]:
        """Return what a span of the result sees of the input along an axis, in ascending order."""
        return [span]

    def sees(self, box: Box) -> list[Box]:
        """Return what a box of the result sees of the input: nothing, if it sees only padding."""
        return boxes_of([self.seen_along(axis, span) for axis, span in enumerate(box.spans)])

    def bytes_of(self, box: Box) -> int:
        """Return the memory that a box of this shape takes at most, computed on one thread."""
        raise NotImplementedError

    def compute(self, reads: Mapping[str, Read], box: Box) -> dict[str, Array]:
        """Compute a box of every output; ``reads["input"]`` reads the input."""
        raise NotImplementedError

    def bytes_of_outputs(self, box: Box) -> int:
        """Return the memory of a box of every output."""
        return box.size * sum(dtype.itemsize for dtype in self.outputs.values())
