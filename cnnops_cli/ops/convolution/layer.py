"""The sizes of a convolution, and the parts that it is computed in."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnops_cli.ops.geometry import Windows


@dataclass(frozen=True)
class Layer:
    """The sizes of a convolution.

    Attributes
    ----------
    items, groups : int
    channels, filters : int
        Of one group.
    windows : Windows
    dtype : numpy.dtype
        What is computed in.
    """

    items: int
    groups: int
    channels: int
    filters: int
    windows: Windows
    dtype: np.dtype[Any]

    @property
    def cells(self) -> int:
        """Outputs of one filter on one item."""
        return math.prod(self.windows.output)


@dataclass(frozen=True)
class Tile:
    """A part of the result: items, groups, filters of each group, and outputs by axis."""

    items: slice
    groups: slice
    filters: slice
    box: tuple[slice, ...]

    @property
    def count(self) -> int:
        """How many items."""
        return length_of(self.items)

    @property
    def index(self) -> tuple[slice, ...]:
        """Where it is in the result, shape (N, G, O, *output)."""
        return (self.items, self.groups, self.filters, *self.box)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many outputs, by axis."""
        return tuple(map(length_of, self.box))


def whole(layer: Layer) -> Tile:
    """The tile that is the result."""
    return Tile(
        slice(0, layer.items),
        slice(0, layer.groups),
        slice(0, layer.filters),
        tuple(slice(0, length) for length in layer.windows.output),
    )


def length_of(span: slice) -> int:
    """How many items a slice takes."""
    return int(span.stop - span.start)
