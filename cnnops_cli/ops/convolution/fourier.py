"""Convolution as products of Fourier transforms, for large kernels.

A transform spreads the rounding errors of each value over all others. In float64 they are far below
an epsilon of float32, except in results much smaller than their neighbours: those are summed
directly.
"""

import math
import operator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.columns import Columns
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.plan import column_tiles
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.scratch import scratch

_DOUBLE = np.dtype(np.float64)

_FAINT = 2.0**25
"""Results less than this many times the error of the transforms are summed directly; all others
are exact to a quarter of an epsilon of float32."""

_MOST_SUMMED = 1 << 21
"""The most terms that are summed directly in a tile; with more it is not transformed."""


class Fourier:
    """Products of transforms of some lengths by axis, with float32 weights (G * O, C, *kernel)."""

    def __init__(self, layer: Layer, weights: Array, lengths: tuple[int, ...]) -> None:
        windows = layer.windows
        self._layer = layer
        self._lengths = lengths
        self._axes = tuple(range(-windows.dims, 0))
        self._weights = weights.reshape(layer.groups, layer.filters, *weights.shape[1:])
        spread = np.zeros((*self._weights.shape[:3], *lengths))
        cells = zip(windows.kernel, windows.dilation, strict=True)
        place = tuple(slice(0, (size - 1) * dilation + 1, dilation) for size, dilation in cells)
        spread[(slice(None),) * 3 + place] = self._weights
        self._spectra = np.conj(np.fft.rfftn(spread, axes=self._axes))
        self._norms = np.sqrt(np.square(self._weights, dtype=_DOUBLE).sum(axis=self._axes))
        self._columns = Columns(layer, weights)

    def compute(self, source: Source, tile: Tile, bias: Array | None, target: Array) -> None:
        """Fill a tile of one sample and group, as `Columns.compute` does."""
        group, channels = tile.groups.start, self._layer.channels
        part = source.part(tile.items, tile.channels(channels), tile.box)[0]
        values = scratch("values", (channels, *self._lengths), _DOUBLE)
        values.fill(0)
        values[(slice(None), *map(slice, part.shape[1:]))] = part
        norms = np.sqrt(np.square(values).sum(axis=self._axes))
        error = float(np.finfo(_DOUBLE).eps) * math.log2(values[0].size)
        spectrum = np.fft.rfftn(values, axes=self._axes)
        for number in range(self._layer.filters):
            total = np.einsum("c...,c...->...", spectrum, self._spectra[group, number])
            sums = np.fft.irfftn(total, s=self._lengths, axes=self._axes)
            steps = zip(tile.shape[3:], self._layer.windows.stride, strict=True)
            sums = sums[tuple(slice(0, (size - 1) * step + 1, step) for size, step in steps)]
            noise = error * float(norms @ self._norms[group, number])
            if not self._settle(sums, noise, part, self._weights[group, number], target.dtype):
                for some in column_tiles(self._layer, tile):
                    self._columns.compute(source, some, bias, target[some.within(tile)])
                return
            rounded = sums.astype(self._weights.dtype)
            if bias is not None:
                rounded += bias[group, number]
            target[0, 0, number] = rounded

    def _settle(
        self, sums: Array, noise: float, part: Array, weights: Array, dtype: np.dtype[Any]
    ) -> bool:
        """Make sums as exact as float32, and return whether that was possible in short time."""
        if dtype.kind != "f":
            np.rint(sums, out=sums)
            return noise < 0.25
        faint = np.flatnonzero(~(np.abs(sums) >= noise * _FAINT))
        if faint.size * weights.size > _MOST_SUMMED:
            return False
        if faint.size:
            windows = self._layer.windows
            of_channel, *of_axis = part.strides
            cells = as_strided(
                part,
                (*sums.shape, *weights.shape),
                (
                    *map(operator.mul, windows.stride, of_axis),
                    of_channel,
                    *map(operator.mul, windows.dilation, of_axis),
                ),
            )
            places = np.unravel_index(faint, sums.shape)
            seen = cells[places].reshape(faint.size, -1).astype(_DOUBLE)
            sums[places] = seen @ weights.reshape(-1).astype(_DOUBLE)
        return True
