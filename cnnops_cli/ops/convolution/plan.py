"""How a convolution is computed, and in which tiles: decided from shapes, for any threads."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from cnnops_cli.ops.convolution.bands import band_of
from cnnops_cli.ops.convolution.costs import (
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

_LEAST_WORTH, _WORTH = 800_000, 2_000_000
"""The least nanoseconds of work for two tiles, and per tile where there are more: a thread takes a
tenth of a millisecond to wake, and the last tiles end apart."""

_BYTES_OF_A_TILE = TILE_BYTES + TILE_BYTES // 4

_ROUNDING_BYTES, _BYTES_OF_A_TERM = 5 << 20, 320
"""What a tile needs further where results are rounded once, for those that are summed exactly: the
most, and per term; a single result of more terms takes that all the same."""

_MOST_WANTED = 16
_LEAST_CELLS = 160
"""A product with fewer columns is slower per column."""

_LEAST_FILTERS = 128
"""The fewest filters of a tile that has not all: each such tile lays out the input again."""


class Plan(NamedTuple):
    """How to compute a convolution: by an algorithm and its sizes (see `Choice`), tile by tile."""

    algorithm: str
    sizes: tuple[int, ...]
    tiles: Sequence[Tile]
    bytes_of_a_tile: int = _BYTES_OF_A_TILE
    bytes_of_all: int = 0  # the most that all tiles need together
    bytes_kept: int = 0  # for what is made of the weights


@lru_cache(maxsize=64)
def plan_convolution(layer: Layer, wide: int = 1) -> Plan:
    """Choose the algorithm with the least estimate, and cut the result into tiles.

    Tiles are `wide` times as wide as others.
    """
    if layer.items == 0:
        return Plan(COLUMNS, (), ())
    plan = _plan_engine(layer, wide)
    if layer.accumulate == "fast":
        return plan
    terms = layer.channels * math.prod(layer.windows.kernel)
    rounding = max(_ROUNDING_BYTES, _BYTES_OF_A_TERM * terms)
    rounding = min(rounding, _BYTES_OF_A_TERM * terms * math.prod(layer.tile.shape))
    return plan._replace(
        bytes_of_a_tile=plan.bytes_of_a_tile + rounding,
        bytes_of_all=plan.bytes_of_all + len(plan.tiles) * rounding,
    )


def _plan_engine(layer: Layer, wide: int) -> Plan:
    costs = estimate_costs(layer)
    algorithm, sizes = min(costs, key=lambda choice: costs[choice])
    if algorithm == FOURIER:
        shape = (1, 1, layer.filters, *transform_boxes(layer.windows, sizes))
        tiles, size = Tiles(layer.tile, shape), transform_bytes(layer, sizes)
        return Plan(FOURIER, sizes, tiles, size, len(tiles) * size, size)
    tiles = product_tiles(layer, sizes, layer.tile, tiles_wanted(costs[algorithm, sizes]), wide)
    everywhere, kept = layer.items * layer.groups * layer.dtype.itemsize, 0
    if algorithm == COLUMNS:
        everywhere *= math.prod(layer.windows.output) * elements_of_a_column(layer)
    else:
        band = band_of(layer.windows, *sizes)
        everywhere *= columns_of_bands(layer.windows, band) * elements_of_a_band(layer, band)
        kept = matrix_bytes(layer, band)
    return Plan(algorithm, sizes, tiles, wide * _BYTES_OF_A_TILE, everywhere, kept)


def plan_products(layer: Layer, part: Tile) -> Plan:
    """Plan a part of the result by the matrix products with the least estimate."""
    costs = estimate_costs(layer)
    products = [choice for choice in costs if choice[0] != FOURIER]
    algorithm, sizes = min(products, key=lambda choice: costs[choice])
    return Plan(algorithm, sizes, product_tiles(layer, sizes, part))


def tiles_wanted(cost: float) -> int:
    """Return how many tiles are worth it for nanoseconds of work."""
    return 1 if cost < _LEAST_WORTH else min(_MOST_WANTED, max(2, int(cost // _WORTH)))


def product_tiles(
    layer: Layer, sizes: tuple[int, ...], part: Tile, wanted: int = 1, wide: int = 1
) -> Tiles:
    """Cut a part of the result into tiles for products: with bands of some sizes, or columns."""
    if not sizes:
        return column_tiles(layer, part, wanted, wide)
    band = band_of(layer.windows, *sizes)
    most = _most(layer, part, wide, elements_of_a_band(layer, band), band.outputs, band.halo)
    return Tiles(part, _fewer(part.shape, most, wanted), band.outputs)


def column_tiles(layer: Layer, part: Tile, wanted: int = 1, wide: int = 1) -> Tiles:
    """Cut a part of the result into tiles for `Columns`."""
    most = _most(layer, part, wide, elements_of_a_column(layer))
    return Tiles(part, _fewer(part.shape, most, wanted))


def _most(
    layer: Layer, part: Tile, wide: int, elements: int, outputs: int = 1, halo: int = 0
) -> tuple[int, ...]:
    """Return the largest shape of a tile that lays out some elements per matrix column."""
    left = max(1, wide * TILE_BYTES // layer.dtype.itemsize // elements)
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
    """Return the shape of smaller tiles, as many as wanted where that is worth it.

    Groups are cut first, then samples, then the first spatial axis; where products would get too
    narrow, filters.
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
