"""Batchnorm of every way to cut an array, compared with float64 formulas in every range of data."""

import tracemalloc

import numpy as np
import pytest

from cnnops_cli import batchnorm
from cnnops_cli.ops import channel_blocks, channel_sums, moments, parallel, precise_moments

CUTS = {
    "folded samples": (7, 3),
    "folded samples and a rest": (4097, 7),
    "rows": (130, 1100),
    "rows in several columns": (40, 9001),
    "one long row": (1, 3000, 5, 5),
    "planes of one sample": (1, 300, 21, 21),
    "rows of sums, planes of results": (4, 300, 20, 20),
    "short runs": (40, 500, 7, 7),
    "planes": (3, 50, 30, 31),
    "long runs": (2, 3, 400, 401),
    "spans of channels": (5, 23, 330, 331),
    "one channel": (3, 1, 150_001),
}
SMALL = {
    "_BLOCK_BYTES": 160,
    "_LEAST_SPANS": 2,
    "_WORTH_A_THREAD": 96,
    "_MOST_PARTS": 5,
    "_MANY_ROWS": 4,
    "_PLANE": 6,
    "_PLANE_ALONE": 3,
    "_PLANE_SUMMED": 6,
    "_ROW": 12,
}
SMALL_CUTS = [(50, 1), (50, 5), (51, 3, 2), (2, 9, 5), (7, 11, 3), (3, 4, 6), (5, 3, 30)]
SMALL_CUTS += [(1, 2, 99), (1, 50, 2), (1, 50, 3), (9, 1, 5, 5, 5)]

RANGES = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "mean of 0.5": lambda rng, shape: rng.standard_normal(shape) + 0.5,
    "mean of 2": lambda rng, shape: rng.standard_normal(shape) + 2,
    "mean of 200": lambda rng, shape: rng.standard_normal(shape) + 200,
    "mean of 1e6": lambda rng, shape: rng.standard_normal(shape) * 3 + 1e6,
    "tiny variance": lambda rng, shape: rng.standard_normal(shape) * 1e-6 + 1,
    "many magnitudes": lambda rng, shape: (
        rng.standard_normal(shape) * 10.0 ** rng.integers(-9, 9, shape)
    ),
    "denormal": lambda rng, shape: rng.standard_normal(shape) * 1e-41,
    "huge": lambda rng, shape: rng.standard_normal(shape) * 5e37,
    "bytes": lambda rng, shape: rng.integers(0, 256, shape),
}


def column(values, rank):
    return values.reshape(-1, *(1,) * (rank - 2))


def truth(x, mean, variance, weight, bias, *, training, eps):
    """Each result and the size of its terms; the mean to twice the digits of float64.

    A mean of at most half the deviation is a term of its own.
    """
    x, axes = x.astype(np.float64), (0, *range(2, x.ndim))
    if training:
        mean = x.mean(axes)
    x = x - column(mean, x.ndim)
    if training:
        x -= column(x.mean(axes), x.ndim)
        variance = np.square(x).mean(axes)
    scale = weight / np.sqrt(variance + eps)
    scaled, bias = x * column(scale, x.ndim), column(bias, x.ndim)
    small = np.where(4 * np.square(mean) <= variance, np.abs(mean * scale), 0)
    return scaled + bias, np.abs(scaled) + np.abs(bias) + column(small, x.ndim) / 2


