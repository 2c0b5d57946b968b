"""Batch normalization over all axes but the channels."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array, floating_dtype, working_dtype
from cnnops_cli.errors import INPUT, CnnopsError, naming_operands
from cnnops_cli.ops import parallel
from cnnops_cli.ops.channel_blocks import UNBUFFERED, Part, block_values, channels_apart, cut
from cnnops_cli.ops.coefficients import coefficients, making_nan
from cnnops_cli.ops.moments import Moments, moments
from cnnops_cli.ops.scalars import real
from cnnops_cli.ops.scratch import empty_result, scratch
from cnnops_cli.spans import spans

if TYPE_CHECKING:
    from cnnops_cli.ops.extremes import Extremes

_CHANNELS = 1 << 15
"""The most channels that are normalised at a time, to bound the memory of their statistics."""

_COPIED = 1 << 20
"""Values that are copied at a time where they are not contiguous; at least one channel's."""

_EXTREME_BUFFERS = 12
"""The most arrays of a block's size that extreme channels take up."""

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
    Sums are taken in float64. For float32, a mean larger than half the deviation is subtracted in
    two parts, so that nothing cancels: the error stays below four epsilons of
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
    arrays = [
        given.get(name, default)
        for name, default in _DEFAULTS.items()
        if running is None or name in ("weight", "bias")
    ]

    def normalise(channels: slice) -> None:
        target = output[:, channels]
        source = values[:, channels].reshape(target.shape)
        used = [
            (array[channels] if array.ndim else array).astype(_FLOAT64, copy=False)
            for array in arrays
        ]
        found = moments(source) if running else Moments(used[2], _ZERO, used[3])
        weight, bias = used[:2]
        factors, ordinary = coefficients(source, target, found, weight, bias, eps)
        extreme = makes_nan = None
        if not ordinary or found.scaled is not None:
            makes_nan = making_nan(factors)
            if factors.dtype == np.float64:
                from cnnops_cli.ops.extremes import extremes

                extreme = extremes(factors, found, weight, bias, eps)
        _apply(source, target, factors, extreme, makes_nan)
        for which, array in enumerate(running or ()):
            if isinstance(array, np.ndarray):
                here = array[channels]
                _update(here, which, found, count, momentum)
                if makes_nan is not None:
                    np.copyto(here, np.nan, where=makes_nan & np.isnan(here))

    most = _CHANNELS
    if not values.flags.c_contiguous:
        most = max(1, min(most, _COPIED // count))
    elif running is not None:
        most = min(most, channels_apart(output.shape))
    parallel.for_each(normalise, spans(output.shape[1], most, multiple=most))


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
        found = moments(image[:, channel].reshape(len(image), 1, -1))
        mean[channel], variance[channel] = found.mean.item(), found.variance.item()
        if found.scaled is not None:
            _, _, scaled, exponent = found.scaled
            variance[channel] = np.ldexp(scaled, 2 * exponent).item()
    return mean, variance


def _update(running: Array, which: int, found: Moments, count: int, momentum: float) -> None:
    """Update a running mean, or where `which` is 1 a variance, by that of `count` values."""
    mean, _, variance, exponent = found.scaled or (*found[:3], None)
    share = momentum * (variance * (count / (count - 1)) if which else mean)
    if exponent is not None:
        share = np.ldexp(share, (1 + which) * exponent)
    running[...] = (1 - momentum) * running.astype(np.float64) + share


def _apply(
    values: Array,
    output: Array,
    factors: Array,
    extreme: "Extremes | None",
    makes_nan: Array | None,
) -> None:
    """Write ``(values - centre) * scale + offset``, but `extreme` values in their channels.

    The NaNs of the channels that `makes_nan` says are the positive one, whatever the processor's.
    """
    dtype = factors.dtype
    direct = output.dtype == dtype
    most = min(values.size, block_values(dtype.itemsize))

    def apply(part: Part) -> None:
        np.setbufsize(UNBUFFERED)
        room = None if direct else scratch("normalised", (most,), dtype)
        before = None
        for block in part:
            if before is None or not block.is_like(before):
                terms = block.along(factors)
                scale, offset = terms[-2], terms[-1]
            before = block
            source, target = block.view(values), block.view(output)
            exact = None if extreme is None else extreme.values(source, block)
            work = target if room is None else room[: source.size].reshape(source.shape)
            if source.dtype != dtype:
                np.copyto(work, source)
                source = work
            if len(terms) > 2:
                source = np.subtract(source, terms[0], out=work)
            np.multiply(source, scale, out=work)
            np.add(work, offset, out=work)
            if work is not target:
                np.copyto(target, work, casting="same_kind")
            if extreme is not None and exact is not None:
                np.copyto(target, exact, where=block.along(extreme.here), casting="same_kind")
            if makes_nan is not None:
                np.copyto(target, np.nan, where=np.isnan(target) & block.along(makes_nan))

    # Without all channels, a row of several samples would be a copy of the output, not a view.
    parts = cut(values.shape, block_values(dtype.itemsize), may_fold=output.flags.c_contiguous)
    buffers_each = (not direct) + (makes_nan is not None)
    buffers_each += 0 if extreme is None else _EXTREME_BUFFERS
    parallel.for_each(apply, parts, buffers_each * most * dtype.itemsize)


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
