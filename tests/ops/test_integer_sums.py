"""Sums of integers on both sides of the limits up to which a dtype adds them exactly."""

import re

import numpy as np
import pytest
from comparing import assert_identical

from cnnops_cli import conv
from cnnops_cli.dtypes import working_dtype
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.integer_sums import largest_sum

SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]


def added(first, second):
    """The sum of products of two short lists, and what refuses it."""
    return conv(np.array([first[0]], first[1]), np.array([[second[0]]], second[1]))


@pytest.mark.parametrize(
    ("limit", "below", "above"),
    [(2**24, "float32", "float64"), (2**53, "float64", "int64"), (2**63, "int64", "object")],
)
def test_what_adds_sums_up_to_each_limit(limit, below, above):
    for dtype in (*SIGNED, *UNSIGNED):
        assert working_dtype(np.dtype(dtype), limit - 1) == np.dtype(below)
        assert working_dtype(np.dtype(dtype), limit) == np.dtype(above)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint64"])
def test_a_bound_is_asked_of_integers_alone(dtype):
    expected = np.dtype("float32" if dtype == "float16" else dtype)
    assert working_dtype(np.dtype(dtype)) == expected
    if expected.kind == "f":
        assert working_dtype(np.dtype(dtype), 2**63) == expected


@pytest.mark.parametrize("limit", [2**24, 2**53, 2**63 - 2])
@pytest.mark.parametrize("off", [-1, 0, 1])
@pytest.mark.parametrize("dtype", [*SIGNED, *UNSIGNED])
def test_no_sum_is_rounded_whichever_side_of_a_limit_it_is_on(limit, off, dtype):
    total = limit + off
    few, many = [3, 1], list(divmod(total, 3))
    for pair in (((few, dtype), (many, "int64")), ((many, "int64"), (few, dtype))):
        assert_identical(added(*pair), np.array([[total]]))
    if dtype in SIGNED:
        few = [-3, -1]
        for pair in (((few, dtype), (many, "int64")), ((many, "int64"), (few, dtype))):
            assert_identical(added(*pair), np.array([[-total]]))


@pytest.mark.parametrize("dtype", [*SIGNED[1:], *UNSIGNED[1:]])
def test_sums_of_one_dtype_pass_2_to_the_24(dtype):
    image, kernel = [2**12 + 1, 2**12], [2**11, 2**11 + 1]
    total = sum(a * b for a, b in zip(image, kernel, strict=True))
    assert 2**24 < total < 2**25
    assert_identical(added((image, dtype), (kernel, dtype)), np.array([[total]]))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_many_small_products_pass_2_to_the_24(dtype):
    image, kernel = [127] * 1042, [127] * 1041 + [126]
    total = 127 * sum(kernel)
    assert 2**24 < total < 2**25
    assert total % 2
    assert_identical(added((image, dtype), (kernel, dtype)), np.array([[total]]))


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
def test_sums_of_one_dtype_pass_2_to_the_53(dtype):
    image, kernel = [2**27 + 1, 1], [2**26, 2**26 + 1]
    total = sum(a * b for a, b in zip(image, kernel, strict=True))
    assert 2**53 < total < 2**54
    assert total % 2
    assert_identical(added((image, dtype), (kernel, dtype)), np.array([[total]]))


def test_a_bias_counts_towards_the_limits():
    for limit in (2**24, 2**53):
        result = conv(np.array([[1]]), np.array([[[1]]]), np.array([limit]))
        assert_identical(result, np.array([[limit + 1]]))
    with pytest.raises(CnnopsError, match=r"^the sum 9223372036854775808 does not fit int64; "):
        conv(np.array([[1]]), np.array([[[1]]]), np.array([2**63 - 1]))


@pytest.mark.parametrize(
    ("image", "dtype"),
    [
        ([2**62, 2**62], "int64"),
        ([-(2**62), -(2**62) - 1], "int64"),
        ([2**63], "uint64"),
        ([2**64 - 1], "uint64"),
    ],
)
def test_a_sum_that_int64_does_not_hold_is_named(image, dtype):
    reason = (
        f"the sum {sum(image)} does not fit int64; --dtype float64 computes it in floating point"
    )
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        added((image, dtype), ([1] * len(image), dtype))


def test_the_least_and_the_greatest_sum_fit():
    assert added(([-(2**62), -(2**62)], "int64"), ([1, 1], "int8")).item() == -(2**63)
    assert added(([2**62, 2**62 - 1], "int64"), ([1, 1], "int8")).item() == 2**63 - 1
    assert added(([2**63 - 1], "uint64"), ([1], "uint8")).item() == 2**63 - 1


def test_weights_that_float64_rounds_down_are_bounded_from_above():
    weights = [2**60 + 100] * 7 + [2**60 - 600]
    assert sum(weights) == 2**63 + 100
    assert sum(map(float, weights)) < 2**63
    assert largest_sum(np.array([1]), np.array([weights]), None) >= 2**63 + 100
    with pytest.raises(CnnopsError, match=r"^the sum 9223372036854775908 does not fit int64; "):
        added(([1] * 8, "int64"), (weights, "int64"))