def check(x, *, training, eps=1e-5, affine=True, seed=1):
    rng, channels = np.random.default_rng(seed), x.shape[1]
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axes, dtype=np.float64).astype(np.float32)
    variance = np.minimum(x.var(axes, dtype=np.float64), 1e38).astype(np.float32)
    weight, bias = rng.standard_normal((2, channels)).astype(np.float32)
    if not affine:
        weight, bias = np.ones_like(weight), np.zeros_like(bias)
    vectors = [vector.astype(np.float64) for vector in (mean, variance, weight, bias)]
    expected, sizes = truth(x, *vectors, training=training, eps=eps)
    got = batchnorm(x, mean, variance, weight, bias, training=training, eps=eps)
    assert got.shape == x.shape
    assert got.dtype == x.dtype
    allowed = 4 * np.finfo(np.float32).eps * sizes + np.finfo(np.float32).smallest_subnormal
    if x.dtype == np.float64:
        offset = np.abs(column(vectors[0] * weight / np.sqrt(variance + eps), x.ndim))
        allowed = 8 * np.finfo(np.float64).eps * (sizes + offset)
    error = np.abs(got.astype(np.float64) - expected)
    worst = np.unravel_index(np.argmax(error - allowed), error.shape)
    assert np.all(error <= allowed), f"off by {error[worst]}, allowed {allowed[worst]}, at {worst}"


@pytest.fixture
def small_blocks(monkeypatch):
    for name, value in SMALL.items():
        monkeypatch.setattr(channel_blocks, name, value)
    monkeypatch.setattr(moments, "_SUMMED", 20)
    monkeypatch.setattr(channel_sums, "_BUFFERED", 16)
    monkeypatch.setattr(precise_moments, "_SUMMED", 20)
    channel_blocks.cut.cache_clear()
    yield
    channel_blocks.cut.cache_clear()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", CUTS.values(), ids=CUTS)
def test_every_cut(shape, training):
    check(np.random.default_rng(2).normal(3, 2, shape).astype(np.float32), training=training)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", RANGES)
def test_every_range(name, affine, training):
    x = RANGES[name](np.random.default_rng(3), (60, 9, 40)).astype(np.float32)
    for eps in (1e-5, 1e-12):
        check(x, training=training, affine=affine, eps=eps)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SMALL_CUTS, ids=str)
def test_small_blocks(shape, dtype, training, small_blocks):
    x = np.random.default_rng(4).normal(3, 2, shape).astype(dtype)
    check(x, training=training)
    results = []
    for threads in (1, 4):
        with parallel.using_threads(threads):
            results.append(batchnorm(x, training=training))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("run", [127, 128, 255, 256])
@pytest.mark.parametrize("samples", [1, 70])
def test_rows_and_planes_have_the_same_results(samples, run, training, monkeypatch):
    x = np.random.default_rng(12).normal(3, 2, (samples, 9, run)).astype(np.float32)
    weight, bias = np.random.default_rng(13).normal(0, 1, (2, 9)).astype(np.float32)
    results = [batchnorm(x, weight=weight, bias=bias, training=training)]
    for shortest in (1, 1000):
        for name in ("_PLANE", "_PLANE_ALONE"):
            monkeypatch.setattr(channel_blocks, name, shortest)
        channel_blocks.cut.cache_clear()
        results.append(batchnorm(x, weight=weight, bias=bias, training=training))
    channel_blocks.cut.cache_clear()
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("limit", [128, 256])
def test_where_rows_become_planes(limit):
    samples = 1 if limit == 128 else 2
    for run, planes in ((limit - 1, False), (limit, True)):
        for part in channel_blocks.cut((samples, 9, run), 1 << 19):
            assert [block.fold == 0 for block in part] == [planes]


@pytest.mark.parametrize("run", [2, 100, 511, 512])
def test_sums_of_one_sample_are_of_planes(run):
    (part,) = channel_blocks.cut((1, 9, run), 1 << 17, longest=1 << 13)
    assert [block.fold for block in part] == [0]
    values = np.random.default_rng(14).normal(3, 2, (1, 9, run)).astype(np.float32)
    expected = np.add.reduce(values[0].astype(np.float64), -1) / run
    np.testing.assert_array_equal(moments.moments(values, narrow=True).mean, expected)


