"""Max pooling in one, two and three dimensions."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array
from cnnops_cli.errors import INPUT, CnnopsError, naming_operands
from cnnops_cli.large_arrays import empty
from cnnops_cli.ops import parallel
from cnnops_cli.ops.geometry import (
    Padding,
    Size,
    Windows,
    check_fits,
    extents,
    per_axis,
    plain,
    plan_windows,
    remembered,
)
from cnnops_cli.ops.pooling.tile_cuts import Tile, cut_tiles
from cnnops_cli.ops.pooling.tile_pooling import Pooling

_TILE_BYTES = 1 << 21
"""How much of the input is pooled at once; threads wait for each other between shorter calls."""

ARRAYS = 7
"""How many arrays the size of a tile are held at once, where no indices are returned."""

_BUFFERED = 1024
"""The elements of NumPy's buffers for short rows; its default does not stay in L1."""


@overload
def maxpool(
    input: npt.ArrayLike,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Array: ...


@overload
def maxpool(
    input: npt.ArrayLike,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: Literal[True],
) -> tuple[Array, Array]: ...


@overload
def maxpool(
    input: npt.ArrayLike,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool,
) -> Array | tuple[Array, Array]: ...


def maxpool(
    input: npt.ArrayLike,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | tuple[Array, Array]:
    """Take the largest value of each window, channel by channel.

    Parameters
    ----------
    input : array_like, shape (C, *spatial) or (N, C, *spatial)
        N may be 0.
    kernel_size : int or tuple of int
        Elements of the window. A tuple's length is the number of spatial axes; an integer means
        two.
    stride : int or tuple of int, optional
        Elements from one window to the next; by default the kernel size.
    padding : int, tuple of int, str or tuple of (start, end)
        As in `cnnops_cli.conv`. Padding is never the maximum. An integer is at most half of the
        dilated kernel (PyTorch: of the kernel without dilation); pairs may be larger.
    dilation : int or tuple of int
        Elements from one tap of a window to the next.
    ceil_mode : bool
        Keep a last window that reaches beyond the end, if it starts before the end padding.
    return_indices : bool
        Return also where each maximum is.

    Returns
    -------
    values : numpy.ndarray, shape (C, *output) or (N, C, *output)
        ``output = floor((length + start + end - dilation * (kernel - 1) - 1) / stride) + 1``, in
        the input's dtype.
    indices : numpy.ndarray of int64, same shape
        Flat positions in the channel's plane without padding; only with `return_indices`.

    Raises
    ------
    CnnopsError
        If sizes do not fit or a window lies wholly in padding.

    Notes
    -----
    NaN wins over every number, and the last NaN of a window is the one that counts; of equal
    values it is the first in row-major order, as in PyTorch.

    References
    ----------
    PyTorch's `torch.nn.functional.max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> maxpool(np.arange(1, 13).reshape(1, 3, 4), (2, 2), stride=(1, 2))
    array([[[ 6,  8],
            [10, 12]]])
    """
    image = as_array(input, "input")
    windows = place_windows(
        image.shape,
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )
    values, indices = pool(image, windows, return_indices)
    return values if indices is None else (values, indices)


def pool(image: Array, windows: Windows, return_indices: bool) -> tuple[Array, Array | None]:
    """Pool an image (..., *spatial) of the windows' lengths; each window sees some of it."""
    return _pool(image, _clip(windows), return_indices)


def place_windows(
    input: tuple[int, ...],
    kernel_size: Size,
    *,
    stride: Size | None,
    padding: Padding,
    dilation: Size,
    ceil_mode: bool,
) -> Windows:
    """Check the shape and the options of `maxpool`, and place the windows.

    Examples
    --------
    >>> sizes = {"padding": 0, "dilation": 1, "ceil_mode": False}
    >>> place_windows((1, 3, 4), (2, 2), stride=(1, 2), **sizes).output
    (2, 2)
    """
    return _place(input, kernel_size, stride, padding, dilation, bool(ceil_mode))


@remembered
def _place(
    input: tuple[int, ...],
    kernel_size: Size,
    stride: Size | None,
    padding: Padding,
    dilation: Size,
    ceil_mode: bool,
) -> Windows:
    """Place the windows, and check that each sees an element of the input."""
    kernel_size = plain(kernel_size)
    dims = len(kernel_size) if isinstance(kernel_size, Sequence) else 2
    if dims not in (1, 2, 3):
        raise CnnopsError(f"kernel has {dims} sizes; accepted: one to three, one per spatial axis")
    kernel = per_axis(kernel_size, dims, "kernel", minimum=1)
    with naming_operands(kernel=kernel, input=input):
        if len(input) not in (dims + 1, dims + 2):
            raise CnnopsError(
                f"{INPUT} has rank {len(input)}; a kernel of {dims} "
                f"size{'s' * (dims > 1)} takes rank {dims + 1} (C, *spatial) "
                f"or {dims + 2} (N, C, *spatial)"
            )
        if input[-dims - 1] == 0:
            raise CnnopsError(f"{INPUT} has no channels; only the batch may be empty")
        windows = plan_windows(
            input[-dims:],
            kernel,
            stride=kernel if stride is None else stride,
            padding=padding,
            dilation=dilation,
            ceil_mode=ceil_mode,
        )
        _check_padding(padding, windows)
    check_fits((*input[:-dims], *windows.output))
    return windows


def _check_padding(padding: Padding, windows: Windows) -> None:
    reach = extents(windows.kernel, windows.dilation)
    symmetric = not isinstance(padding, str) and np.ndim(padding) < 2
    for axis, (begin, _), extent in zip(windows.axes, windows.padding, reach, strict=True):
        if symmetric and begin > extent // 2:
            raise CnnopsError(
                f"padding of {begin} along {axis} is more than half of the dilated kernel's "
                f"{extent} elements: at most {extent // 2}, or begin:end pairs"
            )
    for axis, position in zip(windows.axes, _windows_in_padding(windows), strict=True):
        if position is not None:
            raise CnnopsError(
                f"window {position} along {axis} lies wholly in padding, which has no maximum; "
                "use less padding or dilation"
            )


def _windows_in_padding(windows: Windows) -> list[int | None]:
    """For each axis, a window that sees no element of the input, if there is one."""
    found = []
    for axis, (output, dilation) in enumerate(zip(windows.output, windows.dilation, strict=True)):
        # A window with a dilation of at most the input's length can only miss it at the ends.
        at_ends = dilation <= windows.lengths[axis]
        numbers = np.array([0, output - 1]) if at_ends else np.arange(output)
        starts = numbers * windows.stride[axis] - windows.padding[axis][0]
        firsts = starts + np.maximum(0, -(starts // dilation)) * dilation
        lasts = starts + (windows.kernel[axis] - 1) * dilation
        misses = (firsts > lasts) | (firsts >= windows.lengths[axis])
        found.append(int(numbers[misses][0]) if misses.any() else None)
    return found


@lru_cache(maxsize=64)
def _clip(windows: Windows) -> Windows:
    """Leave out the taps that lie in padding in every window."""
    kernel, padding = [], []
    for axis, (start, end) in enumerate(windows.padding):
        dilation = windows.dilation[axis]
        last = (windows.output[axis] - 1) * windows.stride[axis]
        before = max(0, (start - last) // dilation)
        after = (windows.lengths[axis] + start - 1) // dilation + 1
        kernel.append(min(windows.kernel[axis], after) - before)
        padding.append((start - before * dilation, end))
    return replace(windows, kernel=tuple(kernel), padding=tuple(padding))


def bytes_of_a_part(return_indices: bool = False) -> int:
    """Return the working memory of a thread."""
    return (15 if return_indices else ARRAYS) * _TILE_BYTES


@parallel.apart
@np.errstate(invalid="ignore")
def _pool(image: Array, windows: Windows, return_indices: bool) -> tuple[Array, Array | None]:
    """Pool an image (..., *spatial), a tile that fits the cache at a time."""
    lead = image.shape[: -windows.dims]
    values = empty("result", (*lead, *windows.output), image.dtype)
    indices = empty("indices", values.shape, np.dtype(np.int64)) if return_indices else None
    arrays = (image, values) if indices is None else (image, values, indices)
    if image.flags.c_contiguous or len(lead) == 1:
        pools = [Pooling(*(array.reshape(-1, *array.shape[len(lead) :]) for array in arrays))]
    else:
        pools = [Pooling(*planes) for planes in zip(*arrays, strict=True)]
    most = _TILE_BYTES // max(4, image.itemsize)
    parts = [
        (pool, tiles) for pool in pools for tiles in cut_tiles(len(pool.planes), windows, most)
    ]

    def fill(part: tuple[Pooling, Sequence[Tile]]) -> None:
        pool, tiles = part
        for tile in tiles:
            pool.fill(tile)

    np.setbufsize(_BUFFERED)
    parallel.for_each(fill, parts, bytes_of_a_part(return_indices))
    return values, indices
