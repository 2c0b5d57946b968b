"""Batch normalization over all axes but the channels."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array, floating_dtype, working_dtype
from cnnops_cli.errors import INPUT, CnnopsError, naming_operands
from cnnops_cli.ops import parallel
from cnnops_cli.ops.channel_blocks import channels_apart
from cnnops_cli.ops.coefficients import is_narrow
from cnnops_cli.ops.moments import Moments, moments
from cnnops_cli.ops.normalisation import Normalisation, normalise_by
from cnnops_cli.ops.scalars import real
from cnnops_cli.ops.scratch import empty_result
from cnnops_cli.spans import spans

_CHANNELS = 1 << 14
"""The most channels that are normalised at a time, to bound the memory of their statistics."""

_COPIED = 1 << 20
"""Values that are copied at a time where they are not contiguous; at least one channel's."""

_FLOAT64 = np.dtype(np.float64)

_DEFAULTS = {
    name: np.array(value, np.float64)
    for name, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1))
}
_ZERO = np.zeros(1)


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
        If shapes or values do not fit, or a channel has only one value in training.

    Notes
    -----
    The variance that normalises is the biased one; the running variance takes the unbiased one.
    Sums are taken in float64. Unless input and result are both float32 or shorter, they have more
    digits than that, so that mean and variance are nearly always those of the values in float64,
    computed exactly and rounded once. For float32, a mean larger than half the deviation is
    subtracted in two parts, so that nothing cancels: the error stays below four epsilons of
    ``|(x - mean) / sqrt(var + eps) * weight| + |bias|``, however far from zero the values are. A
    smaller mean goes into the shift, as every mean does in PyTorch: two epsilons of the same terms
    and ``|mean / sqrt(var + eps) * weight|``.
    Where float32 would overflow or lose digits on the way, float64 is used. float16 is rounded once
    from float32. An empty batch leaves the running statistics as they are.

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
    statistics = {"running_mean": running_mean, "running_var": running_var}
    arguments = {"weight": weight, "bias": bias, **statistics}
    work = working_dtype(image.dtype)
    given = {
        name: as_array(value, name, work) for name, value in arguments.items() if value is not None
    }
    with naming_operands(input=image.shape):
        check_operands(image, given, training=training, momentum=momentum, eps=eps)
        if training:
            _check_updatable(statistics)
    dtype = result_dtype(image, *given.values())
    if image.size == 0:
        return np.empty(image.shape, dtype)
    values, output, result = _laid_out(image, dtype)
    running = (running_mean, running_var) if training else None
    _normalise(values, output, given, running, float(momentum), float(eps))
    return result


