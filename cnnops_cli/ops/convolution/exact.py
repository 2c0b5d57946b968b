"""Convolution of float16 and float32, rounded once.

An engine computes in float64, where the products are exact. Its error is at most the number of its
roundings, times their unit, times the sum of the magnitudes of the terms. Where the lower and the
upper bound round to the same value, that is the result. For the few others there are tighter
bounds, and then the sum of the terms without any error.
"""

import math
from functools import cached_property
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.banded import Banded, product_engine
from cnnops_cli.ops.convolution.columns import Columns
from cnnops_cli.ops.convolution.fourier import Fourier
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.plan import plan_products
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.convolution.terms import Terms
from cnnops_cli.ops.magnitudes import finite, grid_of, largest
from cnnops_cli.ops.rounded_sums import ROUNDED_UP, UNIT, bits
from cnnops_cli.ops.scratch import scratch
from cnnops_cli.spans import spans

_DOUBLE = np.dtype(np.float64)

_BLOCK = 1 << 17
"""The results that are rounded at a time, so that they stay in cache."""

_OWN_ROUNDINGS = 3
"""Those of adding the bias, and of the two bounds."""

_FEW_TERMS = 512
"""Where sums have no more terms, to look at all windows takes longer than it saves."""

_MOST_DOUBTFUL = 1 / 16
"""The part of a tile from which on to multiply takes less time than to sum up what is in doubt."""


class Exact:
    """Sums of products with weights (G * O, C, *kernel) and a bias (G, O), rounded once.

    All are float64, and hold values of the result's dtype.
    """

    def __init__(
        self, layer: Layer, engine: Columns | Banded, weights: Array, bias: Array | None
    ) -> None:
        self._layer = layer
        self._engine = engine
        self._unit = (engine.roundings + _OWN_ROUNDINGS) * UNIT * ROUNDED_UP
        self._bias = bias
        self._terms = Terms(layer, weights, bias)

    def compute(self, source: Source, tile: Tile, target: Array) -> None:
        """Fill a tile of the result, (n, g, o, *sizes)."""
        sums = scratch("exact", target.shape, _DOUBLE)
        self._engine.compute(source, tile, self._bias, sums)
        part = source.part(tile.items, tile.channels(self._layer.channels), tile.box)
        norms, most = self._norms(part, tile)
        are_finite = self._terms.are_finite and math.isfinite(most)
        if not are_finite:
            part = finite(part)
            norms, most = self._norms(part, tile)
        error = float(self._magnitudes(most, tile).max()) * self._unit
        doubtful = _round(sums, error, target, are_finite)
        if self._terms.are_worth_bounds(doubtful, part, target):
            if norms is None:
                norms = self._terms.window_norms(part, tile)
            errors = self._errors(norms, part, tile, target.dtype)
            doubtful = _round(sums, errors, target, are_finite)
        if doubtful.size:
            self._terms.round(doubtful, part, tile, target)

    def _norms(self, part: Array, tile: Tile) -> tuple[Array | None, float]:
        """Return the norms of windows if they are soon found, and what bounds all of them."""
        if self._terms.count <= _FEW_TERMS:
            return None, largest(part) * math.sqrt(self._terms.count)
        norms = self._terms.window_norms(part, tile)
        return norms, float(norms.max())

    def _magnitudes(self, most: float, tile: Tile) -> Array:
        """Bound the magnitudes of sums, and of all their parts, for windows of a norm: (g, o)."""
        filters = (tile.groups, tile.filters)
        magnitudes: Array = most * self._terms.norms[filters] + self._terms.offsets[filters]
        return magnitudes

    def _errors(self, norms: Array, part: Array, tile: Tile, dtype: np.dtype[Any]) -> Array:
        """Bound the errors of single results by what their windows see.

        A sum of multiples of some number is exact if float64 counts up to it in such units.
        """
        filters = (tile.groups, tile.filters)
        magnitudes = self._magnitudes(float(norms.max()), tile)
        grids = self._terms.grids(tile, grid_of(part, dtype), magnitudes * ROUNDED_UP)
        unit = np.where(grids > 0, 0, self._unit)[..., np.newaxis]
        norms = norms.reshape(*norms.shape[:2], 1, -1)
        errors = scratch("errors", (len(norms), *magnitudes.shape, norms.shape[3]), _DOUBLE)
        np.multiply(norms, self._terms.norms[filters][..., np.newaxis] * unit, out=errors)
        if self._terms.has_bias:
            errors += self._terms.offsets[filters][..., np.newaxis] * unit
        return errors


