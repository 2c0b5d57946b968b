"""The sizes of a convolution, and the parts that it is computed in."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from cnnops_cli.ops.geometry import Windows

_LONGEST_SUM, _FEW_FILTERS, _LONGEST_OF_FEW = 160, 8, 32
"""How many products are added up one after the other, and how many where filters are few: each
addition rounds. With up to 384, which are BLAS's own parts, the largest error was up to 3.5 times
PyTorch's, whose error is less yet for few filters. A part costs an addition for each result."""

_MOST_TERMS = 6
"""How many products of a tile are held, to be added up in one go."""


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


def runs_on(windows: Windows) -> bool:
    """Whether a window that begins a line sees the cells that follow those of the last window.

    It does in memory: the lines of the output are as long as the input's, and the stride is 1.
    """
    return set(windows.stride) == {1} and windows.output[1:] == windows.lengths[1:]


def phases_of(layer: Layer, stacked: bool) -> dict[int, slice]:
    """Group the steps along the kernel's first axis by the first line of the input that they see.

    Returns
    -------
    dict of slice by int
        The steps of each phase: by a line, of as many as the stride has.
    """
    if not stacked:
        return {0: slice(1)}
    windows = layer.windows
    steps, gap, stride = windows.kernel[0], windows.dilation[0], windows.stride[0]
    period = stride // math.gcd(gap, stride)
    return {first * gap % stride: slice(first, None, period) for first in range(min(period, steps))}


def matrix_depth(layer: Layer, stacked: bool) -> int:
    """Rows of the matrix of columns for one group; stacked, without the kernel's first axis."""
    kernel = layer.windows.kernel
    return layer.channels * math.prod(kernel[1:] if stacked else kernel)


def parts_of_a_sum(depth: int, filters: int) -> list[slice]:
    """Cut the rows of a matrix into nearly equal parts whose products are added up.

    Examples
    --------
    >>> parts_of_a_sum(300, filters=64)
    [slice(0, 150, None), slice(150, 300, None)]
    """
    longest = _LONGEST_SUM if filters > _FEW_FILTERS else _LONGEST_OF_FEW
    return spans_of(slice(0, depth), -(-depth // longest))


def parts_at_once(parts: int, steps: int) -> int:
    """How many parts of a sum wait to be added up, each of so many steps along the kernel."""
    return min(parts, max(1, _MOST_TERMS // steps))


def spans_of(whole: slice, count: int) -> list[slice]:
    """Cut into `count` slices of nearly one length."""
    length = length_of(whole)
    count = max(1, min(count, length))
    edges = [whole.start + length * number // count for number in range(count + 1)]
    return [slice(begin, end) for begin, end in pairwise(edges)]
