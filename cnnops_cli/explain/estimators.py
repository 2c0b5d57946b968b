"""What a call would compute and take, found from shapes and dtypes."""

import math
from typing import Any

import numpy as np

from cnnops_cli.dtypes import EXACT_BELOW, Array, common_dtype, working_dtype
from cnnops_cli.errors import naming_operands
from cnnops_cli.explain.estimate import Estimate, lengths_of
from cnnops_cli.ops import dropout, maxpool
from cnnops_cli.ops.batchnorm import check_operands, result_dtype
from cnnops_cli.ops.channel_blocks import block_values
from cnnops_cli.ops.conv import place_windows
from cnnops_cli.ops.convolution.engines import summing_dtype
from cnnops_cli.ops.convolution.layer_parts import layer_parts
from cnnops_cli.ops.convolution.layer_tiles import Layer
from cnnops_cli.ops.convolution.plan import Plan
from cnnops_cli.ops.geometry import Size
from cnnops_cli.ops.integer_sums import largest_sum
from cnnops_cli.ops.parallel import WORKING_BYTES
from cnnops_cli.words import series


def estimate_conv(
    input: Array,
    weight: Array,
    bias: Array | None,
    *,
    accumulate: str,
    headers: bool,
    **geometry: Any,
) -> Estimate:
    """Estimate a convolution with the options of `cnnops_cli.conv`.

    The operands' values only matter where all are integers: they decide what is computed in. With
    `headers` they are unknown.
    """
    operands = {"input": input, "kernel": weight} | ({} if bias is None else {"bias": bias})
    shapes = [array.shape for array in operands.values()]
    windows = place_windows(*shapes, **geometry)
    batched = input.ndim == weight.ndim
    samples, groups = (len(input) if batched else 1), geometry["groups"]
    filters = len(weight) // groups
    dtype = common_dtype(*operands.values())
    if dtype.kind == "f":
        computed_in, mode = [summing_dtype(dtype, accumulate)], accumulate
    else:
        accumulate, mode = "exact", "fast"
        computed_in = _dtypes_for_sums(input, weight, bias, headers)
        dtype = np.dtype(np.int64)
    working, algorithms = 0, []
    for work in computed_in:
        layer = Layer(samples, groups, weight.shape[1], filters, windows, work, mode)
        part = layer_parts(layer, weight.dtype, dtype)[0]
        algorithms.append(part.plan.algorithm)
        working = max(working, _working_bytes(part.plan) + part.bytes_converted)
    shape = ((samples,) if batched else ()) + (len(weight), *windows.output)
    names = [work.name.replace("object", "Python's integers") for work in computed_in]
    algorithm = " or ".join(dict.fromkeys(algorithms)) + f", in {series(names)}"
    if len(names) > 1:
        algorithm += ", by the size of the integers"
    products = math.prod(shape) * math.prod(weight.shape[1:])
    memory = _memory(operands, math.prod(shape) * dtype.itemsize, working)
    lengths = lengths_of(windows)
    counts = {"multiply-adds": products}
    return Estimate("conv", shape, dtype, lengths, algorithm, counts, memory, accumulate)


def _memory(operands: dict[str, Array], result: int, working: int) -> dict[str, int]:
    sizes = {name: array.size * array.itemsize for name, array in operands.items()}
    return sizes | {"result": result, "working": working}


def _dtypes_for_sums(
    input: Array, weight: Array, bias: Array | None, headers: bool
) -> list[np.dtype[Any]]:
    """Return the dtypes that integers may be computed in: one where their values are known."""
    if not headers:
        return [working_dtype(np.dtype(np.int64), largest_sum(input, weight, bias))]
    factors = [
        max(np.iinfo(array.dtype).max, -np.iinfo(array.dtype).min) for array in (input, weight)
    ]
    bound = math.prod(factors) * math.prod(weight.shape[1:])
    bound += 0 if bias is None else int(np.iinfo(bias.dtype).max)
    limits = [0, *(limit for limit, _ in EXACT_BELOW)]
    return [working_dtype(np.dtype(np.int64), limit) for limit in limits if limit <= bound]


def _on_many_threads(parts: int, bytes_of_a_part: int) -> int:
    """Return the memory of parts on the most threads that there may be, on any machine."""
    return min(parts, max(1, WORKING_BYTES // bytes_of_a_part)) * bytes_of_a_part


def _working_bytes(plan: Plan) -> int:
    """Return what the tiles that are computed at a time take, or all where that is less."""
    most = _on_many_threads(len(plan.tiles), plan.bytes_of_a_tile)
    return min(most, plan.bytes_of_all) + plan.bytes_kept


def estimate_maxpool(input: Array, kernel_size: Size, **geometry: Any) -> Estimate:
    """Estimate max pooling with the options of `cnnops_cli.maxpool`."""
    windows = maxpool.place_windows(input.shape, kernel_size, **geometry)
    shape = (*input.shape[: -windows.dims], *windows.output)
    count = math.prod(shape)
    part = maxpool.bytes_of_a_part()
    working = min(
        _on_many_threads(math.prod(shape), part),
        maxpool.ARRAYS * input.size * max(4, input.itemsize),
    )
    counts = {"multiply-adds": 0, "comparisons": count * (math.prod(windows.kernel) - 1)}
    return Estimate(
        "maxpool",
        shape,
        input.dtype,
        lengths_of(windows, ceil_mode=geometry["ceil_mode"]),
        "maxima along one axis after the other",
        counts,
        _memory({"input": input}, count * input.itemsize, working),
    )


def estimate_batchnorm(
    input: Array, parameters: dict[str, Array], *, training: bool, momentum: float, eps: float
) -> Estimate:
    """Estimate batch normalization; `parameters` are weight, bias and running statistics."""
    with naming_operands(input=input.shape):
        check_operands(input, parameters, training=training, momentum=momentum, eps=eps)
    dtype = result_dtype(input, *parameters.values())
    block = block_values(8) * 8
    direct = not training and input.dtype == dtype and dtype.itemsize > 2
    working = 0 if direct else min(_on_many_threads(input.size, block), input.size * 8)
    of_batch = "sums of each channel in float64, then "
    return Estimate(
        "batchnorm",
        input.shape,
        dtype,
        {},
        f"{of_batch if training else ''}one multiplication and one addition a value",
        {"multiply-adds": input.size * (3 if training else 1)},
        _memory({"input": input, **parameters}, input.size * dtype.itemsize, working),
    )


def estimate_dropout(input: Array, mask: Array | None, count: int, *, training: bool) -> Estimate:
    """Estimate dropout, whose mask takes `count` random numbers where it is not given."""
    dtype = input.dtype if not training or input.dtype.kind == "f" else np.dtype(np.float64)
    part = dropout.bytes_of_a_part()
    working = min(_on_many_threads(input.size, part), 12 * input.size) if training else 0
    drawn = count if training and mask is None else 0
    operands = {"input": input} | ({} if mask is None else {"mask": mask})
    return Estimate(
        "dropout",
        input.shape,
        dtype,
        {},
        "one multiplication a value, by the scale or 0" if training else "none: the input as it is",
        {"multiply-adds": input.size if training else 0, "random numbers": drawn},
        _memory(operands, input.size * dtype.itemsize, working),
    )
