"""Which algorithm computes a convolution, and on which tiles: decided from shapes alone.

The tiles are the same whatever the number of threads. All costs are nanoseconds on one core for
float32, measured with OpenBLAS on x86-64; only their ratios matter.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from typing import Any

import numpy as np

from cnnops_cli.ops.geometry import Windows

COLUMNS = "matrix product"
STACKED = "stacked matrix products"
BANDS = "banded matrix products"

TILE_BYTES = 1 << 23
"""What is laid out for one tile. A core's cache holds less, but threads that make many short calls
wait for the interpreter more than for memory."""

_LEAST_WORTH, _WORTH = 600_000, 2_000_000
"""Nanoseconds of work from which on two tiles are better than one, and that each further tile
should have: a thread takes a tenth of a millisecond to wake, and the last tiles end apart."""

_MOST_WANTED = 16
_LEAST_CELLS = 96
"""A product with fewer columns is slower a column."""

_LEAST_FILTERS = 256
"""Filters are only shared out by as many: each share lays out the cells again."""


@dataclass(frozen=True)
class Layer:
    """The sizes of a convolution.

    Attributes
    ----------
    items, groups : int
    channels, filters : int
        Of one group.
    windows : Windows
    dtype : numpy.dtype
        What is computed in.
    """

    items: int
    groups: int
    channels: int
    filters: int
    windows: Windows
    dtype: np.dtype[Any]

    @property
    def cells(self) -> int:
        """Outputs of one filter on one item."""
        return math.prod(self.windows.output)


@dataclass(frozen=True)
class Tile:
    """A part of the result: items, groups, filters of each group, and outputs by axis."""

    items: slice
    groups: slice
    filters: slice
    box: tuple[slice, ...]

    @property
    def count(self) -> int:
        """How many items."""
        return _length(self.items)

    @property
    def index(self) -> tuple[slice, ...]:
        """Where it is in the result, shape (N, G, O, *output)."""
        return (self.items, self.groups, self.filters, *self.box)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many outputs, by axis."""
        return tuple(map(_length, self.box))


@dataclass(frozen=True)
class Plan:
    """How to compute a convolution.

    Attributes
    ----------
    algorithm : str
        `COLUMNS`, `STACKED` or `BANDS`.
    band : int
        Outputs along the last axis that one banded matrix gives.
    tiles : tuple of Tile
        They cover the result once.
    """

    algorithm: str
    band: int
    tiles: tuple[Tile, ...]


