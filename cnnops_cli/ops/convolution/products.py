"""Convolution as matrix products: the cells of all windows are laid out as columns of a matrix.

Either every cell of the kernel has a row of its own, and there is one product; or the first axis of
the kernel is left out, and there is one product for each cell along it, on the same matrix seen
from another column on. The second copies less, but reorders the weights.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.plan import Layer, Tile
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.scratch import scratch


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
        windows = layer.windows
        self._windows = windows
        self._channels = layer.channels
        steps = windows.kernel[0] if shifted else 1
        self._unfolded = (1, *windows.kernel[1:]) if shifted else windows.kernel
        self._shifts = [
            divmod(step * windows.dilation[0], windows.stride[0]) for step in range(steps)
        ]
        split = weights.reshape(layer.groups, layer.filters, layer.channels, steps, -1)
        self._weights = split.transpose(0, 3, 1, 2, 4).reshape(
            layer.groups, steps, layer.filters, -1
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
        shape = (groups, filters, rows * tile.count * math.prod(inner))
        straight = steps == 1 and bias is None and self._is_flat(tile, target)
        sums = target[0].reshape(shape) if straight else scratch("sums", shape, weights.dtype)
        for step, matrix in enumerate(self._matrices(source, tile)):
            if step == 0:
                np.matmul(weights[:, step], matrix, out=sums)
            else:
                more = scratch("more", shape, weights.dtype)
                np.matmul(weights[:, step], matrix, out=more)
                np.add(sums, more, out=sums)
        if straight:
            return
        if bias is not None:
            sums += bias[tile.groups, tile.filters, np.newaxis]
        by_output = sums.reshape(groups, filters, rows, tile.count, *inner)
        target[...] = by_output.transpose(3, 0, 1, 2, *range(4, by_output.ndim))

    def _is_flat(self, tile: Tile, target: Array) -> bool:
        """Whether a product can be written into the target as it lies in memory."""
        whole_rows = tile.sizes[1:] == self._windows.output[1:]
        return tile.count == 1 and whole_rows and target.dtype == self._weights.dtype

    def _matrices(self, source: Source, tile: Tile) -> Iterator[Array]:
        """The matrix (g, depth, width) for each of the products."""
        groups = tile.groups.stop - tile.groups.start
        channels = slice(tile.groups.start * self._channels, tile.groups.stop * self._channels)
        part = source.part(tile.items, channels, tile.box, self._weights.dtype)
        rows, *inner = tile.sizes
        line = tile.count * math.prod(inner)
        matrices: dict[int, Array] = {}
        for shift, phase in self._shifts:
            if phase not in matrices:
                reach = rows + max(far for far, near in self._shifts if near == phase)
                cells = self._lay_out(part, phase, (reach, *inner))
                matrices[phase] = cells.reshape(groups, -1, reach * line)
            yield matrices[phase][..., shift * line : (shift + rows) * line]

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
        if seen.dtype == self._weights.dtype and seen[0].flags.c_contiguous:
            return seen
        cells = scratch(f"cells {phase}", seen.shape, self._weights.dtype)
        np.copyto(cells, seen, casting="unsafe")
        return cells
