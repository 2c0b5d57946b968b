"""Convolution as matrix products: the cells of all windows are laid out as columns of a matrix.

Either every cell of the kernel has a row of its own in that matrix, and the product is the result.
Or the first axis of the kernel is left out of the matrix: the weights of all cells along it are
stacked, one product gives each one's share of the result, and the shares are added up, each from
another column on. That copies less and fills the product better where filters are few.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.columns import Columns
from cnnops_cli.ops.convolution.layer import Layer, Tile, matrix_depth, parts_of_a_sum, phases_of
from cnnops_cli.ops.convolution.plan import product_tiles
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.scratch import scratch

_SMALL_PRODUCT = 1_000_000
"""Multiply-adds up to which OpenBLAS multiplies small matrices without reordering them first."""

_LEAST_COLUMNS = 256


class Products:
    """Matrix products, tile by tile.

    Parameters
    ----------
    layer : Layer
    weights : numpy.ndarray, shape (G * O, C, *kernel)
        In the dtype to compute in.
    stacked : bool
        Leave the first axis of the kernel out of the matrix.
    """

    def __init__(self, layer: Layer, weights: Array, *, stacked: bool) -> None:
        windows = layer.windows
        self._layer = layer
        self._windows = windows
        self._dtype = weights.dtype
        self._stacked = stacked
        self._columns = Columns(layer, stacked=stacked)
        self._laid_out: dict[int, Array] = {}
        steps = windows.kernel[0] if stacked else 1
        by_step = weights.reshape(layer.groups, layer.filters, layer.channels, steps, -1)
        axes = (0, 3, 1, 4, 2) if stacked else (0, 3, 1, 2, 4)
        self._phases: dict[int, tuple[list[int], Array]] = {}
        for phase, members in phases_of(layer, stacked).items():
            stack = by_step[:, :, :, members].transpose(axes)
            gap, stride = windows.dilation[0], windows.stride[0]
            shifts = [step * gap // stride for step in range(steps)[members]]
            self._phases[phase] = shifts, stack.reshape(*stack.shape[:3], -1)
        self._count = steps * len(parts_of_a_sum(matrix_depth(layer, stacked)))

    def lay_out(self, source: Source, tile: Tile) -> None:
        """Lay out the cells of a tile; all that are computed from then on are parts of it."""
        for phase, (shifts, _) in self._phases.items():
            rows = tile.sizes[0] + max(shifts)
            self._laid_out[phase] = self._columns.lay_out(source, tile, rows, phase)

    def compute(self, source: Source, tile: Tile, bias: Array | None, result: Array) -> None:
        """Fill a tile of the result.

        Parameters
        ----------
        source : Source
        tile : Tile
        bias : numpy.ndarray, shape (G, O), optional
        result : numpy.ndarray, shape (N, G, O, *output)
        """
        target = result[tile.index].transpose(1, 2, 0, *range(3, result.ndim))
        direct = self._takes_products(tile, target)
        shares = self._shares(source, tile, _flattened(target) if direct else None)
        sums = next(shares)
        if bias is not None:
            sums += bias[tile.groups, tile.filters, np.newaxis, np.newaxis]
        if self._count == 1 and not direct:
            target[...] = sums.reshape(target.shape)
        for number, share in enumerate(shares, start=2):
            if number < self._count or direct:
                np.add(sums, share, out=sums)
            else:
                first, last = (array.reshape(target.shape) for array in (sums, share))
                np.add(first, last, out=target, casting="unsafe")

    def compute_in_parts(
        self, source: Source, tile: Tile, bias: Array | None, result: Array
    ) -> None:
        """Fill a tile that another algorithm has cut, and that may be too large to lay out."""
        for part in product_tiles(self._layer, tile, stacked=False):
            self.compute(source, part, bias, result)

    def _takes_products(self, tile: Tile, target: Array) -> bool:
        """Whether the target (g, o, n, *sizes) can take products as it lies in memory."""
        whole_rows = tile.sizes[1:] == self._windows.output[1:]
        long = tile.count == 1 or math.prod(tile.sizes) >= _LEAST_COLUMNS
        return not self._stacked and whole_rows and long and target.dtype == self._dtype

    def _shares(self, source: Source, tile: Tile, out: Array | None) -> Iterator[Array]:
        """Products that add up to the result, (g, o, n, cells); the first is kept in `out`."""
        rows, *inner = tile.sizes
        line = math.prod(inner)
        for phase, (shifts, weights) in self._phases.items():
            cells = self._cells(source, tile, phase, rows + max(shifts))
            stack = weights[tile.groups, :, tile.filters]
            groups, steps, filters, depth = stack.shape
            stack = stack.reshape(groups, -1, depth)
            for part in parts_of_a_sum(depth):
                if out is None:
                    shape = (groups, steps, filters, *cells.shape[2:])
                    use = "sums" if (phase, part.start) == (0, 0) else "shares"
                    product = scratch(use, shape, self._dtype)
                else:
                    product, out = out[:, np.newaxis], None
                by_filter = product.reshape(groups, -1, *cells.shape[2:])
                _multiply(stack[..., part], cells[:, part], by_filter)
                for number, shift in enumerate(shifts):
                    yield product[:, number, :, :, shift * line : (shift + rows) * line]

    def _cells(self, source: Source, tile: Tile, phase: int, rows: int) -> Array:
        """The matrix of a tile: (g, depth, n, cells)."""
        if self._laid_out:
            first = tile.box[0].start
            cells = self._laid_out[phase][tile.groups, :, tile.items, first : first + rows]
        else:
            cells = self._columns.lay_out(source, tile, rows, phase)
        return cells.reshape(*cells.shape[:3], -1)


def _flattened(target: Array) -> Array:
    """View (g, o, n, *sizes) as (g, o, n, cells); the last axes lie side by side."""
    line = (*target.shape[:3], math.prod(target.shape[3:]))
    return as_strided(target, line, (*target.strides[:3], target.itemsize))


def _multiply(weights: Array, cells: Array, out: Array) -> None:
    """Multiply (g, m, depth) by (g, depth, n, width), in pieces that are the fastest for BLAS."""
    groups, depth, items, width = cells.shape
    if items > 1 and width < _LEAST_COLUMNS:
        width *= items
        cells, out = cells.reshape(groups, depth, -1), out.reshape(groups, -1, width)
    else:
        weights = weights[np.newaxis]
        cells, out = cells.transpose(2, 0, 1, 3), out.transpose(2, 0, 1, 3)
    piece = min(width, _SMALL_PRODUCT // (weights.shape[-2] * depth))
    if not _LEAST_COLUMNS <= piece < width:
        np.matmul(weights, cells, out=out)
        return
    whole = width // piece * piece
    pieces, results = (
        array[..., :whole].reshape(*array.shape[:-1], -1, piece).swapaxes(-3, -2)
        for array in (cells, out)
    )
    np.matmul(weights[..., np.newaxis, :, :], pieces, out=results)
    if whole < width:
        np.matmul(weights, cells[..., whole:], out=out[..., whole:])
