"""Convolution as products with banded matrices, for few channels in a group.

Along the last axis a kernel row is a banded matrix: column j holds its weights from row
``j * stride`` on, and lines of the input, cut into pieces that overlap, are multiplied with it.
Most of the matrix is zero, but a matrix product outruns the sums that it saves.
"""

import math
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.costs import band_span
from cnnops_cli.ops.convolution.layer import Layer, Tile
from cnnops_cli.ops.convolution.products import Products
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.scratch import scratch

_KEPT_BYTES = 1 << 22
"""Matrices of all groups together that are no larger are built once, else for each tile."""


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
        every = (layer.groups, *weights.shape[1:-1], self._span, layer.filters * band)
        kept = math.prod(every) * weights.itemsize <= _KEPT_BYTES
        self._kept = self._build(slice(0, layer.groups)) if kept else None
        self._products = Products(layer, weights, stacked=False)

    def compute(self, source: Source, tile: Tile, bias: Array | None, result: Array) -> None:
        """Fill a tile of the result, as `Products.compute` does."""
        target = result[tile.index]
        matrices = self._build(tile.groups) if self._kept is None else self._kept[tile.groups]
        pieces = self._pieces(self._lines(source, tile), tile)
        direct = self._is_laid_out(target)
        sums = self._multiply(pieces, matrices, target if direct else None)
        if not _is_finite(sums):
            # What is not finite, the zeros of the matrices have spread.
            self._products.compute_in_parts(source, tile, bias, result)
            return
        by_output = sums.reshape(
            tile.count, len(matrices), *tile.sizes[:-1], -1, self._layer.filters, self._band
        )
        if bias is not None:
            offsets = bias[tile.groups]
            alone = (1,) * (by_output.ndim - 4)
            by_output += offsets.reshape(len(offsets), *alone, self._layer.filters, 1)
        if not direct:
            last = by_output.ndim - 1
            by_filter = by_output.transpose(0, 1, last - 1, *range(2, last - 1), last)
            self._store(by_filter, target)

    def _is_laid_out(self, target: Array) -> bool:
        """Whether bands can be written where they belong: one filter, and no band too many."""
        whole = self._layer.filters == 1 and target.shape[-1] % self._band == 0
        return whole and target.dtype == self._weights.dtype

    def _build(self, groups: slice) -> Array:
        """The matrices (g, C, *outer kernel, span, O * band) of some groups."""
        stride, dilation = self._layer.windows.stride[-1], self._layer.windows.dilation[-1]
        weights = np.moveaxis(self._weights[groups], 1, -2)  # g, C, *outer, O, k
        *lead, filters, size = weights.shape
        matrices = scratch("matrices", (*lead, self._span, filters, self._band), weights.dtype)
        matrices.fill(0)
        *steps, row, of_filter, column = matrices.strides
        if size <= self._band:
            shape = (*lead, filters, self._band)
            strides = (*steps, of_filter, stride * row + column)
            for cell in range(size):
                diagonal = as_strided(matrices[..., cell * dilation :, :, :], shape, strides)
                diagonal[...] = weights[..., cell, np.newaxis]
        else:
            reach = (size - 1) * dilation + 1
            for output in range(self._band):
                rows = slice(output * stride, output * stride + reach, dilation)
                matrices[..., rows, :, output] = weights.swapaxes(-1, -2)
        return matrices.reshape(*lead, self._span, filters * self._band)

    def _lines(self, source: Source, tile: Tile) -> Array:
        """The lines (n, g * C, *outer, length) that a tile sees, as a matrix product takes them."""
        channels = self._layer.channels
        of_groups = slice(tile.groups.start * channels, tile.groups.stop * channels)
        dtype = self._weights.dtype
        beyond = -tile.sizes[-1] % self._band * self._layer.windows.stride[-1]
        part = source.part(tile.items, of_groups, tile.box, beyond)
        if part.dtype == dtype and part.strides[-1] == dtype.itemsize:
            return part
        lines = scratch("lines", part.shape, dtype)
        np.copyto(lines, part, casting="unsafe")
        return lines

    def _pieces(self, lines: Array, tile: Tile) -> Array:
        """See the lines as (C, *outer kernel, n, g, [depth,] bands, rows, span)."""
        windows = self._layer.windows
        channels = self._layer.channels
        of_item, of_channel, *of_outer, of_cell = lines.strides
        bands = -(-tile.sizes[-1] // self._band)
        of_band = self._band * windows.stride[-1] * of_cell
        gaps = [gap * step for gap, step in zip(windows.dilation, of_outer, strict=False)]
        *of_depth, of_row = [
            gap * step for gap, step in zip(windows.stride, of_outer, strict=False)
        ] or [of_cell]
        *depth, rows = tile.sizes[:-1] or [1]
        pieces = as_strided(
            lines,
            (
                channels,
                *windows.kernel[:-1],
                tile.count,
                lines.shape[1] // channels,
                *depth,
                bands,
                rows,
                self._span,
            ),
            (
                of_channel,
                *gaps,
                of_item,
                channels * of_channel,
                *of_depth,
                of_band,
                of_row,
                of_cell,
            ),
        )
        if windows.dims > 1:
            return pieces
        # One line has one row a band: they are multiplied together, as rows of one matrix.
        frames = scratch("frames", pieces.shape, pieces.dtype)
        np.copyto(frames, pieces)
        return frames.swapaxes(-2, -3)

    def _multiply(self, pieces: Array, matrices: Array, target: Array | None) -> Array:
        """Sum over channels and outer kernel: (n, g, [depth,] rows, bands, O * band).

        In one dimension the bands are the rows, (n, g, bands, 1, O * band).
        """
        cells = pieces.shape[: self._layer.windows.dims]
        count, groups, *depth, bands, rows, _ = pieces.shape[len(cells) :]
        shape = (count, groups, *depth, rows, bands, matrices.shape[-1])
        sums = (
            target.reshape(shape) if target is not None else scratch("sums", shape, matrices.dtype)
        )
        spread = matrices.reshape(groups, *cells, *(1,) * (1 + len(depth)), *matrices.shape[-2:])
        for number, cell in enumerate(product(*map(range, cells))):
            share = scratch("more", shape, matrices.dtype) if number else sums
            matrix: tuple[Any, ...] = (slice(None), *cell)
            np.matmul(pieces[cell], spread[matrix], out=share.swapaxes(-2, -3))
            if number:
                np.add(sums, share, out=sums)
        return sums

    def _store(self, by_output: Array, target: Array) -> None:
        """Write (n, g, o, *outer, bands, band) as lines; the last band may reach too far."""
        length = target.shape[-1]
        full, rest = divmod(length, self._band)
        lines = target[..., : full * self._band]
        lines.reshape(*lines.shape[:-1], full, self._band)[...] = by_output[..., :full, :]
        if rest:
            target[..., length - rest :] = by_output[..., full, :rest]


def _is_finite(sums: Array) -> bool:
    """Whether all are; of finite sums whose squares overflow it may be denied."""
    one_number = np.vdot(sums, sums) if sums.flags.c_contiguous else sums.sum()
    return math.isfinite(one_number)
