"""Convolution as a plain loop adds it up: one term after another, each sum rounded."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.columns import lay_out, store
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.products import as_matrices, by_sample
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.scratch import scratch
from cnnops_cli.spans import spans

_BLOCK, _BLOCK_COLUMNS = 1 << 15, 1 << 12
"""The most sums that terms are added to at a time, and the most of one filter: what is read and
written for one term stays in a core's cache."""

_FRACTION = np.int64((1 << 52) - 1)
"""The bits of a float64 that are neither its sign nor its exponent."""


class RunningSums:
    """Sums from +0 on with weights (G * O, C, *kernel): in order of channel, then of kernel axes.

    Each product and each sum is rounded to the layer's dtype, or with `fused`, which float32 has,
    product and sum together, as C's `fmaf` does. The bias is added last.
    """

    def __init__(self, layer: Layer, weights: Array, *, fused: bool = False) -> None:
        self._layer = layer
        self._weights = weights.reshape(layer.groups, layer.filters, -1)
        self._fused = fused

    def compute(self, source: Source, tile: Tile, bias: Array | None, target: Array) -> None:
        """Fill a tile of the result, (n, g, o, *sizes), with a bias (G, O)."""
        weights = self._weights[tile.groups, tile.filters]
        cells = as_matrices(lay_out(self._layer, source, tile))
        shape = (*cells.shape[:2], weights.shape[1], cells.shape[3])
        sums = scratch("sums", shape, self._layer.dtype)
        sums.fill(0)
        for items, groups, filters, columns in _blocks(shape):
            self._add_terms(
                weights[groups, filters],
                cells[items, groups, :, columns],
                sums[items, groups, filters, columns],
            )
        store(by_sample(sums, len(target), target.shape[3:]), tile, bias, target)
        np.copyto(target, np.nan, where=np.isnan(target))  # whatever its sign and payload were

    def _add_terms(self, weights: Array, cells: Array, sums: Array) -> None:
        """Add the products of weights (g, o, depth) and cells (n, g, depth, w) to (n, g, o, w)."""
        add, dtype = (_add_fused, np.dtype(np.float64)) if self._fused else (_add, sums.dtype)
        products = scratch("products", sums.shape, dtype)
        for term in range(weights.shape[2]):
            weight = weights[:, :, term, np.newaxis].astype(dtype, copy=False)
            cell = cells[:, :, term, np.newaxis].astype(dtype, copy=False)
            np.multiply(cell, weight, out=products)
            add(sums, products)


def _add(sums: Array, products: Array) -> None:
    np.add(sums, products, out=sums)


def _add_fused(sums: Array, products: Array) -> None:
    """Add products, exact in float64, to sums in float32, and round each once.

    To round to float64 first only matters where that gives a tie: the middle of two neighbours in
    float32. It is a power of two away from both.
    """
    totals = np.add(sums, products, out=scratch("totals", sums.shape, products.dtype))
    rounded = scratch("rounded", sums.shape, sums.dtype)
    np.copyto(rounded, totals, casting="unsafe")
    rests = np.subtract(totals, rounded, out=scratch("rests", sums.shape, products.dtype))
    fractions = rests.view(np.int64)
    fractions &= _FRACTION
    if not fractions.all():
        ties = (fractions == 0) & (rounded != totals)
        rounded[ties] = _rounded_to_odd(sums[ties], products[ties])
    np.copyto(sums, rounded)


def _rounded_to_odd(sums: Array, products: Array) -> Array:
    """Add in float64; of the two neighbours of what is not exact, take the one with an odd bit.

    Rounded to float32, this gives what the exact sum gives (S. Boldo and G. Melquiond, "Emulation
    of FMA and correctly rounded sums", 2008).
    """
    totals = sums + products
    added = totals - sums
    errors = (sums - (totals - added)) + (products - added)
    bits = totals.view(np.int64)
    is_below = (errors < 0) != (totals < 0)
    bits -= (errors != 0) & is_below
    bits |= errors != 0
    return totals


def _blocks(shape: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Cut sums (n, g, o, width) into blocks."""
    cuts: list[list[slice]] = []
    left, most = _BLOCK, _BLOCK_COLUMNS
    for length in reversed(shape):
        cuts.insert(0, spans(length, min(left, most)))
        left //= cuts[0][0].stop
        most = left
    return product(*cuts)
