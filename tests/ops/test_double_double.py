"""Arithmetic with twice the digits of float64, compared with exact fractions."""

import operator
from fractions import Fraction

import numpy as np
import pytest

from cnnops_cli.ops.double_double import DoubleDouble, total

UNIT = Fraction(2) ** -53
OPERATIONS = {"plus": operator.add, "minus": operator.sub, "times": operator.mul}


def drawn(rng, shape):
    """Numbers of some magnitudes, whose second part is at most half a unit of the first."""
    high = np.ldexp(rng.standard_normal(shape), rng.integers(-30, 30, shape))
    return DoubleDouble(high, np.spacing(high) * rng.uniform(-0.5, 0.5, shape))


def fractions(numbers):
    return [
        Fraction(high) + Fraction(low) for high, low in zip(*map(np.ravel, numbers), strict=True)
    ]


def assert_close(found, expected, sizes):
    """To eight units of twice the digits, and with a first part that is the rounded number."""
    for high, low, true, size in zip(*map(np.ravel, found), expected, sizes, strict=True):
        assert abs(Fraction(high) + Fraction(low) - true) <= 8 * UNIT**2 * size
        assert high == high + low


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name):
    rng = np.random.default_rng(1)
    first, second = drawn(rng, 500), drawn(rng, 500)
    second.high[:100], second.low[:100] = -first.high[:100], first.low[:100] / 2  # cancels
    found = getattr(first, name)(second)
    pairs = list(zip(fractions(first), fractions(second), strict=True))
    expected = [OPERATIONS[name](*pair) for pair in pairs]
    sizes = [
        abs(true) if name == "times" else abs(a) + abs(b)
        for true, (a, b) in zip(expected, pairs, strict=True)
    ]
    assert_close(found, expected, sizes)


def test_what_is_left_where_sums_cancel_is_exact():
    rng = np.random.default_rng(4)
    first = drawn(rng, 500)
    low = np.ldexp(np.spacing(first.high) * rng.uniform(-0.5, 0.5, 500), -rng.integers(0, 20, 500))
    second = DoubleDouble(-first.high, low)
    pairs = zip(fractions(first), fractions(second), strict=True)
    assert fractions(first.plus(second)) == [a + b for a, b in pairs]


@pytest.mark.parametrize("number", [1, 2, 3, 10, 3_000_001, (1 << 40) - 1])
def test_quotients(number):
    numbers = drawn(np.random.default_rng(2), 500)
    expected = [value / number for value in fractions(numbers)]
    assert_close(numbers.over(number), expected, map(abs, expected))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 100])
def test_totals(count):
    terms = drawn(np.random.default_rng(3), (count, 20))
    columns = np.reshape(fractions(terms), (count, 20)).T
    sizes = [sum(map(abs, column)) for column in columns]
    assert_close(total(terms), [sum(column) for column in columns], sizes)
