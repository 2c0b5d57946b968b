"""Convolution as matrix products: the cells of all windows are laid out as columns of a matrix.

Either every cell of the kernel has a row of its own in that matrix, and the product is the result.
Or the first axis of the kernel is left out of the matrix: the weights of all cells along it are
stacked, one product gives each one's share of the result, and the shares are added up, each from
another column on. That copies less and fills the product better where filters are few.

Long sums are cut into parts that are products of their own, since each addition rounds.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnops_cli.dtypes import Array
from cnnops_cli.ops import parallel
from cnnops_cli.ops.convolution.columns import Columns
from cnnops_cli.ops.convolution.layer import (
    Layer,
    Tile,
    matrix_depth,
    parts_at_once,
    parts_of_a_sum,
    phases_of,
)
from cnnops_cli.ops.convolution.plan import product_tiles
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.scratch import scratch

_SMALL_PRODUCT = 1_000_000
"""Multiply-adds up to which OpenBLAS multiplies small matrices without reordering them first."""

_LEAST_COLUMNS = 256
"""Items with fewer cells are multiplied together."""


class _Phase(NamedTuple):
    """Steps along the first axis of the kernel that see lines of one matrix.

    Attributes
    ----------
    weights : numpy.ndarray, shape (g, o, steps, depth)
    begin, shift : int
        The line that the first window sees in the first step, and lines from step to step.
    """

    weights: Array
    begin: int
    shift: int

    @property
    def lines(self) -> int:
        """How many lines all steps see beside those of one."""
        steps: int = self.weights.shape[2]
        return self.begin + (steps - 1) * self.shift


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
        axes = (0, 1, 3, 4, 2) if stacked else (0, 1, 3, 2, 4)
        self._phases: dict[int, _Phase] = {}
        for phase, members in phases_of(layer, stacked).items():
            stack = by_step[:, :, :, members].transpose(axes)
            gap, stride = windows.dilation[0], windows.stride[0]
            begin, *others = (step * gap // stride for step in range(steps)[members])
            shift = others[0] - begin if others else 0
            self._phases[phase] = _Phase(stack.reshape(*stack.shape[:3], -1), begin, shift)
        self._parts = parts_of_a_sum(matrix_depth(layer, stacked), layer.filters)
        self._at_once = parts_at_once(len(self._parts), steps)
        self._is_one_product = steps == len(self._parts) == 1

    def lay_out(self, source: Source, tile: Tile) -> None:
        """Lay out the cells of a tile; all that are computed from then on are parts of it."""
        for first, phase in self._phases.items():
            rows = tile.sizes[0] + phase.lines
            self._laid_out[first] = self._columns.lay_out(source, tile, rows, first)

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
        direct = target.dtype == self._dtype
        sums = target if direct else scratch("sums", target.shape, self._dtype)
        if direct and self._is_one_product and self._lies_as_a_product(tile):
            cells, weights = self._cells(source, tile, 0, tile.sizes[0]), self._phases[0].weights
            out = _flattened(target).transpose(2, 0, 1, 3)
            _multiply(weights[tile.groups, tile.filters, 0], cells, out)
        else:
            self._add_up(source, tile, sums)
        if bias is not None:
            sums += bias[tile.groups, tile.filters].reshape(
                *sums.shape[:2], *(1,) * (sums.ndim - 2)
            )
        if not direct:
            np.copyto(target, sums, casting="unsafe")

    def compute_in_parts(
        self, source: Source, tile: Tile, bias: Array | None, result: Array
    ) -> None:
        """Fill a tile that another algorithm has cut, and that may be too large to lay out."""
        for part in product_tiles(self._layer, tile, stacked=False):
            self.compute(source, part, bias, result)

    def _lies_as_a_product(self, tile: Tile) -> bool:
        """Whether the result of a tile lies in memory as the matrix that is multiplied."""
        whole_rows = tile.sizes[1:] == self._windows.output[1:]
        return whole_rows and (tile.count == 1 or math.prod(tile.sizes) >= _LEAST_COLUMNS)

    def _add_up(self, source: Source, tile: Tile, sums: Array) -> None:
        """Fill (g, o, n, *sizes) with the sum of all products."""
        out = sums
        for terms in self._terms(source, tile):
            np.add.reduce(terms, axis=(2, 3), out=out)
            if out is sums:
                out = scratch("further", sums.shape, self._dtype)
            else:
                sums += out

    def _terms(self, source: Source, tile: Tile) -> Iterator[Array]:
        """Products that add up to the result, (g, o, steps, parts, n, *sizes), a few at a time.

        The steps and parts of a filter lie side by side, so that they are added up in cache.
        """
        rows, *inner = tile.sizes
        line = math.prod(inner)
        for first, phase in self._phases.items():
            weights = phase.weights[tile.groups, tile.filters]
            groups, filters, steps, depth = weights.shape
            weights = weights.reshape(groups, -1, depth)
            lines = rows + phase.lines
            cells = self._cells(source, tile, first, lines)
            for some in parallel.spans(len(self._parts), self._at_once):
                parts = self._parts[some]
                shape = (len(cells), groups, filters * steps, len(parts), cells.shape[3])
                products = scratch("products", shape, self._dtype)
                for number, part in enumerate(parts):
                    _multiply(weights[..., part], cells[:, :, part], products[:, :, :, number])
                of_item, of_group, of_row, of_part, of_cell = products.strides
                of_line = line * of_cell
                if len(cells) < tile.count:
                    of_item = lines * of_line
                terms = as_strided(
                    products[..., phase.begin * line :],
                    (groups, filters, steps, len(parts), tile.count, rows, line),
                    (
                        *(of_group, steps * of_row, of_row + phase.shift * of_line, of_part),
                        *(of_item, of_line, of_cell),
                    ),
                )
                yield terms.reshape(*terms.shape[:-1], *inner)

    def _cells(self, source: Source, tile: Tile, first: int, lines: int) -> Array:
        """The matrices of a tile and phase, (n, g, depth, cells); of items with few cells one."""
        if self._laid_out:
            begin = tile.box[0].start
            cells = self._laid_out[first][tile.groups, :, tile.items, begin : begin + lines]
        else:
            cells = self._columns.lay_out(source, tile, lines, first)
        groups, depth, items, *sizes = cells.shape
        width = math.prod(sizes)
        together = 1 if width < _LEAST_COLUMNS else items
        return cells.reshape(groups, depth, together, -1).transpose(2, 0, 1, 3)


def _flattened(target: Array) -> Array:
    """View (g, o, n, *sizes) as (g, o, n, cells); the last axes lie side by side."""
    line = (*target.shape[:3], math.prod(target.shape[3:]))
    return as_strided(target, line, (*target.strides[:3], target.itemsize))


def _multiply(weights: Array, cells: Array, out: Array) -> None:
    """Multiply (g, m, depth) by (n, g, depth, width), in pieces that are the fastest for BLAS."""
    depth, width = cells.shape[2:]
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
