"""What the algorithms cost, by which one is chosen."""

import math
from typing import NamedTuple, TypeAlias

from cnnops_cli.ops.convolution.bands import Band, band_of
from cnnops_cli.ops.convolution.layer_tiles import Layer
from cnnops_cli.ops.convolution.products import arrays_of_results, longest_sum
from cnnops_cli.ops.geometry import Windows, extents

COLUMNS = "matrix product"
BANDS = "banded matrix products"
FOURIER = "Fourier transforms"

Choice: TypeAlias = tuple[str, tuple[int, ...]]
"""An algorithm, and its sizes: outputs of a band, or lengths of the transforms."""


class Rates(NamedTuple):
    """What the parts of the work take on one core, in float32.

    Only their ratios matter. ``tests/benchmarks/fit_costs.py`` measures them.

    Attributes
    ----------
    multiply : float
        Nanoseconds per multiply-add in a large matrix product.
    half_rows, half_depth, half_columns : float
        The sizes of a product at which it reaches half of that speed.
    product : float
        Nanoseconds per product that is begun.
    copy : float
        Nanoseconds per element that is laid out, padded or stored.
    run : float
        Nanoseconds per run of neighbouring elements that is begun.
    pair, skip : float
        Nanoseconds per element in addition, where a copy takes every second one, or fewer.
    add : float
        Nanoseconds per element of the products that are added up.
    spread : float
        Nanoseconds per element of a banded matrix.
    transform, spectrum : float
        Nanoseconds per point of a Fourier transform, and of a product of two.
    start, start_transforms : float
        Nanoseconds per call with banded matrices, and per tile that is transformed.
    """

    multiply: float
    half_rows: float
    half_depth: float
    half_columns: float
    product: float
    copy: float
    run: float
    pair: float
    skip: float
    add: float
    spread: float
    transform: float
    spectrum: float
    start: float
    start_transforms: float


RATES = Rates(
    multiply=0.0148,
    half_rows=1.2,
    half_depth=3.0,
    half_columns=1.4,
    product=35,
    copy=0.287,
    run=1.85,
    pair=0.14,
    skip=0.256,
    add=0.2,
    spread=0.58,
    transform=5.9,
    spectrum=2.65,
    start=49_000,
    start_transforms=76_000,
)
"""Measured with OpenBLAS on x86-64."""

TILE_BYTES = 1 << 23
"""What is laid out for one tile. A core's cache holds less, but threads that make many short calls
wait for the interpreter more than for memory."""

_BANDS = {1: (1, 16, 64, 256), 2: (1, 4, 8, 16), 3: (1, 4, 8)}
"""Outputs that a band may have, by the number of axes."""

_MATRIX_BYTES = 1 << 24
"""What banded matrices may take together."""

_LONGEST_BAND_SUM = 512
"""How many terms of one channel one banded product may add up."""

_SHORTEST_TRANSFORM = {1: 1 << 15, 2: 384, 3: 64}
_TRANSFORM_BYTES = 60 << 20
"""What the transforms of one tile may take, and those of the weights together."""


def estimate_costs(layer: Layer) -> dict[Choice, float]:
    """Estimate the nanoseconds of every algorithm that can compute the layer."""
    costs: dict[Choice, float] = {(COLUMNS, ()): _cost_of_columns(layer)}
    if layer.dtype.kind != "f":
        return costs
    for sizes in _band_sizes(layer):
        band = band_of(layer.windows, *sizes)
        if can_be_banded(layer, band):
            costs[BANDS, sizes] = _cost_of_bands(layer, band)
    if layer.dtype == "float32":
        lengths = _transform_lengths(layer.windows)
        if transform_bytes(layer, lengths) <= _TRANSFORM_BYTES:
            costs[FOURIER, lengths] = _cost_of_transforms(layer, lengths)
    return costs


