"""The terms of single results, for those whose rounding no bound of a whole tile proves."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.source import windows_of
from cnnops_cli.ops.magnitudes import finest_grids, finite
from cnnops_cli.ops.rounded_sums import DIGITS, rounded_products
from cnnops_cli.ops.scratch import scratch
from cnnops_cli.spans import spans

Places = tuple[Array, ...]
"""Indices of results in a tile (n, g, o, *sizes)."""

_DOUBLE = np.dtype(np.float64)

_FIRST = 8
"""The weights of a filter that often tell whether it is worth looking at all of them."""

_SUMMED = 1 << 15
"""The terms that are summed exactly at a time, or those of one result if they are more."""

_BOUND_OF_SEEN, _BOUND_OF_RESULT = 0.25, 0.3
"""What it takes to bound errors again, per element of the input and per result, in the time that it
takes to sum up a term."""


class Terms:
    """The products of a layer with weights (G * O, C, *kernel), and a bias (G, O), in float64.

    Attributes
    ----------
    weights : numpy.ndarray, shape (G, O, count)
    bias : numpy.ndarray, shape (G, O)
        Zeros where there is none.
    norms, offsets : numpy.ndarray, shape (G, O)
        The Euclidean norm of each filter, and the magnitude of its bias, of what is finite.
    """

    def __init__(self, layer: Layer, weights: Array, bias: Array | None) -> None:
        self._layer = layer
        self.weights = weights.reshape(layer.groups, layer.filters, -1)
        self.count = self.weights.shape[2]
        self.has_bias = bias is not None
        self.bias = np.zeros(self.weights.shape[:2]) if bias is None else bias
        self.offsets = np.abs(finite(self.bias))
        flat = self.weights
        self.norms: Array = np.sqrt(np.vecdot(flat, flat))
        self.are_finite = bool(np.isfinite(self.norms).all() and np.isfinite(self.bias).all())
        if not self.are_finite:
            flat = finite(flat)
            self.norms = np.sqrt(np.vecdot(flat, flat))

    def grids(self, tile: Tile, of_input: float, sums: Array) -> Array:
        """Return powers of two of which all terms of a filter are multiples, (g, o).

        It is 0 where float64 does not count up to the filter's sums in such units. What the tile
        sees are multiples of `of_input`.
        """
        weights = self.weights[tile.groups, tile.filters]
        offsets = self.offsets[tile.groups, tile.filters]
        grids = of_input * finest_grids(finite(weights[..., :_FIRST]))
        may_be = sums < DIGITS * grids
        grids[~may_be] = 0
        if may_be.any():
            found = of_input * finest_grids(finite(weights[may_be]))
            divide_bias = finest_grids(offsets[may_be, np.newaxis]) >= found
            grids[may_be] = np.where(divide_bias & (sums[may_be] < DIGITS * found), found, 0)
        return grids

    def window_norms(self, part: Array, tile: Tile) -> Array:
        """Return at least the Euclidean norms of windows, but for what `ROUNDED_UP` makes up for.

        They are (n, g, *sizes). No part of a sum of squares is larger than the sum: no addition of
        float32 is off by more than 2**-24 of that, no square by more than 2**-24 of itself or
        2**-150.
        """
        if part.dtype == np.float32:  # takes half the time, but may overflow, and end in zero
            sums = self.window_sums(self._squares(part, part.dtype), tile.shape[3:])
            if np.isfinite(sums).all() and sums.all():
                rounded_up = sums * (1 + self.count * 2.0**-23) + self.count * 2.0**-148
                return np.sqrt(rounded_up, dtype=_DOUBLE)
        return np.sqrt(self.window_sums(self._squares(part, _DOUBLE), tile.shape[3:]))

    def _squares(self, part: Array, dtype: np.dtype[Any]) -> Array:
        squares = scratch("squares", part.shape, dtype)
        return np.square(part, out=squares, dtype=dtype)

    def window_sums(self, values: Array, sizes: Sequence[int]) -> Array:
        """Sum up over channels and windows of a part of the input: (n, g, *sizes)."""
        windows = self._layer.windows
        by_group = values.reshape(len(values), -1, self._layer.channels, *values.shape[2:])
        sums: Array = by_group.sum(axis=2)
        axes = zip(windows.kernel, windows.dilation, windows.stride, sizes, strict=True)
        for axis, (kernel, dilation, stride, size) in enumerate(axes, start=2):
            along = np.moveaxis(sums, axis, -1)
            steps = slice(0, (size - 1) * stride + 1, stride)
            sums = np.moveaxis(_sliding_sums(along, kernel, dilation)[..., steps], -1, axis)
        return sums

    def are_worth_bounds(self, doubtful: Array, part: Array, target: Array) -> bool:
        """Return whether to bound all errors again takes less time than to sum up the doubtful."""
        summed = doubtful.size * self.count
        return summed > _BOUND_OF_SEEN * part.size + _BOUND_OF_RESULT * target.size

    def round(self, doubtful: Array, part: Array, tile: Tile, target: Array) -> None:
        """Round the exact sums of results in some flat places of a tile (n, g, o, *sizes)."""
        windows = windows_of(part, self._layer, target.shape[3:])
        terms = self.count * (2 if target.dtype == _DOUBLE else 1)  # a product and its error
        for some in spans(doubtful.size, max(1, _SUMMED // terms)):
            places = np.unravel_index(doubtful[some], target.shape)
            self._sum_up(places, windows, tile, target)

    def _sum_up(self, places: Places, windows: Array, tile: Tile, target: Array) -> None:
        """Round the exact sums of the terms of results."""
        item, group, filter_, *cell = places
        of_filter = (group + tile.groups.start, filter_ + tile.filters.start)
        seen = windows[(item, group, *cell)].reshape(-1, self.count)
        bias = self.bias[of_filter][:, np.newaxis][:, : int(self.has_bias)]
        target[places] = rounded_products(seen, self.weights[of_filter], bias, target.dtype)


def _sliding_sums(values: Array, count: int, step: int) -> Array:
    """Sum up `count` values along the last axis, a step apart, from each place on.

    Sums of 1, 2, 4, ... values are made of each other, and added up as the binary digits say.
    """
    sums, done, width = None, 0, 1
    while done < count:
        if count & width:
            part = values[..., done * step :]
            sums = part if sums is None else sums[..., : part.shape[-1]] + part
            done += width
        if done < count:
            values = values[..., : -width * step] + values[..., width * step :]
            width *= 2
    assert sums is not None
    return sums
