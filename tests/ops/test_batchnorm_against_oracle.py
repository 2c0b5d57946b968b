"""Batchnorm compared with exact fractions: results, running statistics and their updates."""

import numpy as np
import oracle
import pytest
from comparing import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnops_cli import batchnorm

FLOATS = ("float16", "float32", "float64")


def assert_rounded(got, dtype, expected):
    """Within two roundings of an exact statistic."""
    assert got.dtype == dtype
    np.testing.assert_allclose(got, expected, rtol=2 * np.finfo(dtype).eps, atol=0)


@st.composite
def shapes(draw):
    """Shapes (N, C, *spatial) of two to five axes with two values a channel or more."""
    spatial = tuple(draw(st.lists(st.integers(1, 3), max_size=3)))
    smallest = 1 if np.prod(spatial) > 1 else 2
    return (draw(st.integers(smallest, 4)), draw(st.integers(1, 3)), *spatial)


@st.composite
def parameters(draw):
    """Which arrays a call gives, and its numbers."""
    return {
        "weight": draw(st.booleans()),
        "bias": draw(st.booleans()),
        "running": draw(st.booleans()),
        "eps": draw(st.sampled_from((1e-5, 1e-3, 0.5))),
        "momentum": draw(st.sampled_from((0.0, 0.1, 0.25, 1.0))),
    }


def check_against_oracle(x, given_arrays, dtype, training, rng):
    """Call batchnorm and the oracle alike, and compare the result and the statistics."""
    channels = x.shape[1]
    weight = rng.standard_normal(channels).astype(dtype) if given_arrays["weight"] else None
    bias = rng.standard_normal(channels).astype(dtype) if given_arrays["bias"] else None
    mean = rng.standard_normal(channels).astype(dtype) if given_arrays["running"] else None
    var = rng.uniform(0.5, 2, channels).astype(dtype) if given_arrays["running"] else None
    numbers = {name: given_arrays[name] for name in ("eps", "momentum")}

    vectors = [
        np.full(channels, default).tolist() if array is None else array.tolist()
        for array, default in ((mean, 0.0), (var, 1.0), (weight, 1.0), (bias, 0.0))
    ]
    expected, magnitudes, new_mean, new_var = oracle.batchnorm(
        x, *vectors, training=training, **numbers
    )
    got = batchnorm(x, mean, var, weight, bias, training=training, **numbers)
    reach = mean_magnitudes(x, *vectors[:3], training, numbers["eps"])
    if dtype != "float64":
        magnitudes = magnitudes + small_means(x, *vectors[:3], training, numbers["eps"]) / 2
    assert_close(got, np.dtype(dtype), expected, magnitudes, float64_magnitudes=reach)
    if mean is not None:
        summed = np.abs(x.astype(np.float64)).mean((0, *range(2, x.ndim)))
        assert_rounded_sum(mean, dtype, new_mean, vectors[0], summed * np.finfo(np.float64).eps)
        assert_rounded(var, np.dtype(dtype), new_var)


def mean_magnitudes(x, mean, var, weight, training, eps):
    """What an epsilon of the mean makes of the result: float64 holds no mean more exactly."""
    x = x.astype(np.float64)
    axes = (0, *range(2, x.ndim))
    column = (-1, *(1,) * (x.ndim - 2))
    size = np.abs(x).mean(axes) if training else np.abs(mean)
    var = x.var(axes) if training else np.array(var)
    return np.broadcast_to((size * np.abs(weight) / np.sqrt(var + eps)).reshape(column), x.shape)


def small_means(x, mean, var, weight, training, eps):
    """What a mean that is no larger than the deviation makes of the result: a term of its own."""
    x = x.astype(np.float64)
    axes = (0, *range(2, x.ndim))
    mean, var = (x.mean(axes), x.var(axes)) if training else (np.array(mean), np.array(var))
    small = np.square(mean) <= var * (1 + 1e-9)
    sizes = np.abs(mean * weight) / np.sqrt(var + eps) * small
    return np.broadcast_to(sizes.reshape(-1, *(1,) * (x.ndim - 2)), x.shape)


def assert_rounded_sum(got, dtype, expected, before, error_of_mean):
    """As assert_rounded, where the two terms of the update, or those of the mean, may cancel."""
    assert got.dtype == dtype
    size = np.abs(before) + np.abs(expected)
    allowed = 2 * np.finfo(dtype).eps * size + error_of_mean
    assert np.all(np.abs(got - np.array(expected)) <= allowed)


@given(shapes(), parameters(), st.sampled_from(FLOATS), st.booleans(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=200)
def test_every_option(shape, given_arrays, dtype, training, seed):
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal(shape) * 3 + rng.integers(-2, 3)).astype(dtype)
    check_against_oracle(x, given_arrays, dtype, training, rng)


@given(shapes(), parameters(), st.sampled_from((1e4, -1e6, 1e7)), st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_float32_far_from_zero_is_as_exact_as_near_it(shape, given_arrays, offset, seed):
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal(shape) * 3 + offset).astype(np.float32)
    check_against_oracle(x, given_arrays | {"running": False}, "float32", True, rng)


def test_three_neighbours_at_a_hundred_million():
    x = np.array([[1e8], [1e8 + 8], [1e8 + 16]], np.float32)
    got = batchnorm(x, training=True)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, [[-1.2247448], [0], [1.2247448]], atol=1e-6)


