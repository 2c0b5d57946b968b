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
from cnnops_cli.ops.convolution.source import Shown
from cnnops_cli.ops.rounded_sums import ROUNDED_UP, UNIT
from cnnops_cli.ops.scratch import scratch

_DOUBLE = np.dtype(np.float64)

_FAINT = 2.0**25
"""Results less than this many times the error of the transforms are summed directly; all others
are exact to a quarter of an epsilon of float32."""

_ROUNDINGS_PER_DIGIT = 16
"""The most roundings of a transform, in its norm, per binary digit of its length.

A butterfly of r values is off by at most c sqrt(r) roundings, with c = 1, 2, 6, 8 and 11 for r = 2,
4, 8, 3 and 5, and a product with a root of unity by 9, since NumPy's roots are products of two: at
most 14.5 per digit, for r = 5. The first butterflies have no such product; their 9 are for 1 / N.
"""

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

    def compute(self, source: Shown, tile: Tile, bias: Array | None, target: Array) -> None:
        """Fill a tile of one sample and group, as `Columns.compute` does."""
        part = source.part(tile.items, tile.channels(self._layer.channels), tile.box)[0]
        spectrum, norms = self._transform(part)
        error = float(np.finfo(_DOUBLE).eps) * math.log2(math.prod(self._lengths))
        group = tile.groups.start
        for number in range(self._layer.filters):
            sums = self._multiply(spectrum, group, number)[self._places(tile)]
            noise = error * float(norms @ self._norms[group, number])
            if not self._settle(sums, noise, part, self._weights[group, number], target.dtype):
                for some in column_tiles(self._layer, tile):
                    self._columns.compute(source, some, bias, target[some.within(tile)])
                return
            rounded = sums.astype(self._weights.dtype)
            if bias is not None:
                rounded += bias[group, number]
            target[0, 0, number] = rounded

    def sum_up(self, part: Array, tile: Tile, sums: Array) -> tuple[Array, Array]:
        """Fill the sums (o, *sizes) of a tile of one sample and group, of what it sees.

        Returns what bounds their magnitudes, and their errors, by filter: (o,). A transform of N
        values changes their norm by at most a few roundings per binary digit of N, and no value by
        more than the norm.

        N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2002, chapter 24.
        """
        spectrum, norms = self._transform(part)
        group = tile.groups.start
        magnitudes = self._norms[group] @ norms
        of_transform = _ROUNDINGS_PER_DIGIT * math.log2(math.prod(self._lengths))
        roundings = 2 * (of_transform + len(part) + 4)
        errors = roundings * magnitudes
        for number in range(self._layer.filters):
            found = self._multiply(spectrum, group, number)
            errors[number] += of_transform * math.sqrt(np.vdot(found, found))
            sums[number] = found[self._places(tile)]
        return magnitudes, errors * (UNIT * ROUNDED_UP)

    def _transform(self, part: Array) -> tuple[Array, Array]:
        """Transform what a tile sees; return the Euclidean norm of each channel, too."""
        values = scratch("values", (len(part), *self._lengths), _DOUBLE)
        values.fill(0)
        values[(slice(None), *map(slice, part.shape[1:]))] = part
        norms = np.sqrt(np.square(values).sum(axis=self._axes))
        return np.fft.rfftn(values, axes=self._axes), norms

    def _multiply(self, spectrum: Array, group: int, number: int) -> Array:
        """Convolve with a filter, circularly."""
        total = np.einsum("c...,c...->...", spectrum, self._spectra[group, number])
        found: Array = np.fft.irfftn(total, s=self._lengths, axes=self._axes)
        return found

    def _places(self, tile: Tile) -> tuple[slice, ...]:
        """Return where the results of a tile are in what is convolved circularly."""
        steps = zip(tile.shape[3:], self._layer.windows.stride, strict=True)
        return tuple(slice(0, (size - 1) * step + 1, step) for size, step in steps)

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
