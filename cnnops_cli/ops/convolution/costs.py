"""What the algorithms cost, by which one is chosen.

All costs are nanoseconds on one core for float32, measured with OpenBLAS on x86-64; only their
ratios matter.
"""

import math
from typing import TypeAlias

from cnnops_cli.ops.convolution.layer import (
    Layer,
    matrix_depth,
    parts_at_once,
    parts_of_a_sum,
    phases_of,
    runs_on,
)
from cnnops_cli.ops.geometry import Windows, extents

COLUMNS = "matrix product"
STACKED = "stacked matrix products"
BANDS = "banded matrix products"
FOURIER = "Fourier transforms"

Choice: TypeAlias = tuple[str, tuple[int, ...]]
"""An algorithm, and its sizes: outputs of a band, or lengths of the transforms."""

TILE_BYTES = 1 << 23
"""What is laid out for one tile. A core's cache holds less, but threads that make many short calls
wait for the interpreter more than for memory."""

_LONGEST_BAND_SUM = 512
"""How many terms a result may have where they are added up one after the other, in one product."""

_SHORTEST_TRANSFORM = {1: 1 << 15, 2: 384, 3: 64}
_TRANSFORM_BYTES = 60 << 20
"""What the transforms of one tile may take, and those of the weights together."""


def estimate_costs(layer: Layer) -> dict[Choice, float]:
    """Estimate every algorithm that can compute the layer.

    The estimates count multiply-adds at the rate that a matrix product of that shape reaches,
    values that are copied, runs of memory that are begun, values that are added up, and points of
    transforms.
    """
    costs: dict[Choice, float] = {(COLUMNS, ()): _cost_of_products(layer, stacked=False)}
    room = TILE_BYTES // layer.dtype.itemsize
    if 4 * halo_rows(layer, True) * values_of_a_cell(layer, True) <= room:
        costs[STACKED, ()] = _cost_of_products(layer, stacked=True)
    if layer.dtype.kind == "f" and matrix_depth(layer, stacked=False) <= _LONGEST_BAND_SUM:
        for band in _band_widths(layer.windows):
            if layer.filters * band * _depth_of_a_band(layer, band) <= room:
                costs[BANDS, (band,)] = _cost_of_bands(layer, band)
    if layer.dtype == "float32":
        lengths = _transform_lengths(layer.windows)
        if transform_bytes(layer, lengths) <= _TRANSFORM_BYTES:
            costs[FOURIER, lengths] = _cost_of_transforms(layer, lengths)
    return costs


def _cost_of_products(layer: Layer, *, stacked: bool) -> float:
    windows = layer.windows
    depth = matrix_depth(layer, stacked)
    steps = windows.kernel[0] if stacked else 1
    cells = layer.items * layer.cells
    results = layer.groups * layer.filters * cells
    halo = 1 + halo_rows(layer, stacked) / windows.output[0]
    rate = 65 * _share(layer.filters * steps, 8) * _share(depth, 4) * _share(cells, 16)
    multiply = results * depth * steps * halo / rate
    reorder = 0.5 * layer.groups * layer.filters * depth * steps if steps > 1 else 0
    terms = steps * len(parts_of_a_sum(depth, layer.filters))
    add = 0.2 * results * terms if terms > 1 else 0
    return multiply + reorder + cost_of_columns(layer, stacked) + add + 200 * layer.groups


def cost_of_columns(layer: Layer, stacked: bool) -> float:
    """What it costs to lay out the cells of all windows."""
    if _lies_in_place(layer, stacked):
        return 0.0
    halo = 1 + halo_rows(layer, stacked) / layer.windows.output[0]
    copies = 2 * len(phases_of(layer, stacked)) - 1
    each = copies * layer.groups * matrix_depth(layer, stacked) * halo
    of_value = (_copy_cost_of_lines if runs_on(layer.windows) else _copy_cost)(layer.windows)
    return layer.items * layer.cells * each * of_value


