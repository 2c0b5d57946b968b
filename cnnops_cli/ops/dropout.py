"""Dropout, with a mask that a seed fixes for good."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array, is_floating, working_dtype
from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.ops import parallel
from cnnops_cli.ops.scalars import integer, real
from cnnops_cli.ops.seeds import fresh_seed

_BLOCK = 1 << 18
"""How many values are drawn at once; a multiple of the four that share a word."""


def dropout(
    input: npt.ArrayLike,
    p: float = 0.5,
    *,
    training: bool = True,
    seed: int | None = None,
    channelwise: bool = False,
) -> Array:
    """Set values to zero at random, and multiply those that are kept by 1 / (1 - p).

    Parameters
    ----------
    input : array_like, any shape; (N, C, ...) with `channelwise`
    p : float
        The chance, 0 to 1, that a value is dropped.
    training : bool
        When False, the input is returned as it is.
    seed : int, optional
        Not negative. The same seed, shape and p give the same mask; without one it is a fresh one.
    channelwise : bool
        Drop whole channels, as PyTorch's `Dropout1d`, `Dropout2d` and `Dropout3d`.

    Returns
    -------
    numpy.ndarray, shape of `input`
        In the input's dtype where that is floating, else float64.

    Raises
    ------
    CnnopsError
        If `p` or `seed` is out of range, or the input has no channels to drop.

    Notes
    -----
    A dropped value is 0 even where it was infinite or NaN. `draw_mask` says how a seed becomes a
    mask.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Examples
    --------
    >>> import numpy as np
    >>> dropout(np.ones(8), 0.5, seed=1)
    array([2., 0., 2., 2., 2., 2., 2., 2.])
    """
    values = as_array(input, "input")
    check_chance(p)
    if not training:
        return values
    mask = draw_mask(values.shape, p, fresh_seed() if seed is None else seed, channelwise)
    return keep(values, mask, p)


def check_chance(p: float) -> None:
    """Refuse a `p` that is not from 0 to 1."""
    if not 0 <= real(p, "p") <= 1:
        raise CnnopsError(f"p must be from 0 to 1, not {p}")


def draw_mask(shape: tuple[int, ...], p: float, seed: int, channelwise: bool = False) -> Array:
    """Draw which values are kept.

    Parameters
    ----------
    shape : tuple of int
        The input's; its first two axes are N and C where `channelwise`.
    p : float
        The chance, 0 to 1, that a value is dropped.
    seed : int
        Not negative.
    channelwise : bool
        Draw once a channel.

    Returns
    -------
    numpy.ndarray of bool
        `shape`, or ``shape[:2]`` followed by ones where `channelwise`; True is kept.

    Notes
    -----
    The bit generator is PCG64 (XSL-RR, 128-bit state), seeded with ``SeedSequence(seed)``, as
    ``numpy.random.PCG64(seed)``. Value i, in row-major order, takes 16 bits of 64-bit output
    ``i // 4``: bits ``16 * (i % 4)`` and up, as an integer u from 0 to 65535. It is dropped if
    ``u < floor(p * 65536)`` and kept if u is greater. If they are equal, output i of the same
    generator after one `jumped()` decides: its upper 53 bits, as a fraction of 1, drop the value
    if they are below the fractional part of ``p * 65536``. So the chance is p to 69 bits, and any
    part of a mask can be drawn by itself.

    References
    ----------
    M. O'Neill, "PCG: a family of simple fast space-efficient statistically good algorithms for
    random number generation", 2014.

    Examples
    --------
    >>> draw_mask((6,), 0.5, seed=1)
    array([ True, False,  True,  True,  True,  True])
    """
    seed = integer(seed, "seed", minimum=0)
    shape = mask_shape(shape, channelwise)
    kept = np.empty(math.prod(shape), bool)
    threshold = math.floor(p * 65536)
    fraction = p * 65536 - threshold

    def draw(block: slice) -> None:
        words = _outputs(seed, block.start // 4, -(-(block.stop - block.start) // 4))
        bits = words.astype("<u8", copy=False).view("<u2")[: block.stop - block.start]
        kept[block] = bits >= threshold
        if fraction:
            for tie in np.flatnonzero(bits == threshold) + block.start:
                kept[tie] = _tie_breaker(seed, int(tie)) >= fraction

    parallel.for_each(draw, parallel.spans(kept.size, _BLOCK))
    return kept.reshape(shape)


def mask_shape(shape: tuple[int, ...], channelwise: bool) -> tuple[int, ...]:
    """Tell the shape of a mask for an input: its own, or (N, C, 1, ...) where `channelwise`.

    Raises
    ------
    CnnopsError
        If the input has no channels to drop.
    """
    if not channelwise:
        return shape
    if len(shape) < 2:
        raise CnnopsError(
            f"channelwise dropout takes (N, C, ...), but {INPUT} has rank {len(shape)}"
        )
    return shape[:2] + (1,) * (len(shape) - 2)


def _outputs(seed: int, start: int, count: int) -> Array:
    """Outputs `start` to ``start + count`` of PCG64."""
    generator = np.random.PCG64(seed)
    generator.advance(start)
    return generator.random_raw(count)


def _tie_breaker(seed: int, index: int) -> float:
    generator = np.random.PCG64(seed).jumped()
    generator.advance(index)
    return (generator.random_raw() >> 11) * 2.0**-53


def keep(values: Array, mask: Array, p: float) -> Array:
    """Multiply what the mask keeps by 1 / (1 - p), and set the rest to zero.

    Parameters
    ----------
    values : numpy.ndarray
    mask : numpy.ndarray of bool
        Broadcasts to the shape of `values`.
    p : float
        From 0 to 1; at 1 everything is zero.

    Returns
    -------
    numpy.ndarray, shape of `values`
        In their dtype where that is floating, else float64.
    """
    dtype: np.dtype[Any] = values.dtype if is_floating(values) else np.dtype(np.float64)
    result = np.zeros(values.shape, dtype)
    if p < 1:
        work = working_dtype(dtype).type
        with np.errstate(all="ignore"):
            scaled = values.astype(work, copy=False) * (work(1) / work(1 - p))
            np.copyto(result, scaled, where=mask, casting="same_kind")
    return result
