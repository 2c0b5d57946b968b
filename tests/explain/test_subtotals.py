"""What each channel adds to an element: exact sums, rounded once, and how they are written."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from cnnops_cli import conv
from cnnops_cli.explain.conv import conv_explainer
from cnnops_cli.text.numbers import Decimals

GEOMETRY = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros"}


def explained(image, weight, bias=None, **options):
    geometry = GEOMETRY | options
    result = conv(image, weight, bias, **geometry)
    return conv_explainer(image, weight, bias, result, **geometry)


def same(found, expected):
    np.testing.assert_array_equal(np.array(found), expected, strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(10))
def test_a_subtotal_is_what_the_channel_gives_alone(dtype, seed):
    rng = np.random.default_rng(seed)
    channels, groups = rng.integers(2, 6), int(rng.integers(1, 3))
    image = (rng.normal(size=(channels * groups, 5, 5)) * 10.0 ** rng.integers(-9, 9)).astype(dtype)
    weight = rng.normal(size=(2 * groups, channels, 3, 3)).astype(dtype)
    explain = explained(image, weight, groups=groups, padding=1)
    for at in [(0, 0, 0), (2 * groups - 1, 2, 3)]:
        number, row, column = at
        first = number // 2 * channels
        alone = conv(
            image[first : first + channels],
            weight[number][:, np.newaxis],
            padding=1,
            groups=int(channels),
        )
        same(explain(at).subtotals, alone[:, row, column])


def test_they_are_rounded_once_where_terms_cancel():
    image = np.array([[1e16, 1.0, -1e16], [1 / 3, 1 / 3, 1 / 3]])
    weight = np.array([[[3.0, 1e-3, 3.0], [0.1, 0.2, 0.7]]])
    exact = sum(Fraction(w) * Fraction(x) for w, x in zip(weight[0, 1], image[1], strict=True))
    same(explained(image, weight)((0, 0)).subtotals, [1e-3, float(exact)])


def test_those_of_float16_are_float32():
    image, weight = np.full((2, 2), 300, np.float16), np.array([[[300, 300], [-300, -300]]])
    subtotals = explained(image, weight.astype(np.float16))((0, 0)).subtotals
    same(subtotals, np.array([180_000, -180_000], np.float32))


def test_integers_may_be_larger_than_the_sum():
    image, weight = np.array([[2**62, 2**62], [2**62, 2**62]]), np.array([[[1, 1], [-1, -1]]])
    subtotals = explained(image, weight)((0, 0)).subtotals
    assert subtotals == [2**63, -(2**63)]
    assert all(type(subtotal) is int for subtotal in subtotals)


def test_small_integers_do_not_wrap_around():
    image, weight = np.full((2, 2), 200, np.uint8), np.full((1, 2, 2), 200, np.uint8)
    assert explained(image, weight)((0, 0)).subtotals == [80_000, 80_000]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_not_finite_is_as_the_operator_has_it(dtype):
    image = np.array([[np.inf, 1], [np.inf, np.inf], [np.inf, 1], [np.nan, 1], [1, 2]], dtype)
    weight = np.array([[[1, 1], [1, -1], [0, 1], [1, 1], [1, 1]]], dtype)
    subtotals = explained(image, weight)((0, 0)).subtotals
    same(np.array(subtotals, dtype), conv(image, weight[0][:, np.newaxis], groups=5)[:, 0])
    assert repr([float(subtotal) for subtotal in subtotals]) == "[inf, nan, nan, nan, 3.0]"


def test_infinity_is_itself_next_to_products_that_overflow():
    image, weight = np.array([[-np.inf, 1e300], [0, 1e300]]), np.array([[[1.0, 1e300]] * 2])
    assert explained(image, weight)((0, 0)).subtotals == [-math.inf, math.inf]


def test_records_have_them_where_there_are_several(records):
    call = ["conv", "--explain", "-b", "0.5", "-k"]
    (record,) = records(*call, "[[[1,10],[100,1000]]]", "--dims", "1", "[[1,2],[3,4]]")
    assert list(record)[1:4] == ["terms", "subtotals", "bias"]
    assert (record["subtotals"], record["value"]) == ([21, 4300], 4321.5)
    (record,) = records(*call, "[1,10]", "[1,2]")
    assert list(record)[1:3] == ["terms", "bias"]
    (record,) = records(*call, "[[[a,10],[100,1000]]]", "--dims", "1", "[[1,2],[3,4]]")
    assert list(record)[1:3] == ["terms", "bias"]


def test_records_round_them_to_the_precision(call):
    arguments = ["conv", "--dims", "1", "-k", "[[[0.5],[0.25]]]", "[[0.5],[0.5]]", "--explain"]
    assert json.loads(call(*arguments))["subtotals"] == [0.25, 0.125]
    assert json.loads(call(*arguments, "--precision", "1"))["subtotals"] == [0.2, 0.1]


@pytest.mark.parametrize(
    ("parts", "bias", "numbers", "text"),
    [
        ([-41.2, 12.9, -23], 0.11, Decimals(exact=False), "-41.2 + 12.9 - 23 + 0.11"),
        ([-41.2, 12.9, -23], None, Decimals(exact=False), "-41.2 + 12.9 - 23"),
        ([1 / 3, -2 / 3], -1e-5, Decimals(exact=False), "0.333 - 0.667 - 1e-05"),
        ([1 / 4, -2], -3, Decimals(precision=1), "0.2 - 2.0 - 3.0"),
        ([1, -np.inf], np.nan, Decimals(), "1 - Infinity + NaN"),
    ],
)
def test_the_total_subtracts_what_is_negative(parts, bias, numbers, text):
    image = np.array(parts, np.float64)[:, np.newaxis]
    offset = None if bias is None else np.array(bias, np.float64)
    explanation = explained(image, np.ones((1, len(parts), 1)), offset)((0, 0))
    assert explanation.total(numbers) == text
