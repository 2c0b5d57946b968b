"""Which engine computes a convolution, and in which dtype: by how it is to be summed."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnops_cli.dtypes import Array, working_dtype
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops import parallel
from cnnops_cli.ops.convolution.banded import Banded, product_engine
from cnnops_cli.ops.convolution.columns import Columns
from cnnops_cli.ops.convolution.costs import FOURIER
from cnnops_cli.ops.convolution.fourier import Fourier
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.plan import Plan, plan_convolution
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.integer_sums import as_int64

if TYPE_CHECKING:
    from cnnops_cli.ops.convolution.exact import Exact, ExactTransforms
    from cnnops_cli.ops.convolution.running_sums import RunningSums
    from cnnops_cli.ops.convolution.sliced import Sliced
    from cnnops_cli.ops.convolution.small_sums import SmallSums

_WIDE, _FEW_THREADS = 2, 2
_PLAIN_LOOPS = ("sequential", "fma")
_DOUBLE = np.dtype(np.float64)


def summing_dtype(dtype: np.dtype[Any], accumulate: str) -> np.dtype[Any]:
    """Return what a floating-point result of a dtype is computed in."""
    if accumulate == "fma" and dtype == _DOUBLE:
        raise CnnopsError(
            "accumulate 'fma' is for float16 and float32, but the result is float64; "
            "--dtype float32 converts the tensors, and 'sequential' sums float64"
        )
    return _DOUBLE if accumulate == "exact" else working_dtype(dtype)


def plan_layer(layer: Layer, dtype: np.dtype[Any]) -> Plan:
    """Plan a convolution whose result has a dtype."""
    if layer.accumulate == "exact" and dtype == _DOUBLE:
        from cnnops_cli.ops.convolution.sliced import plan_slices
        from cnnops_cli.ops.convolution.small_sums import are_small, plan_small_sums

        return plan_small_sums(layer) if are_small(layer) else plan_slices(layer, _width(layer))
    if layer.accumulate in _PLAIN_LOOPS:
        from cnnops_cli.ops.convolution.running_sums import plan_running_sums

        return plan_running_sums(layer)
    return plan_convolution(layer, _width(layer))


def _width(layer: Layer) -> int:
    """Return how many times wider tiles are than others.

    To round once takes many short calls per tile. Two threads have room for wide tiles.
    """
    has_room = parallel.thread_count() <= _FEW_THREADS
    return _WIDE if layer.accumulate == "exact" and has_room else 1


def filling(
    layer: Layer, plan: Plan, kernel: Array, bias: Array | None, dtype: np.dtype[Any]
) -> Callable[[Source, Tile, Array], None]:
    """Return what fills a tile (n, g, o, *sizes) of a result, which has a dtype.

    The kernel is (G * O, C, *kernel), the bias (G * O,).
    """
    weights = _converted(kernel, layer, dtype)
    if bias is not None:
        bias = _converted(bias, layer, dtype).reshape(layer.groups, layer.filters)
    if layer.dtype.hasobject:
        return partial(_fill_as_int64, engine_of(layer, plan, weights), bias)
    if layer.accumulate != "exact":
        engine = _engine_of_mode(layer, plan, weights)
        return lambda source, tile, target: engine.compute(source, tile, bias, target)
    return _exact_engine(layer, plan, weights, bias, dtype).compute


def _fill_as_int64(
    engine: Columns | Banded | Fourier,
    bias: Array | None,
    source: Source,
    tile: Tile,
    target: Array,
) -> None:
    """Sum up Python's integers, and refuse a sum that int64 cannot hold."""
    sums = np.empty(target.shape, object)
    engine.compute(source, tile, bias, sums)
    target[...] = as_int64(sums)


def _exact_engine(
    layer: Layer, plan: Plan, weights: Array, bias: Array | None, dtype: np.dtype[Any]
) -> "Exact | ExactTransforms | Sliced | SmallSums":
    """Return what rounds each result once; float64 and shorter dtypes have their own modules."""
    if dtype == _DOUBLE:
        from cnnops_cli.ops.convolution.sliced import Sliced
        from cnnops_cli.ops.convolution.small_sums import SMALL_SUMS, SmallSums

        if plan.algorithm == SMALL_SUMS:
            return SmallSums(layer, weights, bias)
        return Sliced(layer, plan, weights, bias)
    from cnnops_cli.ops.convolution.exact import Exact, ExactTransforms

    if plan.algorithm == FOURIER:
        return ExactTransforms(layer, Fourier(layer, weights, plan.sizes), weights, bias)
    return Exact(layer, product_engine(layer, plan, weights), weights, bias)


def _converted(operand: Array, layer: Layer, dtype: np.dtype[Any]) -> Array:
    """Convert to the dtype to compute in; for exact sums, by way of the result's."""
    if layer.accumulate == "exact":
        operand = operand.astype(dtype, copy=False)
    return operand.astype(layer.dtype, copy=False)


def _engine_of_mode(
    layer: Layer, plan: Plan, weights: Array
) -> "Columns | Banded | Fourier | RunningSums":
    """Return what computes the tiles of a plan whose sums are rounded on the way."""
    if layer.accumulate not in _PLAIN_LOOPS:
        return engine_of(layer, plan, weights)
    from cnnops_cli.ops.convolution.running_sums import RunningSums

    return RunningSums(layer, weights)


def engine_of(layer: Layer, plan: Plan, weights: Array) -> Columns | Banded | Fourier:
    """Return what multiplies the tiles of a plan."""
    if plan.algorithm == FOURIER:
        return Fourier(layer, weights, plan.sizes)
    return product_engine(layer, plan, weights)
