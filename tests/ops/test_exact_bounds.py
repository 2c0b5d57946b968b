"""The bounds behind conv's exact mode: they hold, and without them results are wrong."""

from fractions import Fraction
from math import prod

import exact_oracle
import numpy as np
import pytest
from comparing import assert_same_bits
from exact_layers import Geometry
from forcing import ALGORITHMS, forced, layer_of

from cnnops_cli import conv
from cnnops_cli.ops.convolution import costs, exact, fourier, sliced, small_sums, terms
from cnnops_cli.ops.convolution.banded import Banded
from cnnops_cli.ops.convolution.columns import Columns
from cnnops_cli.ops.convolution.fourier import Fourier
from cnnops_cli.ops.convolution.plan import Plan
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.rounded_sums import UNIT

DOUBLE = np.dtype(np.float64)


@pytest.fixture(autouse=True)
def no_small_sums(monkeypatch):
    """Cut float64 into slices in the smallest calls too."""
    monkeypatch.setattr(small_sums, "_MOST_PRODUCTS", 0)


def engines(layer, weight):
    """Every product engine that can compute a layer."""
    yield Columns(layer, weight)
    for algorithm, sizes in costs.estimate_costs(layer):
        if algorithm == costs.BANDS:
            yield Banded(layer, weight, *sizes)


def sums_of(engine, layer, x):
    sums = np.full(layer.tile.shape, np.nan)
    engine.compute(Source(x, layer.windows, "zeros", DOUBLE), layer.tile, None, sums)
    assert np.isfinite(sums).all()
    return sums.reshape(len(x), -1, *layer.windows.output)


