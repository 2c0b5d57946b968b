"""Batch normalization over every axis but the channels."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array, floating_dtype, is_floating, working_dtype
from cnnops_cli.errors import INPUT, CnnopsError, naming_operands
from cnnops_cli.ops import buffers
from cnnops_cli.ops.channel_blocks import (
    Block,
    Sheet,
    beside_itself,
    for_each_group,
    quiet_arithmetic,
    sheets,
)
from cnnops_cli.ops.moments import moments
from cnnops_cli.ops.scalars import real

_FLOAT32_RANGE = (2.0**-102, 2.0**102)
"""Coefficients of this size neither overflow nor lose digits in float32 on the way."""


def batchnorm(
    input: npt.ArrayLike,
    running_mean: npt.ArrayLike | None = None,
    running_var: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
    *,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """Normalise each channel to mean 0 and variance 1, then scale and shift it.

    Parameters
    ----------
    input : array_like, shape (N, C) or (N, C, *spatial)
        Up to three spatial axes; N may be 0.
    running_mean, running_var : array_like, shape (C,) or a number, optional
        Statistics to normalise with when not training, by default 0 and 1. When training, arrays
        that are given are updated in place, so they must be writable floating arrays.
    weight, bias : array_like, shape (C,) or a number, optional
        Scale and shift; by default 1 and 0. Also called gamma and beta.
    training : bool
        Normalise with the statistics of this batch.
    momentum : float
        From 0 to 1: ``running = (1 - momentum) * running + momentum * batch``.
    eps : float
        Added to the variance; positive when training, not negative otherwise.

    Returns
    -------
    numpy.ndarray, shape of `input`
        ``(x - mean) / sqrt(var + eps) * weight + bias``. The widest floating dtype among the arrays
        and float64 for integers alone; a float16 input with float32 parameters stays float16, as
        in PyTorch's mixed precision.

    Raises
    ------
    CnnopsError
        If shapes or values do not fit, or a channel has one value only when training.

    Notes
    -----
    The variance that normalises is the biased one; the running variance takes the unbiased one.
    Sums run in float64. For float32 the mean is then taken off in two parts, so that nothing
    cancels, and each value goes through four float32 roundings: the error stays below four epsilons
    of ``|(x - mean) / sqrt(var + eps) * weight| + |bias|``, however far from zero the values are.
    Where float32 would overflow or lose digits on the way, all runs in float64. float16 is rounded
    once from float32. An empty batch leaves the running statistics as they are.

    References
    ----------
    S. Ioffe and C. Szegedy, "Batch normalization", 2015; PyTorch's
    `torch.nn.functional.batch_norm`.

    Examples
    --------
    >>> import numpy as np
    >>> batchnorm(np.array([[1.0], [3.0]]), training=True, eps=1e-12).round(6)
    array([[-1.],
           [ 1.]])
    """
    image = as_array(input, "input")
    arguments = {
        "weight": weight,
        "bias": bias,
        "running_mean": running_mean,
        "running_var": running_var,
    }
    given = {
        name: as_array(value, name, working_dtype(image.dtype))
        for name, value in arguments.items()
        if value is not None
    }
    with naming_operands(input=image.shape):
        _check(image, given, training=training, momentum=momentum, eps=eps)
        if training:
            _check_updatable(running_mean=running_mean, running_var=running_var)

    channels = image.shape[1]
    mean, variance, scale, shift = (
        np.full(channels, given.get(name, default), np.float64)
        for name, default in (
            ("running_mean", 0),
            ("running_var", 1),
            ("weight", 1),
            ("bias", 0),
        )
    )
    dtype = _result_dtype(image, *given.values())
    if image.size == 0:
        return np.empty(image.shape, dtype)
    values, output, result = _laid_out(image, dtype)
    rest = np.zeros(channels)
    with quiet_arithmetic():
        if training:
            mean, rest, variance = moments(values)
        scale /= np.sqrt(variance + eps)
        _normalise(values, output, _coefficients(values, output, mean, rest, scale, shift))
    if training:
        count = image.size // channels
        _update(running_mean, mean, momentum)
        _update(running_var, variance * (count / (count - 1)), momentum)
    return result


def _laid_out(image: Array, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """The input and the output as (N, C, run), and the output in the input's shape."""
    flat = (*image.shape[:2], -1)
    if not image.flags.c_contiguous:
        last = np.moveaxis(image, 1, -1)
        if last.flags.c_contiguous:
            flat = (-1, image.shape[1], 1)
            result = buffers.empty(last.shape, dtype)
            return last.reshape(flat), result.reshape(flat), np.moveaxis(result, -1, 1)
    result = buffers.empty(image.shape, dtype)
    if not image.flags.c_contiguous and image.dtype == dtype:
        np.copyto(result, image)
        image = result
    return image.reshape(flat), result.reshape(flat), result


