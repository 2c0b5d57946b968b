"""Convolution as products with banded matrices, for few channels in a group.

Along the last axis a kernel row is a banded matrix: column j holds its weights from row
``j * stride`` on, and lines of the input, cut into pieces that overlap, are multiplied with it.
Most of the matrix is zero, but a matrix product outruns the sums that it saves.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.plan import Layer, Tile, band_span, product_tiles
from cnnops_cli.ops.convolution.products import Products
from cnnops_cli.ops.convolution.source import Source, copy_cells


class Bands:
    """Products with banded matrices, tile by tile.

    Parameters
    ----------
    layer : Layer
    weights : numpy.ndarray, shape (G * O, C, *kernel)
        In the dtype to compute in, float32 or float64.
    band : int
        Outputs that one matrix gives.
    """

    def __init__(self, layer: Layer, weights: Array, band: int) -> None:
        self._layer = layer
        self._band = band
        self._span = band_span(layer.windows, band)
        self._weights = weights.reshape(layer.groups, layer.filters, *weights.shape[1:])
        self._matrices = lru_cache(maxsize=4)(self._build)
        self._products = Products(layer, weights, shifted=False)

    def compute(self, source: Source, tile: Tile, bias: Array | None, result: Array) -> None:
        """Fill a tile of the result, as `Products.compute` does."""
        lines = self._lines(source, tile)
        if not np.isfinite(lines.sum()):
            # The zeros of a banded matrix would spread what is not finite.
            for part in product_tiles(self._layer, tile, shifted=False):
                self._products.compute(source, part, bias, result)
            return
        pieces = self._pieces(lines, tile)
        matrices = self._matrices(tile.groups.start, tile.groups.stop)
        sums = self._multiply(pieces, matrices)

        rows = tile.sizes[-2:-1]
        by_output = sums.reshape(
            *sums.shape[:-3], *rows, tile.count, sums.shape[-2], self._layer.filters, self._band
        )
        if bias is not None:
            offsets = bias[tile.groups]
            by_output += offsets.reshape(
                len(offsets), *(1,) * (by_output.ndim - 3), self._layer.filters, 1
            )
        self._store(np.moveaxis(by_output, (-4, 0, -2), (0, 1, 2)), result[tile.index])

    def _build(self, first: int, last: int) -> Array:
        """The matrices (g, C, *outer kernel, span, O * band) of some groups."""
        windows = self._layer.windows
        weights = np.moveaxis(self._weights[first:last], 1, -2)  # g, C, *outer, O, k
        *lead, filters, size = weights.shape
        matrices = np.zeros((*lead, self._span, filters, self._band), weights.dtype)
        *steps, row, of_filter, column = matrices.strides
        diagonals = as_strided(
            matrices,
            (*lead, filters, self._band, size),
            (*steps, of_filter, windows.stride[-1] * row + column, windows.dilation[-1] * row),
        )
        diagonals[...] = weights[..., np.newaxis, :]
        return matrices.reshape(*lead, self._span, filters * self._band)

    def _lines(self, source: Source, tile: Tile) -> Array:
        """Copy the lines that a tile sees: (g * C, *outer, n, length)."""
        windows = self._layer.windows
        channels = self._layer.channels
        part, starts = source.part(
            tile.items,
            slice(tile.groups.start * channels, tile.groups.stop * channels),
            tile.box,
        )
        *outer, last = tile.sizes
        reach = [
            (outputs - 1) * stride + (size - 1) * dilation + 1
            for outputs, stride, size, dilation in zip(
                outer, windows.stride, windows.kernel, windows.dilation, strict=False
            )
        ]
        bands = -(-last // self._band)
        length = (bands - 1) * self._band * windows.stride[-1] + self._span
        lines = np.empty((part.shape[1], *reach, tile.count, length), self._weights.dtype)
        copy_cells(np.moveaxis(lines, -2, 0), part, starts, (1,) * windows.dims)
        return lines

    def _pieces(self, lines: Array, tile: Tile) -> Array:
        """See the lines as (C, *outer kernel, g, [depth,] bands, rows * n, span)."""
        windows = self._layer.windows
        channels = self._layer.channels
        groups = len(lines) // channels
        bands = -(-tile.sizes[-1] // self._band)
        of_channel, *of_outer, of_item, of_cell = lines.strides
        of_band = self._band * windows.stride[-1] * of_cell
        shape = (groups, bands, self._span)
        strides = (channels * of_channel, of_band, of_cell)
        if windows.dims == 1:
            frames = as_strided(
                lines,
                (channels, groups, tile.count, *shape[1:]),
                (of_channel, strides[0], of_item, *strides[1:]),
            )
            return frames.reshape(channels, groups, 1, tile.count * bands, self._span)
        # Rows lie a stride apart, items one behind the other; the plan joins several items only
        # where the stride is 1.
        of_row = of_item if tile.count > 1 else windows.stride[-2] * of_outer[-1]
        gaps = [gap * step for gap, step in zip(windows.dilation[:-1], of_outer, strict=True)]
        depth = [windows.stride[0] * of_outer[0]] if windows.dims == 3 else []
        return as_strided(
            lines,
            (
                channels,
                *windows.kernel[:-1],
                groups,
                *tile.sizes[:-2],
                bands,
                tile.sizes[-2] * tile.count,
                self._span,
            ),
            (of_channel, *gaps, strides[0], *depth, of_band, of_row, of_cell),
        )

    def _multiply(self, pieces: Array, matrices: Array) -> Array:
        """Sum over channels and outer kernel: (g, [depth,] rows * n, bands, O * band)."""
        cells = pieces.shape[: self._layer.windows.dims]
        groups, *depth, bands, rows, _ = pieces.shape[len(cells) :]
        sums = np.empty((groups, *depth, rows, bands, matrices.shape[-1]), matrices.dtype)
        more = np.empty_like(sums) if math.prod(cells) > 1 else sums
        spread = matrices.reshape(groups, *cells, *(1,) * (1 + len(depth)), *matrices.shape[-2:])
        for number, cell in enumerate(np.ndindex(*cells)):
            target = more if number else sums
            np.matmul(pieces[cell], spread[(slice(None), *cell)], out=target.swapaxes(-2, -3))
            if number:
                np.add(sums, more, out=sums)
        return sums

    def _store(self, by_output: Array, target: Array) -> None:
        """Write (n, g, o, *outer, bands, band) as lines; the last band may reach too far."""
        length = target.shape[-1]
        full, rest = divmod(length, self._band)
        lines = target[..., : full * self._band]
        lines.reshape(*lines.shape[:-1], full, self._band)[...] = by_output[..., :full, :]
        if rest:
            target[..., length - rest :] = by_output[..., full, :rest]
