"""Convolution as a matrix product: what each window sees is a column of a matrix."""

import math
import operator

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.products import (
    add_products,
    add_rows,
    as_matrices,
    by_sample,
    longest_sum,
    most_roundings,
)
from cnnops_cli.ops.convolution.source import Shown, copy_rows
from cnnops_cli.ops.every_second import copy_every_second
from cnnops_cli.ops.scratch import scratch
from cnnops_cli.ops.strides import strided
from cnnops_cli.spans import spans


class Columns:
    """Matrix products with weights (G * O, C, *kernel), in the dtype to compute in."""

    def __init__(self, layer: Layer, weights: Array) -> None:
        self._layer = layer
        self._weights = weights.reshape(layer.groups, 1, layer.filters, -1)
        self._is_pointwise = max(*layer.windows.kernel, *layer.windows.stride) == 1
        depth = self._weights.shape[3]
        self._parts = spans(depth, longest_sum(layer, depth))

    @property
    def roundings(self) -> int:
        """The most additions that a term goes through."""
        return most_roundings(self._parts[0].stop, len(self._parts))

    def compute(self, source: Shown, tile: Tile, bias: Array | None, target: Array) -> None:
        """Fill a tile of the result, (n, g, o, *sizes), with a bias (G, O)."""
        weights = self._weights[tile.groups, :, tile.filters]
        cells = as_matrices(self.lay_out(source, tile))
        sums = self._lying_as(cells, target)
        is_target = sums is not None
        if sums is None:
            shape = (*cells.shape[:2], weights.shape[2], cells.shape[3])
            sums = scratch("sums", shape, self._layer.dtype)
        add_products(weights, cells, self._parts, sums)
        if not is_target:
            store(by_sample(sums, len(target), target.shape[3:]), tile, bias, target)
        elif bias is not None:
            add_rows(sums, bias[tile.groups, tile.filters, np.newaxis])

    def _lying_as(self, cells: Array, target: Array) -> Array | None:
        """View a tile of the result as (n, g, o, width), if its memory allows it."""
        are_planes = target[0, 0, 0].flags.c_contiguous
        if not are_planes or len(cells) < len(target) or target.dtype != self._layer.dtype:
            return None
        return target.reshape(*target.shape[:3], -1)

    def lay_out(self, source: Shown, tile: Tile) -> Array:
        """Lay out what the windows see, as (g, depth, n, *sizes): a view where possible."""
        windows, channels, dtype = self._layer.windows, self._layer.channels, self._layer.dtype
        in_pairs = windows.stride[-1] == 2
        part = source.part(tile.items, tile.channels(channels), tile.box, beyond=int(in_pairs))
        items, groups, _, *sizes = tile.shape
        if self._is_pointwise and part.dtype == dtype and part[0, 0].flags.c_contiguous:
            by_group = part.reshape(items, groups, channels, *sizes)
            return by_group.transpose(1, 2, 0, *range(3, by_group.ndim))
        of_item, of_channel, *of_axis = part.strides
        steps = list(map(operator.mul, windows.stride, of_axis))
        depth = (channels, *windows.kernel)
        strides = (channels * of_channel, of_channel)
        strides += (*map(operator.mul, windows.dilation, of_axis), of_item, *steps)
        seen = strided(part, (groups, *depth, items, *sizes), strides)
        cells = scratch("cells", seen.shape, dtype)
        if in_pairs:
            # The last pair ends in the element beyond the last window.
            row = 2 * sizes[-1]
            pairs = strided(part, (*seen.shape[:-1], row), (*seen.strides[:-1], of_axis[-1]))
            copy_every_second(pairs, cells)
        else:
            np.copyto(cells, seen, casting="unsafe")
        return cells.reshape(groups, math.prod(depth), items, *sizes)


def store(sums: Array, tile: Tile, bias: Array | None, target: Array) -> None:
    """Write sums (n, g, o, *sizes), plus the bias, to a tile of the result."""
    if bias is None:
        copy_rows(sums, target)
    else:
        offsets = bias[tile.groups, tile.filters]
        offsets = offsets.reshape(*offsets.shape, *(1,) * (target.ndim - 3))
        np.add(sums, offsets, out=target, casting="unsafe")
