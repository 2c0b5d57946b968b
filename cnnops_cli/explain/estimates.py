"""What a call would compute and take, told without computing it."""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array, common_dtype, working_dtype
from cnnops_cli.errors import naming_operands
from cnnops_cli.explain.layout import fold_text
from cnnops_cli.ops import dropout, maxpool
from cnnops_cli.ops.batchnorm import check_operands, result_dtype
from cnnops_cli.ops.channel_blocks import block_values
from cnnops_cli.ops.conv import place_windows
from cnnops_cli.ops.convolution.costs import (
    BANDS,
    FOURIER,
    STACKED,
    values_of_a_band,
    values_of_a_cell,
)
from cnnops_cli.ops.convolution.layer import Layer
from cnnops_cli.ops.convolution.plan import Plan, plan_convolution
from cnnops_cli.ops.exact import EXACT_UP_TO, dtype_for_sums, largest_sum
from cnnops_cli.ops.geometry import Size, Windows, extents
from cnnops_cli.ops.parallel import WORKING_BYTES

_RULE = "floor((length + begin + end - dilation * (kernel - 1) - 1) / stride) + 1"
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


@dataclass(frozen=True)
class Estimate:
    """What a call would take.

    Attributes
    ----------
    operator : str
    shape : tuple of int
        Of the result as the operator gives it, channels first.
    dtype : numpy.dtype
    lengths : dict of str by str
        By spatial axis: how its length follows, with numbers.
    algorithm : str
    counts : dict of int by str
        Multiply-adds, and comparisons or random numbers where there are some.
    memory : dict of int by str
        Bytes of the operands, of the result and, at most, beside them.
    """

    operator: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    lengths: dict[str, str]
    algorithm: str
    counts: dict[str, int]
    memory: dict[str, int]

    def record(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Tell everything by name, as JSON has it; `shape` is the result's as the user has it."""
        return {
            "operator": self.operator,
            "shape": shape,
            "dtype": self.dtype.name,
            "lengths": self.lengths,
            "algorithm": self.algorithm,
            **{re.sub("[- ]", "_", name): count for name, count in self.counts.items()},
            "memory": self.memory,
        }

    def lines(self, shape: tuple[int, ...], width: int) -> list[str]:
        """Write it for people."""
        lines = [f"{self.operator}  {shape}  {self.dtype.name}"]
        if self.lengths:
            is_ceiled = any("ceil" in formula for formula in self.lengths.values())
            lines += fold_text(_ceiled(_RULE) if is_ceiled else _RULE, width)
        for axis, formula in self.lengths.items():
            lines += fold_text(f"{axis}: {formula}", width)
        lines += fold_text(f"algorithm: {self.algorithm}", width)
        for name, count in self.counts.items():
            lines += fold_text(f"{name}: {count}", width)
        for name, size in self.memory.items():
            most = "at most " if name == "working" else ""
            lines += fold_text(f"memory, {name}: {most}{_in_units(size)}", width)
        return lines


def _any_of(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def _ceiled(formula: str) -> str:
    return formula.replace("floor", "ceil", 1)


def _in_units(size: int) -> str:
    """Write a number of bytes in the unit that fits it.

    Examples
    --------
    >>> _in_units(96), _in_units(1536)
    ('96 bytes', '1.5 KiB')
    """
    power = 0
    while size >= _STEP ** (power + 1) and power < len(_UNITS) - 1:
        power += 1
    return f"{size / _STEP**power:.{1 if power else 0}f} {_UNITS[power]}"


def lengths_of(windows: Windows, *, ceil_mode: bool = False) -> dict[str, str]:
    """Tell how the length of a result follows, axis by axis.

    Examples
    --------
    >>> lengths_of(Windows((4,), (2,), (2,), (1,), ((0, 1),), (2,)))
    {'W': 'floor((4 + 0 + 1 - 1 * (2 - 1) - 1) / 2) + 1 = 2'}
    """
    lengths = {}
    reach = extents(windows.kernel, windows.dilation)
    for axis, name in enumerate(windows.axes):
        length, (begin, end) = windows.lengths[axis], windows.padding[axis]
        gap, kernel, stride = windows.dilation[axis], windows.kernel[axis], windows.stride[axis]
        formula = f"floor(({length} + {begin} + {end} - {gap} * ({kernel} - 1) - 1) / {stride}) + 1"
        if ceil_mode:
            formula = _ceiled(formula)
            steps = length + begin + end - reach[axis]
            if -(-steps // stride) + 1 > windows.output[axis]:
                formula += " - 1 (a last window in the end padding)"
        lengths[name] = f"{formula} = {windows.output[axis]}"
    return lengths


def estimate_conv(
    input: Array, weight: Array, bias: Array | None, *, headers: bool, **geometry: Any
) -> Estimate:
    """Estimate a convolution.

    Parameters
    ----------
    input, weight, bias : numpy.ndarray
        Their values only matter where all are integers: by them it is chosen what is computed in.
    headers : bool
        The values are unknown.
    **geometry
        The options of `cnnops_cli.conv`.

    Raises
    ------
    CnnopsError
        If the operands do not fit.
    """
    operands = {"input": input, "kernel": weight} | ({} if bias is None else {"bias": bias})
    shapes = [array.shape for array in operands.values()]
    windows = place_windows(*shapes, **geometry)
    batched = input.ndim == weight.ndim
    items, groups = (len(input) if batched else 1), geometry["groups"]
    filters = len(weight) // groups
    dtype = common_dtype(*operands.values())
    if dtype.kind == "f":
        computed_in = [working_dtype(dtype)]
    else:
        computed_in = _dtypes_for_sums(input, weight, bias, headers)
        dtype = np.dtype(np.int64)
    working, algorithms = 0, []
    for work in computed_in:
        layer = Layer(items, groups, weight.shape[1], filters, windows, work)
        plan = plan_convolution(layer)
        algorithms.append(plan.algorithm)
        converted = 0 if weight.dtype == work else weight.size * work.itemsize
        working = max(working, _working_bytes(layer, plan) + converted)
    shape = ((items,) if batched else ()) + (len(weight), *windows.output)
    names = [work.name.replace("object", "Python's integers") for work in computed_in]
    algorithm = " or ".join(dict.fromkeys(algorithms)) + f", in {_any_of(names)}"
    if len(names) > 1:
        algorithm += ", by the size of the integers"
    products = math.prod(shape) * math.prod(weight.shape[1:])
    memory = _memory(operands, math.prod(shape) * dtype.itemsize, working)
    lengths = lengths_of(windows)
    return Estimate("conv", shape, dtype, lengths, algorithm, {"multiply-adds": products}, memory)


def _memory(operands: dict[str, Array], result: int, working: int) -> dict[str, int]:
    sizes = {name: array.size * array.itemsize for name, array in operands.items()}
    return sizes | {"result": result, "working": working}


def _dtypes_for_sums(
    input: Array, weight: Array, bias: Array | None, headers: bool
) -> list[np.dtype[Any]]:
    """What integers may be computed in; one where their values are known."""
    if not headers:
        return [dtype_for_sums(largest_sum(input, weight, bias))]
    factors = [
        max(np.iinfo(array.dtype).max, -np.iinfo(array.dtype).min) for array in (input, weight)
    ]
    bound = math.prod(factors) * math.prod(weight.shape[1:])
    bound += 0 if bias is None else int(np.iinfo(bias.dtype).max)
    dtypes = [np.dtype(name) for _, name in EXACT_UP_TO] + [np.dtype(object)]
    return dtypes[: dtypes.index(dtype_for_sums(bound)) + 1]


def _on_many_threads(parts: int, bytes_of_a_part: int) -> int:
    """What parts take at a time on as many threads as there may be: the same on every machine."""
    return min(parts, max(1, WORKING_BYTES // bytes_of_a_part)) * bytes_of_a_part


def _working_bytes(layer: Layer, plan: Plan) -> int:
    """What the tiles that are computed at a time take, or all where that is less."""
    tile = plan.bytes_of_a_tile
    most = _on_many_threads(len(plan.tiles), tile)
    if plan.algorithm == FOURIER:
        return most + tile  # the transforms of the weights
    if plan.algorithm == BANDS:
        outputs, *inner = layer.windows.output
        bands = -(-outputs // plan.sizes[0])
        cells, each = bands * math.prod(inner), values_of_a_band(layer, plan.sizes[0])
    else:
        stacked = plan.algorithm == STACKED
        cells, each = layer.cells, values_of_a_cell(layer, stacked)
        cells *= 1 + (layer.windows.kernel[0] if stacked else 0)
    return min(most, layer.items * layer.groups * cells * each * layer.dtype.itemsize)


def estimate_maxpool(input: Array, kernel_size: Size, **geometry: Any) -> Estimate:
    """Estimate max pooling.

    Parameters
    ----------
    input : numpy.ndarray
        Its values do not matter.
    kernel_size : int or tuple of int
    **geometry
        The options of `cnnops_cli.maxpool`.
    """
    windows = maxpool.place_windows(input.shape, kernel_size, **geometry)
    shape = (*input.shape[: -windows.dims], *windows.output)
    count = math.prod(shape)
    part = maxpool.bytes_of_a_part()
    arrays = part // maxpool.TILE_BYTES
    working = min(
        _on_many_threads(math.prod(shape), part), arrays * input.size * max(4, input.itemsize)
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
    """Estimate batch normalization.

    Parameters
    ----------
    input : numpy.ndarray
        Its values do not matter.
    parameters : dict of numpy.ndarray by str
        Weight, bias and running statistics, by name.
    training, momentum, eps
        The options of `cnnops_cli.batchnorm`.
    """
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


def estimate_dropout(input: Array, drawn: int, *, training: bool) -> Estimate:
    """Estimate dropout.

    Parameters
    ----------
    input : numpy.ndarray
        Its values do not matter.
    drawn : int
        How many random numbers are drawn.
    training : bool
    """
    dtype = input.dtype if not training or input.dtype.kind == "f" else np.dtype(np.float64)
    part = dropout.bytes_of_a_part()
    working = min(_on_many_threads(input.size, part), 12 * input.size) if training else 0
    return Estimate(
        "dropout",
        input.shape,
        dtype,
        {},
        "one multiplication a value, by the scale or 0" if training else "none: the input as it is",
        {"multiply-adds": input.size if training else 0, "random numbers": drawn},
        _memory({"input": input}, input.size * dtype.itemsize, working),
    )
