"""Exact sums of float64 terms, rounded once, ties to even.

A result is proven by rounding a lower and an upper bound of what the terms add up to: where both
give the same value, that is it.
"""

import math
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.scratch import scratch

DIGITS = 2.0**53
"""The largest number up to which float64 counts."""

UNIT = 2.0**-53
"""The largest relative error of one operation in float64."""

ROUNDED_UP = 1 + 2.0**-20
"""Makes up for the roundings of a bound, and for products of roundings, in up to 2**30 terms."""

_SPLITTER = 2.0**27 + 1

_SMALL, LARGE = 2.0**-960, 2.0**900
"""Products between these have exact errors, and sums of them do not overflow."""

_TOP = 900
"""The power of two that products are scaled below, where they leave float64's range."""

_NOTHING = -(1 << 20)
"""The power of two of zero: below all others."""

_LEAST_NORMAL = 2.0**-1021

_DOUBLE = np.dtype(np.float64)

_FEW = 32
"""The most products of float64 that Python's integers sum up in less time than arrays."""

_PASSES = 3
"""After these, what is still in doubt is summed by Python's integers."""


def two_sum(first: Array, second: Array) -> tuple[Array, Array]:
    """Return a sum in float64, and its rounding error."""
    total = first + second
    part = total - first
    return total, (first - (total - part)) + (second - part)


def rounded_products(first: Array, second: Array, others: Array, dtype: np.dtype[Any]) -> Array:
    """Round the exact sums of products, and of other terms, to a dtype.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (m, n)
        Finite factors, in `dtype`.
    others : numpy.ndarray, shape (m, k)
        Further terms.
    dtype : numpy.dtype

    Returns
    -------
    numpy.ndarray, shape (m,)
    """
    (results, count), more = first.shape, others.shape[1]
    are_exact = dtype != np.float64
    if not are_exact and first.size <= _FEW:
        rows = zip(first, second, others, strict=True)
        return np.array([_round_products(*row) for row in rows], _DOUBLE)
    first, second = (_lying_well(each.T.astype(np.float64, copy=False)) for each in (first, second))
    terms = _room("terms", (count * (2 - are_exact) + more, results))
    terms[len(terms) - more :] = others.T
    np.multiply(first, second, out=terms[:count])
    if are_exact:
        return rounded_sums(terms, dtype)
    terms[count : 2 * count] = product_errors(first, second, terms[:count])
    is_safe = _are_in_range(first, second, terms[:count]) & (np.abs(others) < LARGE).all(axis=1)
    result = np.empty(len(is_safe))
    result[is_safe] = rounded_sums(np.compress(is_safe, terms, axis=1), dtype)
    far = np.flatnonzero(~is_safe)
    if far.size:
        result[far] = _rounded_far(first[:, far], second[:, far], others[far].T)
    return result


def _rounded_far(first: Array, second: Array, others: Array) -> Array:
    """Round as `rounded_products`, to float64, where products may leave its range.

    Each column is scaled by a power of two. What is too small for that is an error, until only it
    can decide; then, and for results that lose digits near zero, there are Python's integers.
    """
    (left, left_power), (right, right_power) = map(np.frexp, (first, second))
    products = left * right
    fractions = np.concatenate([products, product_errors(left, right, products), others])
    power = left_power + right_power
    powers = np.concatenate([power, power, np.zeros(others.shape, power.dtype)])
    fractions, more = np.frexp(fractions)
    powers = np.where(fractions == 0, _NOTHING, powers + more)
    scale = powers.max(axis=0, initial=_NOTHING) - _TOP
    powers -= scale
    are_lost = (powers < -_TOP) & (fractions != 0)
    terms = np.ldexp(np.where(are_lost, 0, fractions), powers)
    scaled, in_doubt = _proven(terms, _DOUBLE, are_lost.sum(axis=0) * 2.0**-_TOP)
    result: Array = np.ldexp(scaled, scale)
    is_near_zero = (np.abs(result) < _LEAST_NORMAL) & (scaled != 0)
    for place in {*in_doubt, *np.flatnonzero(is_near_zero)}:
        result[place] = _round_products(first[:, place], second[:, place], others[:, place])
    return result


