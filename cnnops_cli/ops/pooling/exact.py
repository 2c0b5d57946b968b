"""Which zero and which NaN counts: the first of both zeros, the last NaN of a window."""

import itertools
import math
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.pooling.steps import Along
from cnnops_cli.ops.scratch import scratch


def bits_of(cells: Array) -> Array:
    """Look at floating cells as integers: the least is -0.0."""
    return cells.view(f"i{cells.dtype.itemsize}")


def choose_first(bits: Array, along: tuple[Along, ...], chosen: Array, out: Array) -> None:
    """Write the bits of the first zero of some windows.

    Parameters
    ----------
    bits : numpy.ndarray of integers, shape (P, *spatial)
    along : tuple of Along
        By axis.
    chosen : numpy.ndarray of bool, shape (P, *windows)
    out : numpy.ndarray of integers, same shape
    """
    least = np.iinfo(bits.dtype).min
    _choose(bits, along, chosen, out, reversed, lambda seen: (seen == 0) | (seen == least))


def choose_last(bits: Array, along: tuple[Along, ...], chosen: Array, out: Array) -> None:
    """Write the bits of the last NaN of some windows, as `choose_first`."""
    kind = f"f{bits.dtype.itemsize}"
    _choose(bits, along, chosen, out, list, lambda seen: np.isnan(seen.view(kind)))


def _choose(
    bits: Array,
    along: tuple[Along, ...],
    chosen: Array,
    out: Array,
    order: Callable[[list[tuple[int, ...]]], Iterable[tuple[int, ...]]],
    is_wanted: Callable[[Array], Array],
) -> None:
    """Go through the taps, each of which overwrites what was found before."""
    where = np.unravel_index(np.flatnonzero(chosen), chosen.shape)
    plane, *numbers = where
    found = np.zeros(len(plane), bits.dtype)
    for taps in order(list(itertools.product(*(range(axis.taps) for axis in along)))):
        places, is_inside = [], np.ones(len(plane), np.bool_)
        for axis, number, tap in zip(along, numbers, taps, strict=True):
            place = axis.first + number * axis.stride + tap * axis.dilation
            is_inside &= (place >= 0) & (place < axis.length)
            places.append(place.clip(0, axis.length - 1))
        seen = bits[(plane, *places)]
        np.copyto(found, seen, where=is_inside & is_wanted(seen))
    out[where] = found


def zeros_by_position(cells: Array) -> Array:
    """Turn zeros into integers that are larger the earlier they stand, odd where negative.

    Parameters
    ----------
    cells : numpy.ndarray of floats, shape (P, *spatial)

    Returns
    -------
    numpy.ndarray of int32, same shape
        0 for all others.
    """
    bits = bits_of(cells)
    flags = scratch("flags", cells.shape, np.dtype(np.bool_))
    keys = scratch("keys of zeros", cells.shape, np.dtype(np.int32))
    doubled = scratch("doubled bits", bits.shape, bits.dtype)
    np.equal(np.left_shift(bits, 1, out=doubled), 0, out=flags)
    np.multiply(flags.view(np.int8), _earliness(cells.shape[1:]), out=keys)
    np.equal(bits, np.iinfo(bits.dtype).min, out=flags)
    return np.add(keys, flags.view(np.int8), out=keys)


@lru_cache(maxsize=4)
def _earliness(plane: tuple[int, ...]) -> Array:
    size = math.prod(plane)
    return np.arange(2 * size, 0, -2, dtype=np.int32).reshape(plane)


def write_signs(values: Array, is_zero: Array, firsts: Array) -> None:
    """Give zeros the sign of the first.

    Parameters
    ----------
    values : numpy.ndarray of floats
    is_zero : numpy.ndarray of bool, same shape
    firsts : numpy.ndarray of int32, same shape
        Keys of `zeros_by_position`; overwritten.
    """
    bits = bits_of(values)
    np.bitwise_and(firsts, 1, out=firsts)
    np.multiply(firsts, is_zero.view(np.int8), out=firsts)
    if values.dtype != np.float16:
        np.add(values, 0.0, out=values)
    signs = firsts.astype(bits.dtype, copy=False)
    np.left_shift(signs, 8 * bits.dtype.itemsize - 1, out=signs)
    np.bitwise_or(bits, signs, out=bits)
