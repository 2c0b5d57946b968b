"""Convolution of little float64, rounded once: as slices, in one matrix product.

Both operands are cut into two slices, ``x = x1 + x2`` and ``w = w1 + w2``, of which the first have
so few digits that the sum of ``x1 w1`` is exact. That of ``x2 w + x1 w2`` is small, and so is its
error. To plan tiles, and to cut operands into more slices, would take far longer than these sums.
"""

import math
from functools import lru_cache
from typing import NamedTuple

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

_MOST_PRODUCTS, _MOST_SEEN = 1 << 15, 1 << 14
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


class _Weights(NamedTuple):
    """Two slices of weights (G, O, terms), and what bounds errors, (G, O)."""

    terms: int
    digits: int  # of a first slice
    matrices: Array  # (G, 2 * O, 2 * terms), for ``x1 w1``, then for the rest
    sizes: Array  # the sums of magnitudes
    rests: Array  # those of second slices
    in_range: bool


@lru_cache(maxsize=8)
def _sliced(weights: bytes, groups: int, filters: int) -> _Weights:
    """Cut weights into slices; many small calls have the same."""
    by_filter = np.frombuffer(weights).reshape(groups, filters, -1)
    count = by_filter.shape[2]
    # The sum of as many products as a result has, each of 2 * `digits` digits, is exact.
    digits = (55 - (count - 1).bit_length()) // 2
    magnitudes = np.abs(by_filter)
    peaks = magnitudes.max(axis=2, keepdims=True)
    first = multiples(by_filter, np.frexp(peaks)[1] - digits + 1)
    second = by_filter - first
    matrices = np.zeros((groups, 2, filters, 2, count))
    matrices[:, 0, :, 0] = first
    matrices[:, 1, :, 0], matrices[:, 1, :, 1] = second, by_filter
    return _Weights(
        count,
        digits,
        matrices.reshape(groups, 2 * filters, 2 * count),
        sizes=magnitudes.sum(axis=2),
        rests=np.abs(second).sum(axis=2),
        in_range=bool(np.all(are_in_range(peaks))),
    )


class SmallSums:
    """Sums of products with weights (G * O, C, *kernel) and a bias (G, O), rounded once."""

    def __init__(self, layer: Layer, weights: Array, bias: Array | None) -> None:
        self._layer = layer
        self._weights, self._bias = weights, bias
        self._sliced = _sliced(weights.tobytes(), layer.groups, layer.filters)

    def compute(self, source: Source, tile: Tile, target: Array) -> None:
        """Fill the result, (N, G, O, *output)."""
        part = source.part(tile.items, tile.channels(self._layer.channels), tile.box)
        part = part.astype(np.float64, copy=False)
        peak = _largest(part)
        offset = 0.0 if self._bias is None else _largest(self._bias)
        if not (self._sliced.in_range and are_in_range(peak) and offset <= LARGEST):
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
        items, groups, filters, *sizes = shape
        digits = self._sliced.digits
        slices = np.empty((2, *part.shape))
        slices[0] = multiples(part, math.frexp(peak)[1] - digits + 1)
        np.subtract(part, slices[0], out=slices[1])
        windows = windows_of(slices.reshape(-1, *part.shape[1:]), self._layer, sizes)
        windows = windows.reshape(2, items, *windows.shape[1:])
        axes = (1, 2, 0, *range(3 + len(sizes), windows.ndim), *range(3, 3 + len(sizes)))
        windows = windows.transpose(axes).reshape(items, groups, 2 * self._sliced.terms, -1)
        sums = (self._sliced.matrices @ windows).reshape(items, groups, 2, filters, -1)
        errors = self._errors(peak * (1 + 2.0 ** (1 - digits)), _largest(slices[1]), offset)
        return sums, errors[..., np.newaxis]

    def _errors(self, first: float, second: float, offset: float) -> Array:
        """Bound errors, (g, o), by the largest magnitudes of an input's slices.

        The rest is a sum of 2n products, each of which goes through at most 2n roundings. Three
        more are for what adding the bias leaves, and for adding the error. Where all products of
        the rest are zero, nothing is rounded.
        """
        unit, terms, sizes = UNIT * ROUNDED_UP, 2 * self._sliced.terms, self._sliced.sizes
        roundings = (terms + 3) * unit
        errors = (second * roundings + 8 * UNIT * unit * first + LEAST) * sizes
        errors += (first * roundings) * self._sliced.rests
        errors += 4 * UNIT * unit * offset + terms * LEAST
        errors[(sizes if second else self._sliced.rests * (first > 0)) == 0] = 0
        return errors


def _largest(values: Array) -> float:
    """Return the largest magnitude of few values; where there is NaN, that."""
    return float(max(values.max(), -values.min()))
