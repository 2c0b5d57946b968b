"""On which tiles a convolution is computed, and how: decided from shapes alone.

The plan is the same whatever the number of threads.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from cnnops_cli.ops.convolution.costs import (
    BANDS,
    COLUMNS,
    FOURIER,
    STACKED,
    TILE_BYTES,
    cost_of_columns,
    estimate_costs,
    halo_rows,
    transform_boxes,
    transform_bytes,
    values_of_a_band,
    values_of_a_cell,
)
from cnnops_cli.ops.convolution.layer import Layer, Tile, length_of, phases_of, spans_of, whole

_LEAST_WORTH, _WORTH = 600_000, 2_000_000
"""Nanoseconds of work from which on two tiles are better than one, and that each further tile
should have: a thread takes a tenth of a millisecond to wake, and the last tiles end apart."""

_MOST_WANTED = 16
_LEAST_CELLS = 160
"""A product with fewer columns is slower a column."""

_LEAST_FILTERS = 128
"""Filters are only shared out by as many: each share lays out the cells again."""


_MANY_HALOS = 8
"""A tile is only cut along an axis that has this many times as many rows as its halo."""

_SOON = 200_000
"""Nanoseconds that all threads may wait for one: that costs less than if they lay out parts of the
same input side by side."""


@dataclass(frozen=True)
class Plan:
    """How to compute a convolution.

    Attributes
    ----------
    algorithm : str
        `COLUMNS`, `STACKED`, `BANDS` or `FOURIER`.
    sizes : tuple of int
        How many outputs a band gives, or the lengths of the transforms.
    tiles : tuple of Tile
        They cover the result once.
    bytes_of_a_tile : int
        What a tile needs of memory for itself.
    laid_out_once : bool
        The cells of all tiles are laid out before the first is computed.
    """

    algorithm: str
    sizes: tuple[int, ...]
    tiles: tuple[Tile, ...]
    bytes_of_a_tile: int = TILE_BYTES + TILE_BYTES // 4
    laid_out_once: bool = False


@lru_cache(maxsize=64)
def plan_convolution(layer: Layer) -> Plan:
    """Choose the algorithm whose estimate is the least, and cut the result into tiles."""
    if layer.items == 0:
        return Plan(COLUMNS, (), ())
    costs = estimate_costs(layer)
    algorithm, sizes = min(costs, key=lambda choice: costs[choice])
    cost = costs[algorithm, sizes]
    wanted = 1 if cost < _LEAST_WORTH else min(_MOST_WANTED, max(2, int(cost // _WORTH)))
    if algorithm == FOURIER:
        boxes = transform_boxes(layer.windows, sizes)
        tiles = _cut(whole(layer), 1, 1, boxes, 1, 0)
        return Plan(FOURIER, sizes, tiles, transform_bytes(layer, sizes))
    if algorithm == BANDS:
        return Plan(BANDS, sizes, _band_tiles(layer, sizes[0], wanted))
    stacked = algorithm == STACKED
    if wanted > 1 and _is_laid_out_once(layer, stacked):
        sizes = layer.windows.output
        tiles = _cut(whole(layer), layer.items, layer.groups, sizes, wanted, 0)
        return Plan(algorithm, (), tiles, laid_out_once=True)
    return Plan(algorithm, (), product_tiles(layer, whole(layer), stacked, wanted))


def _is_laid_out_once(layer: Layer, stacked: bool) -> bool:
    """Whether the cells for the whole result are one tile, and soon laid out."""
    halo, rows = halo_rows(layer, stacked), layer.windows.output[0]
    if 0 < rows <= _MANY_HALOS * halo or len(phases_of(layer, stacked)) > 1:
        return False
    cells = layer.items * layer.groups * layer.cells * (rows + halo) // rows
    fits = cells * values_of_a_cell(layer, stacked) <= TILE_BYTES // layer.dtype.itemsize
    return fits and cost_of_columns(layer, stacked) <= _SOON


def _band_tiles(layer: Layer, band: int, wanted: int) -> tuple[Tile, ...]:
    windows = layer.windows
    first, *inner = windows.output
    values = TILE_BYTES // 2 // layer.dtype.itemsize  # what two threads lay out stays in cache
    each = values_of_a_band(layer, band)
    cells = max(1, values // each)
    sizes: list[int] = []
    for outputs in reversed(inner):
        sizes.insert(0, min(outputs, cells))
        cells = max(1, cells // sizes[0])
    bands = min(-(-first // band), cells)
    sizes.insert(0, min(first, bands * band))
    fits = sizes == list(windows.output)
    cells //= bands
    groups = min(layer.groups, max(1, cells)) if fits else 1
    items = min(layer.items, max(1, cells // groups)) if groups == layer.groups else 1
    return _cut(whole(layer), items, groups, sizes, wanted, 0, share_filters=False)


def product_tiles(layer: Layer, part: Tile, stacked: bool, wanted: int = 1) -> tuple[Tile, ...]:
    """Cut a part of the result into tiles whose matrix of cells stays in cache."""
    values = max(1, TILE_BYTES // layer.dtype.itemsize // values_of_a_cell(layer, stacked))
    halo = halo_rows(layer, stacked)
    rows, *inner = part.sizes
    axis = 0 if rows > _MANY_HALOS * halo else len(inner)
    line = math.prod(inner)
    if (rows + halo) * line <= values:
        left = values // ((rows + halo) * line)
        items = min(part.count, left)
        groups = min(layer.groups, max(1, left // items)) if items == part.count else 1
        return _cut(part, items, groups, part.sizes, wanted, axis)
    sizes: list[int] = []
    left = max(1, values // (min(rows, max(16, 3 * halo)) + halo if halo else 1))
    for outputs in reversed(inner):
        sizes.insert(0, min(outputs, left))
        left = max(1, left // sizes[0])
    sizes.insert(0, max(1, min(rows, values // math.prod(sizes) - halo)))
    return _cut(part, 1, 1, sizes, wanted, axis)


def _cut(
    part: Tile,
    items: int,
    groups: int,
    sizes: Sequence[int],
    wanted: int,
    axis: int,
    *,
    share_filters: bool = True,
) -> tuple[Tile, ...]:
    """Cut into tiles of at most these sizes, and into as many as are wanted where that is worth it.

    Groups are shared out first, then items, then the outputs along `axis`; and where these have too
    few cells, the filters.
    """
    axes = [part.groups, part.items, *part.box]
    counts = [
        -(-length_of(span) // size)
        for span, size in zip(axes, (groups, items, *sizes), strict=True)
    ]
    products = part.count * math.prod(part.sizes) // _LEAST_CELLS
    for number in (0, 1, 2 + axis):
        more = -(-wanted // math.prod(counts)) * counts[number]
        if number:
            more = min(more, products * counts[number] // math.prod(counts[1:]))
        counts[number] = max(counts[number], min(more, length_of(axes[number])))
    few = share_filters and math.prod(counts) < min(wanted, 2)
    shares = min(2, length_of(part.filters) // _LEAST_FILTERS) if few else 1
    spans = [
        spans_of(span, count + (count % 2 if 1 < count < 8 else 0))
        for span, count in zip(axes, counts, strict=True)
    ]
    return tuple(
        Tile(items, groups, filters, tuple(box))
        for groups, filters, items, *box in product(
            spans[0], spans_of(part.filters, shares), *spans[1:]
        )
    )
