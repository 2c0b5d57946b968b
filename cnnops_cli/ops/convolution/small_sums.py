"""Convolution of little float64, rounded once: all products and their errors at a time.

To slice operands and plan tiles would take far longer than these sums.
"""

import math

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile, Tiles
from cnnops_cli.ops.convolution.plan import Plan
from cnnops_cli.ops.convolution.sliced import Sliced, plan_slices
from cnnops_cli.ops.convolution.source import Source, windows_of
from cnnops_cli.ops.convolution.terms import Terms
from cnnops_cli.ops.rounded_sums import LARGE, ROUNDED_UP, UNIT, product_errors, two_sum

SMALL_SUMS = "sums of all products"

_MOST_PRODUCTS, _MOST_SEEN = 1 << 13, 1 << 14
"""With more products, or elements of the padded input, slices take less time."""

_UNDERFLOW = 2.0**-1060
"""What an error of a product may be off by where that underflows."""


def are_small(layer: Layer) -> bool:
    """Return whether the products of a layer are few, and what all windows see is small."""
    windows = layer.windows
    axes = zip(windows.output, windows.stride, windows.reach, strict=True)
    spread = math.prod((count - 1) * step + reach for count, step, reach in axes)
    seen = layer.items * layer.groups * layer.channels * spread
    products = math.prod(layer.tile.shape) * layer.channels * math.prod(windows.kernel)
    return 0 < products <= _MOST_PRODUCTS and seen <= _MOST_SEEN


def plan_small_sums(layer: Layer) -> Plan:
    """Plan a layer as one tile."""
    return Plan(SMALL_SUMS, (), Tiles(layer.tile, layer.tile.shape))


class SmallSums:
    """Sums of products with weights (G * O, C, *kernel) and a bias (G, O), rounded once."""

    def __init__(self, layer: Layer, weights: Array, bias: Array | None) -> None:
        self._layer = layer
        self._weights, self._bias = weights, bias
        self._terms = Terms(layer, weights, bias)

    def compute(self, source: Source, tile: Tile, target: Array) -> None:
        """Fill the result, (N, G, O, *output)."""
        part = source.part(tile.items, tile.channels(self._layer.channels), tile.box)
        part = part.astype(np.float64, copy=False)
        terms, (items, groups, _, *sizes) = self._terms, target.shape
        windows = windows_of(part, self._layer, sizes)
        axes = (0, 1, *range(2 + len(sizes), windows.ndim), *range(2, 2 + len(sizes)))
        windows = windows.transpose(axes).reshape(items, groups, 1, terms.count, -1)
        weights = terms.weights[..., np.newaxis]
        products = windows * weights
        peak = float(max(products.max(), -products.min()))
        if not (terms.are_finite and peak < LARGE):  # or NaN
            plan = plan_slices(self._layer, 1)
            Sliced(self._layer, plan, self._weights, self._bias).compute(source, tile, target)
            return
        total, rest, error = self._add_up(
            products, product_errors(windows, weights, products), peak
        )
        upper = total + (rest + error)
        doubtful = total + (rest - error) != upper
        target[...] = upper.reshape(target.shape)
        if doubtful.any():
            terms.round(np.flatnonzero(doubtful), part, tile, target)

    def _add_up(self, products: Array, errors: Array, peak: float) -> tuple[Array, Array, float]:
        """Add up products below a peak, their errors and the bias, in two float64 each.

        Returns what these are off by, too. All digits of products down to some place are added up
        without an error.
        """
        count = self._terms.count
        far = math.ldexp(1.5, math.frexp(peak)[1] + count.bit_length() + 1)
        last = far * UNIT * 2
        upper = (products + far) - far
        products -= upper
        products += errors
        total, rest = upper.sum(axis=-2), products.sum(axis=-2)
        if self._terms.has_bias:
            total, below = two_sum(total, self._terms.bias[..., np.newaxis])
            rest += below
            last += UNIT * float(self._terms.offsets.max())
        total, rest = two_sum(total, rest)
        error = (count + 4) ** 2 * 2 * UNIT * last * ROUNDED_UP + count * _UNDERFLOW
        return total, rest, error
