"""The lines of PyTorch that compute what a call computes."""

from collections.abc import Sequence
from keyword import iskeyword
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.lessons.grids import Grid
from cnnops_cli.ops.geometry import Windows
from cnnops_cli.text.numbers import shortest_text

_MOST_WRITTEN = 64
"""Elements of a tensor that is written out."""
_TAKEN = frozenset(("x", "w", "y", "F", "torch", "math"))
"""Names in the lines themselves; a letter of such a name gets an underscore."""
_FUNCTIONAL = "import torch.nn.functional as F"


def conv_lines(
    input: Grid,
    kernel: Grid,
    bias: Grid | None,
    result: Grid,
    windows: Windows,
    *,
    groups: int,
    padding_mode: str,
    dtype: np.dtype[Any],
    relu: bool,
) -> str:
    """Return the lines of a convolution: ``y`` of input ``x``, kernel ``w`` and bias ``b``.

    `dtype` is that of the result.
    """
    taken = _TAKEN if bias is None else _TAKEN | {"b"}
    lines = [*_tensor("x", input, dtype, taken), *_tensor("w", kernel, dtype, taken)]
    if bias is not None:
        lines += _tensor("b", bias, dtype, taken)
        lines += ["b = b.expand(len(w))"] * (not bias.users_axes)
    given = {"stride": windows.stride, "dilation": windows.dilation}
    options = [f"{name}={_size(sizes)}" for name, sizes in given.items() if set(sizes) != {1}]
    if padding_mode == "zeros" and all(begin == end for begin, end in windows.padding):
        sizes = tuple(begin for begin, _ in windows.padding)
        options += [f"padding={_size(sizes)}"] * any(sizes)
    elif any(map(any, windows.padding)):
        mode = "" if padding_mode == "zeros" else f", mode={padding_mode!r}"
        lines.append(f"x = F.pad(x, {_pads(windows.padding)}{mode})")
    options += [f"groups={groups}"] * (groups > 1)
    arguments = ["x", "w", *(["b"] if bias is not None else []), *options]
    lines.append(f"y = F.conv{windows.dims}d({', '.join(arguments)})")
    return _program(lines, result, relu)


