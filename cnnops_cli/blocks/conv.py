"""Convolution of a part of an input."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from cnnops_cli.blocks.boxes import Box, Span
from cnnops_cli.blocks.operator import BlockOperator, Read
from cnnops_cli.blocks.seen import (
    lengths_reached,
    padding_left,
    read_together,
    seen_inside,
    seen_of_mode,
)
from cnnops_cli.dtypes import Array, common_dtype
from cnnops_cli.errors import naming_operands
from cnnops_cli.ops.conv import convolve, place_windows
from cnnops_cli.ops.convolution.engines import summing_dtype
from cnnops_cli.ops.geometry import Padding, Pair, Size, Windows
from cnnops_cli.ops.parallel import WORKING_BYTES
from cnnops_cli.ops.scalars import integer
from cnnops_cli.words import ACCUMULATE, check_word

_NO_PADDING = ((0, 0),)


@dataclass(frozen=True, eq=False)
class ConvBlocks(BlockOperator):
    """A convolution with a full kernel, (O, I/groups, *kernel), of an input of a known shape."""

    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]
    weight: Array
    bias: Array | None
    windows: Windows
    groups: int
    padding_mode: str
    accumulate: str

    @classmethod
    def planned(
        cls,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        weight: Array,
        bias: Array | None = None,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        accumulate: str = "exact",
    ) -> "ConvBlocks":
        """Plan a convolution with the arguments of `cnnops_cli.conv`, or refuse one of them."""
        check_word("accumulate", accumulate, ACCUMULATE)
        groups = integer(groups, "groups", minimum=1)
        shapes = (shape, weight.shape, *(() if bias is None else (bias.shape,)))
        windows = place_windows(
            *shapes,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            padding_mode=padding_mode,
        )
        made = cls(shape, dtype, weight, bias, windows, groups, padding_mode, accumulate)
        if made.dtype.kind == "f":
            summing_dtype(made.dtype, accumulate)
        return made

    @property
    def shape(self) -> tuple[int, ...]:
        """(O, *output) or (N, O, *output)."""
        return (*self.input_shape[: self._channel_axis], len(self.weight), *self.windows.output)

    @property
    def outputs(self) -> dict[str, np.dtype[Any]]:
        """The result alone."""
        operands = (self.weight,) if self.bias is None else (self.weight, self.bias)
        dtype = common_dtype(np.empty(0, self.input_dtype), *operands)
        return {"result": dtype if dtype.kind == "f" else np.dtype(np.int64)}

    @property
    def _channel_axis(self) -> int:
        return len(self.input_shape) - self.windows.dims - 1

    @property
    def _filters(self) -> int:
        """The filters of one group."""
        return len(self.weight) // self.groups

    @property
    def strides(self) -> tuple[int, ...]:
        """The windows' strides, after 1 for the other axes."""
        return (1,) * (self._channel_axis + 1) + self.windows.stride

    def seen_along(self, axis: int, span: Span) -> list[Span]:
        """Return whole groups of channels, and spatially what is inside or what the mode shows."""
        number = axis - self._channel_axis - 1
        if number < -1:
            return [span]
        if number == -1:
            first, last = span[0] // self._filters, -(-span[1] // self._filters)
            depth = self.weight.shape[1]
            return [(first * depth, last * depth)]
        if self.padding_mode == "zeros":
            return seen_inside(self.windows, number, span)
        return seen_of_mode(self.windows, number, span, self.padding_mode)[0]

    def bytes_of(self, box: Box) -> int:
        """Return the memory of what is read, and of a copy of it or of the computation."""
        lead = self._channel_axis + 1
        *samples, filters = box.shape[:lead]
        lengths = lengths_reached(self.windows, box.shape[lead:])
        channels = -(-filters // self._filters) * self.weight.shape[1]
        read = math.prod((*samples, channels, *lengths)) * self.input_dtype.itemsize
        # What filters of several groups give is put together.
        computed = WORKING_BYTES + self.bytes_of_outputs(box) * (1 + (self.groups > 1))
        return read + (computed if self.padding_mode == "zeros" else max(read, computed))

    def compute(self, reads: Mapping[str, Read], box: Box) -> dict[str, Array]:
        """Convolve what a box sees, with the padding that is left over."""
        part, padding = self._part(reads["input"], box)
        axis = self._channel_axis
        (start, stop), filters = box.spans[axis], self._filters
        # Filters of a part of a group come first and last, and whole groups between them.
        cuts = {start, min(stop, -(-start // filters) * filters), stop // filters * filters, stop}
        results = [
            self._convolved(part, padding, span, start // filters)
            for span in pairwise(sorted(cut for cut in cuts if start <= cut))
        ]
        result = results[0] if len(results) == 1 else np.concatenate(results, axis)
        return {"result": result}

    def _convolved(
        self, part: Array, padding: tuple[Pair, ...], filters: Span, first_group: int
    ) -> Array:
        """Convolve with filters that are whole groups, or lie within one."""
        depth = self.weight.shape[1]
        groups = slice(filters[0] // self._filters, -(-filters[1] // self._filters))
        channels = slice((groups.start - first_group) * depth, (groups.stop - first_group) * depth)
        own = slice(*filters)
        bias = self.bias if self.bias is None or not self.bias.ndim else self.bias[own]
        with naming_operands(kernel=self.weight.shape, input=self.input_shape):
            result, _ = convolve(
                part[(slice(None),) * self._channel_axis + (channels,)],
                self.weight[own],
                bias,
                stride=self.windows.stride,
                padding=padding,
                dilation=self.windows.dilation,
                groups=groups.stop - groups.start,
                padding_mode="zeros",
                accumulate=self.accumulate,
            )
        return result

    def _part(self, read: Read, box: Box) -> tuple[Array, tuple[Pair, ...]]:
        """Read what a box sees, and return the padding of zeros around it."""
        windows, lead = self.windows, self._channel_axis + 1
        spans = [self.seen_along(axis, span) for axis, span in enumerate(box.spans)]
        spatial = box.spans[lead:]
        if self.padding_mode != "zeros":
            part = read_together(read, spans)
            for axis, span in enumerate(spatial):
                _, places = seen_of_mode(windows, axis, span, self.padding_mode)
                part = part.take(places, axis + lead)
            return part, _NO_PADDING * windows.dims
        if all(spans):
            return read_together(read, spans), padding_left(windows, spatial)
        sizes = [stop - start for [(start, stop)] in spans[:lead]]
        sizes += lengths_reached(windows, box.shape[lead:])
        return np.zeros(sizes, self.input_dtype), _NO_PADDING * windows.dims