def _round(sums: Array, errors: Array | float, target: Array, are_finite: bool) -> Array:
    """Round sums, and return the flat places of those that an error may have changed.

    NaN becomes the positive one without payload.
    """
    flat, is_flat = sums.reshape(-1), target.flags.c_contiguous
    errors = errors if isinstance(errors, float) else errors.reshape(-1)
    rounded = target.reshape(-1) if is_flat else scratch("rounded", flat.shape, target.dtype)
    others = scratch("others", (_BLOCK,), target.dtype)
    doubtful = []
    for block in spans(flat.size, _BLOCK):
        exact, upper = flat[block], rounded[block]
        error = errors if isinstance(errors, float) else errors[block]
        lower = others[: exact.size]
        np.add(exact, error, out=upper, casting="same_kind")
        np.subtract(exact, error, out=lower, casting="same_kind")
        differ = bits(lower) != bits(upper)
        if not are_finite:
            outside = ~np.isfinite(exact)
            upper[outside] = np.where(np.isnan(exact), np.nan, exact)[outside]
            differ &= ~outside
        if differ.any():
            doubtful.append(np.flatnonzero(differ) + block.start)
    if not is_flat:
        np.copyto(target, rounded.reshape(target.shape))
    return np.concatenate(doubtful) if doubtful else np.empty(0, np.intp)


class ExactTransforms:
    """As `Exact`, by transforms; where too much is in doubt, by products."""

    def __init__(
        self, layer: Layer, transforms: Fourier, weights: Array, bias: Array | None
    ) -> None:
        self._layer = layer
        self._transforms = transforms
        self._terms = Terms(layer, weights, bias)
        self._weights, self._bias = weights, bias

    @cached_property
    def _products(self) -> Exact:
        plan = plan_products(self._layer, self._layer.tile)
        engine = product_engine(self._layer, plan, self._weights)
        return Exact(self._layer, engine, self._weights, self._bias)

    def compute(self, source: Source, tile: Tile, target: Array) -> None:
        """Fill a tile of one sample and group of the result, (1, 1, o, *sizes)."""
        part = source.part(tile.items, tile.channels(self._layer.channels), tile.box)
        if not self._terms.are_finite or not math.isfinite(largest(part)):
            self._multiply(source, tile, target)
            return
        filters = (tile.groups, tile.filters)
        sums = scratch("exact", target.shape, _DOUBLE)
        magnitudes, errors = self._transforms.sum_up(part[0], tile, sums[0, 0])
        if self._terms.has_bias:
            sums += self._terms.bias[filters].reshape(1, 1, -1, *(1,) * (target.ndim - 3))
        magnitudes = (magnitudes + self._terms.offsets[filters]) * ROUNDED_UP
        errors = errors + magnitudes * (_OWN_ROUNDINGS * UNIT)
        doubtful = _round(sums, float(errors.max()), target, are_finite=True)
        if self._terms.are_worth_bounds(doubtful, part, target):
            doubtful = self._settle(doubtful, sums, magnitudes, errors, tile, part, target)
        if doubtful.size > _MOST_DOUBTFUL * target.size:
            self._multiply(source, tile, target)
        elif doubtful.size:
            self._terms.round(doubtful, part, tile, target)

    def _settle(
        self,
        doubtful: Array,
        sums: Array,
        magnitudes: Array,
        errors: Array,
        tile: Tile,
        part: Array,
        target: Array,
    ) -> Array:
        """Round sums whose terms are multiples of a number that is far larger than the error."""
        grids = self._terms.grids(tile, grid_of(part, target.dtype), magnitudes)
        are_exact = ((errors < grids / 4) & (grids < np.inf))[0]
        by_filter = doubtful // math.prod(target.shape[3:])
        is_exact = are_exact[by_filter]
        places = np.unravel_index(doubtful[is_exact], target.shape)
        grid = grids[0, by_filter[is_exact]]
        target[places] = np.rint(sums[places] / grid) * grid + 0.0
        left: Array = doubtful[~is_exact]
        return left

    def _multiply(self, source: Source, tile: Tile, target: Array) -> None:
        for some in plan_products(self._layer, tile).tiles:
            self._products.compute(source, some, target[some.within(tile)])