def maxpool_lines(
    input: Grid, result: Grid, windows: Windows, *, ceil_mode: bool, relu: bool
) -> str:
    """Return the lines of max pooling, ``y`` of the input ``x``."""
    dtype = input.values.dtype
    if windows.dims == 1 and dtype.kind in "iu":  # which max_pool1d does not take
        dtype = np.dtype(np.float64)
    lines = _tensor("x", input, dtype)
    given = {"stride": windows.stride, "dilation": windows.dilation}
    usual = {"stride": windows.kernel, "dilation": (1,) * windows.dims}
    options = [f"{name}={_size(sizes)}" for name, sizes in given.items() if sizes != usual[name]]
    halves = [size // 2 for size in windows.kernel]
    if all(
        begin == end <= half for (begin, end), half in zip(windows.padding, halves, strict=True)
    ):
        sizes = tuple(begin for begin, _ in windows.padding)
        options += [f"padding={_size(sizes)}"] * any(sizes)
        options += ["ceil_mode=True"] * ceil_mode
    else:
        least = "torch.iinfo(x.dtype).min" if dtype.kind in "iu" else "-math.inf"
        lines.append(f"x = F.pad(x, {_pads(_needed(windows))}, value={least})")
    arguments = ["x", _size(windows.kernel), *options]
    lines.append(f"y = F.max_pool{windows.dims}d({', '.join(arguments)})")
    return _program(lines, result, relu)


def batchnorm_lines(
    input: Grid,
    parameters: Sequence[Grid],
    *,
    training: bool,
    momentum: float,
    eps: float,
    dtype: np.dtype[Any],
    relu: bool,
) -> str:
    """Return the lines of batch normalization, ``y`` of the input ``x``."""
    lines = _tensor("x", input, dtype)
    for grid in parameters:
        lines += _tensor(grid.name, grid, grid.values.dtype)
    options = [
        f"training={training}",
        *([f"momentum={momentum}"] if training else []),
        f"eps={eps}",
    ]
    arguments = ["x", *(grid.name for grid in parameters), *options]
    lines.append(f"y = F.batch_norm({', '.join(arguments)})")
    return _program(lines, input, relu)


def dropout_lines(
    input: Grid, mask: Grid, p: float, *, training: bool, dtype: np.dtype[Any]
) -> str:
    """Return the lines of dropout, ``y`` of the input ``x`` and the ``mask`` that was used."""
    lines = _tensor("x", input, dtype, moved=False)
    if not training:
        return _program([*lines, "y = x"])
    if p == 1:
        return _program([*lines, "y = torch.zeros_like(x)"])
    lines += [*_tensor("mask", mask, mask.values.dtype, moved=False), f"scale = 1 / (1 - {p})"]
    is_finite = input.values.dtype.kind != "f" or bool(np.isfinite(input.values).all())
    # 0 times NaN or infinity is NaN.
    product = "mask * x * scale" if is_finite else "torch.where(mask.bool(), x * scale, 0)"
    return _program([*lines, f"y = {product}"])


def _program(lines: list[str], result: Grid | None = None, relu: bool = False) -> str:
    """Add the imports that lines need, ReLU, and what brings the result to the user's axes."""
    lines = [*lines, *(["y = F.relu(y)"] if relu else []), *(_to_user(result) if result else [])]
    body = "\n".join(lines)
    imports = [f"import {name}" for name in ("math", "torch") if f"{name}." in body]
    imports += [_FUNCTIONAL] * ("F." in body)
    return "\n".join([*imports, *([""] if imports else []), *lines]) + "\n"


def _tensor(
    name: str,
    grid: Grid,
    dtype: np.dtype[Any],
    taken: frozenset[str] = _TAKEN,
    *,
    moved: bool = True,
) -> list[str]:
    """Make a tensor, written out if it is small, and bring it to the axes of PyTorch's function.

    Letters are written as they are, but for `taken` names: they are placeholders for the reader's
    numbers.
    """
    values = _users(grid)
    if dtype.hasobject:
        dtype = np.dtype(np.float64)
    if values.size <= _MOST_WRITTEN:
        kind = "" if dtype == np.int64 else f", dtype=torch.{dtype.name}"
        lines = [f"{name} = torch.tensor({_written(values, taken)}{kind})"]
    else:
        lines = [f"# {name} is the {grid.name}, of shape {values.shape}"]
        if dtype != values.dtype:
            lines.append(f"{name} = {name}.to(torch.{dtype.name})")
    return lines + _to_operator(name, grid) if moved else lines


def _written(values: Array, taken: frozenset[str]) -> str:
    """Write an array as Python's nested lists, with letters without quotes."""
    if values.ndim:
        return f"[{', '.join(_written(np.asarray(part), taken) for part in values)}]"
    value = values[()]
    if isinstance(value, str):
        return f"{value}_" if value in taken or iskeyword(value) else value
    if isinstance(value, (float, np.floating)) and not np.isfinite(value):
        return "math.nan" if np.isnan(value) else f"{'-' * bool(value < 0)}math.inf"
    return shortest_text(value) if isinstance(value, np.generic) else str(value)


def _users(grid: Grid) -> Array:
    """Return an array as the user has it."""
    order = [grid.axes.index(axis) for axis in grid.users_axes]
    dropped = len(grid.axes) - len(order)
    values: Array = np.moveaxis(grid.values, order, range(dropped, len(grid.axes)))[(0,) * dropped]
    return values


def _to_operator(name: str, grid: Grid) -> list[str]:
    """Bring a tensor from the user's axes to those of PyTorch's function."""
    lines = []
    dropped = grid.values.shape[: len(grid.axes) - len(grid.users_axes)]
    if set(dropped) == {1}:
        lines.append(f"{name} = {name}[{', '.join(['None'] * len(dropped))}]")
    elif dropped:
        lines.append(f"{name} = {name}.expand{grid.values.shape}")
    elif (axis := _moved(grid)) is not None:
        lines.append(f"{name} = {name}.movedim(-1, {axis})")
    return lines


def _to_user(grid: Grid) -> list[str]:
    if len(grid.users_axes) < len(grid.axes):
        return ["y = y[0]"]
    axis = _moved(grid)
    return [] if axis is None else [f"y = y.movedim({axis}, -1)"]


def _moved(grid: Grid) -> int | None:
    """Return where the operator has the user's last axis, if that is elsewhere."""
    axis = list(grid.axes).index(grid.users_axes[-1]) if grid.users_axes else 0
    return None if axis >= len(grid.axes) - 1 else axis


def _pads(padding: Sequence[tuple[int, int]]) -> str:
    """Write padding as `F.pad` takes it, the last axis first."""
    return str(tuple(size for pair in reversed(padding) for size in pair))


def _needed(windows: Windows) -> list[tuple[int, int]]:
    """Return the padding up to the end of the last window; a negative number cuts."""
    return [
        (begin, (count - 1) * stride + reach - begin - length)
        for (begin, _), count, stride, reach, length in zip(
            windows.padding,
            windows.output,
            windows.stride,
            windows.reach,
            windows.lengths,
            strict=True,
        )
    ]


def _size(sizes: Sequence[int]) -> str:
    """Write one number per axis, or a single one where there is one axis."""
    return str(tuple(sizes)) if len(sizes) > 1 else str(sizes[0])
