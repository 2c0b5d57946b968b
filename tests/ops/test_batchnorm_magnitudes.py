"""Batchnorm in float64 at every magnitude, compared with exact fractions."""

import math
from decimal import Context, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnops_cli import batchnorm
from cnnops_cli.ops.batchnorm import batch_statistics
from cnnops_cli.ops.coefficients import coefficients
from cnnops_cli.ops.moments import Moments, moments

CONTEXT = Context(prec=60)
EPS = Fraction(2) ** -52
LARGEST = Fraction(np.finfo(np.float64).max)
LEAST = Fraction(2) ** -1074


def exact(number):
    return Fraction(float(number))


def root(number):
    """The square root of a fraction to sixty digits."""
    top, bottom = Decimal(number.numerator), Decimal(number.denominator)
    return Fraction(CONTEXT.sqrt(CONTEXT.divide(top, bottom)))


def as_float(number):
    """What float64 makes of a fraction: infinite where it is too large."""
    if abs(number) > LARGEST:
        return math.copysign(math.inf, number)
    return number.numerator / number.denominator


def statistics(column):
    """Mean, biased variance and unbiased variance of a channel."""
    values = [exact(value) for value in column.ravel()]
    mean = sum(values) / len(values)
    squares = sum((value - mean) ** 2 for value in values)
    return mean, squares / len(values), squares / (len(values) - 1)


def assert_normalised(got, column, mean, variance, weight, bias, eps, error_of_mean=0):
    """Within a few roundings of ``(x - mean) / sqrt(var + eps) * weight + bias``."""
    weight, bias, eps = exact(weight), exact(bias), exact(eps)
    scale = weight / root(variance + eps)
    for value, x in zip(got.ravel(), column.ravel(), strict=True):
        distance = exact(x) - mean
        expected = distance * scale + bias
        sizes = abs(distance * scale) + abs(bias)
        allowed = 16 * EPS * sizes + abs(error_of_mean * scale) + 4 * LEAST
        if math.isinf(value):
            assert abs(expected) + allowed > LARGEST
            assert (value > 0) == (expected > 0)
        else:
            assert abs(exact(value) - expected) <= allowed, (value, as_float(expected))


def assert_statistic(got, expected, allowed=0):
    if math.isinf(got):
        assert abs(expected) * (1 + 8 * EPS) > LARGEST
    else:
        assert abs(exact(got) - expected) <= 8 * EPS * abs(expected) + allowed + 2 * LEAST


def check_training(x, weight, bias, eps, momentum, before):
    """One call in training, each of its channels and both running statistics."""
    running = np.array(before, np.float64)
    got = batchnorm(x, *running, weight, bias, training=True, eps=eps, momentum=momentum)
    assert got.shape == x.shape
    assert got.dtype == np.float64
    for channel, (new_mean, new_var) in enumerate(running.T):
        column = x[:, channel]
        mean, variance, unbiased = statistics(column)
        peak = max(abs(exact(value)) for value in column.ravel())
        in_sums = 4 * EPS * peak
        terms = weight[channel], bias[channel], eps
        # A deviation that is small beside the values is known no better than their sums.
        spread = variance + exact(eps)
        off = in_sums + (in_sums**2 / root(spread) if spread else 0)
        assert_normalised(got[:, channel], column, mean, variance, *terms, error_of_mean=off)
        share = exact(momentum)
        kept = [(1 - share) * exact(old) for old in (before[0][channel], before[1][channel])]
        assert_statistic(new_mean, kept[0] + share * mean, 4 * EPS * abs(kept[0]) + share * in_sums)
        assert_statistic(new_var, kept[1] + share * unbiased, 4 * EPS * kept[1] + in_sums**2)


magnitudes = st.floats(-320, 308).map(lambda power: 10.0**power) | st.sampled_from(
    [1.7e308, 5e-324, 1e-320, 1.0, 1e155, 1e-155, 1e-162]
)
signed = st.floats(-1.05, 1.05).map(lambda number: float(f"{number:.3g}"))


@st.composite
def channels_of_any_size(draw):
    """Values (N, C): a magnitude for each channel, or for each of its values."""
    samples, channels = draw(st.integers(2, 5)), draw(st.integers(1, 3))
    columns = []
    for _ in range(channels):
        size = st.just(draw(magnitudes)) if draw(st.booleans()) else magnitudes
        columns.append([draw(signed) * draw(size) for _ in range(samples)])
    return np.array(columns).T


@settings(deadline=None, max_examples=150)
@given(
    channels_of_any_size(),
    st.sampled_from([1e-5, 1e-320, 5e-324, 1e-300, 1e-100, 1e100, 1e308]),
    st.sampled_from([0.1, 0.0, 1.0]),
    magnitudes,
    magnitudes,
)
def test_training_at_every_magnitude(x, eps, momentum, weight, bias):
    channels = x.shape[1]
    before = (np.full(channels, bias), np.ones(channels))
    for terms in ((1.0, 0.0), (weight, 0.0), (-weight, bias)):
        check_training(x, *(np.full(channels, term) for term in terms), eps, momentum, before)


@settings(deadline=None, max_examples=150)
@given(
    channels_of_any_size(),
    st.sampled_from([1e-5, 0.0, 1e-320, 1e-100, 1e308]),
    *[magnitudes] * 4,
    st.sampled_from([0.0, 1.0, -1.0]),
)
def test_given_statistics_of_every_magnitude(x, eps, mean, variance, weight, bias, sign):
    vectors = [np.full(x.shape[1], term) for term in (-sign * mean, variance, weight, sign * bias)]
    got = batchnorm(x, *vectors, eps=eps)
    for channel in range(x.shape[1]):
        mean, variance, *terms = (exact(vector[0]) for vector in vectors)
        assert_normalised(got[:, channel], x[:, channel], mean, variance, *terms, eps)


