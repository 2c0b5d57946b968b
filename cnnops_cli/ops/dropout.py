"""Dropout, with a mask that a seed determines."""

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array, is_floating, working_dtype
from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.large_arrays import empty
from cnnops_cli.ops import parallel
from cnnops_cli.ops.scalars import integer, real
from cnnops_cli.ops.scratch import empty_result
from cnnops_cli.ops.seeds import fresh_seed
from cnnops_cli.slabs import elements
from cnnops_cli.spans import spans

_BLOCK = 1 << 18
"""Values that a thread computes at a time; with fewer, threads wait for each other."""

_SHORT = 1 << 13
"""Values that are drawn in less time than it takes to begin anew after them."""

_WORDS, _PIECES = np.dtype("<u8"), np.dtype("<u2")

_JUMP = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""The number of outputs by which `jumped()` advances PCG64."""


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
        Not negative. The same seed, shape and p give the same mask; by default a new one is drawn.
    channelwise : bool
        Drop whole channels, like PyTorch's `Dropout1d`, `Dropout2d` and `Dropout3d`.

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
        return as_array(values, "input")
    first = fresh_seed() if seed is None else integer(seed, "seed", minimum=0)
    units = math.prod(mask_shape(values.shape, channelwise))
    return _scaled(values, p, units, lambda part: _draw(first, p, part))


def check_chance(p: float) -> None:
    """Refuse a `p` that is not from 0 to 1."""
    if not 0 <= real(p, "p") <= 1:
        raise CnnopsError(f"p must be from 0 to 1, not {p}")


def draw_mask(shape: tuple[int, ...], p: float, seed: int, channelwise: bool = False) -> Array:
    """Draw the mask of an input's shape, or, `channelwise`, of the shape (N, C, 1, ...).

    It is True where a value is kept, and False with the chance `p`, 0 to 1. The `seed` is not
    negative.

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
    kept = empty("mask", (math.prod(shape),), np.dtype(np.uint8)).view(bool)

    def draw(part: slice) -> None:
        kept[part] = _draw(seed, p, part)

    parallel.for_each(draw, spans(kept.size, _BLOCK, multiple=4), bytes_of_a_part())
    return kept.reshape(shape)


def draw_part(p: float, seed: int, part: slice) -> Array:
    """Draw part of the values, in row-major order, of the mask that `draw_mask` draws.

    Examples
    --------
    >>> draw_part(0.5, 1, slice(1, 4))
    array([False,  True,  True])
    """
    first = part.start - part.start % 4
    return _draw(seed, p, slice(first, part.stop))[part.start - first :]


