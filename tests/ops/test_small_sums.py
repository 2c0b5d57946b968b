"""Little float64 in the exact mode: the error of its slices, and when it needs no other sums."""

from fractions import Fraction
from math import prod

import exact_oracle
import numpy as np
import pytest
from comparing import assert_same_bits
from exact_layers import Geometry

from cnnops_cli import conv
from cnnops_cli.ops.convolution import small_sums
from cnnops_cli.ops.convolution.small_sums import SmallSums
from cnnops_cli.ops.convolution.terms import Terms

LAYERS = (
    ((1, 1, 6, 7), (1, 1, 3, 3), {"padding": 1}),
    ((2, 3, 5, 5), (4, 3, 2, 3), {"stride": (2, 1)}),
    ((1, 4, 9), (6, 2, 2), {"groups": 2, "dilation": 2}),
    ((1, 200, 2), (3, 200, 1), {}),
    ((1, 1, 1), (1, 1, 1), {}),
)
KINDS = ("normal", "positive", "apart", "few digits", "tiny")


def numbers(kind, rng, shape):
    values = rng.standard_normal(shape)
    if kind == "positive":
        return 1 + np.abs(values)
    if kind == "apart":
        return np.ldexp(values, rng.integers(-60, 60, shape))
    if kind == "few digits":
        return np.rint(64 * values) / 64
    return values * 2.0**-398 if kind == "tiny" else values


def assert_right(x, weight, bias=None, **options):
    geometry = Geometry(x.shape, weight.shape, options)
    expected = exact_oracle.conv(x, weight, bias, "float64", **geometry.for_oracle)
    assert_same_bits(conv(x, weight, bias, **options), expected)


@pytest.fixture
def rounded(monkeypatch):
    """The number of results whose terms are summed, by call."""
    counts = []
    by_terms = Terms.round

    def counting(self, doubtful, *args):
        counts.append(len(doubtful))
        by_terms(self, doubtful, *args)

    monkeypatch.setattr(Terms, "round", counting)
    return counts


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("shape", "kernel", "options"), LAYERS)
def test_two_sums_miss_the_exact_one_by_no_more_than_their_error(
    shape, kernel, options, kind, monkeypatch
):
    rng = np.random.default_rng(1)
    x, weight = (numbers(kind, rng, each) for each in (shape, kernel))
    geometry = Geometry(shape, kernel, options)
    layer = exact_oracle.Layer(x, weight, None, "float64", **geometry.for_oracle)
    unit = Fraction(2) ** layer.exponent
    of_sums = SmallSums._multiply
    found = []

    def compare(self, part, peak, offset, result):
        sums, errors = of_sums(self, part, peak, offset, result)
        near, rest = (sums[:, :, each].ravel().tolist() for each in (0, 1))
        limits = np.broadcast_to(errors, sums[:, :, 0].shape).ravel().tolist()
        for place, limit in zip(np.ndindex(*layer.shape), limits, strict=True):
            sample, channel, *cell = place
            seen, _ = layer.window(sample, channel // layer.filters, cell)
            of_filter = layer.of_filter(channel, layer.weight.wholes)
            true = unit * sum(a * b for a, b in zip(seen, of_filter, strict=True))
            got = Fraction(near[len(found)]) + Fraction(rest[len(found)])
            found.append(abs(got - true) <= Fraction(limit))
        return sums, errors

    monkeypatch.setattr(SmallSums, "_multiply", compare)
    assert_right(x, weight, **options)
    assert found == [True] * prod(layer.shape)


@pytest.mark.parametrize("bias", [None, [0.1, -7.0, 1e30, 0.0]])
@pytest.mark.parametrize("kind", KINDS)
def test_results_are_rounded_once(kind, bias):
    rng = np.random.default_rng(2)
    x, weight = numbers(kind, rng, (2, 3, 6, 6)), numbers(kind, rng, (4, 3, 3, 3))
    assert_right(x, weight, bias and np.array(bias), padding=1)


def test_sums_of_few_digits_need_no_terms(rounded):
    """Also where all are zero, or midpoints of two values, or the bias is what has the digits."""
    half = 2.0**-53
    x = np.array([[[1.0, half, 0, 0, -1, 1 + 2 * half, half]]])
    assert_right(x.astype(np.float16).astype(np.float64), np.array([[[1.0, -1, 1]]]))
    assert_right(np.zeros((1, 1, 4, 4)), np.full((1, 1, 2, 2), 0.1), np.array([0.3]))
    assert_right(np.full((1, 1, 4, 4), 0.5), np.array([[[[1.0, -1], [-1, 1]]]]))
    assert_right(np.full((1, 1, 4), 0.5), np.array([[[1.0, 1]]]), np.array([0.7 * half]))
    assert_right(np.ones((1, 1, 4)), np.zeros((1, 1, 2)))
    assert rounded == []


def test_ends_of_operands_decide_midpoints(rounded):
    x = np.array([[[1.0, 2.0**-53, 2.0**-120]]])
    for sign in (1.0, -1.0):
        assert_right(x, np.array([[[1.0, 1, sign / 3]]]))
    assert rounded == [1, 1]


@pytest.mark.parametrize("large", [2.0**-401, 2.0**401, np.inf, np.nan])
@pytest.mark.parametrize("operand", range(3))
def test_what_is_out_of_range_is_cut_into_more_slices(operand, large, monkeypatch):
    planned = []
    plan = small_sums.plan_slices
    monkeypatch.setattr(
        small_sums, "plan_slices", lambda *args: planned.append(args) or plan(*args)
    )
    operands = [np.full((1, 1, 4), 0.1), np.full((1, 1, 3), 0.3), np.array([0.7])]
    assert_right(*operands)
    assert planned == []
    operands[operand] = np.full_like(operands[operand], large)
    assert_right(*operands)
    assert len(planned) == (operand < 2 or not large < 1)


def test_errors_taken_for_zero_are_caught(monkeypatch):
    x, weight = np.array([[[1.0, 2.0**-53, 2.0**-120]]]), np.array([[[1.0, 1, 1 / 3]]])
    assert_right(x, weight)
    monkeypatch.setattr(small_sums, "UNIT", 0.0)
    monkeypatch.setattr(small_sums, "LEAST", 0.0)
    with pytest.raises(AssertionError, match="differ; at"):
        assert_right(x, weight)
