"""On which tiles a convolution is computed, and how: decided from shapes alone.

The plan is the same whatever the number of threads.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cnnops_cli.ops.convolution.bands import band_of
from cnnops_cli.ops.convolution.costs import (
    BANDS,
    COLUMNS,
    FOURIER,
    TILE_BYTES,
    columns_of_bands,
    elements_of_a_band,
    elements_of_a_column,
    estimate_costs,
    matrix_bytes,
    transform_boxes,
    transform_bytes,
)
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile, Tiles

_LEAST_WORTH, _WORTH = 600_000, 2_000_000
"""Nanoseconds of work from which on two tiles are better than one, and that each further tile
should have: a thread takes a tenth of a millisecond to wake, and the last tiles end apart."""

_MOST_WANTED = 16
_LEAST_CELLS = 160
"""A product with fewer columns is slower per column."""

_LEAST_FILTERS = 128
"""Filters are only shared out by as many: each share lays out the cells again."""


@dataclass(frozen=True)
class Plan:
    """How to compute a convolution.

    Attributes
    ----------
    algorithm : str
        `COLUMNS`, `BANDS` or `FOURIER`.
    sizes : tuple of int
        How many outputs a band gives, or the lengths of the transforms.
    tiles : sequence of Tile
        They cover the result once.
    bytes_of_a_tile : int
        What a tile needs of memory for itself.
    bytes_of_all : int
        What all tiles together need at most.
    bytes_kept : int
        What is made of the weights.
    """

    algorithm: str
    sizes: tuple[int, ...]
    tiles: Sequence[Tile]
    bytes_of_a_tile: int = TILE_BYTES + TILE_BYTES // 4
    bytes_of_all: int = 0
    bytes_kept: int = 0


@lru_cache(maxsize=64)
def plan_convolution(layer: Layer) -> Plan:
    """Choose the algorithm whose estimate is the least, and cut the result into tiles."""
    if layer.items == 0:
        return Plan(COLUMNS, (), ())
    costs = estimate_costs(layer)
    algorithm, sizes = min(costs, key=lambda choice: costs[choice])
    if algorithm == FOURIER:
        shape = (1, 1, layer.filters, *transform_boxes(layer.windows, sizes))
        tiles, size = Tiles(layer.tile, shape), transform_bytes(layer, sizes)
        return Plan(FOURIER, sizes, tiles, size, len(tiles) * size, size)
    cost = costs[algorithm, sizes]
    wanted = 1 if cost < _LEAST_WORTH else min(_MOST_WANTED, max(2, int(cost // _WORTH)))
    everywhere = layer.items * layer.groups * layer.dtype.itemsize
    if algorithm == COLUMNS:
        everywhere *= math.prod(layer.windows.output) * elements_of_a_column(layer)
        tiles = column_tiles(layer, layer.tile, wanted)
        return Plan(COLUMNS, (), tiles, bytes_of_all=everywhere)
    band = band_of(layer.windows, *sizes)
    each = elements_of_a_band(layer, band)
    everywhere *= columns_of_bands(layer.windows, band) * each
    most = _most(layer, layer.tile, each, band.outputs, band.halo)
    tiles = Tiles(layer.tile, _fewer(layer.tile.shape, most, wanted), band.outputs)
    kept = matrix_bytes(layer, band)
    return Plan(BANDS, sizes, tiles, bytes_of_all=everywhere, bytes_kept=kept)


def column_tiles(layer: Layer, part: Tile, wanted: int = 1) -> Tiles:
    """Cut a part of the result into tiles whose matrix of columns stays in cache."""
    most = _most(layer, part, elements_of_a_column(layer))
    return Tiles(part, _fewer(part.shape, most, wanted))


def _most(
    layer: Layer, part: Tile, elements: int, outputs: int = 1, halo: int = 0
) -> tuple[int, ...]:
    """The largest shape of a tile, of so many elements for each column of a matrix."""
    left = max(1, TILE_BYTES // layer.dtype.itemsize // elements)
    items, groups, filters, *lengths = part.shape
    lengths[0] = -(-lengths[0] // outputs)
    sizes: list[int] = []
    for length in reversed(lengths):
        sizes.insert(0, max(1, min(length, left - halo)))
        left = max(1, left // (sizes[0] + halo))
        halo = 0
    items = min(items, left) if sizes == lengths else 1
    groups = min(groups, max(1, left // items)) if items == part.shape[0] else 1
    return (items, groups, filters, outputs * sizes[0], *sizes[1:])


def _fewer(shape: tuple[int, ...], most: tuple[int, ...], wanted: int) -> tuple[int, ...]:
    """Lessen the shape of a tile until there are as many tiles as wanted, where that is worth it.

    Groups are shared out first, then samples, then outputs along the first axis; and where these
    have too few cells, the filters.
    """
    counts = [-(-length // size) for length, size in zip(shape, most, strict=True)]
    products = shape[0] * math.prod(shape[3:]) // _LEAST_CELLS
    groups = 1
    for axis in (groups, 0, 3):
        more = -(-wanted // math.prod(counts)) * counts[axis]
        if axis != groups:
            more = min(more, products * counts[axis] * counts[groups] // math.prod(counts))
        counts[axis] = max(counts[axis], min(more, shape[axis]))
    if math.prod(counts) < min(wanted, 2):
        counts[2] = max(1, min(2, shape[2] // _LEAST_FILTERS))
    # Two threads end together where parts are even in number.
    counts = [count + (count % 2 if 1 < count < 8 else 0) for count in counts]
    return tuple(max(1, -(-length // count)) for length, count in zip(shape, counts, strict=True))
