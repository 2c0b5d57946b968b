"""Convolution in one, two and three dimensions (cross-correlation: the kernel is not flipped)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array, common_dtype, working_dtype
from cnnops_cli.errors import INPUT, CnnopsError, naming_operands
from cnnops_cli.large_arrays import empty
from cnnops_cli.ops import blas, parallel
from cnnops_cli.ops.convolution.engines import filling, summing_dtype
from cnnops_cli.ops.convolution.layer_parts import LayerPart, layer_parts
from cnnops_cli.ops.convolution.layer_tiles import Layer
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.geometry import Padding, Size, Windows, check_fits, plan_windows, remembered
from cnnops_cli.ops.integer_sums import largest_sum
from cnnops_cli.ops.scalars import integer
from cnnops_cli.words import ACCUMULATE, PADDING_MODES, check_word


def conv(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    accumulate: str = "exact",
) -> Array:
    """Convolve an input with a bank of filters, as PyTorch's `conv1d`, `conv2d` and `conv3d`.

    Parameters
    ----------
    input : array_like, shape (C, *spatial) or (N, C, *spatial)
        One to three spatial axes; N may be 0.
    weight : array_like, shape (O, C / groups, *kernel)
        One filter per output channel; its rank sets the number of spatial axes.
    bias : array_like, shape (O,) or a number, optional
        Added to every element of an output channel.
    stride : int or tuple of int
        Elements from one window to the next, for every spatial axis or one per axis.
    padding : int, tuple of int, str or tuple of (begin, end)
        Elements added around the input: for every side, one number per axis for both its sides, one
        pair per axis, or a word. 'valid' adds none. 'same' keeps the length at stride 1, with an
        odd element at the end. 'same-upper' and 'same-lower' give ceil(length / stride) at any
        stride, with an odd element at the end and at the start.
    dilation : int or tuple of int
        Elements of the input from one kernel element to the next.
    groups : int
        Blocks of channels that are convolved independently.
    padding_mode : {'zeros', 'reflect', 'replicate', 'circular'}
        What the added elements hold. 'reflect' adds fewer than the axis has, 'circular' no more.
    accumulate : {'exact', 'fast', 'sequential', 'fma'}
        Where sums of floating-point numbers are rounded: once at the end, as matrix products and
        transforms round them, after each product and each sum of a plain loop, or once for each
        product and its sum together; see Notes. Integers are exact in every mode.

    Returns
    -------
    numpy.ndarray, shape (O, *output) or (N, O, *output)
        ``output = floor((length + begin + end - dilation * (kernel - 1) - 1) / stride) + 1``.
        int64 where all arrays hold integers, else the widest floating dtype among them.

    Raises
    ------
    CnnopsError
        If shapes, sizes, words or dtypes do not fit, or int64 cannot hold a sum of integers.

    Notes
    -----
    Operands are converted to the dtype of the result. Then, for floating-point results:

    - 'exact' is the exact sum of the exact products and the bias, rounded once, ties to even. It
      is unique, so every machine and every number of threads gives the same bytes. NaN is always
      the positive quiet one; an exact zero is +0.
    - 'fast' takes the least time: the sums of matrix products or Fourier transforms, float16 in
      float32. The last place may differ between machines.
    - 'sequential' is a plain loop. Its sum begins at 0, takes the products in order of channel,
      then of kernel axes, padding included, and the bias last, and is rounded after each product
      and each sum: to float64 for float64, else to float32.
    - 'fma' is the same loop with C's `fmaf`, which rounds product and sum together. It is not for
      float64.

    On layers of many channels 'exact' takes longer than 'fast', 'sequential' longer than 'exact',
    and 'fma' longest. In addition to input and result, each thread holds what is laid out for one
    tile: about 10 MiB, or up to 23 MiB where 'exact' has one or two threads. Padding is multiplied
    like any other element, so an infinite weight on a zero gives NaN.

    References
    ----------
    V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016;
    PyTorch's `torch.nn.functional.conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(1, 13).reshape(1, 3, 4)
    >>> conv(image, [[[[1, 10], [100, 1000]]]], stride=(1, 2))
    array([[[ 6521,  8743],
            [10965, 13187]]])
    """
    result, _ = convolve(
        input,
        weight,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        padding_mode=padding_mode,
        accumulate=accumulate,
    )
    return result


def convolve(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None,
    *,
    groups: int,
    padding_mode: str,
    accumulate: str,
    **sizes: Any,
) -> tuple[Array, str]:
    """Convolve as `conv`, and name the algorithm that `plan_convolution` chose."""
    check_word("accumulate", accumulate, ACCUMULATE)
    image, kernel = as_array(input, "input"), as_array(weight, "kernel")
    offset = None if bias is None else as_array(bias, "bias", common_dtype(image, kernel))
    groups = integer(groups, "groups", minimum=1)
    operands = (image, kernel) if offset is None else (image, kernel, offset)
    shapes = [operand.shape for operand in operands]
    windows = place_windows(*shapes, groups=groups, padding_mode=padding_mode, **sizes)
    batch = image if image.ndim == kernel.ndim else image[np.newaxis]
    dtype = common_dtype(*operands)
    kept = dtype
    if dtype.kind == "f":
        work = summing_dtype(dtype, accumulate)
    else:
        accumulate, work = "fast", working_dtype(dtype, largest_sum(image, kernel, offset))
        kept = np.dtype(np.int64)
    filters = len(kernel) // groups
    layer = Layer(len(batch), groups, kernel.shape[1], filters, windows, work, accumulate)
    result = empty("result", (len(batch), len(kernel), *windows.output), kept)
    by_group = result.reshape(len(batch), groups, filters, *windows.output)
    if offset is not None and not offset.ndim:
        offset = offset.repeat(len(kernel))
    parts = layer_parts(layer, kernel.dtype, kept)

    def fill(part: LayerPart) -> None:
        seen = batch[:, part.tile.channels(layer.channels)]
        source = Source(seen, windows, padding_mode, work, work if work.hasobject else kept)
        bias_of_part = None if offset is None else offset[part.filters]
        _fill(part, source, kernel[part.filters], bias_of_part, by_group[part.tile.place])

    parallel.one_by_one(fill, parts)
    return result if image.ndim == kernel.ndim else result[0], parts[0].plan.algorithm


def place_windows(
    input: tuple[int, ...],
    kernel: tuple[int, ...],
    bias: tuple[int, ...] | None = None,
    *,
    stride: Size,
    padding: Padding,
    dilation: Size,
    groups: int,
    padding_mode: str,
) -> Windows:
    """Check the shapes of a convolution's operands, and place its windows.

    Examples
    --------
    >>> geometry = {"dilation": 1, "groups": 1, "padding_mode": "zeros"}
    >>> place_windows((1, 3, 4), (1, 1, 2, 2), stride=(1, 2), padding=0, **geometry).output
    (2, 2)
    """
    return _place(input, kernel, bias, stride, padding, dilation, groups, padding_mode)


@remembered
def _place(
    input: tuple[int, ...],
    kernel: tuple[int, ...],
    bias: tuple[int, ...] | None,
    stride: Size,
    padding: Padding,
    dilation: Size,
    groups: int,
    padding_mode: str,
) -> Windows:
    shapes = {"kernel": kernel, "input": input} | ({} if bias is None else {"bias": bias})
    with naming_operands(**shapes):
        _check_channels(input, kernel, bias, groups)
        lengths = input[2 - len(kernel) :]
        windows = plan_windows(
            lengths, kernel[2:], stride=stride, padding=padding, dilation=dilation
        )
        _check_padding_mode(padding_mode, windows)
    check_fits((*input[: len(input) - len(kernel) + 1], kernel[0], *windows.output))
    return windows


def _check_channels(
    image: tuple[int, ...], kernel: tuple[int, ...], bias: tuple[int, ...] | None, groups: int
) -> None:
    if len(kernel) not in (3, 4, 5):
        raise CnnopsError(
            f"kernel has rank {len(kernel)}; accepted is (O, I/groups, *spatial), rank 3, 4 or 5"
        )
    if 0 in kernel:
        raise CnnopsError("kernel is empty; every axis needs at least one cell")
    if len(image) not in (len(kernel) - 1, len(kernel)):
        raise CnnopsError(
            f"{INPUT} has rank {len(image)}; a kernel of rank {len(kernel)} takes rank "
            f"{len(kernel) - 1} (C, *spatial) or {len(kernel)} (N, C, *spatial)"
        )
    filters, depth = kernel[:2]
    if filters % groups:
        raise CnnopsError(
            f"groups must divide the kernel's {filters} output channels; {groups} does not"
        )
    channels = image[1 - len(kernel)]
    if channels != depth * groups:
        raise CnnopsError(
            f"kernel expects {depth * groups} input channel{'s' * (depth * groups != 1)} "
            f"({groups} group{'s' * (groups != 1)}), but {INPUT} has {channels}"
        )
    if bias not in (None, (), (filters,)):
        raise CnnopsError(
            f"bias has shape {bias}; accepted: one number for each of the kernel's "
            f"{filters} output channels, ({filters},), or one for all"
        )


def _check_padding_mode(mode: str, windows: Windows) -> None:
    check_word("padding mode", mode, PADDING_MODES)
    for axis, length, pads in zip(windows.axes, windows.lengths, windows.padding, strict=True):
        most = {"reflect": length - 1, "circular": length}.get(mode, max(pads))
        if max(pads) > most:
            raise CnnopsError(
                f"padding of {max(pads)} along {axis} is too large for mode {mode!r}: "
                f"{INPUT} has {length} elements there, so at most {most}"
            )


@blas.on_one_thread
@parallel.apart
@np.errstate(all="ignore")
def _fill(
    part: LayerPart, source: Source, kernel: Array, bias: Array | None, target: Array
) -> None:
    """Compute a part of the result, (N, G, O, *output), tile by tile."""
    fill = filling(part.layer, part.plan, kernel, bias, target.dtype)
    parallel.for_each(
        lambda tile: fill(source, tile, target[tile.place]),
        part.plan.tiles,
        bytes_of_a_part=part.plan.bytes_of_a_tile,
    )