@pytest.mark.parametrize(
    ("x", "expected", "running"),
    [
        ([1e200, -1e200, 1e200], [0.5**0.5, -(2**0.5), 0.5**0.5], [1e199 / 3, np.inf]),
        ([1e155, 0], [1, -1], [5e153, np.inf]),
        ([1.7e308, 1.7e308], [0, 0], [1.7e307, 0.9]),
        ([1.7e308, -1.7e308], [1, -1], [0, np.inf]),
        ([1e154, -1e154], [1, -1], [0, 2e307]),
        ([1e-200, -1e-200], [10**-197.5, -(10**-197.5)], [0, 0.9]),
    ],
)
def test_squares_beyond_float64(x, expected, running):
    x = np.array(x).reshape(-1, 1)
    statistics = np.array([[0.0], [1.0]])
    got = batchnorm(x, *statistics, training=True)
    assert (got.shape, got.dtype) == (x.shape, np.float64)
    np.testing.assert_allclose(got[:, 0], expected, rtol=1e-15)
    np.testing.assert_allclose(statistics[:, 0], running, rtol=1e-15)


@pytest.mark.parametrize("shape", [(9, 3), (5000, 3), (4, 3, 600), (700, 3, 9), (2, 3, 300, 301)])
@pytest.mark.parametrize("dims", ["first", "last"])
def test_ordinary_channels_are_as_they_are_alone(shape, dims):
    """However the array is cut into blocks, and wherever its result lies."""
    x = np.random.default_rng(0).normal(3, 2, shape)
    weight, bias = np.array([1.5, 2, -1]), np.array([0.5, 0, 3])
    alone = batchnorm(x, weight=weight, bias=bias, training=True)
    x[:, 1] *= 2.0**700
    if dims == "last":
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    got = batchnorm(x, weight=weight, bias=bias, training=True, eps=1e-5)
    np.testing.assert_allclose(
        got[:, [0, 2]], alone[:, [0, 2]], rtol=0 if dims == "first" else 1e-9
    )
    np.testing.assert_allclose(got[:, 1], alone[:, 1], rtol=1e-4)
    flipped = batchnorm(x[::-1], weight=weight, bias=bias, training=True)[::-1]
    np.testing.assert_allclose(flipped, got, rtol=1e-9)


@pytest.mark.parametrize("size", [1e-150, 1.0, 1e300])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_spoils_its_channel_alone(size, value):
    x = np.array([[value, 1.0, 1.0], [2.0, 3.0, 3.0], [5.0, 5.0, 8.0]]) * size
    got = batchnorm(x, training=True, eps=5e-324)
    assert np.isnan(got[:, 0]).all()
    np.testing.assert_allclose(got[:, 1], np.array([-1, 0, 1]) * 1.5**0.5, atol=1e-14)
    assert np.isfinite(got).sum() == 6


@np.errstate(all="ignore")
def test_ordinary_values_are_summed_once():
    x = np.random.default_rng(0).normal(3, 2, (4, 3, 5))
    assert moments(x, narrow=False).scaled is None
    assert moments(np.ones((4, 3, 5)), narrow=False).scaled is None
    assert moments(np.zeros((4, 3, 5)), narrow=False).scaled is None
    large = x * [[1e155], [1], [1e-155]]
    _, exponents = np.frexp(np.abs(large).max((0, 2)))
    np.testing.assert_array_equal(moments(large, narrow=False).scaled[3], exponents * [1, 0, 1])
    assert moments(x.astype(np.float32), narrow=False).scaled is None
    assert moments(np.full((2, 1, 1), 2**64 - 1, np.uint64), narrow=False).scaled is None


def in_float32(scale, offset, other):
    """Whether float32 is what multiplies with a scale, beside a channel of another."""
    zeros, ones = np.zeros(2), np.ones(2)
    weight, bias = np.array([other, scale]), np.array([0.0, offset])
    made, _ = coefficients(2, True, Moments(zeros, zeros, ones), weight, bias, 0.0)
    return made.dtype == np.float32


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("other", [1.0, 0.0])
def test_float32_multiplies_from_2_to_the_minus_102_to_2_to_the_102(sign, other):
    low, high = 2.0**-102, 2.0**102
    assert in_float32(sign * low, 0, other)
    assert not in_float32(sign * np.nextafter(low, 0), 0, other)
    assert in_float32(sign * high, sign * high, other)
    assert not in_float32(sign * np.nextafter(high, np.inf), 0, other)
    assert not in_float32(1, sign * np.nextafter(high, np.inf), other)
    assert in_float32(np.nan, sign * 2 * high, other)


@pytest.mark.parametrize("power", [-149, -130, -103, -101, 100])
def test_a_float32_keeps_its_digits_where_the_scale_has_none_left(power):
    x = np.array([[2.0**100], [-3.0 * 2.0**99]], np.float32)
    if power > 0:
        x *= np.float32(2.0**-100)
    weight = np.array([2.0**power], np.float32)
    got = batchnorm(x, np.float32([0]), np.float32([9]), weight, eps=0)
    expected = x.astype(np.float64) * 2.0**power / 3
    assert got.shape == x.shape
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=3e-7, atol=0)


@pytest.mark.parametrize("power", [-450, 0, 450])
def test_the_statistics_that_are_shown_are_not_scaled(power):
    values = np.ldexp([[1.0, 3], [-1, 3], [1, 3], [-1, 3]], power)
    mean, variance = batch_statistics(values)
    assert mean.tolist() == [0, np.ldexp(3.0, power)]
    assert variance.tolist() == [np.ldexp(1.0, 2 * power), 0]
