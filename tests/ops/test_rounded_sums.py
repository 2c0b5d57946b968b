"""Exact sums, compared with fractions in columns of every kind."""

import math
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from comparing import assert_same_bits
from exact_oracle import FORMATS, as_dtype, round_once

from cnnops_cli.ops import rounded_sums as module
from cnnops_cli.ops.rounded_sums import rounded_products, rounded_sums, two_sum

FLOATS = tuple(FORMATS)
SHAPES = [(1, 1), (1, 50), (2, 40), (3, 1), (7, 30), (60, 5), (300, 3)]
"""The number of terms, and of columns."""


@pytest.fixture(autouse=True)
def as_in_conv():
    """Results may overflow, of which conv says nothing either."""
    with np.errstate(all="ignore"):
        yield


@pytest.fixture
def summed(monkeypatch):
    """How many terms each sum by integers had."""
    lengths = []
    by_integers = module._round_integers

    def counting(terms, dtype):
        lengths.append(len(terms))
        return by_integers(terms, dtype)

    monkeypatch.setattr(module, "_round_integers", counting)
    return lengths


def nearest(total, dtype):
    """The nearest value of a dtype to a fraction whose denominator is a power of two."""
    return round_once(total.numerator, 1 - total.denominator.bit_length(), dtype)


def expected_sums(terms, dtype):
    columns = terms.T.tolist()
    return as_dtype([nearest(sum(map(Fraction, column)), dtype) for column in columns], dtype)


def assert_sums(terms, dtype):
    terms = np.asarray(terms, np.float64)
    expected = expected_sums(terms, dtype)
    assert_same_bits(rounded_sums(terms.copy(), np.dtype(dtype)), expected)
    assert_same_bits(rounded_sums(np.asfortranarray(terms), np.dtype(dtype)), expected)


def assert_products(first, second, others, dtype):
    first, second, others = (np.asarray(each, dtype) for each in (first, second, others))
    rows = zip(first.tolist(), second.tolist(), others.tolist(), strict=True)
    expected = [
        nearest(
            sum((Fraction(a) * Fraction(b) for a, b in zip(x, w, strict=True)), Fraction())
            + sum(map(Fraction, more)),
            dtype,
        )
        for x, w, more in rows
    ]
    for few in (module._FEW, 0):
        with mock.patch.object(module, "_FEW", few):
            got = rounded_products(first, second, others.astype(np.float64), np.dtype(dtype))
        assert_same_bits(got, as_dtype(expected, dtype))


def random_terms(kind, rng, shape, dtype):
    """Columns of float64 terms whose sums are hard to round to a dtype."""
    precision, least, limit = FORMATS[dtype]
    limit = min(limit, 900)
    if kind == "normal":
        return rng.standard_normal(shape)
    if kind == "wide":
        return np.ldexp(rng.standard_normal(shape), rng.integers(least, limit - 9, shape))
    if kind == "cancelling":
        terms = np.ldexp(rng.standard_normal(shape), rng.integers(-60, 60, shape))
        half = shape[0] // 2
        terms[half : 2 * half] = -terms[:half]
        return rng.permuted(terms, axis=0)
    if kind == "subnormal":
        return np.ldexp(rng.integers(-9, 10, shape).astype(float), max(least - 2, -1074))
    terms = np.zeros(shape)  # midpoints of two values, but for one tiny term
    whole = rng.integers(2 ** (precision - 1), 2**precision, shape[1]).astype(float)
    terms[0] = rng.choice([1.0, -1.0], shape[1]) * whole
    if shape[0] > 1:
        terms[1] = rng.choice([0.5, -0.5], shape[1])
    if shape[0] > 2:
        tiny = np.ldexp(1.0, rng.integers(-900, -60, shape[1]))
        terms[2] = rng.choice([1.0, 0.0, -1.0], shape[1]) * tiny
    return rng.permuted(terms, axis=0)


