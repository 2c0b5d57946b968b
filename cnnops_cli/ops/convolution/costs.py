"""Estimates of what each algorithm costs."""

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
"""An algorithm and its sizes: what `band_of` takes, or the lengths of the transforms."""


class Rates(NamedTuple):
    """Nanoseconds that each kind of work takes on one core, in a dtype.

    Only ratios matter. ``tests/benchmarks/fit_costs.py`` measures them.
    """

    multiply: float  # per multiply-add in a large matrix product
    half_rows: float  # sizes at which a product reaches half of that speed
    half_depth: float
    product: float  # per product
    copy: float  # per element that is laid out, padded or stored
    run: float  # per run of neighbouring elements
    add: float  # per element that is added up
    spread: float  # per element of a banded matrix
    transform: float  # per point of a Fourier transform
    spectrum: float  # per point of the product of two
    start: float  # per call with banded matrices of kernel columns
    start_whole: float  # or of whole kernels
    start_transforms: float  # per tile with transforms


RATES = {
    "float32": Rates(
        multiply=0.0148,
        half_rows=1.2,
        half_depth=7.0,
        product=35,
        copy=0.287,
        run=1.85,
        add=0.24,
        spread=0.58,
        transform=5.9,
        spectrum=2.65,
        start=35_000,
        start_whole=12_000,
        start_transforms=76_000,
    ),
    "float64": Rates(
        multiply=0.0295,
        half_rows=3.3,
        half_depth=5.0,
        product=46,
        copy=0.573,
        run=1.24,
        add=0.418,
        spread=0.73,
        transform=6.05,
        spectrum=2.7,
        start=35_000,
        start_whole=12_000,
        start_transforms=86_000,
    ),
}
"""Measured with OpenBLAS on x86-64, but for 0.24 to add up float32: that was 0.2, with which
tests/benchmarks/choices.py found more layers that another algorithm computes faster."""

TILE_BYTES = 1 << 23
"""Memory for one tile. A core's cache holds less, but many short calls make threads wait for the
interpreter."""

_BANDS = {1: (1, 16, 64, 256), 2: (1, 4, 8, 16), 3: (1, 4, 8)}
"""The outputs that a band may have, by number of axes."""

_MATRIX_BYTES = 1 << 24
"""The most that all banded matrices may take."""

_LONGEST_BAND_SUM = 512
"""The most terms of one channel in a banded product."""

_LARGEST_WHOLE = 64
"""The most elements of a kernel that is not split: products of larger ones round more."""

_SHORTEST_TRANSFORM = {1: 1 << 15, 2: 384, 3: 64}
_TRANSFORM_BYTES = 60 << 20
"""The most for the transforms of one tile, and for those of all weights."""

DOUBTFUL = 0.07
"""Nanoseconds per term of an exact result by transforms, of which a few are summed again: 0.04 to
0.05 for random numbers. It is more here since a tile with many zeros is multiplied after all, by
columns, which took 7 times as long as bands."""


def estimate_costs(layer: Layer) -> dict[Choice, float]:
    """Estimate the nanoseconds of each algorithm that can compute the layer."""
    costs: dict[Choice, float] = {(COLUMNS, ()): _cost_of_columns(layer)}
    if layer.dtype.kind != "f":
        return costs
    for sizes in _band_sizes(layer):
        band = band_of(layer.windows, *sizes)
        if can_be_banded(layer, band):
            cost = _cost_of_whole_bands if band.is_whole else _cost_of_bands
            costs[BANDS, sizes] = cost(layer, band)
    if layer.dtype == "float32" or layer.accumulate == "exact":
        lengths = _transform_lengths(layer.windows)
        if transform_bytes(layer, lengths) <= _TRANSFORM_BYTES:
            costs[FOURIER, lengths] = _cost_of_transforms(layer, lengths)
    return costs


