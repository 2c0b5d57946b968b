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
SHIFTED = "shifted matrix products"
BANDS = "banded matrix products"

_TILE_BYTES = 1 << 20
"""What is laid out for one tile, so that it stays in a core's cache."""

_LEAST_WORTH = 600_000
"""Nanoseconds of work that are worth a tile of their own: waking a thread takes a sixth of it."""

_MOST_WANTED = 16
_LEAST_CELLS = 96
"""A product with fewer columns is slower a column."""

_LEAST_FILTERS = 256
"""Filters are only shared out by as many: each share lays out the cells again."""

_ROWS_OF_A_BAND = 64


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
        `COLUMNS`, `SHIFTED` or `BANDS`.
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
    band = _band_width(layer)
    estimates = {
        COLUMNS: _cost_of_products(layer, shifted=False),
        SHIFTED: _cost_of_products(layer, shifted=True),
    }
    if layer.dtype.kind == "f":
        estimates[BANDS] = _cost_of_bands(layer, band)
    algorithm = min(estimates, key=lambda name: estimates[name])
    wanted = int(min(_MOST_WANTED, max(1, estimates[algorithm] // _LEAST_WORTH)))
    if algorithm == BANDS:
        return Plan(BANDS, band, _band_tiles(layer, band, wanted))
    return Plan(algorithm, 0, product_tiles(layer, whole(layer), algorithm == SHIFTED, wanted))


def whole(layer: Layer) -> Tile:
    """The tile that is the result."""
    return Tile(
        slice(0, layer.items),
        slice(0, layer.groups),
        slice(0, layer.filters),
        tuple(slice(0, length) for length in layer.windows.output),
    )


def _cost_of_products(layer: Layer, *, shifted: bool) -> float:
    windows = layer.windows
    depth = _depth(layer, shifted)
    first = windows.kernel[0] if shifted else 1
    cells = layer.items * layer.cells
    results = layer.groups * layer.filters * cells
    rate = 65 * _share(layer.filters, 10) * _share(depth, 12) * _share(cells, 16)
    multiply = results * depth * first / rate
    reorder = 1.4 * layer.groups * layer.filters * depth * first if shifted and first > 1 else 0
    values = layer.groups * depth * cells * (1 + (first - 1) / windows.output[0])
    copy = 0.0 if _lies_in_place(layer, shifted) else values * _copy_cost(windows)
    add = 0.2 * (first - 1) * results
    return multiply + reorder + copy + add + 500 * layer.groups * first


def _cost_of_bands(layer: Layer, band: int) -> float:
    windows = layer.windows
    span = band_span(windows, band)
    outer = math.prod(windows.kernel[:-1])
    bands = -(-windows.output[-1] // band)
    lines = layer.items * math.prod(windows.output[:-1])
    rows = min(_ROWS_OF_A_BAND, lines) if windows.dims > 1 else lines * bands
    rate = 50 * _share(rows, 8) * min(1, layer.filters * band / 16)
    results = layer.groups * layer.filters * lines * bands * band
    products = layer.groups * layer.channels * outer
    multiply = results * layer.channels * outer * span / rate
    build = 0.35 * products * span * layer.filters * band
    add = 0.2 * results * layer.channels * outer
    frames = span / band if windows.dims == 1 else 1
    copy = layer.groups * layer.channels * lines * bands * band * frames + results
    calls = 150 * products * bands * max(1, lines // rows)
    return multiply + build + add + copy * _copy_cost(windows) + calls


def _share(size: int, half: int) -> float:
    """The share of its best speed that a product reaches at a size; one half at `half`."""
    return size / (size + half)


def _copy_cost(windows: Windows) -> float:
    strided = 0.4 if windows.stride[-1] > 1 else 0.0
    return 0.15 + strided + 8 / windows.output[-1]


def _depth(layer: Layer, shifted: bool) -> int:
    """Rows of the matrix for one group."""
    return layer.channels * math.prod(layer.windows.kernel[1:] if shifted else layer.windows.kernel)


def _lies_in_place(layer: Layer, shifted: bool) -> bool:
    """Whether the input is that matrix as it lies in memory, but for what is added at its ends."""
    windows = layer.windows
    unfolded = windows.kernel[1:] if shifted else windows.kernel
    inner = windows.padding[1:]
    return set(unfolded) | set(windows.stride) <= {1} and not any(map(any, inner))


def band_span(windows: Windows, band: int) -> int:
    """Inputs along the last axis that `band` outputs see."""
    return (band - 1) * windows.stride[-1] + (windows.kernel[-1] - 1) * windows.dilation[-1] + 1


def beyond_the_end(windows: Windows, band: int) -> int:
    """Cells behind the last window that the last band sees."""
    return -windows.output[-1] % band * windows.stride[-1]


def _band_width(layer: Layer) -> int:
    """Outputs a band: about 16 where lines lie one above the other, else a share of the kernel."""
    length = layer.windows.output[-1]
    wish = 16 if layer.windows.dims > 1 else min(256, max(16, layer.windows.kernel[-1] // 4))
    return -(-length // -(-length // wish))


def _band_tiles(layer: Layer, band: int, wanted: int) -> tuple[Tile, ...]:
    windows = layer.windows
    values = _TILE_BYTES // layer.dtype.itemsize // 2
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
    items = min(layer.items, left) if fits else 1
    groups = min(layer.groups, max(1, left // items)) if fits and items == layer.items else 1
    cells = layer.items * layer.cells
    return _cut(whole(layer), items, groups, sizes, wanted, cells)


def product_tiles(layer: Layer, part: Tile, shifted: bool, wanted: int = 1) -> tuple[Tile, ...]:
    """Cut a part of the result into tiles whose matrix of cells stays in cache."""
    values = max(1, _TILE_BYTES // layer.dtype.itemsize // _depth(layer, shifted))
    rows, *inner = part.sizes
    cells = part.count * math.prod(part.sizes)
    if rows * math.prod(inner) <= values:
        left = values // (rows * math.prod(inner))
        items = min(part.count, left)
        groups = min(layer.groups, max(1, left // items)) if items == part.count else 1
        return _cut(part, items, groups, part.sizes, wanted, cells)
    sizes: list[int] = []
    left = max(1, values // min(4, rows))
    for length in reversed(inner):
        sizes.insert(0, min(length, left))
        left = max(1, left // sizes[0])
    sizes.insert(0, max(1, min(rows, values // math.prod(sizes))))
    return _cut(part, 1, 1, sizes, wanted, cells)


def _cut(
    part: Tile, items: int, groups: int, sizes: Sequence[int], wanted: int, cells: int
) -> tuple[Tile, ...]:
    """Cut into tiles of at most these sizes, and into as many as are wanted where that is worth it.

    Where a group has too few output cells to cut, its filters are.
    """
    axes = [part.groups, part.items, *part.box]
    counts = [
        -(-_length(axis) // size) for axis, size in zip(axes, (groups, items, *sizes), strict=True)
    ]
    for number, most in enumerate((_length(part.groups), part.count, cells // _LEAST_CELLS)):
        have = math.prod(counts)
        if have < wanted:
            more = -(-wanted // have) * counts[number]
            counts[number] = max(counts[number], min(more, most, _length(axes[number])))
    few = math.prod(counts) < min(wanted, 2)
    shares = min(2, _length(part.filters) // _LEAST_FILTERS) if few else 1
    spans = [
        _spans(axis, count + (count % 2 if 1 < count < 8 else 0))
        for axis, count in zip(axes, counts, strict=True)
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