@pytest.mark.parametrize("training", [True, False])
def test_memory_with_the_channels_last(training):
    x = np.random.default_rng(5).normal(3, 2, (3, 20, 30, 40)).astype(np.float32)
    check(x.transpose(0, 3, 1, 2), training=training)
    check(x.transpose(3, 1, 2, 0), training=training)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtypes", ["int32 float32", "float32 float64", "float32 float32"])
def test_strided_memory_is_normalised_as_contiguous_memory(dtypes, training):
    of_values, of_statistics = dtypes.split()
    x = np.random.default_rng(9).integers(-9, 9, (60, 250, 100, 4)).astype(of_values)
    statistics = np.random.default_rng(9).uniform(1, 2, (2, 100)).astype(of_statistics)
    expected_statistics = statistics.copy()
    strided = x.transpose(3, 2, 1, 0)
    contiguous = np.ascontiguousarray(strided)
    expected = batchnorm(contiguous, *expected_statistics, training=training)
    tracemalloc.start()
    with parallel.using_threads(2):
        got = batchnorm(strided, *statistics, training=training)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(statistics, expected_statistics)
    assert peak - got.nbytes < 16 << 20


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("more", [0, 1, 3])
def test_more_channels_than_are_normalised_at_a_time(more, training):
    shape = (4, (1 << 14) + more)
    check(np.random.default_rng(10).normal(3, 2, shape).astype(np.float32), training=training)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(36, 536, 8, 7), (20_000, 3, 60)], ids=str)
def test_few_channels_with_short_runs_at_a_time(shape, training):
    """Of an array that is copied some channels at a time: some channels of samples are no row."""
    x = np.random.default_rng(11).integers(-9, 9, shape).astype(np.int32)
    expected = batchnorm(x, training=training)
    got = batchnorm(np.asfortranarray(x), training=training)
    assert (got.shape, got.dtype) == (expected.shape, np.float64)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("value", [0.1, -7e30, 3e-42, 16777215])
@pytest.mark.parametrize("shape", [(3, 2), (1001, 7), (3, 2, 999), (1, 2, 200_001)], ids=str)
def test_a_channel_of_one_value_is_its_bias(shape, value):
    for dtype in ("float32", "float64"):
        x, bias = np.full(shape, value, dtype), np.arange(shape[1]).astype(dtype)
        got = batchnorm(x, bias=bias, training=True)
        np.testing.assert_array_equal(got, np.broadcast_to(column(bias, x.ndim), shape))


@pytest.mark.parametrize("shape", [(1001, 7), (3, 7, 999), (50, 7, 30)], ids=str)
def test_what_is_not_finite_spoils_its_own_channel_alone(shape):
    x = np.random.default_rng(6).normal(3, 2, shape).astype(np.float32)
    clean = batchnorm(x, training=True)
    for value in (np.nan, np.inf, -np.inf):
        spoiled = x.copy()
        spoiled[0, 2] = value
        got = batchnorm(spoiled, training=True)
        assert np.isnan(got[:, 2]).all()
        np.testing.assert_array_equal(np.delete(got, 2, 1), np.delete(clean, 2, 1))


POSITIVE_NAN = {"float16": 0x7E00, "float32": 0x7FC00000, "float64": 0x7FF8000000000000}


@pytest.mark.parametrize("dtype", POSITIVE_NAN)
@pytest.mark.parametrize("shape", [(9, 3), (5000, 3), (2, 3, 600)], ids=str)
def test_a_nan_that_is_made_is_the_positive_one(dtype, shape):
    """Infinity minus infinity, or times 0, is a negative one on some processors."""
    x = np.ones(shape, dtype)
    runs = x.reshape(len(x), 3, -1)
    runs[0, 1, 0], runs[1, 2, -1] = np.inf, -np.inf
    mean, variance = np.zeros((2, 3), dtype)
    weight = np.array([1, 0, -np.inf], dtype)
    bits = f"u{x.itemsize}"
    trained = batchnorm(x, mean, variance, training=True)
    for spoiled in (trained[:, 1:], variance[1:]):
        assert set(np.unique(spoiled.view(bits))) == {POSITIVE_NAN[dtype]}
    assert np.array_equal(trained[:, 0], np.zeros_like(trained[:, 0]))
    assert mean[1:].tolist() == [np.inf, -np.inf]
    evaluated = batchnorm(x, np.zeros(3, dtype), np.ones(3, dtype), weight)
    found = evaluated[np.isnan(evaluated)].view(bits)
    assert found.tolist() == [POSITIVE_NAN[dtype]]


