"""Batch normalization over every axis but the channels."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array, floating_dtype, working_dtype
from cnnops_cli.errors import INPUT, CnnopsError, naming_operands
from cnnops_cli.ops import parallel
from cnnops_cli.ops.scalars import real

_TILE_VALUES = 1 << 18
"""How many values are normalised at once, in float64."""


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
    Sums run in float64, and the result is rounded once. An empty batch leaves the running
    statistics as they are.

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
    result = np.empty(image.shape, _result_dtype(image, *given.values()))
    others = (0, *range(2, image.ndim))

    def normalise(block: slice) -> None:
        values = image[:, block].astype(np.float64)
        if training:
            mean[block] = values.mean(axis=others)
        values -= _along_channels(mean[block], image.ndim)
        if training:
            # What rounding left of the mean: a channel of one value is then exactly 0.
            rest = values.mean(axis=others)
            rest[~np.isfinite(rest)] = 0
            values -= _along_channels(rest, image.ndim)
            mean[block] += rest
            variance[block] = np.square(values).mean(axis=others)
        values *= _along_channels(scale[block] / np.sqrt(variance[block] + eps), image.ndim)
        values += _along_channels(shift[block], image.ndim)
        result[:, block] = values

    count = image.size // channels if channels else 0
    if count:
        with np.errstate(all="ignore"):
            parallel.for_each(normalise, parallel.spans(channels, _TILE_VALUES // count))
    if training and count:
        _update(running_mean, mean, momentum)
        _update(running_var, variance * (count / (count - 1)), momentum)
    return result


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


def _along_channels(values: Array, rank: int) -> Array:
    return values.reshape(-1, *(1,) * (rank - 2))


def _update(running: npt.ArrayLike | None, batch: Array, momentum: float) -> None:
    if isinstance(running, np.ndarray):
        with np.errstate(all="ignore"):
            running[...] = (1 - momentum) * running.astype(np.float64) + momentum * batch
