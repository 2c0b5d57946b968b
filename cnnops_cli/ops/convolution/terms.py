"""The terms of single results, for those whose rounding no bound of a whole tile proves."""

import math
from functools import cached_property

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.source import Source, windows_of
from cnnops_cli.ops.magnitudes import finest_grids, finite, grid_of
from cnnops_cli.ops.rounded_sums import rounded_products
from cnnops_cli.spans import spans

Places = tuple[Array, ...]
"""Indices of results in a tile (n, g, o, *sizes)."""

_SUMMED = 1 << 17
"""The terms that are summed exactly at a time."""

_WORTH_A_TIGHTER_BOUND = 0.25
"""The doubtful terms per element of the input from which on tighter bounds take less time."""


class Terms:
    """The products of a layer and its bias (G, O), in float64; weights are (G * O, C, *kernel)."""

    def __init__(self, layer: Layer, weights: Array, bias: Array | None) -> None:
        self._layer = layer
        self.weights = weights.reshape(layer.groups, layer.filters, layer.channels, -1)
        self.bias = np.zeros(self.weights.shape[:2]) if bias is None else bias
        self.has_bias = bias is not None
        self.are_finite = all(np.isfinite(each).all() for each in (weights, self.bias))

    @cached_property
    def offsets(self) -> Array:
        """The magnitudes of the bias where that is finite, else 0."""
        return np.abs(finite(self.bias))

    @cached_property
    def norms(self) -> Array:
        """The Euclidean norm of each filter, (G, O)."""
        norms: Array = np.sqrt(np.square(finite(self.weights)).sum(axis=(2, 3)))
        return norms

    @cached_property
    def _grids(self) -> tuple[Array, Array]:
        """Powers of two of which the weights of filters, and the bias, are multiples, (G, O)."""
        flat = finite(self.weights).reshape(*self.bias.shape, -1)
        return finest_grids(flat), finest_grids(self.offsets[..., np.newaxis])

    def grids(self, tile: Tile, seen: Array) -> Array:
        """Return a power of two of which all terms are multiples, by filter (g, o); 0 if none."""
        of_weights, of_bias = (grids[tile.groups, tile.filters] for grids in self._grids)
        grids: Array = of_weights * grid_of(seen)
        return np.where(of_bias >= grids, grids, 0)

    def are_many(self, places: Places, seen: Array) -> bool:
        """Return whether to look for tighter bounds takes less time than to sum up the terms."""
        terms = self.weights[0, 0].size
        return places[0].size * terms > _WORTH_A_TIGHTER_BOUND * seen.size

    def window_sums(self, values: Array, tile: Tile) -> Array:
        """Sum up over the windows of a part of the input: (n, g, *sizes)."""
        windows = self._layer.windows
        sums = values.reshape(len(values), tile.shape[1], -1, *values.shape[2:]).sum(axis=2)
        axes = zip(windows.kernel, windows.dilation, windows.stride, tile.shape[3:], strict=True)
        for axis, (kernel, dilation, stride, size) in enumerate(axes, start=2):
            before, reach = (slice(None),) * axis, (size - 1) * stride + 1
            starts = range(0, kernel * dilation, dilation)
            sums = sum(sums[(*before, slice(start, start + reach, stride))] for start in starts)
        return sums

    def sum_up(self, places: Places, source: Source, tile: Tile, target: Array) -> None:
        """Round the exact sums of the terms in some places of a tile of the result."""
        part = source.part(tile.items, tile.channels(self._layer.channels), tile.box)
        windows = windows_of(part, self._layer, target.shape[3:])
        terms = self.weights[0, 0].size
        for some in spans(len(places[0]), max(1, _SUMMED // terms)):
            item, group, filter_, *cell = here = tuple(axis[some] for axis in places)
            of_filter = (group + tile.groups.start, filter_ + tile.filters.start)
            seen = windows[(item, group, *cell)].reshape(-1, terms)
            weights = self.weights[of_filter].reshape(-1, terms)
            bias = self.bias[of_filter][:, np.newaxis][:, : int(self.has_bias)]
            target[here] = rounded_products(seen, weights, bias, target.dtype)


def chosen(places: Places, which: Array) -> Places:
    """Return some of the places."""
    return tuple(axis[which] for axis in places)
