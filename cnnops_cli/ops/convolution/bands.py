"""Convolution as products with banded matrices, for few channels in a group.

Along the first axis a kernel is a banded matrix: row j holds its weights from column ``j * stride``
on, and is multiplied with all the lines of the input that some outputs see together. The lines are
laid out once for each cell of the kernel along the other axes. Much of the matrix is zero, but a
matrix product outruns the sums that it saves.
"""

import math
import operator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.costs import band_span
from cnnops_cli.ops.convolution.layer import Layer, Tile, length_of
from cnnops_cli.ops.convolution.products import Products
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.geometry import Windows
from cnnops_cli.ops.scratch import scratch

_KEPT_BYTES = 1 << 22
"""Matrices of all groups together that are no larger are kept for further tiles."""

_MOST_SELECTED = 64
"""Weights of a channel that one product spreads over small matrices: long runs are copied."""


class Bands:
    """Products with banded matrices, tile by tile.

    Parameters
    ----------
    layer : Layer
    weights : numpy.ndarray, shape (G * O, C, *kernel)
        In the dtype to compute in, float32 or float64.
    band : int
        Outputs along the first axis that one matrix gives.
    """

    def __init__(self, layer: Layer, weights: Array, band: int) -> None:
        windows = layer.windows
        self._layer = layer
        self._windows = windows
        self._band = band
        self._span = band_span(windows, band)
        self._weights = weights
        depth = layer.channels * math.prod(windows.kernel[1:]) * self._span
        self._is_kept = len(weights) * band * depth * weights.itemsize <= _KEPT_BYTES
        self._kept: dict[int, Array] = {}

    def compute(self, source: Source, tile: Tile, bias: Array | None, result: Array) -> None:
        """Fill a tile of the result, as `Products.compute` does."""
        target = result[tile.index]
        matrices = self._matrices(tile.groups)
        offsets = None if bias is None else bias[tile.groups]
        if not self._multiply(self._lay_out(source, tile), matrices, offsets, target):
            # What is not finite, the zeros of the matrices have spread.
            products = Products(self._layer, self._weights, stacked=False)
            products.compute_in_parts(source, tile, bias, result)

    def _lay_out(self, source: Source, tile: Tile) -> Array:
        """Lay out what bands see as (n, g, bands, depth, inner), without `inner` for one axis."""
        windows, channels = self._windows, self._layer.channels
        of_groups = slice(tile.groups.start * channels, tile.groups.stop * channels)
        bands = -(-tile.sizes[0] // self._band)
        step = self._band * windows.stride[0]
        lines = (bands - 1) * step + self._span
        part = source.part(tile.items, of_groups, tile.box, lines=lines)
        of_item, of_channel, of_line, *gaps = part.strides
        shape = (tile.count, length_of(tile.groups), bands, channels, *windows.kernel[1:])
        strides = (
            of_item,
            channels * of_channel,
            step * of_line,
            of_channel,
            *map(operator.mul, windows.dilation[1:], gaps),
        )
        inner = tile.sizes[1:]
        if windows.stride[1:] == (1,) and of_line == part.shape[3] * gaps[0]:
            # All lines are one run, with a few cells between them that no window begins at.
            pitch, width = part.shape[3], inner[0]
            cells = scratch("cells", (*shape, self._span * pitch), self._weights.dtype)
            run = (self._span - 1) * pitch + width
            seen = as_strided(part, (*shape, run), (*strides, gaps[0]))
            np.copyto(cells[..., :run], seen, casting="unsafe")
            return cells.reshape(*shape[:3], -1, pitch)[..., :width]
        seen = as_strided(
            part,
            (*shape, self._span, *inner),
            (*strides, of_line, *map(operator.mul, windows.stride[1:], gaps)),
        )
        cells = scratch("cells", seen.shape, self._weights.dtype)
        np.copyto(cells, seen, casting="unsafe")
        return cells.reshape(*shape[:3], -1, *([math.prod(inner)] if inner else []))

    def _multiply(self, cells: Array, matrices: Array, bias: Array | None, target: Array) -> bool:
        """Fill (n, g, O, *outputs), and tell if all is finite."""
        band = self._band
        items, groups, bands = cells.shape[:3]
        filters, outputs, *inner = target.shape[2:]
        shape = (items, groups, bands, filters * band, *inner)
        direct = filters == 1 and target.dtype == cells.dtype and outputs == bands * band
        sums = target.reshape(shape) if direct else scratch("sums", shape, cells.dtype)
        if inner:
            np.matmul(matrices[:, np.newaxis], cells, out=sums.reshape(*shape[:4], -1))
        else:
            # A band is one row of a product.
            np.matmul(cells, matrices.swapaxes(-1, -2), out=sums)
        if not _is_finite(sums):
            return False
        by_filter = sums.reshape(items, groups, bands, filters, band, *inner).swapaxes(2, 3)
        if bias is not None:
            by_filter += bias.reshape(groups, filters, *(1,) * (2 + len(inner)))
        if not direct:
            whole, rest = divmod(outputs, band)
            lines = target[:, :, :, : whole * band]
            by_band = lines.reshape(items, groups, filters, whole, band, *inner)
            by_band[...] = by_filter[:, :, :, :whole]
            if rest:
                target[:, :, :, whole * band :] = by_filter[:, :, :, whole, :rest]
        return True

    def _matrices(self, groups: slice) -> Array:
        """The matrices (g, O * band, depth) of the groups of a tile, and maybe of others."""
        if not self._is_kept:
            return self._build(groups)
        if groups.start not in self._kept:
            self._kept[groups.start] = self._build(groups)
        return self._kept[groups.start]

    def _build(self, groups: slice) -> Array:
        """The matrices (g, O * band, depth) of some groups."""
        windows, band, span = self._windows, self._band, self._span
        filters = self._layer.filters
        of_groups = self._weights[groups.start * filters : groups.stop * filters]
        by_cell = of_groups.reshape(*of_groups.shape[:3], -1).swapaxes(2, 3)
        count, channels, cells, size = by_cell.shape
        if size * cells <= _MOST_SELECTED:
            spread = by_cell.reshape(-1, cells * size) @ _selection(windows, band, by_cell.dtype)
            by_channel = spread.reshape(count, channels, band, cells * span)
            matrices = by_channel.swapaxes(1, 2)
        else:
            matrices = np.zeros((count, band, channels, cells, span), by_cell.dtype)
            of_filter, of_output, *of_cell, of_line = matrices.strides
            diagonals = as_strided(
                matrices,
                (count, band, channels, cells, size),
                (
                    of_filter,
                    of_output + windows.stride[0] * of_line,
                    *of_cell,
                    windows.dilation[0] * of_line,
                ),
            )
            diagonals[...] = by_cell[:, np.newaxis]
        return matrices.reshape(length_of(groups), filters * band, -1)


@lru_cache(maxsize=16)
def _selection(windows: Windows, band: int, dtype: np.dtype[Any]) -> Array:
    """The matrix that spreads a channel's weights over a banded matrix."""
    size, cells, span = windows.kernel[0], math.prod(windows.kernel[1:]), band_span(windows, band)
    selection = np.zeros((cells, size, band, cells, span), dtype)
    cell, line, output = np.ogrid[:cells, :size, :band]
    place = output * windows.stride[0] + line * windows.dilation[0]
    selection[cell, line, output, cell, place] = 1
    return selection.reshape(cells * size, -1)


def _is_finite(sums: Array) -> bool:
    """Whether all are; of finite sums whose squares overflow it may be denied."""
    one_number = np.vdot(sums, sums) if sums.flags.c_contiguous else sums.sum()
    return math.isfinite(one_number)