def _coefficients(
    values: Array, output: Array, mean: Array, rest: Array, scale: Array, shift: Array
) -> Array:
    """Round to ``(x - near) * scale + offset``, in the dtype that it is computed in: (3, C).

    What `near` leaves of the mean goes into `offset`.
    """
    narrow = all(array.dtype.itemsize <= 4 and is_floating(array) for array in (values, output))
    for dtype in (np.float32, np.float64) if narrow else (np.float64,):
        near = mean.astype(dtype)
        left = mean - near + rest
        if not left.any():
            offset = shift
        else:
            left[~np.isfinite(left)] = 0
            offset = np.where(left == 0, shift, shift - left * scale)
        exact = np.array((near, scale, offset))
        if dtype == np.float64 or _fits_float32(exact):
            break
    return exact.astype(dtype)


def _fits_float32(coefficients: Array) -> bool:
    """Whether float32 holds the coefficients and what they make; NaN spoils its channel anyway."""
    smallest, largest = _FLOAT32_RANGE
    sizes = np.abs(coefficients)
    scale = sizes[1]
    if np.maximum.reduce(sizes, axis=None) <= largest and np.minimum.reduce(scale) >= smallest:
        return True
    beyond = np.any(sizes > largest, axis=0) | ((scale < smallest) & (scale > 0))
    return not np.any(beyond & ~np.isnan(scale))


def _normalise(values: Array, output: Array, coefficients: Array) -> None:
    """Write ``(values - near) * scale + offset``."""
    for piece, into in zip(sheets(values), sheets(output), strict=True):
        _normalise_sheet(
            piece, into, beside_itself(coefficients, piece.shape[1] // values.shape[1])
        )


def _normalise_sheet(piece: Array, into: Array, coefficients: Array) -> None:
    dtype = coefficients.dtype
    direct = into.dtype == dtype
    sheet = Sheet(piece.shape, with_scratch=not direct)
    centred = not coefficients[0].any()

    def normalise(blocks: list[Block]) -> None:
        scratch = into if direct else buffers.empty((sheet.most,), dtype)
        channels = slice(0)
        for block in blocks:
            if block.channels != channels:
                channels = block.channels
                near, scale, offset = sheet.along(coefficients, channels)
            source, target = sheet.view(piece, block), sheet.view(into, block)
            work = target if direct else scratch[: source.size].reshape(source.shape)
            if source.dtype != dtype:
                np.copyto(work, source)
                source = work
            if not centred:
                source = np.subtract(source, near, out=work)
            np.multiply(source, scale, out=work)
            work += offset
            if not direct:
                np.copyto(target, work, casting="same_kind")

    for_each_group(normalise, sheet)


def _check(
    image: Array, given: dict[str, Array], *, training: bool, momentum: float, eps: float
) -> None:
    if not 2 <= image.ndim <= 5:
        raise CnnopsError(
            f"{INPUT} has rank {image.ndim}; accepted: (N, C) or (N, C, *spatial), rank 2 to 5"
        )
    channels = image.shape[1]
    for name, array in given.items():
        if array.shape not in ((), (channels,)):
            raise CnnopsError(
                f"{name} has shape {array.shape}; {INPUT} has {channels} channels: accepted are "
                f"({channels},) or a number"
            )
    if not 0 <= real(momentum, "momentum") <= 1:
        raise CnnopsError(f"momentum must be from 0 to 1, not {momentum}")
    if not math.isfinite(real(eps, "eps")) or eps < 0 or (training and eps == 0):
        accepted = "positive in training" if training else "not negative"
        raise CnnopsError(f"eps must be {accepted} and finite; it is {eps}")
    if "running_var" in given and np.any(given["running_var"] < 0):
        raise CnnopsError(
            f"running_var holds {np.nanmin(given['running_var'])}; a variance is not negative"
        )
    if training and channels and image.size == channels:
        raise CnnopsError(
            f"training needs more than 1 value per channel, but {INPUT} has 1: "
            "give a larger batch, or normalise with running statistics"
        )


def _check_updatable(**running: npt.ArrayLike | None) -> None:
    for name, value in running.items():
        if value is None:
            continue
        writable = isinstance(value, np.ndarray) and value.flags.writeable
        if not writable or np.asarray(value).dtype.kind != "f" or np.ndim(value) != 1:
            raise CnnopsError(
                f"{name} must be a writable floating array of shape (C,), "
                "because training updates it in place"
            )


def _result_dtype(image: Array, *parameters: Array) -> np.dtype[Any]:
    dtype = floating_dtype(image, *parameters)
    mixed_precision = image.dtype == np.float16 and dtype == np.float32
    return image.dtype if mixed_precision else dtype


def _update(running: npt.ArrayLike | None, batch: Array, momentum: float) -> None:
    if isinstance(running, np.ndarray):
        with np.errstate(all="ignore"):
            running[...] = (1 - momentum) * running.astype(np.float64) + momentum * batch