KINDS = ("normal", "wide", "cancelling", "subnormal", "midpoints")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_random_columns(kind, shape, dtype):
    rng = np.random.default_rng([KINDS.index(kind), *shape, FORMATS[dtype][0]])
    for _ in range(3):
        assert_sums(random_terms(kind, rng, shape, dtype), dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_ties_go_to_even_unless_a_tiny_term_decides(dtype):
    half = 2.0 ** -FORMATS[dtype][0]
    columns = [
        [whole, sign * half, decides * 2.0**-1000]
        for whole in (1.0, 1 + 2 * half, 1 + 4 * half, 2 - 2 * half)
        for sign in (1, -1)
        for decides in (1, 0, -1)
    ]
    assert_sums(np.transpose(columns), dtype)
    assert_sums(-np.transpose(columns), dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_sums_next_to_the_largest_value(dtype):
    precision, _, limit = FORMATS[dtype]
    top = float(np.finfo(dtype).max)
    if dtype == "float64":
        # Sums of terms below 2**1000 do not reach it; those of products do.
        unit = 2.0 ** (limit - precision)
        others = [
            [unit / 2, sign * 2.0**small] for small in (0, 800, 960) for sign in (1.0, 0.0, -1.0)
        ]
        for sign in (1.0, -1.0):
            first, second = [[sign * top / 2]] * 9, [[2.0]] * 9
            assert_products(first, second, sign * np.array(others), dtype)
        return
    half = 2.0 ** (limit - precision - 1)
    tiny = 2.0**-900
    columns = [[top, half, tiny], [top, half, 0], [top, half, -tiny], [top, -half, 0], [top, 0, 0]]
    assert_sums(np.transpose(columns), dtype)
    assert_sums(-np.transpose(columns), dtype)
    assert rounded_sums(np.array([[top], [half]]), np.dtype(dtype)).tolist() == [math.inf]


@pytest.mark.parametrize("dtype", FLOATS)
def test_zeros_and_what_underflows(dtype):
    least = float(np.finfo(dtype).smallest_subnormal)
    columns = [[0.0, 0.0], [-0.0, -0.0], [1.0, -1.0], [least, -least], [0.0, -least]]
    if dtype != "float64":
        columns += [[least / 2, 0], [-least / 2, 0], [least / 2, 2.0**-500], [-least / 4, 0]]
        columns += [[-least / 2, -(2.0**-500)], [-(2.0**-500), 2.0**-501], [1.5 * least, 0]]
    assert_sums(np.transpose(columns), dtype)
    got = rounded_sums(np.array([[-0.0], [-0.0]]), np.dtype(dtype))
    assert (got.tolist(), np.signbit(got).tolist()) == ([0], [False])


@pytest.mark.parametrize("dtype", FLOATS)
def test_rounding_on_both_sides_of_a_power_of_two(dtype):
    half = 2.0 ** -FORMATS[dtype][0]
    columns = [
        [1.0, -half / 2 * (1 + by), sign * 2.0**-200] for by in (0, 2.0**-40) for sign in (1, 0, -1)
    ]
    assert_sums(np.transpose(columns), dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("columns", [1, 3, 20])
def test_cancellation_through_all_passes_ends_in_integers(columns, dtype, summed):
    """A midpoint that only the last of many far smaller terms decides."""
    powers = -60.0 * np.arange(1, 15)
    rng = np.random.default_rng(columns)
    signs = rng.choice([1.0, -1.0], (len(powers), columns))
    some = signs * (1 + rng.random(signs.shape)) * 2.0 ** powers[:, np.newaxis]
    midpoint = np.array([[1.0] * columns, [2.0 ** -FORMATS[dtype][0]] * columns])
    tiny = np.ldexp(rng.choice([1.0, -1.0], (1, columns)), -1000)
    terms = np.concatenate([midpoint, some, -some, tiny])
    assert_sums(rng.permuted(terms, axis=0), dtype)
    assert summed == [len(terms)] * (2 * columns)


@pytest.mark.parametrize("dtype", FLOATS)
def test_random_columns_need_no_integers(dtype, summed):
    rounded_sums(np.random.default_rng(0).standard_normal((100, 1000)), np.dtype(dtype))
    assert summed == []


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("count", [1, 2, 3, 9, 100])
def test_sums_by_halves_prove_most_random_columns(count, dtype):
    terms = np.random.default_rng(count).standard_normal((count, 1000))
    got, left = module._proven_by_halves(terms, np.dtype(dtype))
    assert len(left) < 5
    proven = np.delete(np.arange(1000), left)
    assert_same_bits(got[proven], expected_sums(terms[:, proven], dtype))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_roundings_of_halves_taken_for_zero_are_caught(dtype, monkeypatch):
    """A midpoint that terms decide which are lost next to it, first or last in the halves."""
    tiny = 2.0**-60
    columns = [[1.0, tiny, 2.0 ** -FORMATS[dtype][0]], [1.0, 2.0 ** -FORMATS[dtype][0], tiny]]
    terms = np.transpose(columns)
    assert_sums(terms, dtype)
    monkeypatch.setattr(module, "UNIT", 0.0)
    with pytest.raises(AssertionError, match="differ; at"):
        assert_sums(terms, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_no_columns(dtype):
    assert_same_bits(rounded_sums(np.empty((4, 0)), np.dtype(dtype)), np.empty(0, dtype))
    empty = np.empty((0, 4), dtype)
    got = rounded_products(empty, empty, np.empty((0, 1)), np.dtype(dtype))
    assert_same_bits(got, np.empty(0, dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("more", [0, 1, 2])
def test_random_products(shape, more, dtype):
    rng = np.random.default_rng([*shape, more])
    precision, least, limit = FORMATS[dtype]
    terms, results = shape
    for reach in (0, precision, -least // 2, limit // 2 - 2, limit - 2):
        first, second, others = (
            np.ldexp(rng.standard_normal((results, count)), rng.integers(-reach, reach + 1))
            * rng.choice([1, 1, 1, 0], (results, count))
            for count in (terms, terms, more)
        )
        spread = np.ldexp(1.0, rng.integers(-reach, reach + 1, first.shape))
        largest = np.finfo(dtype).max
        first = np.clip(first * spread, -largest, largest)
        assert_products(first, second, others, dtype)


def test_products_far_out_of_range():
    """Cancellation above and below float64's range, and next to both of its ends."""
    large, small = 2.0**1000, 2.0**-1000
    rows = [
        ([large, -large], [large, large], [1.0]),
        ([large, -large], [large, large], [0.0]),
        ([large, large], [large, 1.0], [0.0]),
        ([-large, large], [large, 1.0], [0.0]),
        ([small, small], [small, 1.0], [0.0]),
        ([small, -small], [small, small], [2.0**-1074]),
        ([small, 0.0], [small, 1.0], [2.0**-1074]),
        ([-small, 0.0], [small, 1.0], [0.0]),
        ([small, 1.0], [small, 2.0**-53], [1.0]),
        ([-small, 1.0], [small, 2.0**-53], [1.0]),
        ([large, -large], [2.0**23, 2.0**23], [2.0**-1074]),
        ([large, small], [2.0**23, small], [2.0**970]),
        ([2.0**-537, 2.0**-1074], [2.0**-538, 2.0**-1], [0.0]),
        ([2.0**-537, -(2.0**-700)], [2.0**-538, 2.0**-700], [0.0]),
        ([3 * 2.0**-538, 0.0], [2.0**-537, 0.0], [2.0**-1022]),
        ([2.0**-537, 2.0**-600], [5 * 2.0**-538, 2.0**-534], [0.0]),
        ([2.0**-537, -(2.0**-600)], [3 * 2.0**-538, 2.0**-534], [0.0]),
        ([(1 + 2.0**-52) * 2.0**-500, 0.0], [(1 + 2.0**-52) * 2.0**-510, 0.0], [2.0**-1063]),
    ]
    first, second, others = (np.array(column) for column in zip(*rows, strict=True))
    assert_products(first, second, others, "float64")
    assert_products(second, first, -others, "float64")


def test_two_sums_are_exact():
    rng = np.random.default_rng(3)
    first, second = (
        np.ldexp(rng.standard_normal(2000), rng.integers(-1070, 900, 2000)) for _ in range(2)
    )
    second[::2] = np.ldexp(first[::2], rng.integers(-60, 60, 1000))
    total, rest = two_sum(first, second)
    for a, b, s, r in zip(*(each.tolist() for each in (first, second, total, rest)), strict=True):
        assert Fraction(a) + Fraction(b) == Fraction(s) + Fraction(r)
        assert s == a + b


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_bound_of_nothing_is_caught(dtype, monkeypatch):
    """With errors taken for zero, a far smaller term is lost."""
    monkeypatch.setattr(module, "UNIT", 0.0)
    powers = 2.0 ** (-60.0 * np.arange(1, 16))
    column = np.array([1.0, 2.0 ** -FORMATS[dtype][0], *powers, *-powers[:-1]])
    terms = np.random.default_rng(0).permuted(np.tile(column, (50, 1)), axis=1).T
    assert np.any(rounded_sums(terms, np.dtype(dtype)) != expected_sums(terms, dtype))