@lru_cache(maxsize=64)
def plan_convolution(layer: Layer) -> Plan:
    """Choose the algorithm whose estimate is the least, and cut the result into tiles.

    The estimates count multiply-adds at the rate that a matrix product of that shape reaches,
    values that are copied, runs of memory that are begun, and values that are added up.
    """
    if layer.items == 0:
        return Plan(COLUMNS, 0, ())
    costs = estimate_costs(layer)
    algorithm, band = min(costs, key=lambda choice: costs[choice])
    cost = costs[algorithm, band]
    wanted = 1 if cost < _LEAST_WORTH else min(_MOST_WANTED, max(2, int(cost // _WORTH)))
    if algorithm == BANDS:
        return Plan(BANDS, band, _band_tiles(layer, band, wanted))
    return Plan(algorithm, 0, product_tiles(layer, whole(layer), algorithm == STACKED, wanted))


def estimate_costs(layer: Layer) -> dict[tuple[str, int], float]:
    """Estimate every algorithm that can compute the layer, by name and width of band."""
    costs = {
        (COLUMNS, 0): _cost_of_products(layer, stacked=False),
        (STACKED, 0): _cost_of_products(layer, stacked=True),
    }
    if layer.dtype.kind == "f":
        for band in _band_widths(layer.windows):
            costs[BANDS, band] = _cost_of_bands(layer, band)
    return costs


def whole(layer: Layer) -> Tile:
    """The tile that is the result."""
    return Tile(
        slice(0, layer.items),
        slice(0, layer.groups),
        slice(0, layer.filters),
        tuple(slice(0, length) for length in layer.windows.output),
    )


def _cost_of_products(layer: Layer, *, stacked: bool) -> float:
    windows = layer.windows
    depth = _depth(layer, stacked)
    steps = windows.kernel[0] if stacked else 1
    cells = layer.items * layer.cells
    results = layer.groups * layer.filters * cells
    halo = 1 + _halo(layer, stacked) / windows.output[0]
    rate = 65 * _share(layer.filters * steps, 4) * _share(depth, 4) * _share(cells, 16)
    multiply = results * depth * steps * halo / rate
    reorder = 1.4 * layer.groups * layer.filters * depth * steps if steps > 1 else 0
    values = layer.groups * depth * cells * halo
    copy = 0.0 if _lies_in_place(layer, stacked) else values * _copy_cost(windows)
    add = 0.3 * steps * results if steps > 1 else 0
    return multiply + reorder + copy + add + 200 * layer.groups


def _cost_of_bands(layer: Layer, band: int) -> float:
    windows = layer.windows
    span = band_span(windows, band)
    bands = -(-windows.output[-1] // band)
    lines = layer.items * layer.groups * math.prod(windows.output[:-1])
    rows = windows.output[-2] if windows.dims > 1 else bands
    taps = layer.channels * math.prod(windows.kernel[:-1])
    results = lines * bands * band * layer.filters
    registers = -(-layer.filters * band // 16)
    multiply = lines * bands * taps * ((1.6 + 0.2 * span) * registers + 60 / rows)
    build = layer.groups * taps * span * layer.filters * band * 0.6
    add = 0.3 * results * (taps - 1)
    frames = span / band if windows.dims == 1 else 1
    copy = lines * bands * band * (layer.channels * frames + layer.filters)
    return multiply + build + add + copy * _copy_cost(windows)


def _share(size: int, half: int) -> float:
    """The share of its best speed that a product reaches at a size; one half at `half`."""
    return size / (size + half)


def _copy_cost(windows: Windows) -> float:
    strided = 0.3 if windows.stride[-1] > 1 else 0.0
    return 0.3 + strided + 8 / windows.output[-1]


def _depth(layer: Layer, stacked: bool) -> int:
    """Rows of the matrix for one group."""
    return layer.channels * math.prod(layer.windows.kernel[1:] if stacked else layer.windows.kernel)


def _halo(layer: Layer, stacked: bool) -> int:
    """Rows that a tile sees beside as many as it has of its own."""
    windows = layer.windows
    return (windows.kernel[0] - 1) * windows.dilation[0] // windows.stride[0] if stacked else 0


def _lies_in_place(layer: Layer, stacked: bool) -> bool:
    """Whether the input is that matrix as it lies in memory, but for what is added at its ends."""
    windows = layer.windows
    unfolded = windows.kernel[1:] if stacked else windows.kernel
    inner = windows.padding[1:]
    return set(unfolded) | set(windows.stride) <= {1} and not any(map(any, inner))


def band_span(windows: Windows, band: int) -> int:
    """Inputs along the last axis that `band` outputs see."""
    return (band - 1) * windows.stride[-1] + (windows.kernel[-1] - 1) * windows.dilation[-1] + 1


def _band_widths(windows: Windows) -> list[int]:
    """Outputs that a band may have: so many that bands of one width fill the line."""
    length = windows.output[-1]
    wishes = (8, 16, 32) if windows.dims > 1 else (16, 64, 256)
    return sorted({-(-length // -(-length // wish)) for wish in wishes})


def _band_tiles(layer: Layer, band: int, wanted: int) -> tuple[Tile, ...]:
    windows = layer.windows
    values = TILE_BYTES // layer.dtype.itemsize
    *outer, last = windows.output
    bands = -(-last // band)
    each = layer.channels + 2 * layer.filters
    if windows.dims == 1:
        each += layer.channels * band_span(windows, band) // band
    wide = min(bands, max(1, values // (each * band * min(8, math.prod(outer)))))
    left = max(1, values // (each * wide * band))
    sizes = [wide * band]
    for length in reversed(outer):
        sizes.insert(0, min(length, left))
        left = max(1, left // sizes[0])
    fits = sizes[:-1] == outer and wide == bands
    groups = min(layer.groups, left) if fits else 1
    items = min(layer.items, max(1, left // groups)) if groups == layer.groups else 1
    return _cut(whole(layer), items, groups, sizes, wanted, 0)


def product_tiles(layer: Layer, part: Tile, stacked: bool, wanted: int = 1) -> tuple[Tile, ...]:
    """Cut a part of the result into tiles whose matrix of cells stays in cache."""
    each = _depth(layer, stacked) + layer.filters * (layer.windows.kernel[0] if stacked else 1)
    values = max(1, TILE_BYTES // layer.dtype.itemsize // each)
    rows, *inner = part.sizes
    axis = 0 if rows > 8 * _halo(layer, stacked) else len(inner)
    if rows * math.prod(inner) <= values:
        left = values // (rows * math.prod(inner))
        items = min(part.count, left)
        groups = min(layer.groups, max(1, left // items)) if items == part.count else 1
        return _cut(part, items, groups, part.sizes, wanted, axis)
    sizes: list[int] = []
    left = max(1, values // min(rows, max(16, 3 * _halo(layer, stacked))))
    for length in reversed(inner):
        sizes.insert(0, min(length, left))
        left = max(1, left // sizes[0])
    sizes.insert(0, max(1, min(rows, values // math.prod(sizes))))
    return _cut(part, 1, 1, sizes, wanted, axis)


def _cut(
    part: Tile, items: int, groups: int, sizes: Sequence[int], wanted: int, axis: int
) -> tuple[Tile, ...]:
    """Cut into tiles of at most these sizes, and into as many as are wanted where that is worth it.

    Groups are shared out first, then items, then the outputs along `axis`; and where these have too
    few cells, the filters.
    """
    axes = [part.groups, part.items, *part.box]
    counts = [
        -(-_length(span) // size) for span, size in zip(axes, (groups, items, *sizes), strict=True)
    ]
    cells = part.count * math.prod(part.sizes)
    for number, most in (
        (0, _length(part.groups)),
        (1, part.count),
        (2 + axis, cells // _LEAST_CELLS),
    ):
        have = math.prod(counts)
        if have < wanted:
            more = -(-wanted // have) * counts[number]
            counts[number] = max(counts[number], min(more, most, _length(axes[number])))
    few = math.prod(counts) < min(wanted, 2)
    shares = min(2, _length(part.filters) // _LEAST_FILTERS) if few else 1
    spans = [
        _spans(span, count + (count % 2 if 1 < count < 8 else 0))
        for span, count in zip(axes, counts, strict=True)
    ]
    return tuple(
        Tile(items, groups, filters, tuple(box))
        for groups, filters, items, *box in product(
            spans[0], _spans(part.filters, shares), *spans[1:]
        )
    )


def _length(span: slice) -> int:
    return int(span.stop - span.start)


def _spans(whole: slice, count: int) -> list[slice]:
    """Cut into `count` slices of nearly one length."""
    length = _length(whole)
    count = max(1, min(count, length))
    edges = [whole.start + length * number // count for number in range(count + 1)]
    return [slice(begin, end) for begin, end in pairwise(edges)]
