"""Mean and variance of each channel, and of parts, compared with exact fractions."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnops_cli.ops import parallel
from cnnops_cli.ops.merged_moments import joined_moments, merged_moments
from cnnops_cli.ops.moments import moments, part_moments

DRAWN = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape),
    "heavy tails": lambda rng, shape: rng.standard_t(1.5, shape),
    "few values": lambda rng, shape: rng.integers(0, 4, shape) / 3,
    "every magnitude": lambda rng, shape: np.ldexp(
        rng.standard_normal(shape), rng.integers(-60, 60, shape)
    ),
}
SHAPES = [(1, 2, 2), (3, 2, 1), (2, 3, 7), (700, 3, 1), (2, 2, 1500), (70, 5, 9)]


def exact(values):
    """The mean and the biased variance of each channel, as fractions."""
    for channel in range(values.shape[1]):
        numbers, counts = np.unique(values[:, channel], return_counts=True)
        terms = [
            (Fraction(float(x)), times) for x, times in zip(numbers, counts.tolist(), strict=True)
        ]
        size = sum(counts.tolist())
        mean = sum(term * times for term, times in terms) / size
        yield mean, sum((term - mean) ** 2 * times for term, times in terms) / size


def rounded(fraction):
    return fraction.numerator / fraction.denominator


def assert_rounded_from_exact(found, values):
    """Both are what the exact numbers round to, and the mean is known to twice the digits."""
    mean, rest, variance, scaled = found
    assert scaled is None
    assert mean.shape == rest.shape == variance.shape == values.shape[1:2]
    for channel, (true_mean, true_variance) in enumerate(exact(values)):
        assert mean[channel] == rounded(true_mean)
        assert variance[channel] == rounded(true_variance)
        left = abs(Fraction(mean[channel]) + Fraction(rest[channel]) - true_mean)
        assert left**2 <= (true_variance + true_mean**2 / 2**80) / 2**130


@pytest.mark.parametrize("offset", [0.0, 0.7, 30.0, 1e6, 1e12])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", DRAWN)
def test_float64_is_rounded_from_what_is_exact(name, shape, offset):
    rng = np.random.default_rng([len(name), *shape])
    values = DRAWN[name](rng, shape) + offset
    assert_rounded_from_exact(moments(values, narrow=False), values)


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "int32", "uint64", "int64"])
@pytest.mark.parametrize("offset", [0, 1 << 22])
def test_other_dtypes_are_rounded_from_what_is_exact(dtype, offset):
    values = np.random.default_rng(1).integers(0, 100, (3, 4, 900))
    values = values.astype(dtype) + np.array(
        offset if dtype not in ("float16", "int8") else 3, dtype
    )
    assert_rounded_from_exact(moments(values, narrow=False), values)


def test_a_mean_far_from_zero_takes_more_than_one_pass():
    """Where the squares of what float32 holds would lose the digits of the variance."""
    values = np.random.default_rng(1).integers(0, 100, (3, 4, 900)).astype(np.float32)
    assert_rounded_from_exact(moments(values + (1 << 22), narrow=True), values + (1 << 22))
    near, precise = moments(values, narrow=True), moments(values, narrow=False)
    np.testing.assert_allclose(near.mean, precise.mean, rtol=1e-15)
    np.testing.assert_allclose(near.variance, precise.variance, rtol=1e-14)
    assert near.rest.shape == (1,)


@pytest.mark.parametrize("count", [2, 3, 1 << 12, (1 << 12) + 1, 300_001])
def test_the_largest_units_are_added_up_exactly(count):
    """Half of the values as far away as they may be, on one side or on both."""
    most = np.nextafter(2.0, 0)
    for other in (-most, 0.0, most / 2, np.nextafter(most, 0)):
        values = np.full((1, 1, count), most)
        values[..., ::2] = other
        assert_rounded_from_exact(moments(values, narrow=False), values)


@pytest.mark.parametrize("low", [1.0, np.nextafter(1, 2), np.nextafter(1, 0), 1 + 2.0**-30])
@pytest.mark.parametrize("sign", [1, -1])
def test_where_differences_to_a_centre_begin_to_be_rounded(low, sign):
    """Where the smallest value is a third of the largest, it is half of what is between them."""
    values = np.random.default_rng(2).uniform(low, 3, (1, 3, 50))
    values[..., 0], values[..., 1] = low, 3
    assert_rounded_from_exact(moments(sign * values, narrow=False), sign * values)


@pytest.mark.parametrize("sign", [1, -1])
def test_several_threads_find_the_limits_of_values_far_from_zero(sign):
    steps = np.random.default_rng(6).integers(0, 9, (1, 2, 600_000))
    values = sign * (1e9 + steps / 3)
    with parallel.using_threads(2):
        found = moments(values, narrow=False)
    assert_rounded_from_exact(found, values)


def test_a_channel_of_one_value_has_no_variance():
    for value in (0.0, 0.1, -1e300, 5e-324, 1.7e308):
        for count in (2, 3, 1001):
            found = moments(np.full((1, 1, count), value), narrow=False)
            assert (found.mean[0], found.rest[0], found.variance[0]) == (value, 0, 0)


@pytest.mark.parametrize("power", [-450, -405, 405, 450])
def test_moments_of_scaled_values_are_scaled(power):
    values = np.random.default_rng(5).standard_normal((4, 2, 9))
    found, plain = moments(np.ldexp(values, power), narrow=False), moments(values, narrow=False)
    assert found.scaled is not None
    np.testing.assert_array_equal(found.mean, np.ldexp(plain.mean, power))
    np.testing.assert_array_equal(found.variance, np.ldexp(plain.variance, 2 * power))


SMALL = st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-100)


@given(st.lists(st.lists(SMALL, min_size=3, max_size=3), min_size=2, max_size=9))
@settings(max_examples=300, deadline=None)
def test_any_float64_are_rounded_from_nearly_exact(rows):
    """Within half a unit in the last place, and what sums of rests lose of the largest square."""
    values = np.array(rows)[..., np.newaxis]
    mean, rest, variance, _ = moments(values, narrow=False)
    for channel, (true_mean, true_variance) in enumerate(exact(values)):
        peak = Fraction(np.abs(values[:, channel]).max())
        lost = peak * Fraction(2) ** -70
        assert abs(Fraction(mean[channel]) + Fraction(rest[channel]) - true_mean) <= lost
        off = abs(Fraction(variance[channel]) - true_variance)
        unit = Fraction(np.spacing(variance[channel]))
        assert off <= unit / 2 + peak * lost


def parts_of(rng, values):
    """Cut an array along each axis, and return the moments of parts, by channels."""
    edges = [
        [0, *sorted(rng.choice(np.arange(1, length), min(length - 1, 2), replace=False)), length]
        for length in values.shape
    ]
    samples, channels, runs = (
        [slice(*pair) for pair in itertools.pairwise(each)] for each in edges
    )
    return [
        [
            part_moments(values[sample, some, run], narrow=False)
            for sample in samples
            for run in runs
        ]
        for some in channels
    ]


@pytest.mark.parametrize("offset", [0.0, 0.7, 30.0, 1e6, 1e12])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", DRAWN)
def test_parts_of_float64_are_merged_to_the_same(name, shape, offset):
    for seed in range(5):
        rng = np.random.default_rng([seed, len(name), *shape])
        values = DRAWN[name](rng, shape) + offset
        merged = joined_moments([merged_moments(parts) for parts in parts_of(rng, values)])
        assert merged.size == values.size // shape[1]
        found, whole = merged.rounded(), moments(values, narrow=False)
        np.testing.assert_array_equal(found.mean, whole.mean)
        np.testing.assert_array_equal(found.variance, whole.variance)
        if name not in ("heavy tails", "every magnitude"):
            np.testing.assert_array_equal(found.rest, whole.rest)
        most = np.sqrt(whole.variance) * 2.0**-65
        np.testing.assert_array_less(np.abs(found.rest - whole.rest), most + 1e-300)


@pytest.mark.parametrize("count", [10, 1000, 100_000])
def test_the_mean_of_values_and_their_opposites_is_zero(count):
    for seed in range(5):
        half = np.random.default_rng(seed).standard_normal((1, 2, count))
        found = moments(np.concatenate([half, -half[..., ::-1]]), narrow=False)
        assert found.mean.tolist() == found.rest.tolist() == [0, 0]


@pytest.mark.parametrize("powers", [(-1060, 0), (-600, -500), (-450, 450), (600, 1000), (0, 420)])
def test_parts_of_every_magnitude_are_merged_to_the_same(powers):
    values = np.random.default_rng(3).standard_normal((4, 3, 10))
    values[:2] = np.ldexp(values[:2], powers[0])
    values[2:] = np.ldexp(values[2:], powers[1])
    values[:, 2] = 0
    merged = merged_moments(
        [part_moments(values[:2], narrow=False), part_moments(values[2:], narrow=False)]
    )
    with np.errstate(over="ignore"):
        found, whole = merged.rounded(), moments(values, narrow=False)
    assert (whole.scaled is None) == (found.scaled is None) == (powers == (-1060, 0))
    for one, other in zip(found.scaled or found[:3], whole.scaled or whole[:3], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-16, atol=1e-30)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("spoilt", "mean"),
    [
        ((np.nan, 1), np.nan),
        ((np.inf, 1), np.inf),
        ((-np.inf, -np.inf), -np.inf),
        ((np.inf, -np.inf), np.nan),
    ],
)
def test_what_is_not_finite_is_in_the_moments_of_its_channel(spoilt, mean, dtype):
    values = np.random.default_rng(4).standard_normal((2, 3, 5)).astype(dtype)
    narrow = dtype == "float32"
    expected = moments(values, narrow)
    values[0, 1, 0], values[1, 1, 4] = spoilt
    with np.errstate(all="ignore"):
        merged = merged_moments(
            [part_moments(values[:1], narrow), part_moments(values[1:], narrow)]
        )
        both = moments(values, narrow), merged.rounded()
    for found in both:
        np.testing.assert_array_equal(found.mean[1], mean)
        assert np.isnan(found.variance[1])
        for one, other in zip(found[:3], expected[:3], strict=True):
            pair = (np.broadcast_to(each, 3)[[0, 2]] for each in (one, other))
            np.testing.assert_allclose(*pair, rtol=1e-15, atol=1e-16)