@pytest.mark.parametrize("dtype", POSITIVE_NAN)
def test_a_nan_of_the_input_keeps_its_bits(dtype):
    """As in max pooling and dropout, where parameters are finite."""
    x = np.ones((4, 2), dtype)
    bits = x.view(f"u{x.itemsize}")
    bits[1, 0], bits[2, 1] = POSITIVE_NAN[dtype] + 5, np.iinfo(bits.dtype).max
    got = batchnorm(x, np.float64([0.5, -3]).astype(dtype), np.ones(2, dtype))
    assert np.array_equal(got.view(bits.dtype)[np.isnan(x)], bits[np.isnan(x)])


@pytest.mark.parametrize(("mean", "expected"), [(np.inf, -np.inf), (-np.inf, np.inf)])
def test_a_running_mean_that_is_infinite(mean, expected):
    x, mean = np.ones((2, 1), np.float32), np.array([mean], np.float32)
    assert batchnorm(x, mean, np.ones(1, np.float32)).tolist() == [[expected], [expected]]


@pytest.mark.parametrize(
    ("x", "mean", "variance", "weight", "bias", "expected"),
    [
        (3e38, -3e38, 1e38, 1.0, 0.0, 6e19),
        (3e38, 0.0, 1.0, 2.0, -4e38 / 1.25, 2.8e38),
        (1e-5, 0.0, 1.0, 1e-41, 0.0, 0.0),
        (1e38, 0.0, 1.0, 1e-41, 0.0, 1e-3),
    ],
)
def test_where_float32_would_overflow_or_lose_digits_on_the_way(
    x, mean, variance, weight, bias, expected
):
    vectors = np.array([[mean], [variance], [weight], [bias]], np.float32)
    got = batchnorm(np.full((2, 1), x, np.float32), *vectors, eps=0)
    digits = float(np.float32(weight)) / weight
    np.testing.assert_allclose(got, np.full((2, 1), expected * digits), rtol=1e-6)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int32"])
def test_working_memory_is_bounded(dtype, training):
    for shape in ((2, 1, 3_000_000), (3, 1_000_000)):
        x = np.random.default_rng(7).integers(-9, 9, shape).astype(dtype)
        running = np.zeros((2, shape[1]), np.float32)
        tracemalloc.start()
        with parallel.using_threads(2):
            got = batchnorm(x, *running, training=training)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak - got.nbytes < 16 << 20


@pytest.mark.parametrize("count", [3, 1000, 300_001])
def test_float64_where_neighbours_are_a_few_epsilons_apart(count):
    steps = np.random.default_rng(8).integers(0, 3, (count, 1)) if count > 3 else [[0], [1], [1]]
    steps = np.array(steps, np.float64)
    expected, _ = truth(steps, 0, 1, np.ones(1), np.zeros(1), training=True, eps=1e-9)
    mean, variance = np.zeros(1), np.zeros(1)
    got = batchnorm(1e16 + 2 * steps, mean, variance, training=True, eps=4e-9, momentum=1.0)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(variance, 4 * steps.var(ddof=1), rtol=1e-11)


def test_an_infinite_weight_beside_a_mean_that_float64_does_not_hold():
    x = np.array([[1e16, 0.0], [1e16 + 2, 1.0], [1e16 + 2, 2.0]])
    got = batchnorm(x, weight=np.array([1, np.inf]), training=True)
    np.testing.assert_array_equal(got[:, 1], [-np.inf, np.nan, np.inf])