def _band_sizes(layer: Layer) -> list[tuple[int, int]]:
    """What `band_of` may take, such that bands of one size fill the axis."""
    dims, length = layer.windows.dims, layer.windows.output[0]
    counts = {-(-length // -(-length // wish)) for wish in _BANDS[dims]}
    split = [(outputs, 1) for outputs in sorted(counts) if outputs == 1 or dims > 1]
    can_be_whole = dims == 1 or (layer.channels == 1 and layer.windows.stride[-1] == 1)
    return split + [(outputs, 0) for outputs in sorted(counts) if outputs > 1 and can_be_whole]


def can_be_banded(layer: Layer, band: Band) -> bool:
    """Return whether a layer's stride, and what its bands take, allow banded products."""
    if band.stride[-1] != 1:
        return False
    halo_bytes = band.halo * elements_of_a_band(layer, band) * layer.dtype.itemsize
    if 4 * halo_bytes > TILE_BYTES:
        return False
    is_long = band.outputs > 1 and math.prod(band.kernel[:-1]) > _LONGEST_BAND_SUM
    return not is_long and matrix_bytes(layer, band) <= _MATRIX_BYTES


def matrix_bytes(layer: Layer, band: Band) -> int:
    """What the banded matrices of all groups take."""
    rows = layer.groups * layer.filters * band.outputs * band.steps
    return rows * band.depth(layer.channels) * layer.dtype.itemsize


def _cost_of_columns(layer: Layer) -> float:
    windows, rates = layer.windows, RATES
    depth = layer.channels * math.prod(windows.kernel)
    cells = math.prod(windows.output)
    each = rates.copy + rates.run / windows.output[-1]
    each += {1: 0.0, 2: rates.pair}.get(windows.stride[-1], rates.skip)
    lies_so = max(*windows.kernel, *windows.stride) == 1
    copied = 0 if lies_so else layer.items * layer.groups * depth * cells
    parts = -(-depth // longest_sum(layer.filters))
    added = layer.items * layer.groups * layer.filters * cells * (parts if parts > 1 else 0)
    products = _cost_of_products(layer, layer.filters, depth, cells)
    return products + copied * each + added * rates.add + _cost_of_padding(layer)


def _cost_of_bands(layer: Layer, band: Band) -> float:
    windows, rates = layer.windows, RATES
    rows, depth = layer.filters * band.outputs * band.steps, band.depth(layer.channels)
    columns = columns_of_bands(windows, band)
    row = windows.output[-1] + band.halo
    everywhere = layer.items * layer.groups
    run = band.lines if band.added_axis == 1 else columns if band.outputs == 1 else row
    count = 1
    if band.is_whole:
        count, run = -(-windows.output[0] // band.outputs), windows.output[-1]
    copied = everywhere * depth * columns * (band.depth(1) > 1)
    if band.is_whole:  # bands share the lines
        copied = copied * windows.stride[0] * band.outputs // (band.lines * band.step)
    parts = len(band.parts(layer))
    added = everywhere * rows * columns * (parts if band.steps * parts > 1 else 0)
    stored = everywhere * layer.filters * math.prod(windows.output)
    if band.is_whole and layer.filters == 1:
        stored = 0
    return (
        rates.start
        + count * _cost_of_products(layer, rows, depth, columns // count)
        + copied * (rates.copy + rates.run / run)
        + added * rates.add
        + stored * (rates.copy + rates.run / windows.output[-1])
        + layer.groups * rows * depth * rates.spread
        + _cost_of_padding(layer)
    )


def columns_of_bands(windows: Windows, band: Band) -> int:
    """How many columns the bands of one sample and group have."""
    first, *inner = windows.output
    counts = [-(-first // band.outputs), *inner]
    counts[-1] += band.halo
    return math.prod(counts)


def _cost_of_products(layer: Layer, rows: int, depth: int, columns: int) -> float:
    """Of one product for each sample and group, with matrices of these sizes."""
    rates = RATES
    slowed = (rows + rates.half_rows) * (depth + rates.half_depth) * (columns + rates.half_columns)
    return layer.items * layer.groups * (rates.product + slowed * rates.multiply)


def _cost_of_padding(layer: Layer) -> float:
    windows = layer.windows
    if not any(map(any, windows.padding)):
        return 0.0
    seen = layer.items * layer.groups * layer.channels * math.prod(windows.lengths)
    return seen * (RATES.copy + RATES.run / windows.lengths[-1])


def elements_of_a_column(layer: Layer) -> int:
    """What is laid out for one output cell of one group: its column, products, and input."""
    depth = layer.channels * math.prod(layer.windows.kernel)
    results = arrays_of_results(-(-depth // longest_sum(layer.filters)))
    return depth + layer.filters * results + layer.channels * math.prod(layer.windows.stride)


def elements_of_a_band(layer: Layer, band: Band) -> int:
    """What is laid out for one column of a band of one group: itself, products, and input."""
    results = band.steps + arrays_of_results(len(band.parts(layer)))
    seen = layer.channels * math.prod(band.stride)
    return band.depth(layer.channels) + band.outputs * (layer.filters * results + seen)


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
    axes = zip(layer.windows.output, boxes, strict=True)
    tiles = layer.items * layer.groups * math.prod(-(-outputs // box) for outputs, box in axes)
    pairs = layer.channels * layer.filters
    transforms = tiles * (layer.channels + layer.filters) + layer.groups * pairs
    points = RATES.transform * transforms + RATES.spectrum * tiles * pairs
    return math.prod(lengths) * points + RATES.start_transforms * tiles