def true_sums(x, weight, options):
    """The exact sums of products, and of their magnitudes, as fractions in the order of results."""
    geometry = Geometry(x.shape, weight.shape, options)
    found = []
    for sign in (lambda array: array, np.abs):
        layer = exact_oracle.Layer(sign(x), sign(weight), None, "float64", **geometry.for_oracle)
        unit = Fraction(2) ** layer.exponent
        found.append(
            [
                unit * sum(a * b for a, b in zip(seen, of_filter, strict=True))
                for sample, channel, *cell in np.ndindex(*layer.shape)
                for seen, _ in [layer.window(sample, channel // layer.filters, cell)]
                for of_filter in [layer.of_filter(channel, layer.weight.wholes)]
            ]
        )
    return found


SMALL = (
    ((1, 3, 4, 9), (2, 3, 3, 3), {"padding": 1}),
    ((2, 1, 6, 7), (3, 1, 3, 2), {"dilation": (2, 1)}),
    ((1, 4, 5, 5), (4, 2, 2, 3), {"groups": 2, "stride": (2, 1)}),
    ((1, 1, 9, 11), (1, 1, 5, 5), {"stride": 2, "padding": 2}),
    ((1, 200, 2), (2, 200, 1), {}),
    ((1, 1, 60), (1, 1, 21), {"padding": 3}),
    ((1, 90, 6), (12, 90, 5), {}),
    ((1, 2, 4, 4, 5), (2, 2, 2, 3, 2), {"padding": 1}),
)
NUMBERS = ("normal", "positive", "cancelling", "absorbed")


def numbers(kind, rng, shape):
    """Values of float32 in float64."""
    values = rng.standard_normal(shape)
    if kind == "positive":
        values = 1 + np.abs(values)
    if kind == "cancelling":
        values *= np.where(np.arange(shape[-1]) % 2, 1e6, -1e6)
    if kind == "absorbed":  # most are so small that adding them to the others changes nothing
        values = np.where(rng.random(shape) < 0.05, 1.0, 0.9 * UNIT)
    return values.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize(("shape", "kernel", "options"), SMALL)
def test_products_are_off_by_no_more_than_their_roundings(shape, kernel, options, kind):
    rng = np.random.default_rng(3)
    x = numbers(kind, rng, shape)
    weight = np.ones(kernel) if kind == "absorbed" else numbers(kind, rng, kernel)
    exact_sums, magnitudes = true_sums(x, weight, options)
    layer = layer_of(shape, kernel, "float64", **options)._replace(accumulate="exact")
    for engine in engines(layer, weight):
        got = sums_of(engine, layer, x).ravel().tolist()
        for value, total, magnitude in zip(got, exact_sums, magnitudes, strict=True):
            assert abs(Fraction(value) - total) <= engine.roundings * Fraction(UNIT) * magnitude


def test_products_may_be_off_by_almost_as_much():
    """One large term, next to which all others are lost where the sum begins with it."""
    count = 150
    largest = 0.0
    for place in range(0, count, 10):
        x = np.full((1, count, 40), 0.99 * UNIT)
        x[0, place] = 1
        layer = layer_of(x.shape, (16, count, 1), "float64")._replace(accumulate="exact")
        engine = Columns(layer, np.ones((16, count, 1)))
        errors = np.abs(sums_of(engine, layer, x) - 1) / UNIT
        largest = max(largest, (0.99 * (count - 1) - errors).max())
        assert largest <= engine.roundings
    assert largest > engine.roundings / 32


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize(("shape", "kernel", "options"), SMALL)
def test_slices_miss_the_sum_by_no_more_than_their_error(shape, kernel, options, kind, monkeypatch):
    rng = np.random.default_rng(4)
    x, weight = (rng.standard_normal(each) * numbers(kind, rng, each) for each in (shape, kernel))
    true, _ = true_sums(x, weight, options)
    layer = layer_of(shape, kernel, "float64", **options)._replace(accumulate="exact")
    found = []

    def compare(self, sums, errors, tile, target):
        parts = np.moveaxis(sums, 3, -1).reshape(-1, sliced.SLICES).tolist()
        limits = np.broadcast_to(errors, (*target.shape[:3], prod(target.shape[3:]))).ravel()
        for three, limit, total in zip(parts, limits.tolist(), true, strict=True):
            assert abs(sum(map(Fraction, three)) - total) <= Fraction(limit)
        found.append(len(true))
        return np.empty(0, np.intp)

    monkeypatch.setattr(sliced.Sliced, "_round", compare)
    for algorithm, sizes in costs.estimate_costs(sliced.sliced_layer(layer)):
        if algorithm != costs.FOURIER:
            plan = Plan(algorithm, sizes, ())
            source = Source(x, layer.windows, "zeros", DOUBLE)
            target = np.empty(layer.tile.shape)
            sliced.Sliced(layer, plan, weight, None).compute(source, layer.tile, target)
    assert set(found) == {len(true)}


def waves(kind, rng, shape):
    """Whole numbers whose spectra are of every kind."""
    if kind == "normal":
        return np.rint(rng.standard_normal(shape) * 2**18)
    if kind == "positive":
        return rng.integers(0, 2**20, shape).astype(float)
    if kind == "constant":
        return np.full(shape, 2.0**20 - 1)
    if kind == "bright pixel":
        values = rng.integers(0, 2, shape).astype(float)
        values.flat[rng.integers(values.size)] = 2**20
        return values
    turns = np.arange(shape[-1]) * rng.integers(1, max(2, shape[-1] // 2)) / shape[-1]
    return np.broadcast_to(np.rint(2**20 * np.cos(2 * np.pi * turns + 1)), shape)


TRANSFORMS = (
    ((1, 1, 2), (1, 1, 1)),
    ((1, 1, 64), (1, 1, 5)),
    ((1, 2, 81), (2, 2, 9)),
    ((1, 1, 125), (1, 1, 7)),
    ((1, 3, 1024), (1, 3, 101)),
    ((1, 1, 3**8), (1, 1, 300)),
    ((1, 1, 5**6), (2, 1, 100)),
    ((1, 1, 30_375), (1, 1, 100)),
    ((1, 2, 30, 36), (2, 2, 7, 5)),
    ((1, 1, 250, 243), (1, 1, 9, 9)),
    ((1, 2, 8, 9, 10), (2, 2, 3, 3, 5)),
    ((1, 1, 27, 32, 25), (1, 1, 5, 5, 5)),
)
"""Inputs that are transformed whole: products of 2, 3 and 5, and powers of each."""


@pytest.mark.parametrize("kind", ["normal", "positive", "constant", "bright pixel", "wave"])
@pytest.mark.parametrize(("shape", "kernel"), TRANSFORMS)
def test_transforms_are_off_by_no_more_than_their_bound(shape, kernel, kind):
    """Products of whole numbers are exact, and so are what transforms are compared with."""
    rng = np.random.default_rng(5)
    layer = layer_of(shape, kernel, "float64")._replace(accumulate="exact")
    x, weight = waves(kind, rng, shape), waves(kind, rng, kernel)
    expected = sums_of(Columns(layer, weight), layer, x)[0]
    sums = np.empty(expected.shape)
    engine = Fourier(layer, weight, shape[2:])
    magnitudes, errors = engine.sum_up(np.ascontiguousarray(x[0]), layer.tile, sums)
    by_filter = (len(sums), -1)
    assert (np.abs(expected).reshape(by_filter).max(axis=1) <= magnitudes).all()
    found = np.abs(sums - expected).reshape(by_filter).max(axis=1)
    assert (found <= errors).all()
    if kind not in ("constant", "wave") and prod(shape[2:]) > 2:  # few of the values are not zero
        assert (errors < 100_000 * found).all()


@pytest.mark.parametrize("kind", ["normal", "positive", "wave"])
@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 27, 45, 125, 128, 225, 360])
def test_a_transform_changes_the_norm_by_few_roundings(length, kind):
    x = waves(kind, np.random.default_rng(6), (20, length))
    places = np.arange(length)
    turns = np.outer(places, places) % length / np.longdouble(length)
    if np.finfo(np.longdouble).eps > 2.0**-60:
        pytest.skip("long double is float64 here")
    angles = turns * np.longdouble("6.283185307179586476925286766559")
    true = [x @ function(angles) for function in (np.cos, np.sin)]
    half = np.fft.rfft(x)
    whole = np.concatenate([half, np.conj(half[:, 1 : (length + 1) // 2][:, ::-1])], axis=1)
    differences = np.square(whole.real - true[0]) + np.square(whole.imag + true[1])
    norms = np.sum(np.square(true[0]) + np.square(true[1]), axis=1)
    roundings = np.sqrt(np.sum(differences, axis=1) / norms).astype(float) / UNIT
    assert (roundings <= fourier._ROUNDINGS_PER_DIGIT * np.log2(length)).all()


STAGES = (
    (exact.Exact, "_errors"),
    (exact.ExactTransforms, "_settle"),
    (exact.ExactTransforms, "_multiply"),
    (terms.Terms, "round"),
    (sliced.Sliced, "_outside"),
)


@pytest.fixture
def stages(monkeypatch):
    """What was called on the way to results, in order."""
    names = []

    def noting(owner, name):
        original = getattr(owner, name)

        def call(*args):
            names.append(f"{owner.__name__}.{name}")
            return original(*args)

        return call

    for owner, name in STAGES:
        monkeypatch.setattr(owner, name, noting(owner, name))
    return names


def assert_right(x, weight, bias=None, **options):
    geometry = Geometry(x.shape, weight.shape, options)
    expected = exact_oracle.conv(x, weight, bias, x.dtype.name, **geometry.for_oracle)
    assert_same_bits(conv(x, weight, bias, **options), expected)


def some(dtype, *shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def test_one_bound_of_a_tile_proves_ordinary_sums(stages):
    assert_right(some("float16", 1, 3, 9, 9), some("float16", 2, 3, 3, 3, seed=1))
    assert_right(some("float64", 1, 3, 9, 9), some("float64", 2, 3, 3, 3, seed=1))
    assert stages == []


def test_the_norms_of_windows_prove_more(stages):
    x = some("float32", 1, 3, 20, 20)
    x[0, :, 0, 0] = 1e9
    assert_right(x, some("float32", 2, 3, 3, 3, seed=1))
    assert stages == ["Exact._errors"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_multiples_of_one_number_are_exact(stages, dtype):
    """Sums that are midpoints of two values, or zero."""
    unit = {"float16": 8, "float32": 16, "float64": 40}[dtype]
    x = np.random.default_rng(0).integers(-(2**unit), 2**unit, (1, 2, 12, 12)).astype(dtype)
    x[:, 1] = x[:, 0]
    weight = np.array([1, -1], dtype).reshape(1, 2, 1, 1)
    assert_right(x, weight)
    assert "Terms.round" not in stages


@pytest.mark.parametrize("bias", [2.0**-40, -(2.0**-40)])
def test_a_bias_may_not_be_a_multiple(stages, bias):
    """Whole numbers add up to a midpoint; a bias that float64 cannot add to it decides."""
    x = np.tile(np.float32([2**24, 1]).reshape(1, 2, 1), 40)
    assert_right(x, np.ones((1, 2, 1), np.float32), np.float32([bias]))
    assert stages == ["Exact._errors", "Terms.round"]


def test_adding_a_bias_to_two_ends_of_slices_may_round(stages):
    """The products are 1 and half an ulp, which slices hold without a rest; the bias decides."""
    x = np.array([1, 2.0**-24]).reshape(1, 2, 1)
    weight = np.array([1, 2.0**-29]).reshape(1, 2, 1)
    assert_right(x, weight, np.array([2.0**-110]))
    assert_right(x, weight, np.array([-(2.0**-110)]))
    assert stages == ["Terms.round"] * 2


def test_the_few_others_are_summed_up(stages):
    x = some("float32", 1, 1, 40)
    x[0, 0, 1] = -x[0, 0, 0]
    assert_right(x, np.ones((1, 1, 2), "float32"))
    assert_right(x.astype(np.float64) / 3, np.full((1, 1, 2), 1 / 3))
    assert stages == ["Terms.round"] * 2


def test_what_is_not_finite_is_found_apart(stages):
    x = some("float64", 1, 1, 40)
    x[0, 0, [3, 30]] = np.nan, np.inf
    assert_right(x, some("float64", 2, 1, 3, seed=1))
    assert stages == ["Sliced._outside"]


def test_transforms_round_what_lies_on_a_grid(stages):
    with forced(costs.FOURIER):
        x = np.random.default_rng(0).integers(0, 256, (1, 1, 30, 30)).astype("float16")
        weight = np.random.default_rng(1).integers(-9, 9, (1, 1, 3, 3)).astype("float16")
        assert_right(x, weight)
    assert stages == ["ExactTransforms._settle"]


def test_transforms_sum_up_the_few_others(stages):
    with forced(costs.FOURIER):
        x = some("float32", 1, 1, 40, 40)
        weight = some("float32", 1, 1, 3, 3, seed=1)
        x[0, 0, 3:6, 3:6] = 0
        x[0, 0, 5, 3], x[0, 0, 5, 5] = weight[0, 0, 2, 2], -weight[0, 0, 2, 0]
        assert_right(x, weight)
    assert stages == ["Terms.round"]


def test_transforms_fall_back_to_products(stages):
    with forced(costs.FOURIER):
        x = np.full((1, 1, 30, 30), 0.1, "float32")
        x[0, 0, 20:] += some("float32", 10, 30)
        weight = some("float32", 1, 1, 3, 3)
        weight[..., 2] = -weight[..., 0]
        weight[..., 1] = 0
        assert_right(x, weight)
        x[0, 0, 4, 4] = np.nan
        assert_right(x, weight)
    assert stages.count("ExactTransforms._multiply") == 2


def midpoints():
    """Sums that float64 takes for midpoints of two float32, and terms too small for it decide."""
    half = 2.0**-24
    x = np.random.default_rng(9).choice([half * 2.0**-31, -half * 2.0**-31], (1, 9, 600))
    x[0, 4], x[0, 7] = 1 + 2 * half, half
    return x.astype(np.float32), np.ones((1, 9, 1), np.float32)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_errors_taken_for_zero_are_caught(algorithm, monkeypatch):
    x, weight = midpoints()
    with forced(algorithm):
        assert_right(x, weight)
        monkeypatch.setattr(exact, "UNIT", 0.0)
        monkeypatch.setattr(fourier, "UNIT", 0.0)
        with pytest.raises(AssertionError, match="differ; at"):
            assert_right(x, weight)


def test_grids_that_float64_does_not_count_to_are_caught(monkeypatch):
    x, weight = midpoints()
    monkeypatch.setattr(terms, "DIGITS", 2.0**80)
    with pytest.raises(AssertionError, match="differ; at"):
        assert_right(x, weight)


def test_errors_of_slices_taken_for_zero_are_caught(monkeypatch):
    x = some("float64", 1, 8, 400)
    weight = some("float64", 1, 8, 1, seed=1)
    x[0, 7] = -x[0, 6]
    weight[0, 7] = weight[0, 6]
    x[0, 5] = (-(x[0, :5] * weight[0, :5]).sum(0) * (1 + 2.0**-50)) / weight[0, 5]
    assert_right(x, weight)
    monkeypatch.setattr(sliced, "UNIT", 0.0)
    monkeypatch.setattr(sliced, "LEAST", 0.0)
    with pytest.raises(AssertionError, match="differ; at"):
        assert_right(x, weight)


@pytest.mark.parametrize("off", [1, -1, 3, -3])
def test_the_ends_of_slices_are_added_without_error_on_a_grid(off):
    """Whole numbers whose small sum, and whose rest, are below 2**53, but not what they add up to.

    A bias takes the sum next to a midpoint of two values.
    """
    x = np.full((1, 8, 1), float.fromhex("0x1.05656c3eb88c3p+52"))
    weight = np.full((1, 8, 1), 265654049411396.0)
    weight[0, 7] += 1
    total = sum(int(a) * int(b) for a, b in zip(x.flat, weight.flat, strict=True))
    step = 2 ** (total.bit_length() - 53)
    for more in range(-3, 3):
        bias = (total // step + more) * step + step // 2 + off - total
        got = conv(x, weight, np.array([float(bias)]))
        assert got.tolist() == [[[float(total + bias)]]]


@pytest.mark.parametrize("padding", [0, 1])
def test_windows_of_zeros_are_exact(padding, stages):
    x = some("float32", 1, 2, 60, 60)
    x[..., 3:] = 0
    assert_right(x, some("float32", 2, 1, 3, 3, seed=1), groups=2, padding=padding)
    assert stages == ["Exact._errors"]


def test_windows_whose_squares_underflow_are_not_zero(stages):
    """Their sums are midpoints, which float32 takes for windows of zeros."""
    x, weight = midpoints()
    scale = np.float32(2.0**-90)
    assert_right(x * scale, weight)
    assert stages == ["Exact._errors", "Terms.round"]