def _cost_of_bands(layer: Layer, band: int) -> float:
    windows = layer.windows
    outputs, *inner = windows.output
    bands = layer.items * layer.groups * -(-outputs // band)
    cells = math.prod(inner)
    depth = _depth_of_a_band(layer, band)
    products = bands if inner else layer.items * layer.groups
    multiply = 80 * products + bands * band * layer.filters * cells * depth / 40
    build = 0.8 * layer.groups * layer.filters * band * depth
    flat = windows.stride[1:] == (1,)
    span = band_span(windows, band)
    run = span * cells if flat else windows.output[-1] if inner else span
    lay_out = bands * depth * cells * (0.25 + 8 / run + (0.0 if flat or not inner else 0.1))
    seen = layer.items * layer.groups * layer.channels * math.prod(windows.lengths)
    pad = seen * (0.2 + 8 / windows.lengths[-1])
    store = 0.6 * bands * band * layer.filters * cells if layer.filters > 1 else 0
    return 130_000 + multiply + build + lay_out + pad + store


def _share(size: int, half: int) -> float:
    """The share of its best speed that a product reaches at a size; one half at `half`."""
    return size / (size + half)


def _copy_cost(windows: Windows) -> float:
    strided = {1: 0.0, 2: 0.1}.get(windows.stride[-1], 0.3)
    return 0.3 + strided + 8 / windows.output[-1]


def _copy_cost_of_lines(windows: Windows) -> float:
    """Copying long runs, and clearing what lies beyond the edges cell by cell."""
    cost = 0.15
    for axis in range(1, windows.dims):
        taps, gap, begin = windows.kernel[axis], windows.dilation[axis], windows.padding[axis][0]
        beyond = sum(abs(tap * gap - begin) for tap in range(taps)) / taps
        cost += 6 * min(1.0, beyond / windows.lengths[axis])
    return cost


def values_of_a_cell(layer: Layer, stacked: bool) -> int:
    """What is laid out for one output cell of one group: cells, products, what was copied."""
    steps = layer.windows.kernel[0] if stacked else 1
    depth = matrix_depth(layer, stacked)
    parts = len(parts_of_a_sum(depth, layer.filters))
    at_once = parts_at_once(parts, steps)
    sums = 1 + (at_once < parts)
    seen = layer.channels * math.prod(layer.windows.stride)
    return depth + layer.filters * (steps * at_once + sums) + seen


def halo_rows(layer: Layer, stacked: bool) -> int:
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
    """Inputs along the first axis that `band` outputs see."""
    return (band - 1) * windows.stride[0] + (windows.kernel[0] - 1) * windows.dilation[0] + 1


def values_of_a_band(layer: Layer, band: int) -> int:
    """What is laid out for one cell of the lines of one band and group: cells, sums, and input."""
    steps = math.prod(layer.windows.stride)
    return _depth_of_a_band(layer, band) + band * (layer.filters + layer.channels * steps)


def _depth_of_a_band(layer: Layer, band: int) -> int:
    """Columns of a banded matrix."""
    return layer.channels * band_span(layer.windows, band) * math.prod(layer.windows.kernel[1:])


def _band_widths(windows: Windows) -> list[int]:
    """Outputs that a band may have: so many that bands of one width fill the axis."""
    length = windows.output[0]
    wishes = (4, 8, 16) if windows.dims > 1 else (16, 64, 256)
    return sorted({-(-length // -(-length // wish)) for wish in wishes})


def transform_bytes(layer: Layer, lengths: tuple[int, ...]) -> int:
    """What a tile needs for its transforms, or all weights for theirs, whichever is more."""
    spectra = layer.groups * layer.filters * layer.channels
    return 8 * math.prod(lengths) * max(2 * layer.channels + 4, 2 * spectra)


def transform_boxes(windows: Windows, lengths: tuple[int, ...]) -> tuple[int, ...]:
    """How many outputs one transform gives, by axis."""
    reach = extents(windows.kernel, windows.dilation)
    return tuple(
        min(outputs, (length - extent) // step + 1)
        for outputs, length, extent, step in zip(
            windows.output, lengths, reach, windows.stride, strict=True
        )
    )


def _transform_lengths(windows: Windows) -> tuple[int, ...]:
    """Lengths by axis that hold several windows, or all, and have small factors."""
    reach = extents(windows.kernel, windows.dilation)
    lengths = []
    for outputs, step, extent in zip(windows.output, windows.stride, reach, strict=True):
        whole = (outputs - 1) * step + extent
        wish = max(_SHORTEST_TRANSFORM[windows.dims], 4 * extent)
        tiles = -(-(whole - extent + 1) // max(1, wish - extent + 1))
        lengths.append(_smooth(-(-(whole - extent + 1) // tiles) + extent - 1))
    return tuple(lengths)


def _smooth(length: int) -> int:
    """The least product of 2, 3 and 5 that is no less."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


def _cost_of_transforms(layer: Layer, lengths: tuple[int, ...]) -> float:
    boxes = transform_boxes(layer.windows, lengths)
    tiles = (
        layer.items
        * layer.groups
        * math.prod(
            -(-outputs // box) for outputs, box in zip(layer.windows.output, boxes, strict=True)
        )
    )
    pairs = layer.channels * layer.filters
    points = math.prod(lengths)
    transforms = tiles * (layer.channels + layer.filters) + layer.groups * pairs
    a_point = 9 if layer.windows.dims == 1 else 10
    return points * (a_point * transforms + 3 * tiles * pairs) + 100_000 * tiles
