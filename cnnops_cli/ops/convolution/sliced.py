"""Convolution of float64, rounded once.

Both operands are cut into slices of few digits, ``x = x1 + x2 + x3`` and ``w = w1 + w2 + w3``, for

    near  = x1 w1
    far   = x1 w2 + x2 w1
    small = x1 w3 + x2 (w2 + w3) + x3 w

The sums of the first two are exact in float64. The third is so small that its error hardly ever
decides a rounding. An engine computes all three at once, as filters of a convolution that has
slices for channels.

K. Ozaki and others, "Error-free transformations of matrix multiplication by using fast routines of
matrix multiplication and its applications", 2012.
"""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.banded import product_engine
from cnnops_cli.ops.convolution.columns import Columns
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile, Tiles
from cnnops_cli.ops.convolution.plan import Plan, column_tiles, plan_convolution
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.convolution.terms import Terms
from cnnops_cli.ops.magnitudes import finite, grid_of, largest
from cnnops_cli.ops.rounded_sums import ROUNDED_UP, UNIT, two_sum
from cnnops_cli.ops.scratch import scratch
from cnnops_cli.spans import spans

SLICES = 3

_DOUBLE = np.dtype(np.float64)

_SMALLEST, LARGEST = 2.0**-400, 2.0**400
"""Where the largest magnitudes are between these, no product of slices leaves float64's range."""

LEAST = 2.0**-1074
"""What a product that underflows may be off by."""

_COPIES_OF_WEIGHTS = SLICES * SLICES + 5
"""How much larger than the weights is what is made of them."""

_BLOCK = 1 << 14
"""The results that are rounded at a time, so that they stay in cache."""


