"""Convolution as products with banded matrices, whose results are added up from shifted columns.

The kernel is taken apart along its last axis: a product gives the shares of all its columns, and
they are added up, each from another column of the result on. So the input is laid out once, not
once for each column of the kernel.

Along the first axis a matrix gives a band of several outputs. For a kernel column a, b, c and bands
of 2 outputs it is

    a b c 0
    0 a b c

and multiplied with the 4 lines of the input that the 2 outputs see together: these lines too are
laid out once for all outputs of a band. Much of such a matrix is zero, but where channels are few,
its product outruns the sums that it saves.
"""

import math
import operator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.bands import Band, band_of
from cnnops_cli.ops.convolution.columns import Columns, store
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.plan import column_tiles
from cnnops_cli.ops.convolution.products import add_products, as_matrices, by_sample
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.scratch import scratch


class Banded:
    """Products with banded matrices, tile by tile.

    Parameters
    ----------
    layer : Layer
        With a stride of 1 along the last axis.
    weights : numpy.ndarray, shape (G * O, C, *kernel)
        In the dtype to compute in, float32 or float64.
    outputs : int
        What a band gives along the first axis.
    """

    def __init__(self, layer: Layer, weights: Array, outputs: int, is_split: int) -> None:
        self._layer = layer
        self._band = band_of(layer.windows, outputs, is_split)
        self._parts = self._band.parts(layer)
        self._weights = weights
        self._matrices = _matrices(layer, self._band, weights)

    def compute(self, source: Source, tile: Tile, bias: Array | None, result: Array) -> None:
        """Fill a tile of the result, as `Columns.compute` does."""
        band = self._band
        target = result[tile.index]
        if band.added_axis is not None:
            target = np.expand_dims(target, 3 + band.added_axis)
        matrices = self._matrices[tile.groups, :, tile.filters]
        matrices = matrices.reshape(len(matrices), -1, matrices.shape[4])
        multiply = self._multiply_each if band.is_whole else self._multiply_all
        sums = multiply(matrices, source, tile, target)
        if sums is None:  # The zeros of the matrices have spread what is not finite.
            columns = Columns(self._layer, self._weights)
            for part in column_tiles(self._layer, tile):
                columns.compute(source, part, bias, result)
            return
        whole, rest = divmod(target.shape[3], band.outputs)
        bands = target[:, :, :, : whole * band.outputs]
        bands = bands.reshape(*target.shape[:3], whole, band.outputs, *target.shape[4:])
        if bias is not None or not np.may_share_memory(sums, target):
            store(sums[:, :, :, :whole], tile, bias, bands)
        if rest:
            last = target[:, :, :, whole * band.outputs :]
            store(sums[:, :, :, whole, :rest], tile, bias, last)

    def _multiply_all(
        self, matrices: Array, source: Source, tile: Tile, target: Array
    ) -> Array | None:
        """Multiply all bands at once, as (n, g, O, bands, outputs, *inner), if all is finite."""
        band = self._band
        items, groups, filters, *sizes = target.shape
        lines = self._lay_out(source, tile, tuple(sizes))
        cells = as_matrices(lines)
        shape = (len(cells), groups, filters * band.outputs, cells.shape[3])
        if lines.shape[-1] > 1:
            kept = sums = scratch("sums", shape, cells.dtype)
        else:  # the outputs of a band lie next to each other
            kept = scratch("sums", (*shape[:2], shape[3], shape[2]), cells.dtype)
            sums = kept.swapaxes(2, 3)
        add_products(matrices, cells, self._parts, sums, band.steps, band.dilation[-1])
        if band.outputs > 1 and not math.isfinite(np.vdot(kept, kept)):
            return None
        by_line = by_sample(sums, items, lines.shape[3:])[..., : sizes[-1]]
        by_line = by_line.reshape(items, groups, filters, band.outputs, -1, *sizes[1:])
        return by_line.swapaxes(3, 4)

    def _multiply_each(
        self, matrices: Array, source: Source, tile: Tile, target: Array
    ) -> Array | None:
        """Multiply band by band, into the target where it lies so; else as `_multiply_all`."""
        outputs = self._band.outputs
        items, groups, filters, rows, *inner = target.shape
        cells = self._lay_out_once(source, tile, target.shape[3:])
        shape = (items, groups, cells.shape[2], filters * outputs, cells.shape[4])
        whole_rows = target.shape[4:-1] == self._layer.windows.output[1:]
        if filters == 1 and rows % outputs == 0 and whole_rows and target.dtype == cells.dtype:
            sums = target.reshape(shape)
        else:
            sums = scratch("sums", shape, cells.dtype)
        add_products(matrices[:, np.newaxis], cells, self._parts, sums)
        if not all(math.isfinite(np.vdot(sample, sample)) for sample in sums):
            return None
        return sums.reshape(*shape[:3], filters, outputs, *inner).swapaxes(2, 3)

    def _lay_out_once(self, source: Source, tile: Tile, sizes: tuple[int, ...]) -> Array:
        """Lay out what bands see, as (n, g, bands, depth, width): they share the lines."""
        layer, band = self._layer, self._band
        bands = -(-sizes[0] // band.outputs)
        step = band.outputs * band.stride[0] // band.step
        lines = (bands - 1) * step + band.lines
        seen_lines = (lines - 1) * band.step + 1
        part = source.part(tile.items, tile.channels(1), tile.box, lines=seen_lines)
        of_item, of_group, of_line, *of_axis = part.strides
        shape = (*part.shape[:2], lines, *band.kernel[1:-1], *sizes[1:-1])
        strides = (
            *(of_item, of_group, band.step * of_line),
            *map(operator.mul, band.dilation[1:-1], of_axis),
            *map(operator.mul, band.stride[1:-1], of_axis),
        )
        cells = scratch("cells", shape, layer.dtype)
        np.copyto(cells, as_strided(part, shape, strides), casting="unsafe")
        width = math.prod(sizes[1:])
        of_item, of_group, of_line, *_ = cells.strides
        return as_strided(
            cells,
            (*part.shape[:2], bands, band.depth(1), width),
            (of_item, of_group, step * of_line, width * cells.itemsize, cells.itemsize),
        )

    def _lay_out(self, source: Source, tile: Tile, sizes: tuple[int, ...]) -> Array:
        """Lay out what bands see, as (g, depth, n, bands, *inner): a view where it lies so."""
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
        seen = as_strided(part, shape, strides)
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
    """Spread the weights over matrices, (G, steps, O, outputs, depth)."""
    by_axis = weights.reshape(layer.groups, layer.filters, layer.channels, *band.kernel)
    by_step = np.moveaxis(by_axis, -1, 1)[:, :, :, np.newaxis]
    shape = (layer.groups, band.steps, layer.filters, band.outputs, layer.channels, band.lines)
    matrices = np.zeros((*shape, *band.kernel[1:-1]), weights.dtype)
    of_output, of_channel, of_line, *of_axis = matrices.strides[3:]
    diagonals = as_strided(
        matrices,
        (*shape[:5], *by_step.shape[5:]),
        (
            *(*matrices.strides[:3], of_output + band.stride[0] // band.step * of_line),
            *(of_channel, band.dilation[0] // band.step * of_line, *of_axis),
        ),
    )
    diagonals[...] = by_step
    return matrices.reshape(*shape[:4], -1)
