"""Convolution as products with banded matrices.

A band is several outputs along the first axis. For a kernel column a, b, c and 2 outputs its matrix

    a b c 0
    0 a b c

is multiplied with the 4 lines of the input that the outputs see, so these are laid out once for
both. The zeros cost less than that where channels are few.

The kernel is split along its last axis: one product gives what each of its columns contributes, and
these are added up, each from another column on. Small kernels of one channel are not split: their
products are written straight into the result.
"""

import math
import operator
from functools import cached_property

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.bands import Band, band_of
from cnnops_cli.ops.convolution.columns import Columns, store
from cnnops_cli.ops.convolution.costs import BANDS
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.plan import Plan, column_tiles
from cnnops_cli.ops.convolution.products import (
    add_products,
    add_rows,
    as_matrices,
    by_sample,
    most_roundings,
)
from cnnops_cli.ops.convolution.source import Shown
from cnnops_cli.ops.every_second import copy_every_second
from cnnops_cli.ops.scratch import scratch
from cnnops_cli.ops.strides import strided


class Banded:
    """Banded products, where the stride along the last axis is 1 or the kernel is not split.

    The weights, (G * O, C, *kernel), are float32 or float64; `outputs` and `is_split` are what
    `band_of` takes.
    """

    def __init__(self, layer: Layer, weights: Array, outputs: int, is_split: int) -> None:
        self._layer = layer
        self._band = band_of(layer.windows, outputs, is_split)
        self._weights = weights
        self._matrices = _matrices(layer, self._band, weights)

    @cached_property
    def _parts(self) -> list[slice]:
        return self._band.parts(self._layer)

    @property
    def roundings(self) -> int:
        """The most additions that a term goes through."""
        band, layer = self._band, self._layer
        longest = self._parts[0].stop * band.terms(layer) // band.depth(layer.channels)
        roundings = most_roundings(longest, len(self._parts), band.steps)
        return max(roundings, Columns(layer, self._weights).roundings)

    def compute(self, source: Shown, tile: Tile, bias: Array | None, target: Array) -> None:
        """Fill a tile of the result, as `Columns.compute` does."""
        multiply = self._multiply_whole if self._band.is_whole else self._multiply_split
        if not multiply(source, tile, bias, target):
            # Zeros times what is not finite are NaN.
            columns = Columns(self._layer, self._weights)
            for part in column_tiles(self._layer, tile):
                columns.compute(source, part, bias, target[part.within(tile)])

    def _multiply_whole(self, source: Shown, tile: Tile, bias: Array | None, target: Array) -> bool:
        """Fill a tile band by band, and return whether all of it is finite."""
        outputs, rows = self._band.outputs, target.shape[3]
        cells = self._unfold(source, tile)
        matrices = self._matrices[tile.groups, 0, tile.filters, np.newaxis]
        sums = target
        if target.dtype != cells.dtype:
            sums = scratch("sums", target.shape, cells.dtype)
        count, rest = divmod(rows, outputs)
        bands = sums[:, :, :, : rows - rest]
        bands = bands.reshape(*sums.shape[:3], count, outputs, sums.shape[4])
        np.matmul(matrices, cells[:, :, :, :count], out=bands)
        if rest:
            last = sums[:, :, :, np.newaxis, rows - rest :]
            np.matmul(matrices[..., :rest, :], cells[:, :, :, count:], out=last)
        planes = sums.reshape(*sums.shape[:3], -1) if sums[0, 0, 0].flags.c_contiguous else sums
        if not math.isfinite(np.vecdot(planes, planes).sum()):
            return False
        if sums is not target or (bias is not None and planes is sums):
            store(sums, tile, bias, target)
        elif bias is not None:
            add_rows(planes, bias[tile.groups, tile.filters, np.newaxis])
        return True

    def _unfold(self, source: Shown, tile: Tile) -> Array:
        """Lay out lines once for each column of the kernel, as (n, g, 1, bands, depth, width)."""
        band, (rows, width) = self._band, tile.shape[3:]
        bands = -(-rows // band.outputs)
        step = band.outputs * band.stride[0] // band.step
        lines = band.lines_of(bands)
        seen_lines = (lines - 1) * band.step + 1
        in_pairs = band.stride[1] == 2
        seen_by = (tile.items, tile.channels(1), tile.box)
        part = source.part(*seen_by, lines=seen_lines, beyond=int(in_pairs))
        part = part[:, :, :: band.step]
        *outer, of_cell = part.strides
        strides = (*outer, band.dilation[1] * of_cell, band.stride[1] * of_cell)
        shape = (*part.shape[:2], lines, band.kernel[1], width)
        cells = scratch("cells", shape, self._layer.dtype)
        if in_pairs:
            pairs = strided(part, (*shape[:-1], 2 * width), (*strides[:-1], of_cell))
            copy_every_second(pairs, cells)
        else:
            np.copyto(cells, strided(part, shape, strides), casting="unsafe")
        of_item, of_group, of_line, of_row, of_cell = cells.strides
        shape = (*shape[:2], 1, bands, band.depth(1), width)
        return strided(cells, shape, (of_item, of_group, 0, step * of_line, of_row, of_cell))

    def _multiply_split(self, source: Shown, tile: Tile, bias: Array | None, target: Array) -> bool:
        """Fill a tile by adding up the products of kernel columns, as `_multiply_whole` does."""
        band = self._band
        matrices = self._matrices[tile.groups, :, tile.filters]
        matrices = matrices.reshape(*matrices.shape[:2], -1, matrices.shape[4])
        if band.added_axis is not None:
            target = np.expand_dims(target, 3 + band.added_axis)
        lines = self._lay_out(source, tile, target.shape[3:])
        cells = as_matrices(lines)
        items, groups, filters, rows, *inner = target.shape
        shape = [len(cells), groups, matrices.shape[2], cells.shape[3]]
        if lines.shape[-1] > 1:
            kept = sums = scratch("sums", tuple(shape), cells.dtype)
        else:  # the outputs of a band lie next to each other
            kept = scratch("sums", (*shape[:2], shape[3], shape[2]), cells.dtype)
            sums = kept.swapaxes(2, 3)
        add_products(matrices, cells, self._parts, sums, band.dilation[-1])
        if band.outputs > 1 and not math.isfinite(np.vdot(kept, kept)):
            return False
        by_line = by_sample(sums, items, lines.shape[3:])[..., : inner[-1]]
        by_line = by_line.reshape(items, groups, filters, band.outputs, -1, *inner)
        by_band = by_line.swapaxes(3, 4)
        whole, rest = divmod(rows, band.outputs)
        bands = target[:, :, :, : whole * band.outputs]
        bands = bands.reshape(items, groups, filters, whole, band.outputs, *inner)
        store(by_band[:, :, :, :whole], tile, bias, bands)
        if rest:
            last = target[:, :, :, whole * band.outputs :]
            store(by_band[:, :, :, whole, :rest], tile, bias, last)
        return True

    def _lay_out(self, source: Shown, tile: Tile, sizes: tuple[int, ...]) -> Array:
        """Lay out what bands see, as (g, depth, n, bands, *inner): a view where possible."""
        layer, band = self._layer, self._band
        bands = -(-sizes[0] // band.outputs)
        step = band.outputs * band.stride[0]
        seen_lines = (bands - 1) * step + (band.lines - 1) * band.step + 1
        lines = 0 if band.added_axis == 0 else seen_lines
        part = source.part(tile.items, tile.channels(layer.channels), tile.box, lines=lines)
        if band.added_axis is not None:
            part = np.expand_dims(part, 2 + band.added_axis)
        of_item, of_channel, of_line, *of_axis = part.strides
        depth = (layer.channels, band.lines, *band.kernel[1:-1])
        shape = (tile.shape[1], *depth, len(part), bands, *sizes[1:-1], part.shape[-1])
        strides = (
            *(layer.channels * of_channel, of_channel, band.step * of_line),
            *map(operator.mul, band.dilation[1:-1], of_axis),
            *(of_item, step * of_line),
            *map(operator.mul, band.stride[1:-1], of_axis),
            of_axis[-1],
        )
        seen = strided(part, shape, strides)
        flat = (shape[0], math.prod(depth), *shape[1 + len(depth) :])
        lies_so = math.prod(depth) == layer.channels and part.shape[2:] == flat[3:]
        if lies_so and part.dtype == layer.dtype and part[0, 0].flags.c_contiguous:
            return seen.reshape(flat)
        if part.shape[-1] > 1:
            cells = scratch("cells", shape, layer.dtype)
        else:
            # The lines of a band lie next to each other.
            axes = (0, *range(1 + len(depth), len(shape)), *range(1, 1 + len(depth)))
            cells = scratch("cells", tuple(shape[axis] for axis in axes), layer.dtype)
            cells = cells.transpose(np.argsort(axes))
        np.copyto(cells, seen, casting="unsafe")
        return cells.reshape(flat)


def _matrices(layer: Layer, band: Band, weights: Array) -> Array:
    """Write the weights into banded matrices, (G, steps, O, outputs, depth)."""
    by_axis = weights.reshape(layer.groups, layer.filters, layer.channels, *band.kernel)
    by_step = by_axis.transpose(0, by_axis.ndim - 1, *range(1, by_axis.ndim - 1))
    by_step = by_step[:, :, :, np.newaxis]
    shape = (layer.groups, band.steps, layer.filters, band.outputs, layer.channels, band.lines)
    matrices = np.zeros((*shape, *band.kernel[1:-1]), weights.dtype)
    of_output, of_channel, of_line, *of_axis = matrices.strides[3:]
    diagonals = strided(
        matrices,
        (*shape[:5], *by_step.shape[5:]),
        (
            *(*matrices.strides[:3], of_output + band.stride[0] // band.step * of_line),
            *(of_channel, band.dilation[0] // band.step * of_line, *of_axis),
        ),
    )
    diagonals[...] = by_step
    return matrices.reshape(*shape[:4], -1)


def product_engine(layer: Layer, plan: Plan, weights: Array) -> Columns | Banded:
    """Return what computes the tiles of a plan by matrix products."""
    if plan.algorithm == BANDS:
        return Banded(layer, weights, *plan.sizes)
    return Columns(layer, weights)
