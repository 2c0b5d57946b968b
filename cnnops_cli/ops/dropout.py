"""Dropout, with a mask that a seed fixes for good."""

import math
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array, is_floating, working_dtype
from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.ops import buffers, parallel
from cnnops_cli.ops.scalars import integer, real
from cnnops_cli.ops.scratch import scratch
from cnnops_cli.ops.seeds import fresh_seed

_BLOCK = 1 << 18
"""Values that are scaled at once: shorter calls of NumPy's make threads wait for each other."""

_PART = 1 << 19
"""Values that a thread takes at a time."""

_JUMP = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""How far `jumped()` takes PCG64."""

_MaskOf = Callable[[slice, Array], object]


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
    first = fresh_seed() if seed is None else integer(seed, "seed", minimum=0)
    units = math.prod(mask_shape(values.shape, channelwise))
    return _scaled(values, p, units, lambda part: _Draws(first, p, part).mask)


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

    def draw(part: slice) -> None:
        draws = _Draws(seed, p, part)
        for block in _blocks(part, _BLOCK):
            draws.mask(block, kept[block])

    parallel.for_each(draw, _parts(kept.size), bytes_of_a_part())
    return kept.reshape(shape)


def mask_shape(shape: tuple[int, ...], channelwise: bool) -> tuple[int, ...]:
    """Return the shape of a mask for an input: its own, or (N, C, 1, ...) where `channelwise`.

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


class _Draws:
    """The mask of a seed for some values, drawn in one call: others compute in the meantime."""

    def __init__(self, seed: int, p: float, values: slice) -> None:
        self._generator = np.random.PCG64(seed)
        self._position = 0
        self._threshold = math.floor(p * 65536)
        self._fraction = p * 65536 - self._threshold
        self._start = values.start
        words = self._outputs(values.start // 4, -(-(values.stop - values.start) // 4))
        self._bits = words.astype("<u8", copy=False).view("<u2")

    def mask(self, values: slice, kept: Array) -> None:
        """Write which of these values are kept."""
        bits = self._bits[values.start - self._start : values.stop - self._start]
        np.greater_equal(bits, self._threshold, out=kept)
        if self._fraction:
            ties = scratch("ties", bits.shape, np.dtype(np.bool_))
            for tie in _places(np.equal(bits, self._threshold, out=ties)):
                decider = int(self._outputs(_JUMP + values.start + tie, 1)[0]) >> 11
                kept[tie] = decider * 2.0**-53 >= self._fraction

    def _outputs(self, start: int, count: int) -> Array:
        if start != self._position:
            self._generator.advance(start - self._position)
        self._position = start + count
        return self._generator.random_raw(count)


def _places(rare: Array) -> Iterator[int]:
    """Find the few that are true: NumPy looks for the next faster than it counts them."""
    place = 0
    while place < rare.size:
        place += int(rare[place:].argmax())
        if not rare[place]:
            return
        yield place
        place += 1


def keep(values: Array, mask: Array, p: float) -> Array:
    """Multiply what the mask keeps by 1 / (1 - p), and set the rest to zero.

    Parameters
    ----------
    values : numpy.ndarray
    mask : numpy.ndarray of bool
        Of the shape of `values`, or what `mask_shape` tells for whole channels.
    p : float
        From 0 to 1; at 1 everything is zero.

    Returns
    -------
    numpy.ndarray, shape of `values`
        In their dtype where that is floating, else float64.
    """
    kept = mask.reshape(-1)
    return _scaled(values, p, kept.size, lambda _: lambda units, out: np.copyto(out, kept[units]))


@parallel.apart
@np.errstate(all="ignore")
def _scaled(values: Array, p: float, units: int, mask_reader: Callable[[slice], _MaskOf]) -> Array:
    """Keep or drop each of `units` runs of equal length; each part has a reader of its own."""
    dtype = values.dtype if is_floating(values) else np.dtype(np.float64)
    if p == 1 or values.size == 0:
        return np.zeros(values.shape, dtype)
    result = buffers.empty(values.shape, dtype)
    source = values
    if values.dtype != dtype or not values.flags.c_contiguous:
        np.copyto(result, values)
        source = result
    source, into = source.reshape(units, -1), result.reshape(units, -1)
    length = into.shape[1]
    work = working_dtype(dtype).type
    scale = work(1) / work(1 - p)
    integers = np.dtype(f"i{dtype.itemsize}")

    def scale_part(part: tuple[slice, slice]) -> None:
        rows, columns = part
        mask_of = mask_reader(rows)
        blocks = _blocks(rows, _BLOCK // length)
        most = blocks[0].stop - blocks[0].start
        mask = scratch("mask", (most,), np.dtype(np.bool_))
        factors = scratch("factors", (most, 1), integers)
        for block in blocks:
            count = block.stop - block.start
            mask_of(block, mask[:count])
            np.copyto(factors[:count, 0], mask[:count])
            scaled = into[block, columns]
            np.multiply(source[block, columns], scale, out=scaled, casting="same_kind")
            # 0 or 1 times the bits, for 0 times infinity is not 0, nor 0 times -1 without a sign.
            bits = scaled.view(integers)
            bits *= factors[:count]

    parts = list(product(_parts(units, length), _parts(length)))
    parallel.for_each(scale_part, parts, bytes_of_a_part())
    return result


def _parts(count: int, length: int = 1) -> list[slice]:
    """Cut `count` runs of `length` values."""
    return parallel.spans(count, _whole_words(_PART // length))


def bytes_of_a_part() -> int:
    """What a thread holds: a part's random bits, and a block's mask, ties and factors."""
    return 2 * _PART + 10 * _BLOCK


def _blocks(part: slice, size: int) -> list[slice]:
    blocks = parallel.spans(part.stop - part.start, _whole_words(size))
    return [slice(part.start + block.start, part.start + block.stop) for block in blocks]


def _whole_words(size: int) -> int:
    return max(4, size // 4 * 4)
