"""Convolution as a plain loop adds it up: one term after another, each sum rounded."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.columns import Columns, store
from cnnops_cli.ops.convolution.costs import elements_of_a_column
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.plan import Plan, column_tiles, tiles_wanted
from cnnops_cli.ops.convolution.products import as_matrices, by_sample
from cnnops_cli.ops.convolution.source import Shown
from cnnops_cli.ops.scratch import scratch
from cnnops_cli.spans import spans

RUNNING_SUMS = "running sums"
FUSED_SUMS = "fused multiply-adds"

_BLOCK = 1 << 15
"""The most sums that a term is added to at a time: what this reads and writes stays in a core's
cache."""

_ARRAYS, _FUSED_BYTES = 2, 48
"""What a block takes per sum: arrays of the layer's dtype, or with fused multiply-adds, bytes."""

_TERM, _FUSED_TERM = 0.5, 5.0
"""Nanoseconds per term on one core: ``tests/benchmarks/fit_running_sums.py`` measures them."""


@lru_cache(maxsize=64)
def plan_running_sums(layer: Layer) -> Plan:
    """Cut the result into tiles for `RunningSums`."""
    fused = layer.accumulate == "fma"
    plan = Plan(FUSED_SUMS if fused else RUNNING_SUMS, (), ())
    if layer.items == 0:
        return plan
    columns = layer.items * layer.groups * math.prod(layer.windows.output)
    terms = columns * layer.filters * layer.channels * math.prod(layer.windows.kernel)
    wanted = tiles_wanted(terms * (_FUSED_TERM if fused else _TERM))
    of_sum = _FUSED_BYTES if fused else _ARRAYS * layer.dtype.itemsize
    of_column = elements_of_a_column(layer) * layer.dtype.itemsize + layer.filters * of_sum
    return plan._replace(
        tiles=column_tiles(layer, layer.tile, wanted),
        bytes_of_a_tile=plan.bytes_of_a_tile + _BLOCK * of_sum,
        bytes_of_all=columns * of_column,
    )


class RunningSums:
    """Sums from +0 on with weights (G * O, C, *kernel): in order of channel, then of kernel axes.

    Each product and each sum is rounded to the layer's dtype; where the layer's mode is 'fma',
    product and sum together, as C's `fmaf` does. The bias is added last.
    """

    def __init__(self, layer: Layer, weights: Array) -> None:
        self._layer = layer
        self._columns = Columns(layer, weights)
        self._weights = weights.reshape(layer.groups, layer.filters, -1)

    def compute(self, source: Shown, tile: Tile, bias: Array | None, target: Array) -> None:
        """Fill a tile of the result, (n, g, o, *sizes), with a bias (G, O)."""
        weights = self._weights[tile.groups, tile.filters]
        cells = as_matrices(self._columns.lay_out(source, tile))
        shape = (*cells.shape[:2], weights.shape[1], cells.shape[3])
        sums = scratch("sums", shape, self._layer.dtype)
        for items, groups, filters, columns in _blocks(shape):
            self._add_up(
                weights[groups, filters],
                cells[items, groups, :, columns],
                sums[items, groups, filters, columns],
            )
        store(by_sample(sums, len(target), target.shape[3:]), tile, bias, target)
        np.copyto(target, np.nan, where=np.isnan(target))  # whatever its sign and payload were

    def _add_up(self, weights: Array, cells: Array, sums: Array) -> None:
        """Fill sums (n, g, o, w) of the products of weights (g, o, depth) and (n, g, depth, w)."""
        add, dtype = _add, sums.dtype
        if self._layer.accumulate == "fma":
            add, dtype = _add_fused, np.dtype(np.float64)
        running = scratch("running", sums.shape, dtype)
        running.fill(0)
        products = scratch("products", sums.shape, dtype)
        for term in range(weights.shape[2]):
            weight = weights[:, :, term, np.newaxis].astype(dtype, copy=False)
            cell = cells[:, :, term, np.newaxis].astype(dtype, copy=False)
            np.multiply(cell, weight, out=products)
            add(running, products)
        np.copyto(sums, running, casting="same_kind")


def _add(sums: Array, products: Array) -> None:
    np.add(sums, products, out=sums)


def _add_fused(sums: Array, products: Array) -> None:
    """Add products of float32 to values of float32, all held in float64, and round each sum once.

    Sums that float64 cannot hold are rounded to whichever of their neighbours has an odd last bit.
    Rounded to float32, this gives what the exact sum gives (S. Boldo and G. Melquiond, "Emulation
    of FMA and correctly rounded sums", 2008). The errors of infinities and NaN are NaN.
    """
    totals = np.add(sums, products, out=scratch("totals", sums.shape, sums.dtype))
    errors = np.subtract(totals, sums, out=scratch("errors", sums.shape, sums.dtype))
    products -= errors
    np.subtract(totals, errors, out=errors)
    np.subtract(sums, errors, out=errors)
    errors += products
    errors *= totals
    is_smaller, is_inexact = errors < 0, errors > 0
    is_inexact |= is_smaller
    bits = totals.view(np.int64)
    bits -= is_smaller
    bits |= is_inexact
    rounded = scratch("rounded", sums.shape, np.dtype(np.float32))
    np.copyto(rounded, totals, casting="same_kind")
    np.copyto(sums, rounded)


def _blocks(shape: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Cut sums (n, g, o, width) into blocks."""
    cuts: list[list[slice]] = []
    left = _BLOCK
    for length in reversed(shape):
        cuts.insert(0, spans(length, left))
        left //= cuts[0][0].stop
    return product(*cuts)