def _round_products(first: Array, second: Array, others: Array) -> float:
    """Round the exact sum of products, and of other terms, to float64."""
    factors = zip(_whole(first), _whole(second), strict=True)
    products = [(a * b, power + more) for (a, power), (b, more) in factors]
    return _round_integers([*products, *_whole(others)], _DOUBLE)


def product_errors(first: Array, second: Array, products: Array) -> Array:
    """Return the rounding errors of products, which are exact where nothing leaves the range."""
    (high, low), (upper, lower) = map(_halves, (first, second))
    errors: Array = low * lower - (((products - high * upper) - low * upper) - high * lower)
    return errors


def _halves(values: Array) -> tuple[Array, Array]:
    """Cut float64 into two parts of at most 26 digits."""
    scaled = values * _SPLITTER
    high = scaled - (scaled - values)
    return high, values - high


def _are_in_range(first: Array, second: Array, products: Array) -> Array:
    """Return in which columns neither products nor their errors overflow or underflow."""
    sizes = np.abs(products)
    is_small = (sizes < _SMALL) & (first != 0) & (second != 0)
    is_large = (sizes > LARGE) | (np.abs(first) > LARGE) | (np.abs(second) > LARGE)
    outside: Array = (is_small | is_large).any(axis=0)
    return ~outside


def rounded_sums(terms: Array, dtype: np.dtype[Any]) -> Array:
    """Round the exact sums of columns to a dtype.

    Parameters
    ----------
    terms : numpy.ndarray, shape (n, m)
        Finite float64, below 2**1000 / n.
    dtype : numpy.dtype
        float16, float32 or float64.

    Returns
    -------
    numpy.ndarray, shape (m,)
    """
    if dtype == _DOUBLE:
        return _rounded_by_slices(terms, dtype)
    result, left = _proven_by_halves(terms, dtype)
    if left.size:
        result[left] = _rounded_by_slices(np.take(terms, left, axis=1), dtype)
    return result