class Sliced:
    """Sums of products with weights (G * O, C, *kernel) and a bias (G, O), rounded once."""

    def __init__(self, layer: Layer, plan: Plan, weights: Array, bias: Array | None) -> None:
        self._layer = layer
        self._terms = Terms(layer, weights, bias)
        weights = finite(self._terms.weights)
        # Of twice as many products as a result has, each of 2 * `_digits` digits, the sum is exact.
        self._digits = (54 - (self._terms.count - 1).bit_length()) // 2
        peaks = np.abs(weights).max(axis=2, keepdims=True)
        first, second, third = slices(weights, peaks, self._digits)
        # Next to each other, so that a tile may have some of the filters.
        sliced = np.zeros((*weights.shape[:2], SLICES, SLICES, self._terms.count))
        near, far, small = np.moveaxis(sliced, 2, 0)
        near[:, :, 0] = far[:, :, 1] = first
        far[:, :, 0] = second
        small[:, :, 0], small[:, :, 1], small[:, :, 2] = third, second + third, weights
        inner = sliced_layer(layer)
        self._shape = (layer.channels, *layer.windows.kernel)
        shape = (layer.groups * inner.filters, inner.channels, *layer.windows.kernel)
        self._engine = product_engine(inner, plan, sliced.reshape(shape))
        self._sizes = [np.abs(small[:, :, slice_]).sum(axis=2) for slice_ in range(SLICES)]
        self._in_range = are_in_range(peaks[..., 0]) & (self._terms.offsets <= LARGEST)

    def compute(self, source: Source, tile: Tile, target: Array) -> None:
        """Fill a tile of the result, (n, g, o, *sizes)."""
        part = source.part(tile.items, tile.channels(self._layer.channels), tile.box)
        peak = largest(part)
        are_finite = self._terms.are_finite and math.isfinite(peak)
        if not are_finite:
            part = finite(part)
            peak = largest(part)
        shown = _Slices(source, self._layer.channels, peak, self._digits)
        items, groups, filters, *sizes = target.shape
        sums = scratch("exact", (items, groups, SLICES * filters, *sizes), _DOUBLE)
        of_filters = slice(SLICES * tile.filters.start, SLICES * tile.filters.stop)
        self._engine.compute(shown, tile._replace(filters=of_filters), None, sums)
        sums = sums.reshape(items, groups, filters, SLICES, *sizes)
        errors, inexact = self._bounds(tile, *shown.peaks)
        doubtful = self._round(sums, errors[..., np.newaxis], tile, target)
        if self._terms.are_worth_bounds(doubtful, part, target):
            part = self._finite_part(source, tile)  # the engine may have overwritten it
            are_exact = (
                self._terms.grids(tile, max(grid_of(part, _DOUBLE), shown.grid), inexact) > 0
            )
            errors[are_exact & np.isfinite(errors)] = 0
            windows = self._terms.window_sums(np.abs(part), sizes).reshape(items, groups, 1, -1)
            by_result = np.where(windows == 0, 0, errors[..., np.newaxis])
            doubtful = self._round(sums, by_result, tile, target)
        if not are_finite:
            outside = self._outside(source, tile)
            is_outside = ~np.isfinite(outside)
            target[is_outside] = outside[is_outside]
            doubtful = doubtful[~is_outside.reshape(-1)[doubtful]]
        if doubtful.size:
            part = self._finite_part(source, tile)
            self._terms.round(doubtful, part, tile, target)

    def _finite_part(self, source: Source, tile: Tile) -> Array:
        """Return what a tile sees, with 0 for NaN and infinity."""
        return finite(source.part(tile.items, tile.channels(self._layer.channels), tile.box))

    def _bounds(self, tile: Tile, first: float, second: float, third: float) -> tuple[Array, Array]:
        """Bound errors, and the sums that may be inexact, by the largest magnitudes of slices.

        The first is that of the input, which rounding to the digits of a slice may increase.
        """
        filters = (tile.groups, tile.filters)
        first *= 1 + 2.0 ** (1 - self._digits)
        of_third, of_rest, of_all = (sizes[filters] for sizes in self._sizes)
        offsets = self._terms.offsets[filters]
        pairs = ((first, of_third), (second, of_rest), (third, of_all))
        small = sum(peak * sizes for peak, sizes in pairs)
        is_any = np.logical_or.reduce([(peak > 0) & (sizes > 0) for peak, sizes in pairs])
        whole = 2 * first * of_all + offsets
        errors = (self._engine.roundings + 4) * small + 8 * UNIT * whole
        errors = errors * (UNIT * ROUNDED_UP) + 4 * self._terms.count * LEAST
        errors[~is_any & (offsets == 0)] = 0
        in_range = self._in_range[filters] & are_in_range(first)
        errors[~in_range] = np.inf
        return errors, (small + 4 * UNIT * whole) * ROUNDED_UP

    def _round(self, sums: Array, errors: Array, tile: Tile, target: Array) -> Array:
        """Round sums, and return the flat places of those that an error may have changed."""
        rows, cells = math.prod(target.shape[:3]), math.prod(target.shape[3:])
        errors = np.broadcast_to(errors, (*target.shape[:3], errors.shape[-1])).reshape(rows, -1)
        biases = self._terms.bias[tile.groups, tile.filters]
        biases = np.broadcast_to(biases, target.shape[:3]).reshape(rows, 1)
        by_row = sums.reshape(rows, SLICES, cells)
        is_flat = target.flags.c_contiguous
        rounded = target if is_flat else scratch("rounded", target.shape, _DOUBLE)
        found = []
        into = rounded.reshape(rows, cells)
        for some, run in product(spans(rows, max(1, _BLOCK // cells)), spans(cells, _BLOCK)):
            error = errors[some, run] if errors.shape[1] > 1 else errors[some]
            total, rest = self._pair(by_row[some, :, run].swapaxes(0, 1), biases[some])
            upper = np.add(total, rest + error, out=into[some, run])
            doubtful = total + (rest - error) != upper
            if doubtful.any():
                row, cell = np.nonzero(doubtful)
                found.append((row + some.start) * cells + cell + run.start)
        if not is_flat:
            np.copyto(target, rounded)
        return np.concatenate(found) if found else np.empty(0, np.intp)

    def _pair(self, parts: Array, bias: Array) -> tuple[Array, Array]:
        """Add up the three sums and the bias, in two float64 each."""
        near, far, small = parts
        total, rest = two_sum(near, far)
        total, rest = two_sum(total, rest + small)
        if self._terms.has_bias:
            total, more = two_sum(total, bias)
            rest += more
        return total, rest

    def _outside(self, source: Source, tile: Tile) -> Array:
        """Return NaN and infinity where results are that, and finite numbers elsewhere."""
        columns = Columns(self._layer, _signs(self._terms.weights).reshape(-1, *self._shape))
        bias = _signs(self._terms.bias)
        sums = np.empty(tile.shape)
        for some in column_tiles(self._layer, tile):
            columns.compute(_Signs(source), some, bias, sums[some.within(tile)])
        sums[np.isnan(sums)] = np.nan
        return sums


class _Slices:
    """The slices of an input, as channels (g, 3, C), and the largest magnitudes of each."""

    def __init__(self, source: Source, channels: int, peak: float, digits: int) -> None:
        self._source = source
        self._channels = channels
        self._digits = digits
        self.peaks = [peak, 0.0, 0.0]

    @property
    def grid(self) -> float:
        """A power of two of which the input is a multiple, by what its slices hold; 0 if none."""
        if self.peaks[2]:
            return 0.0
        digits = self._digits * (2 if self.peaks[1] else 1)
        return math.ldexp(1.0, math.frexp(self.peaks[0])[1] - digits + 1)

    def part(self, items: slice, channels: slice, box: Sequence[slice], **more: int) -> Array:
        """Return what a box of windows sees, as `Source.part` does."""
        of_input = slice(channels.start // SLICES, channels.stop // SLICES)
        part = finite(self._source.part(items, of_input, box, **more))
        by_group = part.reshape(len(part), -1, 1, self._channels, *part.shape[2:])
        shape = (*by_group.shape[:2], SLICES, *by_group.shape[3:])
        cut = scratch("slices", shape, _DOUBLE)
        for number, each in enumerate(slices(by_group[:, :, 0], self.peaks[0], self._digits)):
            cut[:, :, number] = each
            if number:
                peak = float(max(each.max(), -each.min()))
                self.peaks[number] = max(self.peaks[number], peak)
        return cut.reshape(len(part), -1, *part.shape[2:])


class _Signs:
    """An input whose finite values are replaced by their signs."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def part(self, items: slice, channels: slice, box: Sequence[slice], **more: int) -> Array:
        """Return what a box of windows sees, as `Source.part` does."""
        return _signs(self._source.part(items, channels, box, **more))


def _signs(values: Array) -> Array:
    return np.where(np.isfinite(values), np.sign(values), values)


def sliced_layer(layer: Layer) -> Layer:
    """Return the sizes of the convolution that has slices for channels."""
    return layer._replace(
        channels=SLICES * layer.channels, filters=SLICES * layer.filters, accumulate="slices"
    )


def plan_slices(layer: Layer, wide: int) -> Plan:
    """Plan how `Sliced` computes a layer: as its slices are, in tiles of all of a filter's."""
    plan = plan_convolution(sliced_layer(layer), wide)
    if not isinstance(plan.tiles, Tiles):
        return plan
    *outer, filters = plan.tiles.most[:3]
    most = (*outer, -(-filters // SLICES), *plan.tiles.most[3:])
    tiles = Tiles(layer.tile, most, plan.tiles.multiple)
    weights = layer.groups * layer.filters * layer.channels * math.prod(layer.windows.kernel)
    kept = plan.bytes_kept + _COPIES_OF_WEIGHTS * weights * _DOUBLE.itemsize
    return plan._replace(tiles=tiles, bytes_kept=kept)


def slices(values: Array, peak: Array | float, digits: int) -> tuple[Array, Array, Array]:
    """Cut values below a peak into two slices of some digits each, and what is left."""
    exponent = np.frexp(peak)[1]
    first = multiples(values, exponent - digits + 1)
    rest = values - first
    second = multiples(rest, exponent - 2 * digits + 1)
    return first, second, rest - second


def are_in_range(peaks: Array | float) -> Array | bool:
    """Return for which largest magnitudes no product of slices leaves float64's range."""
    return (peaks >= _SMALLEST) & (peaks <= LARGEST) | (peaks == 0)


def multiples(values: Array, exponent: Array | int) -> Array:
    """Round to multiples of ``2**exponent``."""
    far = np.ldexp(1.5, exponent + 52)
    rounded: Array = (values + far) - far
    return rounded
