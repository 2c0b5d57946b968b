"""Exact sums of float64 terms, rounded once, ties to even.

A sum and its rounding error are both exact (`two_sum`), so terms can be distilled into fewer that
matter without losing anything. A result is proven by rounding a lower and an upper bound of what
they add up to: where both give the same value, that is it.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array

DIGITS = 2.0**53
"""The largest number up to which float64 counts."""

UNIT = 2.0**-53
"""The largest relative error of one operation in float64."""

ROUNDED_UP = 1 + 2.0**-20
"""Makes up for the roundings of a bound, and for products of roundings, in up to 2**30 terms."""

_SPLITTER = 2.0**27 + 1

_SMALL, _LARGE = 2.0**-960, 2.0**900
"""Products between these have exact errors, and sums of them do not overflow."""

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
    count, more = first.shape[1], others.shape[1]
    first, second = (np.ascontiguousarray(each.T, np.float64) for each in (first, second))
    are_exact = dtype != np.float64
    terms = np.empty((count * (2 - are_exact) + more, first.shape[1]))
    terms[len(terms) - more :] = others.T
    np.multiply(first, second, out=terms[:count])
    if are_exact:
        return rounded_sums(terms, dtype)
    terms[count : 2 * count] = _product_errors(first, second, terms[:count])
    is_safe = _are_in_range(first, second, terms[:count]) & (np.abs(others) < _LARGE).all(axis=1)
    result = np.empty(len(is_safe))
    result[is_safe] = rounded_sums(np.compress(is_safe, terms, axis=1), dtype)
    for place in np.flatnonzero(~is_safe):
        products = map(_product_ratio, first[:, place].tolist(), second[:, place].tolist())
        ratios = map(float.as_integer_ratio, others[place].tolist())
        result[place] = _round_ratios([*products, *ratios], dtype)
    return result


def _product_errors(first: Array, second: Array, products: Array) -> Array:
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
    is_large = (sizes > _LARGE) | (np.abs(first) > _LARGE) | (np.abs(second) > _LARGE)
    outside: Array = (is_small | is_large).any(axis=0)
    return ~outside


def rounded_sums(terms: Array, dtype: np.dtype[Any]) -> Array:
    """Round the exact sums of columns to a dtype.

    Parameters
    ----------
    terms : numpy.ndarray, shape (n, m)
        Finite float64, of which no sum overflows; overwritten.
    dtype : numpy.dtype
        float16, float32 or float64.

    Returns
    -------
    numpy.ndarray, shape (m,)
    """
    result = np.empty(terms.shape[1], dtype)
    left = np.arange(terms.shape[1])
    for _ in range(_PASSES):
        _distil(terms)
        rest = terms[1:].sum(axis=0)
        error = np.abs(terms[1:]).sum(axis=0) * ((len(terms) + 2) * UNIT * ROUNDED_UP)
        total, rest = two_sum(terms[0], rest)
        error += (np.abs(rest) + error) * (2 * UNIT * (error > 0))
        lower, upper = (_rounded(*two_sum(total, rest + by), dtype) for by in (-error, error))
        result[left] = lower
        in_doubt = bits(lower) != bits(upper)
        if not in_doubt.any():
            return result
        left, terms = left[in_doubt], np.compress(in_doubt, terms, axis=1)
    result[left] = [
        _round_ratios(map(float.as_integer_ratio, column), dtype) for column in terms.T.tolist()
    ]
    return result


def _distil(terms: Array) -> None:
    """Replace columns by terms of the same sum: its rounded value, and errors of additions."""
    count = len(terms)
    while count > 1:
        half = count // 2
        first, second = terms[:half], terms[count - half : count]
        first[...], second[...] = two_sum(first, second)
        count -= half


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


def _round_ratios(ratios: Iterable[tuple[int, int]], dtype: np.dtype[Any]) -> float:
    """Round the exact sum of fractions, whose denominators are powers of two, to a dtype."""
    ratios = list(ratios)
    scale = max(below for _, below in ratios)
    above = sum(above * (scale // below) for above, below in ratios)
    try:
        total = above / scale
    except OverflowError:
        return math.inf if above > 0 else -math.inf
    if dtype == np.float64:
        return total
    whole, parts = total.as_integer_ratio()
    rest = above * parts - whole * scale
    sign = (rest > 0) - (rest < 0)
    return float(_rounded(np.array([total]), np.array([sign]), dtype)[0])


def _product_ratio(first: float, second: float) -> tuple[int, int]:
    (above, below), (over, under) = first.as_integer_ratio(), second.as_integer_ratio()
    return above * over, below * under