def _proven_by_halves(terms: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Round as `rounded_sums`, and return for which columns that is not proven.

    A term goes through as many additions as the number of terms is halved. Three more roundings are
    those of the error and of the bounds.
    """
    roundings = (len(terms) - 1).bit_length() + 3
    errors = np.abs(terms, out=_room("sizes", terms.shape)).sum(axis=0)
    errors *= roundings * UNIT * ROUNDED_UP
    half = (len(terms) + 1) // 2
    sums = terms[:half].copy()
    sums[: len(terms) - half] += terms[half:]
    while len(sums) > 1:
        half = (len(sums) + 1) // 2
        sums[: len(sums) - half] += sums[half:]
        sums = sums[:half]
    least, most = (np.add(sums[0], by).astype(dtype) for by in (-errors, errors))
    return most, np.flatnonzero(bits(least) != bits(most))


def _rounded_by_slices(terms: Array, dtype: np.dtype[Any]) -> Array:
    """Round as `rounded_sums`, however much the terms cancel."""
    result, left = _proven(terms, dtype)
    for place in left:
        result[place] = _round_integers(_whole(terms[:, place]), dtype)
    return result


def _proven(terms: Array, dtype: np.dtype[Any], slack: Array | float = 0.0) -> tuple[Array, Array]:
    """Round as `rounded_sums`, and return in which columns that is not proven.

    Each sum may be off by a slack. S. M. Rump and others, "Accurate floating-point summation",
    2008: of all terms of a column the digits down to some place are added up without error, then
    the digits below, and so on. What is left in the end is bounded.
    """
    result = np.empty(terms.shape[1], dtype)
    left = np.arange(terms.shape[1])
    slacks: Array = np.broadcast_to(slack, left.shape)
    rest, upper, sizes = (_room(use, terms.shape) for use in ("rest", "upper", "sizes"))
    np.copyto(rest, terms)
    peaks = np.abs(rest, out=sizes).max(axis=0)
    sums = np.zeros((3, len(left)))
    room = len(terms).bit_length() + 1
    for _ in range(_PASSES):
        far = np.ldexp(1.5, np.frexp(peaks)[1] + room)
        np.add(rest, far, out=upper)
        upper -= far
        rest -= upper
        peaks = np.abs(rest, out=sizes).max(axis=0)
        total, below = two_sum(sums[0], upper.sum(axis=0))
        more, below = two_sum(sums[1], below)
        last = sums[2] + below
        end = last + rest.sum(axis=0)
        error = (len(rest) ** 2 * ROUNDED_UP * UNIT) * peaks + slacks
        error += (8 * UNIT) * (np.abs(last) + np.abs(end))
        error += (4 * UNIT) * (np.abs(more) + np.abs(end) + error) * ((end != 0) | (error != 0))
        least, most = (
            _rounded(*two_sum(total, more + (end + by)), dtype) for by in (-error, error)
        )
        result[left] = least
        in_doubt = bits(least) != bits(most)
        if not in_doubt.any():
            return result, left[:0]
        left, slacks, peaks = left[in_doubt], slacks[in_doubt], peaks[in_doubt]
        rest = np.compress(in_doubt, rest, axis=1)
        upper, sizes = np.empty_like(rest), np.empty_like(rest)
        sums = np.stack([total, more, last])[:, in_doubt]
    return result, left


def _room(use: str, shape: tuple[int, ...]) -> Array:
    """Return an array for a use of this thread's, of which the longer axis lies in one run."""
    if shape[0] > shape[1]:
        return scratch(use, shape[::-1], _DOUBLE).T
    return scratch(use, shape, _DOUBLE)


def _lying_well(values: Array) -> Array:
    """Return an array of which the longer axis lies in one run."""
    if values.shape[0] > values.shape[1]:
        return np.asfortranarray(values)
    return np.ascontiguousarray(values)


def _rounded(total: Array, rest: Array, dtype: np.dtype[Any]) -> Array:
    """Round ``total + rest``, where `rest` is the rounding error of `total`, to a dtype.

    Rounding first to float64, then to a shorter dtype would round twice; not so by way of the
    neighbour whose last bit is 1.
    """
    total = total + 0.0
    if total.dtype != dtype:
        digits = total.view(np.int64)
        is_between = (rest != 0) & (digits & 1 == 0)
        digits += np.where((rest > 0) == (total > 0), 1, -1) * is_between
    return total.astype(dtype)


def bits(values: Array) -> Array:
    """View floating-point numbers as the integers of their bits."""
    digits: Array = values.view(f"i{values.itemsize}")
    return digits


def _whole(values: Array) -> list[tuple[int, int]]:
    """Return finite values as integers, and the powers of two that they are multiplied by."""
    fractions, powers = np.frexp(values)
    integers = np.ldexp(fractions, 53).astype(np.int64)
    return list(zip(integers.tolist(), (powers - 53).tolist(), strict=True))


def _round_integers(terms: list[tuple[int, int]], dtype: np.dtype[Any]) -> float:
    """Round the exact sum of integers, times powers of two, to a dtype."""
    least = min(0, *(power for _, power in terms))
    above, below = sum(integer << (power - least) for integer, power in terms), 1 << -least
    try:
        total = above / below
    except OverflowError:
        return math.inf if above > 0 else -math.inf
    if dtype == _DOUBLE:
        return total
    whole, parts = total.as_integer_ratio()
    rest = above * parts - whole * below
    sign = (rest > 0) - (rest < 0)
    return float(_rounded(np.array([total]), np.array([sign]), dtype)[0])