@given(shapes(), st.sampled_from(("float32", "float64")), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_a_training_result_has_mean_zero_and_variance_one(shape, dtype, seed):
    x = np.random.default_rng(seed).normal(5, 2, shape).astype(dtype)
    got = batchnorm(x, training=True, eps=1e-5).astype(np.float64)
    axes = (0, *range(2, x.ndim))
    variance = x.astype(np.float64).var(axes)
    sharpness = np.abs(x.astype(np.float64)).mean(axes) / np.sqrt(variance + 1e-5)
    small = 8 * (np.finfo(dtype).eps + np.finfo(np.float64).eps * sharpness)
    assert np.all(np.abs(got.mean(axes)) <= small)
    assert np.all(np.abs(got.var(axes) - variance / (variance + 1e-5)) <= small)


@given(shapes(), st.integers(2, 4), st.sampled_from((0.1, 0.5)), st.integers(0, 2**32))
@settings(deadline=None, max_examples=40)
def test_running_statistics_over_several_batches(shape, batches, momentum, seed):
    rng = np.random.default_rng(seed)
    channels = shape[1]
    mean, var = np.zeros(channels), np.ones(channels)
    true_mean, true_var = mean.tolist(), var.tolist()
    for _ in range(batches):
        x = rng.normal(3, 2, shape)
        ones, zeros = [1.0] * channels, [0.0] * channels
        _, _, true_mean, true_var = oracle.batchnorm(
            x, true_mean, true_var, ones, zeros, training=True, momentum=momentum, eps=1e-5
        )
        batchnorm(x, mean, var, training=True, momentum=momentum)
    np.testing.assert_allclose(mean, true_mean, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(var, true_var, rtol=1e-14)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4), (2, 3, 0), (0, 3, 2, 2), (0, 3, 1, 1, 1)])
@pytest.mark.parametrize("training", [True, False])
def test_an_empty_batch_leaves_the_running_statistics(shape, training):
    mean, var = np.array([1.0, 2, 3]), np.array([4.0, 5, 6])
    got = batchnorm(np.zeros(shape, np.float32), mean, var, training=training, momentum=0.5)
    assert got.shape == shape
    assert mean.tolist() == [1, 2, 3]
    assert var.tolist() == [4, 5, 6]


def test_eval_leaves_the_running_statistics_and_every_call_its_input():
    mean, var = np.array([1.0, 2]), np.array([4.0, 5])
    x, weight, bias = np.array([[1.0, 2], [7, 8]]), np.array([2.0, 3]), np.array([4.0, 5])
    for training in (False, True):
        before = [a.copy() for a in (x, weight, bias, mean, var)]
        batchnorm(x, mean, var, weight, bias, training=training)
        unchanged = before if not training else before[:3]
        for array, old in zip((x, weight, bias, mean, var), unchanged, strict=False):
            np.testing.assert_array_equal(array, old)
    assert mean.tolist() != [1, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_spoils_its_own_channel_alone(value):
    x = np.array([[value, 1.0], [2.0, 3.0], [5.0, 5.0]])
    mean, var = np.zeros(2), np.ones(2)
    got = batchnorm(x, mean, var, training=True, momentum=0.5)
    assert np.isnan(got[:, 0]).all()
    np.testing.assert_allclose(got[:, 1], [-1.2247425, 0, 1.2247425], rtol=1e-6, atol=1e-15)
    np.testing.assert_array_equal(mean, [value, 1.5])
    np.testing.assert_array_equal(var, [np.nan, 2.5])


def test_integers_are_computed_in_float64():
    x = np.array([[2, 7], [4, 9]], np.uint8)
    expected = np.array([[-1, -1], [1, 1]]) / np.sqrt(1 + 1e-5)
    assert_close(batchnorm(x, training=True), np.dtype("float64"), expected, np.ones((2, 2)))


def test_integers_beside_a_float32_array_are_computed_in_float32():
    x, weight = np.array([[2, 7], [4, 9]], np.int64), np.array([1, 2], np.float32)
    expected = np.array([[-1, -2], [1, 2]]) / np.sqrt(1 + 1e-5)
    got = batchnorm(x, weight=weight, training=True)
    assert_close(got, np.dtype("float32"), expected, np.abs(expected))


def test_eval_without_running_statistics_takes_zero_and_one():
    x = np.array([[3.0, -2.0]])
    assert_close(batchnorm(x, eps=0), np.dtype("float64"), x, np.abs(x))


def test_a_variance_of_zero_without_eps_divides_silently():
    got = batchnorm(np.array([[1.0], [0.0]]), np.zeros(1), np.zeros(1), eps=0)
    assert not np.isfinite(got).any()


def test_a_result_past_float16_is_infinite():
    x, weight = np.array([[1], [3]], np.float16), np.array([60000], np.float16)
    got = batchnorm(x, weight=weight, bias=np.array([60000], np.float16), training=True)
    assert got.dtype == np.float16
    assert np.isinf(got[1, 0])


def test_strided_and_reversed_input():
    x = np.random.default_rng(6).standard_normal((4, 6, 3, 3)).transpose(2, 1, 3, 0)[:, ::2, ::-1]
    got = batchnorm(x, training=True)
    np.testing.assert_allclose(got, batchnorm(np.ascontiguousarray(x), training=True), atol=1e-14)
