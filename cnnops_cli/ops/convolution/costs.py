"""What the algorithms cost, by which one is chosen.

All costs are nanoseconds on one core for float32, measured with OpenBLAS on x86-64; only their
ratios matter.
"""

import math
from typing import TypeAlias

from cnnops_cli.ops.convolution.layer import Layer
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
    if layer.dtype.kind == "f":
        for band in _band_widths(layer.windows):
            if _values_of_matrices(layer, band) <= room:
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
    build = 0.6 * layer.groups * _values_of_matrices(layer, band)
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


def matrix_depth(layer: Layer, stacked: bool) -> int:
    """Rows of the matrix for one group."""
    return layer.channels * math.prod(layer.windows.kernel[1:] if stacked else layer.windows.kernel)


def values_of_a_cell(layer: Layer, stacked: bool) -> int:
    """What is laid out for one output cell of one group: cells, shares, and what was copied."""
    steps = layer.windows.kernel[0] if stacked else 1
    seen = layer.channels * math.prod(layer.windows.stride)
    return matrix_depth(layer, stacked) + layer.filters * steps + seen


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
    """Inputs along the last axis that `band` outputs see."""
    return (band - 1) * windows.stride[-1] + (windows.kernel[-1] - 1) * windows.dilation[-1] + 1


def _values_of_matrices(layer: Layer, band: int) -> int:
    """How large the banded matrices of one group are."""
    taps = layer.channels * math.prod(layer.windows.kernel[:-1])
    return taps * band_span(layer.windows, band) * layer.filters * band


def _band_widths(windows: Windows) -> list[int]:
    """Outputs that a band may have: so many that bands of one width fill the line."""
    length = windows.output[-1]
    wishes = (8, 16, 32) if windows.dims > 1 else (16, 64, 256)
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
    a_point = 9 if layer.windows.dims == 1 else 14
    return points * (a_point * transforms + 3 * tiles * pairs) + 100_000 * tiles
