"""Convolution of little float64, rounded once: as slices, in one matrix product.

Both operands are cut into two slices, ``x = x1 + x2`` and ``w = w1 + w2``, of which the first have
so few digits that the sum of ``x1 w1`` is exact. That of ``x2 w + x1 w2`` is small, and so is its
error. To plan tiles, and to cut operands into more slices, would take far longer than these sums.
"""

import math
from functools import lru_cache

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile, Tiles
from cnnops_cli.ops.convolution.plan import Plan
from cnnops_cli.ops.convolution.sliced import (
    LARGEST,
    LEAST,
    Sliced,
    are_in_range,
    multiples,
    plan_slices,
)
from cnnops_cli.ops.convolution.source import Source, windows_of
from cnnops_cli.ops.convolution.terms import Terms
from cnnops_cli.ops.rounded_sums import ROUNDED_UP, UNIT, two_sum

SMALL_SUMS = "sums of all products"

_MOST_PRODUCTS, _MOST_SEEN = 1 << 13, 1 << 14
"""With more products, or elements of the padded input, tiles of slices take less time."""


def are_small(layer: Layer) -> bool:
    """Return whether the products of a layer are few, and what all windows see is small."""
    windows = layer.windows
    channels = layer.items * layer.groups * layer.channels
    products = channels * layer.filters * math.prod(windows.output) * math.prod(windows.kernel)
    if not 0 < products <= _MOST_PRODUCTS:
        return False
    axes = zip(windows.output, windows.stride, windows.reach, strict=True)
    spread = math.prod((count - 1) * step + reach for count, step, reach in axes)
    return channels * spread <= _MOST_SEEN


@lru_cache(maxsize=64)
def plan_small_sums(layer: Layer) -> Plan:
    """Plan a layer as one tile."""
    return Plan(SMALL_SUMS, (), Tiles(layer.tile, layer.tile.shape))


class SmallSums:
    """Sums of products with weights (G * O, C, *kernel) and a bias (G, O), rounded once."""

    def __init__(self, layer: Layer, weights: Array, bias: Array | None) -> None:
        self._layer = layer
        self._weights, self._bias = weights, bias
        self._by_filter = weights.reshape(layer.groups, layer.filters, -1)
        magnitudes = np.abs(self._by_filter)
        self._peaks, self._sizes = magnitudes.max(axis=2), magnitudes.sum(axis=2)

    def compute(self, source: Source, tile: Tile, target: Array) -> None:
        """Fill the result, (N, G, O, *output)."""
        part = source.part(tile.items, tile.channels(self._layer.channels), tile.box)
        part = part.astype(np.float64, copy=False)
        peak = _largest(part)
        offset = 0.0 if self._bias is None else _largest(self._bias)
        if not (offset <= LARGEST and are_in_range(peak) and np.all(are_in_range(self._peaks))):
            plan = plan_slices(self._layer, 1)
            Sliced(self._layer, plan, self._weights, self._bias).compute(source, tile, target)
            return
        sums, errors = self._multiply(part, peak, offset, target.shape)
        total, rest = sums[:, :, 0], sums[:, :, 1]
        if self._bias is not None:
            total, below = two_sum(total, self._bias[..., np.newaxis])
            rest = rest + below
        total, rest = two_sum(total, rest)
        upper = total + (rest + errors)
        doubtful = total + (rest - errors) != upper
        target[...] = upper.reshape(target.shape)
        if doubtful.any():
            terms = Terms(self._layer, self._weights, self._bias)
            terms.round(np.flatnonzero(doubtful), part, tile, target)

    def _multiply(
        self, part: Array, peak: float, offset: float, shape: tuple[int, ...]
    ) -> tuple[Array, Array]:
        """Return the sums of ``x1 w1``, then of the rest, (n, g, 2, o, cells), and their errors."""
        (items, groups, filters, *sizes), count = shape, self._by_filter.shape[2]
        # The sum of as many products as a result has, each of so many digits, is exact.
        digits = (55 - (count - 1).bit_length()) // 2
        slices = np.empty((2, *part.shape))
        slices[0] = multiples(part, math.frexp(peak)[1] - digits + 1)
        np.subtract(part, slices[0], out=slices[1])
        weights = np.zeros((groups, 2, filters, 2, count))
        exponents = np.frexp(self._peaks)[1][..., np.newaxis]
        first = multiples(self._by_filter, exponents - digits + 1)
        weights[:, 0, :, 0] = first
        weights[:, 1, :, 0] = second = self._by_filter - first
        weights[:, 1, :, 1] = self._by_filter
        windows = windows_of(slices.reshape(-1, *part.shape[1:]), self._layer, sizes)
        windows = windows.reshape(2, items, *windows.shape[1:])
        axes = (1, 2, 0, *range(3 + len(sizes), windows.ndim), *range(3, 3 + len(sizes)))
        windows = windows.transpose(axes).reshape(items, groups, 2 * count, -1)
        sums = weights.reshape(groups, 2 * filters, 2 * count) @ windows
        rest = _largest(slices[1]), np.abs(second).sum(axis=2)
        errors = self._errors(peak * (1 + 2.0 ** (1 - digits)), *rest, offset)
        return sums.reshape(items, groups, 2, filters, -1), errors[..., np.newaxis]

    def _errors(self, first: float, second: float, seconds: Array, offset: float) -> Array:
        """Bound errors, (g, o), by the largest magnitudes of an input's slices.

        With them are the sums of magnitudes of the weights' second slices. The rest is a sum of 2n
        products, each of which goes through at most 2n roundings. Three more are for what adding
        the bias leaves, and for adding the error. Where the rest is zero, nothing is rounded.
        """
        roundings, terms = UNIT * ROUNDED_UP, 2 * self._by_filter.shape[2]
        errors = (second * self._sizes + first * seconds) * ((terms + 3) * roundings)
        errors += (8 * UNIT * roundings * first) * self._sizes
        errors += 4 * UNIT * roundings * offset + terms * LEAST
        return np.where((self._sizes if second else seconds * (first > 0)) > 0, errors, 0)


def _largest(values: Array) -> float:
    """Return the largest magnitude of values that are few; where there is NaN, that."""
    return float(max(values.max(), -values.min()))