def draw_mask_of_box(
    shape: tuple[int, ...], p: float, seed: int, starts: Sequence[int], stops: Sequence[int]
) -> Array:
    """Draw what `draw_mask` gives for a mask's shape, between one start and one stop per axis.

    Examples
    --------
    >>> draw_mask_of_box((6,), 0.5, 1, [1], [4])
    array([False,  True,  True])
    """
    lengths, box = (1, *shape), (slice(0, 1), *map(slice, starts, stops))
    axis, run = len(shape), 1
    # The axes after this one are drawn whole: all of it is wanted, or it is a short run.
    while axis and run * lengths[axis] <= (
        _BLOCK if box[axis] == slice(0, lengths[axis]) else _SHORT
    ):
        run *= lengths[axis]
        axis -= 1
    kept = np.empty([part.stop - part.start for part in box], np.bool_)
    numbers = np.zeros((), np.int64)
    for part, length in zip(box[:axis], lengths, strict=False):
        numbers = numbers[..., np.newaxis] * length + np.arange(part.start, part.stop)
    parts = spans(box[axis], _BLOCK // run)
    for row, number in zip(kept.reshape(-1, *kept.shape[axis:]), numbers.flat, strict=True):
        first = int(number) * lengths[axis]
        for part in parts:
            drawn = draw_part(p, seed, slice((first + part.start) * run, (first + part.stop) * run))
            drawn = drawn.reshape(-1, *lengths[axis + 1 :])[(slice(None), *box[axis + 1 :])]
            row[part.start - box[axis].start : part.stop - box[axis].start] = drawn
    return kept.reshape(kept.shape[1:])


def draw_bits(shape: tuple[int, ...], seed: int) -> Array:
    """Return the 16 bits, as integers, that decide about each value of the mask of a shape."""
    from cnnops_cli.ops.generators import pcg64

    return _next_bits(pcg64(seed), math.prod(shape)).reshape(shape)


def mask_shape(shape: tuple[int, ...], channelwise: bool) -> tuple[int, ...]:
    """Return the shape of an input's mask: its own, or (N, C, 1, ...) where `channelwise`."""
    if not channelwise:
        return shape
    if len(shape) < 2:
        raise CnnopsError(
            f"channelwise dropout takes (N, C, ...), but {INPUT} has rank {len(shape)}"
        )
    return shape[:2] + (1,) * (len(shape) - 2)


def keep(values: Array, mask: Array, p: float) -> Array:
    """Multiply values where a mask is not 0 by 1 / (1 - p), and set the others to zero."""

    def kept(part: slice) -> Array:
        if mask.dtype.kind == "b":
            return elements(mask, part)
        pieces = spans(part, _BLOCK // 4)
        return np.concatenate([elements(mask, piece) != 0 for piece in pieces])

    return _scaled(values, p, mask.size, kept)


def bytes_of_a_part() -> int:
    """Return the memory of a thread: random bits, a mask, ties and factors."""
    return 6 * _BLOCK


def _draw(seed: int, p: float, part: slice) -> Array:
    """Draw which values of a mask are kept; `part` starts at a multiple of 4."""
    from cnnops_cli.ops.generators import pcg64

    generator = pcg64(seed)
    if part.start:
        generator.advance(part.start // 4)
    bits = _next_bits(generator, part.stop - part.start)
    threshold = math.floor(p * 65536)
    fraction = p * 65536 - threshold
    kept: Array = bits >= threshold
    if fraction:
        position = part.start // 4 + -(-bits.size // 4)
        ties = bits == threshold
        while ties[tie := int(ties.argmax())]:  # there are about 4
            decider = _JUMP + part.start + tie
            generator.advance(decider - position)
            kept[tie] = (generator.random_raw() >> 11) * 2.0**-53 >= fraction
            position = decider + 1
            ties[tie] = False
    return kept


def _next_bits(generator: np.random.PCG64, count: int) -> Array:
    """Return the next bits of a generator, 16 for each of `count` values."""
    words = generator.random_raw(-(-count // 4))
    return words.astype(_WORDS, copy=False).view(_PIECES)[:count]


@parallel.apart
@np.errstate(all="ignore")
def _scaled(values: Array, p: float, units: int, mask_of: Callable[[slice], Array]) -> Array:
    """Keep or drop each of `units` runs of equal length; `mask_of` returns part of their mask."""
    dtype = values.dtype if is_floating(values) else np.dtype(np.float64)
    result = empty_result(values.shape, dtype)
    if p == 1 or values.size == 0:
        result.fill(0)
        return result
    length = values.size // units
    # NumPy takes longer for an axis of length 1 than for none.
    shape = (units, length) if length > 1 else (units,)
    source = values
    if not values.flags.c_contiguous:
        np.copyto(result, values)
        source = result
    source, into = source.reshape(shape), result.reshape(shape)
    work = working_dtype(dtype).type
    scale = work(1) / work(1 - p)
    integers = np.dtype(f"i{dtype.itemsize}")

    def scale_part(part: tuple[slice, ...]) -> None:
        factors, scaled = mask_of(part[0]), into[part]
        if length > 1:
            # NumPy repeats a mask along runs faster where it need not convert it on the way.
            factors = factors.astype(integers)[:, np.newaxis]
        np.multiply(source[part], scale, out=scaled, casting="same_kind")
        # 0 or 1 times the bits, for 0 times infinity is not 0, nor 0 times -1 without a sign.
        bits = scaled.view(integers)
        bits *= factors

    most = _BLOCK // (4 * length) * 4
    cuts = [spans(units, most, multiple=4), spans(length, _BLOCK)]
    parts = list(product(*cuts[: into.ndim]))
    parallel.for_each(scale_part, parts, bytes_of_a_part())
    return result