def _band_sizes(layer: Layer) -> list[tuple[int, int]]:
    """Return sizes for `band_of`, such that bands of one size fill the axis."""
    dims, length = layer.windows.dims, layer.windows.output[0]
    counts = {-(-length // -(-length // wish)) for wish in _BANDS[dims]}
    split = [(outputs, 1) for outputs in sorted(counts) if outputs == 1 or dims > 1]
    is_small = math.prod(layer.windows.kernel) <= _LARGEST_WHOLE
    can_be_whole = dims == 1 or (dims == 2 and layer.channels == 1 and is_small)
    return split + [(outputs, 0) for outputs in sorted(counts) if outputs > 1 and can_be_whole]


def can_be_banded(layer: Layer, band: Band) -> bool:
    """Return whether the stride and the memory for bands allow banded products."""
    if band.stride[-1] != 1 and not band.is_whole:
        return False
    halo_bytes = band.halo * elements_of_a_band(layer, band) * layer.dtype.itemsize
    if 4 * halo_bytes > TILE_BYTES:
        return False
    is_long = band.outputs > 1 and math.prod(band.kernel[:-1]) > _LONGEST_BAND_SUM
    return not is_long and matrix_bytes(layer, band) <= _MATRIX_BYTES


def matrix_bytes(layer: Layer, band: Band) -> int:
    """Return the bytes of the banded matrices of all groups."""
    rows = layer.groups * layer.filters * band.outputs * band.steps
    return rows * band.depth(layer.channels) * layer.dtype.itemsize


def _cost_of_columns(layer: Layer) -> float:
    windows, rates = layer.windows, _rates(layer)
    depth = layer.channels * math.prod(windows.kernel)
    cells = math.prod(windows.output)
    each = _cost_of_laying_out(layer)
    lies_so = max(*windows.kernel, *windows.stride) == 1
    copied = 0 if lies_so else layer.items * layer.groups * depth * cells
    parts = -(-depth // longest_sum(layer, depth))
    added = layer.items * layer.groups * layer.filters * cells * (parts if parts > 1 else 0)
    products = _cost_of_products(layer, layer.filters, depth, cells)
    return products + copied * each + added * rates.add + _cost_of_padding(layer)


def _cost_of_bands(layer: Layer, band: Band) -> float:
    windows, rates = layer.windows, _rates(layer)
    rows, depth = layer.filters * band.outputs * band.steps, band.depth(layer.channels)
    columns = columns_of_bands(windows, band)
    row = windows.output[-1] + band.halo
    everywhere = layer.items * layer.groups
    run = band.lines if band.added_axis == 1 else columns if band.outputs == 1 else row
    copied = everywhere * depth * columns * (band.depth(1) > 1)
    added = everywhere * rows * columns * len(band.parts(layer))
    stored = everywhere * layer.filters * math.prod(windows.output)
    return (
        rates.start
        + _cost_of_products(layer, rows, depth, columns)
        + copied * (rates.copy + rates.run / run)
        + added * rates.add
        + stored * (rates.copy + rates.run / windows.output[-1])
        + layer.groups * rows * depth * rates.spread
        + _cost_of_padding(layer)
    )


def _cost_of_whole_bands(layer: Layer, band: Band) -> float:
    """Of products that are written straight into the result, of lines that bands share."""
    rates, (rows, width) = _rates(layer), layer.windows.output
    bands, depth = -(-rows // band.outputs), band.depth(1)
    copied = layer.items * layer.groups * band.lines_of(bands) * band.kernel[1] * width
    return (
        rates.start_whole
        + bands * layer.filters * _cost_of_products(layer, band.outputs, depth, width)
        + copied * _cost_of_laying_out(layer)
        + layer.groups * layer.filters * band.outputs * depth * rates.spread
        + _cost_of_padding(layer)
    )


def _rates(layer: Layer) -> Rates:
    """Return the rates of the dtype; integers have only one algorithm, whatever it takes."""
    return RATES.get(layer.dtype.name, RATES["float32"])


def _cost_of_laying_out(layer: Layer) -> float:
    """Of an element of a row of windows."""
    rates = _rates(layer)
    return rates.copy + rates.run / layer.windows.output[-1]


def columns_of_bands(windows: Windows, band: Band) -> int:
    """Return the number of columns of all bands of a sample and group."""
    first, *inner = windows.output
    counts = [-(-first // band.outputs), *inner]
    counts[-1] += band.halo
    return math.prod(counts)


def _cost_of_products(layer: Layer, rows: int, depth: int, columns: int) -> float:
    """Of one product per sample and group, with matrices of these sizes."""
    rates = _rates(layer)
    slowed = (rows + rates.half_rows) * (depth + rates.half_depth) * columns
    return layer.items * layer.groups * (rates.product + slowed * rates.multiply)


def _cost_of_padding(layer: Layer) -> float:
    windows = layer.windows
    if not any(map(any, windows.padding)):
        return 0.0
    seen = layer.items * layer.groups * layer.channels * math.prod(windows.lengths)
    rates = _rates(layer)
    return seen * (rates.copy + rates.run / windows.lengths[-1])


def elements_of_a_column(layer: Layer) -> int:
    """Count the elements laid out per output of a group: its column, products and input."""
    depth = layer.channels * math.prod(layer.windows.kernel)
    results = arrays_of_results(-(-depth // longest_sum(layer, depth)))
    results += _arrays_of_exact_results(layer)
    return depth + layer.filters * results + layer.channels * math.prod(layer.windows.stride)


def elements_of_a_band(layer: Layer, band: Band) -> int:
    """Count the elements laid out per column of a band: itself, its products and input."""
    results = band.steps + arrays_of_results(len(band.parts(layer)))
    results += _arrays_of_exact_results(layer)
    seen = layer.channels * math.prod(band.stride)
    return band.depth(layer.channels) + band.outputs * (layer.filters * results + seen)


def _arrays_of_exact_results(layer: Layer) -> int:
    """Count the arrays of sums that are to be rounded, of their errors, and of the rounded."""
    return 0 if layer.accumulate == "fast" else 3


def transform_bytes(layer: Layer, lengths: tuple[int, ...]) -> int:
    """Return the bytes for a tile's transforms or for those of all weights: the larger."""
    spectra = layer.groups * layer.filters * layer.channels
    results = layer.filters * _arrays_of_exact_results(layer)
    return 8 * math.prod(lengths) * max(2 * layer.channels + 4 + results, 2 * spectra)


def transform_boxes(windows: Windows, lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the number of outputs of one transform, by axis."""
    reach = extents(windows.kernel, windows.dilation)
    return tuple(
        min(outputs, (length - extent) // step + 1)
        for outputs, length, extent, step in zip(
            windows.output, lengths, reach, windows.stride, strict=True
        )
    )


def _transform_lengths(windows: Windows) -> tuple[int, ...]:
    """Choose lengths that hold several windows, or all, and have small factors."""
    reach = extents(windows.kernel, windows.dilation)
    lengths = []
    for outputs, step, extent in zip(windows.output, windows.stride, reach, strict=True):
        whole = (outputs - 1) * step + extent
        wish = max(_SHORTEST_TRANSFORM[windows.dims], 4 * extent)
        tiles = -(-(whole - extent + 1) // max(1, wish - extent + 1))
        lengths.append(_smooth(-(-(whole - extent + 1) // tiles) + extent - 1))
    return tuple(lengths)


def _smooth(length: int) -> int:
    """Return the next number that has no prime factors but 2, 3 and 5."""
    while pow(30, 64, length):
        length += 1
    return length


def _cost_of_transforms(layer: Layer, lengths: tuple[int, ...]) -> float:
    boxes = transform_boxes(layer.windows, lengths)
    axes = zip(layer.windows.output, boxes, strict=True)
    tiles = layer.items * layer.groups * math.prod(-(-outputs // box) for outputs, box in axes)
    pairs = layer.channels * layer.filters
    transforms = tiles * (layer.channels + layer.filters) + layer.groups * pairs
    rates = _rates(layer)
    points = rates.transform * transforms + rates.spectrum * tiles * pairs
    cost = math.prod(lengths) * points + rates.start_transforms * tiles
    if layer.accumulate == "exact":
        results = layer.items * layer.groups * layer.filters * math.prod(layer.windows.output)
        cost += DOUBTFUL * results * layer.channels * math.prod(layer.windows.kernel)
    return cost