def _laid_out(image: Array, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """Return input and output as (N, C, run), and the output in the input's shape.

    An input that is neither contiguous nor of the output's dtype is returned as it is.
    """
    contiguous = image.flags.c_contiguous
    if not contiguous and (last := np.moveaxis(image, 1, -1)).flags.c_contiguous:
        flat = (-1, image.shape[1], 1)
        result = empty_result(last.shape, dtype)
        return last.reshape(flat), result.reshape(flat), np.moveaxis(result, -1, 1)
    flat = (*image.shape[:2], -1)
    result = empty_result(image.shape, dtype)
    if not contiguous:
        if image.dtype != dtype:
            return image, result.reshape(flat), result
        np.copyto(result, image)
        image = result
    return image.reshape(flat), result.reshape(flat), result


@parallel.apart
@np.errstate(all="ignore")
def _normalise(
    values: Array,
    output: Array,
    given: dict[str, Array],
    running: tuple[npt.ArrayLike | None, npt.ArrayLike | None] | None,
    momentum: float,
    eps: float,
) -> None:
    """Write the result, some channels at a time, and update `running`, which is None in eval."""
    count = output.size // output.shape[1]
    narrow = is_narrow(values.dtype) and is_narrow(output.dtype)

    def normalise(channels: slice) -> None:
        target = output[:, channels]
        source = values[:, channels].reshape(target.shape)
        found = moments(source, narrow) if running else given_statistics(given, channels)
        by = normalisation(found, given, channels, eps, target.shape[1], narrow)
        by.apply(source, target)
        for which, array in enumerate(running or ()):
            if isinstance(array, np.ndarray):
                update_running(array[channels], which, found, count, momentum, by.makes_nan)

    if values.flags.c_contiguous:
        parts = channel_spans(output.shape, training=running is not None)
    else:
        most = max(1, min(_CHANNELS, _COPIED // count))
        parts = spans(output.shape[1], most, multiple=most)
    parallel.for_each(normalise, parts)


def channel_spans(shape: tuple[int, int, int], *, training: bool) -> list[slice]:
    """Return which channels of an array (N, C, run) are normalised together."""
    most = min(_CHANNELS, channels_apart(shape)) if training else _CHANNELS
    return spans(shape[1], most, multiple=most)


def given_statistics(given: dict[str, Array], channels: slice) -> Moments:
    """Return the running statistics of some channels, (0, 1) where they are not given."""
    mean = _of_channels(given, "running_mean", channels)
    return Moments(mean, _ZERO, _of_channels(given, "running_var", channels))


def normalisation(
    statistics: Moments,
    given: dict[str, Array],
    channels: slice,
    eps: float,
    count: int,
    narrow: bool,
) -> Normalisation:
    """Return what some channels, which are `count`, are normalised with."""
    weight = _of_channels(given, "weight", channels)
    bias = _of_channels(given, "bias", channels)
    return normalise_by(statistics, weight, bias, eps, count, narrow)


def _of_channels(given: dict[str, Array], name: str, channels: slice) -> Array:
    array = given.get(name, _DEFAULTS[name])
    return (array[channels] if array.ndim else array).astype(_FLOAT64, copy=False)


@np.errstate(all="ignore")
def batch_statistics(image: Array) -> tuple[Array, Array]:
    """Return mean and biased variance of each channel, as training sums them.

    Examples
    --------
    >>> batch_statistics(np.array([[1, 10], [3, 30]]))
    (array([ 2., 20.]), array([  1., 100.]))
    """
    mean, variance = np.empty((2, image.shape[1]))
    for channel in range(image.shape[1]):
        values = image[:, channel].reshape(len(image), 1, -1)
        found = moments(values, is_narrow(image.dtype))
        mean[channel], variance[channel] = found.mean.item(), found.variance.item()
        if found.scaled is not None:
            _, _, scaled, exponent = found.scaled
            variance[channel] = np.ldexp(scaled, 2 * exponent).item()
    return mean, variance


def update_running(
    running: Array,
    which: int,
    found: Moments,
    count: int,
    momentum: float,
    makes_nan: Array | None,
) -> None:
    """Update a running mean, or where `which` is 1 a variance, by that of `count` values."""
    mean, _, variance, exponent = found.scaled or (*found[:3], None)
    share = momentum * (variance * (count / (count - 1)) if which else mean)
    if exponent is not None:
        share = np.ldexp(share, (1 + which) * exponent)
    running[...] = (1 - momentum) * running.astype(np.float64) + share
    if makes_nan is not None:
        np.copyto(running, np.nan, where=makes_nan & np.isnan(running))


def check_operands(
    image: Array, given: dict[str, Array], *, training: bool, momentum: float, eps: float
) -> None:
    """Refuse what `batchnorm` cannot normalise; `given` has parameters and running statistics."""
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
    if "running_var" in given and np.count_nonzero(given["running_var"] < 0):
        raise CnnopsError(
            f"running_var holds {np.nanmin(given['running_var'])}; a variance is not negative"
        )
    if training and channels and image.size == channels:
        raise CnnopsError(
            f"training needs more than 1 value per channel, but {INPUT} has 1: "
            "give a larger batch, or normalise with running statistics"
        )


def _check_updatable(statistics: dict[str, npt.ArrayLike | None]) -> None:
    for name, value in statistics.items():
        if value is None:
            continue
        writable = isinstance(value, np.ndarray) and value.flags.writeable
        if not writable or np.asarray(value).dtype.kind != "f" or np.ndim(value) != 1:
            raise CnnopsError(
                f"{name} must be a writable floating array of shape (C,), "
                "because training updates it in place"
            )


def result_dtype(image: Array, *parameters: Array) -> np.dtype[Any]:
    """Return the dtype of what `batchnorm` returns."""
    dtype = image.dtype
    if dtype.kind == "f" and all(array.dtype is dtype for array in parameters):
        return dtype  # as below, in less time
    widest = floating_dtype(image, *parameters)
    mixed_precision = dtype == np.float16 and widest == np.float32
    return dtype if mixed_precision else widest
