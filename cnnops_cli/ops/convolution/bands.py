"""The sizes of banded matrices."""

import math
from functools import lru_cache
from typing import NamedTuple

from cnnops_cli.ops.convolution.layer_tiles import Layer
from cnnops_cli.ops.convolution.products import longest_sum
from cnnops_cli.ops.geometry import Windows
from cnnops_cli.spans import spans


class Band(NamedTuple):
    """The sizes of a band of outputs along the first axis, and of what it sees.

    `kernel`, `stride` and `dilation` are those of the layer. Where the kernel is not split, an axis
    of length 1 is added after the others; to a line that is split, before its own.
    """

    outputs: int
    lines: int  # of the input
    step: int  # from line to line
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    added_axis: int | None

    @property
    def is_whole(self) -> bool:
        """Whether the matrices hold both axes of a kernel."""
        return self.added_axis == 2

    @property
    def steps(self) -> int:
        """The number of kernel columns whose products are added up."""
        return self.kernel[-1]

    @property
    def halo(self) -> int:
        """The number of further inputs of a tile along the last axis."""
        return (self.kernel[-1] - 1) * self.dilation[-1]

    def lines_of(self, bands: int) -> int:
        """Count the lines of the input that neighbouring bands see together."""
        return (bands - 1) * self.outputs * self.stride[0] // self.step + self.lines

    def depth(self, channels: int) -> int:
        """Count the rows of the matrix that is multiplied."""
        return channels * self.lines * math.prod(self.kernel[1:-1])

    def terms(self, layer: Layer) -> int:
        """Count the products that one output is added up from in each step."""
        return layer.channels * math.prod(self.kernel[:-1])

    def parts(self, layer: Layer) -> list[slice]:
        """Cut the depth into sums; where matrices are banded, between channels."""
        depth, of_channel = self.depth(layer.channels), self.depth(1)
        terms = self.terms(layer)
        most = longest_sum(layer, terms, self.steps) * depth // terms
        return spans(depth, most, of_channel if self.outputs > 1 else 1)


@lru_cache(maxsize=64)
def band_of(windows: Windows, outputs: int, is_split: int) -> Band:
    """Return the sizes of bands with a number of outputs, of a kernel that is split or not."""
    kernel, stride, dilation = windows.kernel, windows.stride, windows.dilation
    added_axis = windows.dims if not is_split else 0 if windows.dims == 1 else None
    if added_axis is not None:
        kernel, stride, dilation = (
            (*sizes[:added_axis], 1, *sizes[added_axis:]) for sizes in (kernel, stride, dilation)
        )
    step = math.gcd(dilation[0], stride[0] if outputs > 1 else 0)
    lines = ((outputs - 1) * stride[0] + (kernel[0] - 1) * dilation[0]) // step + 1
    return Band(outputs, lines, step, kernel, stride, dilation, added_axis)
