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
from cnnops_cli.ops.convolution.layer import Layer, Tile
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
        self._channels = layer.channels
        self._dtype = weights.dtype
        steps = windows.kernel[0] if stacked else 1
        self._unfolded = (1, *windows.kernel[1:]) if stacked else windows.kernel
        split = weights.reshape(layer.groups, layer.filters, layer.channels, steps, -1)
        by_step = split.transpose(0, 3, 1, 2, 4).reshape(layer.groups, steps, layer.filters, -1)
        # Steps of one phase see the same rows of the input, each from another row on.
        shifts = [divmod(step * windows.dilation[0], windows.stride[0]) for step in range(steps)]
        self._phases = {
            phase: (
                [shift for shift, near in shifts if near == phase],
                by_step[:, [step for step in range(steps) if shifts[step][1] == phase]]
                if windows.stride[0] > 1
                else by_step,
            )
            for _, phase in shifts
        }

    def compute(self, source: Source, tile: Tile, bias: Array | None, result: Array) -> None:
        """Fill a tile of the result.

        Parameters
        ----------
        source : Source
        tile : Tile
        bias : numpy.ndarray, shape (G, O), optional
        result : numpy.ndarray, shape (N, G, O, *output)
        """
        target = result[tile.index]
        groups = tile.groups.stop - tile.groups.start
        rows, *inner = tile.sizes
        if bias is None and self._is_one_product(tile, target):
            whole = target[0].reshape(groups, 1, -1, rows * math.prod(inner))
            next(self._shares(source, tile, whole))
            return
        sums, *others = self._shares(source, tile, None)
        for share in others[:-1]:
            np.add(sums, share, out=sums)
        if bias is not None:
            sums += bias[tile.groups, tile.filters, np.newaxis]
        laid_out = (groups, sums.shape[1], rows, tile.count, *inner)
        axes = (3, 0, 1, 2, *range(4, len(laid_out)))
        if others:
            first, last = (share.reshape(laid_out).transpose(axes) for share in (sums, others[-1]))
            np.add(first, last, out=target, casting="unsafe")
        else:
            target[...] = sums.reshape(laid_out).transpose(axes)

    def compute_in_parts(
        self, source: Source, tile: Tile, bias: Array | None, result: Array
    ) -> None:
        """Fill a tile that another algorithm has cut, and that may be too large to lay out."""
        for part in product_tiles(self._layer, tile, stacked=False):
            self.compute(source, part, bias, result)

    def _is_one_product(self, tile: Tile, target: Array) -> bool:
        """Whether one product gives the target as it lies in memory."""
        steps = sum(len(shifts) for shifts, _ in self._phases.values())
        whole_rows = tile.sizes[1:] == self._windows.output[1:]
        return steps == 1 and tile.count == 1 and whole_rows and target.dtype == self._dtype

    def _shares(self, source: Source, tile: Tile, out: Array | None) -> Iterator[Array]:
        """What each step along the first axis of the kernel adds: (g, o, cells)."""
        groups = tile.groups.stop - tile.groups.start
        channels = slice(tile.groups.start * self._channels, tile.groups.stop * self._channels)
        part = source.part(tile.items, channels, tile.box)
        rows, *inner = tile.sizes
        line = tile.count * math.prod(inner)
        for phase, (shifts, weights) in self._phases.items():
            reach = rows + max(shifts)
            cells = self._lay_out(part, phase, (reach, *inner))
            stack = weights[tile.groups, :, tile.filters]
            shape = (*stack.shape[:3], reach * line)
            shares = scratch(f"shares {phase}", shape, self._dtype) if out is None else out
            _multiply(
                stack.reshape(groups, -1, stack.shape[3]),
                cells.reshape(groups, -1, reach * line),
                shares.reshape(groups, -1, reach * line),
            )
            for number, shift in enumerate(shifts):
                yield shares[:, number, :, shift * line : (shift + rows) * line]

    def _lay_out(self, part: Array, phase: int, sizes: tuple[int, ...]) -> Array:
        """Lay out the cells as (g * C, *unfolded, rows, n, *inner); in place where they lie so."""
        windows = self._windows
        of_item, of_channel, *of_axis = part.strides
        of_cell = [gap * step for gap, step in zip(windows.dilation, of_axis, strict=True)]
        row, *inner = [gap * step for gap, step in zip(windows.stride, of_axis, strict=True)]
        seen = as_strided(
            part[:, :, phase:],
            (part.shape[1], *self._unfolded, sizes[0], len(part), *sizes[1:]),
            (of_channel, *of_cell, row, of_item, *inner),
        )
        if seen.dtype == self._dtype and seen[0].flags.c_contiguous:
            return seen
        cells = scratch("cells", seen.shape, self._dtype)
        np.copyto(cells, seen, casting="unsafe")
        return cells


def _multiply(weights: Array, cells: Array, out: Array) -> None:
    """Multiply (g, m, depth) by (g, depth, width), in pieces that are the fastest for BLAS."""
    groups, depth, width = cells.shape
    piece = min(width, _SMALL_PRODUCT // (weights.shape[1] * depth))
    if not _LEAST_COLUMNS <= piece < width:
        np.matmul(weights, cells, out=out)
        return
    whole = width // piece * piece
    pieces, results = (
        array[..., :whole].reshape(groups, array.shape[1], -1, piece).swapaxes(1, 2)
        for array in (cells, out)
    )
    np.matmul(weights[:, np.newaxis], pieces, out=results)
    if whole < width:
        np.matmul(weights, cells[..., whole:], out=out[..., whole:])
