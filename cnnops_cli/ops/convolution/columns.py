"""Convolution as a matrix product: what each window sees is a column of a matrix."""

import math
import operator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.products import (
    add_products,
    as_matrices,
    by_sample,
    longest_sum,
    most_roundings,
)
from cnnops_cli.ops.convolution.source import Shown, copy_rows
from cnnops_cli.ops.convolution.steps import Steps
from cnnops_cli.ops.every_second import copy_every_second
from cnnops_cli.ops.scratch import scratch
from cnnops_cli.spans import spans


class Columns:
    """Matrix products with weights (G * O, C, *kernel), in the dtype to compute in."""

    def __init__(self, layer: Layer, weights: Array) -> None:
        self._layer = layer
        self._weights = weights.reshape(layer.groups, 1, layer.filters, -1)
        self._is_pointwise = max(*layer.windows.kernel, *layer.windows.stride) == 1
        depth = self._weights.shape[3]
        self._parts = spans(depth, longest_sum(layer.filters, depth))

    @property
    def roundings(self) -> int:
        """The most roundings of a term on its way into a sum."""
        return most_roundings(self._parts[0].stop, len(self._parts))

    def compute(self, source: Shown, tile: Tile, bias: Array | None, target: Array) -> None:
        """Fill a tile of the result, (n, g, o, *sizes), with a bias (G, O)."""
        weights = self._weights[tile.groups, :, tile.filters]
        steps = Steps()
        cells = as_matrices(self.lay_out(steps, source, tile))
        sums = self._lying_as(cells, target)
        is_target = sums is not None
        if sums is None:
            shape = (*cells.shape[:2], weights.shape[2], cells.shape[3])
            sums = scratch("sums", shape, self._layer.dtype)
        add_products(steps, weights, cells, self._parts, sums)
        if not is_target:
            store(steps, by_sample(sums, len(target), target.shape[3:]), tile, bias, target)
        elif bias is not None:
            store(steps, target, tile, bias, target)
        steps.run()

    def _lying_as(self, cells: Array, target: Array) -> Array | None:
        """View a tile of the result as (n, g, o, width), if its memory allows it."""
        are_planes = target[0, 0, 0].flags.c_contiguous
        if not are_planes or len(cells) < len(target) or target.dtype != self._layer.dtype:
            return None
        return target.reshape(*target.shape[:3], -1)

    def lay_out(self, steps: Steps, source: Shown, tile: Tile) -> Array:
        """Lay out what the windows see, as (g, depth, n, *sizes): a view where possible."""
        windows, channels, dtype = self._layer.windows, self._layer.channels, self._layer.dtype
        in_pairs = windows.stride[-1] == 2
        seen = (tile.items, tile.channels(channels), tile.box)
        part = source.part(*seen, beyond=int(in_pairs), steps=steps)
        items, groups, _, *sizes = tile.shape
        if self._is_pointwise and part.dtype == dtype and part[0, 0].flags.c_contiguous:
            by_group = part.reshape(items, groups, channels, *sizes)
            return by_group.transpose(1, 2, 0, *range(3, by_group.ndim))
        of_item, of_channel, *of_axis = part.strides
        of_window = map(operator.mul, windows.stride, of_axis)
        depth = (channels, *windows.kernel)
        strides = (channels * of_channel, of_channel)
        strides += (*map(operator.mul, windows.dilation, of_axis), of_item, *of_window)
        shown = as_strided(part, (groups, *depth, items, *sizes), strides)
        cells = scratch("cells", shown.shape, dtype)
        if in_pairs:
            # The last pair ends in the element beyond the last window.
            row = 2 * sizes[-1]
            pairs = as_strided(part, (*shown.shape[:-1], row), (*shown.strides[:-1], of_axis[-1]))
            steps.add(copy_every_second, pairs, cells)
        else:
            steps.add(np.copyto, cells, shown, casting="unsafe")
        return cells.reshape(groups, math.prod(depth), items, *sizes)


def store(steps: Steps, sums: Array, tile: Tile, bias: Array | None, target: Array) -> None:
    """Write sums (n, g, o, *sizes), plus the bias, to a tile of the result."""
    if bias is None:
        steps.add(copy_rows, sums, target)
    else:
        offsets = bias[tile.groups, tile.filters]
        offsets = offsets.reshape(*offsets.shape, *(1,) * (target.ndim - 3))
        steps.add(np.add, sums, offsets, out=target, casting="unsafe")
