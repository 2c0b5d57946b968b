"""Convolution as matrix products: the cells of all windows are laid out as columns of a matrix.

Either every cell of the kernel has a row of its own, and there is one product; or the first axis of
the kernel is left out, and there is one product for each cell along it, on the same matrix seen
from another column on. The second copies less, but reorders the weights.
"""

import math
from collections.abc import Iterator

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.plan import Layer, Tile
from cnnops_cli.ops.convolution.source import Source, copy_cells


class Products:
    """Matrix products, tile by tile.

    Parameters
    ----------
    layer : Layer
    weights : numpy.ndarray, shape (G * O, C, *kernel)
        In the dtype to compute in.
    shifted : bool
        Leave the first axis of the kernel out of the matrix.
    """

    def __init__(self, layer: Layer, weights: Array, *, shifted: bool) -> None:
        kernel = layer.windows.kernel
        self._windows = layer.windows
        self._channels = layer.channels
        self._steps = kernel[0] if shifted else 1
        self._unfolded = (1, *kernel[1:]) if shifted else kernel
        split = weights.reshape(layer.groups, layer.filters, layer.channels, self._steps, -1)
        self._weights = split.transpose(0, 3, 1, 2, 4).reshape(
            layer.groups, self._steps, layer.filters, -1
        )

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
        weights = self._weights[tile.groups, :, tile.filters]
        groups, steps, filters, _ = weights.shape
        rows, *inner = tile.sizes
        width = rows * tile.count * math.prod(inner)
        straight = steps == 1 and bias is None and self._is_flat(tile, target)
        if straight:
            sums = target[0].reshape(groups, filters, width)
        else:
            sums = np.empty((groups, filters, width), weights.dtype)
        for step, matrix in enumerate(self._matrices(source, tile)):
            if step == 0:
                np.matmul(weights[:, step], matrix, out=sums)
            else:
                sums += weights[:, step] @ matrix
        if straight:
            return
        if bias is not None:
            sums += bias[tile.groups, tile.filters, np.newaxis]
        by_item = sums.reshape(groups, filters, rows, tile.count, *inner)
        target[...] = np.moveaxis(by_item, 3, 0)

    def _is_flat(self, tile: Tile, target: Array) -> bool:
        """Whether a product can be written into the target as it lies in memory."""
        whole_rows = tile.sizes[1:] == self._windows.output[1:]
        return tile.count == 1 and whole_rows and target.dtype == self._weights.dtype

    def _matrices(self, source: Source, tile: Tile) -> Iterator[Array]:
        """The matrix (g, depth, width) for each of the products."""
        windows = self._windows
        groups = tile.groups.stop - tile.groups.start
        channels = slice(tile.groups.start * self._channels, tile.groups.stop * self._channels)
        part, starts = source.part(tile.items, channels, tile.box)
        rows, *inner = tile.sizes
        line = tile.count * math.prod(inner)
        shifts = [
            divmod(step * windows.dilation[0], windows.stride[0]) for step in range(self._steps)
        ]
        matrices: dict[int, Array] = {}
        for shift, phase in shifts:
            if phase not in matrices:
                reach = rows + max(far for far, near in shifts if near == phase)
                cells = self._lay_out(part, (starts[0] + phase, *starts[1:]), (reach, *inner))
                matrices[phase] = cells.reshape(groups, -1, reach * line)
            yield matrices[phase][..., shift * line : (shift + rows) * line]

    def _lay_out(self, part: Array, starts: tuple[int, ...], sizes: tuple[int, ...]) -> Array:
        """Copy cells to (g * C, *unfolded, rows, n, *inner), or look at them where they are."""
        if self._lies_there(part, starts, sizes):
            rows = slice(starts[0], starts[0] + sizes[0])
            return part[0, :, rows]
        cells = np.empty(
            (part.shape[1], *self._unfolded, sizes[0], len(part), *sizes[1:]), self._weights.dtype
        )
        for position in np.ndindex(*self._unfolded):
            offsets = [
                start + cell * gap
                for start, cell, gap in zip(starts, position, self._windows.dilation, strict=True)
            ]
            target = np.moveaxis(cells[(slice(None), *position)], 2, 0)
            copy_cells(target, part, offsets, self._windows.stride)
        return cells

    def _lies_there(self, part: Array, starts: tuple[int, ...], sizes: tuple[int, ...]) -> bool:
        """Whether these cells are rows of the part that lie one behind the other."""
        lengths = part.shape[2:]
        steps = {*self._unfolded, *self._windows.stride, len(part)}
        inside = starts[0] >= 0 and starts[0] + sizes[0] <= lengths[0]
        whole_rows = not any(starts[1:]) and sizes[1:] == lengths[1:]
        return (
            steps == {1}
            and inside
            and whole_rows
            and part.dtype == self._weights.dtype
            and part[0, 0].flags.c_contiguous
        )
