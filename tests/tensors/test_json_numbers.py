"""JSON text at its edges: what is lost nowhere, and what is refused."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.json_format import format_array, round_decimals
from cnnops_cli.tensors.json_text import parse_array, parse_object
from cnnops_cli.tensors.letters import parse_letters

FLOATS = (np.float16, np.float32, np.float64)
INTEGERS = (np.int8, np.int64, np.uint8, np.uint64)


@settings(deadline=None)
@given(
    st.sampled_from(FLOATS).flatmap(
        lambda dtype: arrays.arrays(dtype, arrays.array_shapes(max_dims=3, max_side=4))
    )
)
def test_floats_come_back_bit_by_bit(array):
    back = parse_array(format_array(array), "x").astype(array.dtype)
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)
    number = ~np.isnan(array)
    np.testing.assert_array_equal(np.signbit(back)[number], np.signbit(array)[number])


@settings(deadline=None)
@given(
    st.sampled_from(INTEGERS).flatmap(
        lambda dtype: arrays.arrays(dtype, arrays.array_shapes(max_dims=3, max_side=4))
    )
)
def test_integers_come_back(array):
    back = parse_array(format_array(array), "x")
    assert back.dtype.kind in "iu"
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.float32([0.1, 1e-7]), b"[0.1,1e-7]"),
        (np.float16([0.1, 65504, -0.0]), b"[0.1,65500.0,-0.0]"),
        (np.float64([0.1, -0.0]), b"[0.1,-0.0]"),
        (np.float32(0.1), b"0.1"),
        (np.int64(7), b"7"),
        (np.zeros((0, 3)), b"[]"),
        (np.zeros((2, 0)), b"[[],[]]"),
        (np.arange(6).reshape(2, 3).T, b"[[0,3],[1,4],[2,5]]"),
        (np.float32([[np.nan, 1], [np.inf, -np.inf]]), b"[[NaN,1.0],[Infinity,-Infinity]]"),
    ],
)
def test_text_is_the_shortest(array, text):
    assert format_array(np.asarray(array)) == text


@pytest.mark.parametrize(
    ("text", "dtype", "values"),
    [
        (b"[1, 2]", np.int64, [1, 2]),
        (b"[1, 2.0]", np.float64, [1, 2]),
        (b"[1e2]", np.float64, [100]),
        (b" 3 ", np.int64, 3),
        (b"[18446744073709551615]", np.uint64, [2**64 - 1]),
        (b"[0, 9223372036854775808]", np.uint64, [0, 2**63]),
        (b"[-9223372036854775808]", np.int64, [-(2**63)]),
        (b"[1, NaN]", np.float64, [1, np.nan]),
        (b"-Infinity", np.float64, -np.inf),
        (b"\xef\xbb\xbf[1]", np.int64, [1]),
        (b"[0.5, 100000000000000000000]", np.float64, [0.5, 1e20]),
    ],
)
def test_how_numbers_are_taken_in(text, dtype, values):
    array = parse_array(text, "x")
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, np.array(values, dtype))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[" * 100_000, "x is nested 100000 deep; an array has at most 64 axes"),
        (b"[1, " + b"[" * 100_000, "x is not JSON: .*depth"),
        (b"[18446744073709551616]", "x holds integers past 64 bits: 18446744073709551616"),
        (b"[-1, 9223372036854775808]", "x holds integers past 64 bits: 9223372036854775808"),
        (b"[[1, 2], [3]]", r"x is ragged: \[0\] holds 2 values, but \[1\] holds 1 value"),
        (b"[[[1], [2]], [[3], 4]]", r"x is ragged: \[0\]\[0\] .* \[1\]\[1\] holds one number"),
        (b"[1] 2", "x is not JSON: unexpected content after document at line 1, column 5"),
        (b"[1, NaN] 2", "x is not JSON: Extra data at line 1, column 10"),
        (b"[NaNNaN]", "x is not JSON"),
        (b"[nan]", "x is not JSON"),
        (b"[1e999]", "^x holds 1e999, which is too large for float64$"),
        (b"[[NaN], [-1e999]]", "^x holds -1e999, which is too large for float64$"),
        (b"[1, 2e400 ]", "^x holds 2e400, which is too large for float64$"),
        (b"[true]", "x holds true; a JSON tensor is nested arrays of numbers"),
        (b"[null]", "x holds null"),
        (b'["NaN"]', "x holds a string"),
        (b'{"a": 1}', "x holds an object"),
        (b" \n", "x is empty"),
        (b"[[NaN, 1], [2]]", "x is ragged"),
    ],
)
def test_what_is_no_tensor_is_refused(text, reason):
    with pytest.raises(CnnopsError, match=reason):
        parse_array(text, "x")


@pytest.mark.parametrize("dtype", FLOATS)
def test_rounding_goes_by_the_exact_value(dtype):
    rounded = round_decimals(np.array([2.675, 2.5, 3.5, -0.125, 1e30 % 7, np.nan], dtype), 0)
    np.testing.assert_array_equal(rounded[1:4], [2, 4, -0.0])
    assert rounded.dtype == dtype


def test_rounding_does_not_round_twice():
    assert format_array(np.array([2.675, 1e300]), 2) == b"[2.67,1e+300]"


def from_bits(*bits):
    """Float32 of these bits, of both signs."""
    positive = np.array(bits, np.uint32).view(np.float32)
    return np.concatenate([positive, -positive])


def rounded_once(text, dtype):
    """The float nearest to the exact decimal, of the neighbours of a first guess; ties to even."""
    bits, exact = np.dtype(dtype).str.replace("f", "u"), Fraction(text)
    near = [np.nextafter(dtype(text), dtype(end)) for end in (-np.inf, np.inf)] + [dtype(text)]
    near = [value for value in near if np.isfinite(value)]
    return min(near, key=lambda v: (abs(Fraction(float(v)) - exact), v.view(bits) % 2))


# 0x15AE43FD is all that tests/benchmarks/float_text.py finds among float32.
WRONG_BY_WAY_OF_DOUBLE = from_bits(0x15AE43FD)


def test_a_float32_that_a_double_rounds_away_has_one_digit_more():
    assert format_array(WRONG_BY_WAY_OF_DOUBLE) == b"[7.0385307e-26,-7.0385307e-26]"
    assert format_array(WRONG_BY_WAY_OF_DOUBLE[0]) == b"7.0385307e-26"
    assert format_array(WRONG_BY_WAY_OF_DOUBLE[:1], 33) == b"[7.0385307e-26]"
    assert format_array(np.float32([np.nan, WRONG_BY_WAY_OF_DOUBLE[1]])) == b"[NaN,-7.0385307e-26]"
    assert format_array(np.float64([7.038531e-26])) == b"[7.038531e-26]"
    assert (
        format_array(np.full((2, 1 << 17), WRONG_BY_WAY_OF_DOUBLE[0])).count(b"07e-26") == 1 << 18
    )


def test_float32_comes_back_rounded_once_and_twice():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 0x7F800000, 100_000, dtype=np.uint32)
    edges = [0, 1, 2, 0x7FFFFF, 0x800000, 0x7F7FFFFF, *range(0x15AE43F0, 0x15AE4410)]
    powers = np.arange(1, 255, dtype=np.uint32) << 23
    values = from_bits(*bits, *edges, *powers, *(powers - 1), *(powers + 1))
    text = format_array(values)
    twice = parse_array(text, "x").astype(np.float32)
    np.testing.assert_array_equal(twice.view(np.uint32), values.view(np.uint32))
    for value, digits in list(zip(values, text[1:-1].decode().split(","), strict=True))[::97]:
        assert rounded_once(digits, np.float32) == value


def test_every_float16_comes_back_rounded_once_and_twice():
    values = np.arange(0x10000, dtype=np.uint16).view(np.float16)
    values = values[np.isfinite(values)]
    text = format_array(values)
    twice = parse_array(text, "x").astype(np.float16)
    np.testing.assert_array_equal(twice.view(np.uint16), values.view(np.uint16))
    for value, digits in list(zip(values, text[1:-1].decode().split(","), strict=True))[::13]:
        assert rounded_once(digits, np.float16) == value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"[-0, 0.5]", [-0.0, 0.5]),
        (b"[0, -0, 0.0, -0.0, -0e1]", [0.0, -0.0, 0.0, -0.0, -0.0]),
        (b"[-0 ,\n-0\r\n,\t-0\t, NaN]", [-0.0, -0.0, -0.0, np.nan]),
        (b"[[-0], [Infinity]]", [[-0.0], [np.inf]]),
        (b"[1e-0, 0, -0.5, 1e-05]", [1.0, 0.0, -0.5, 1e-05]),
        (b"[-0, 1e-0]", [-0.0, 1.0]),
    ],
)
def test_minus_zero_beside_fractions_keeps_its_sign(text, values):
    array, expected = parse_array(text, "x"), np.array(values)
    np.testing.assert_array_equal(array, expected, strict=True)
    np.testing.assert_array_equal(np.signbit(array), np.signbit(expected))


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        (b"[-0]", np.int64),
        (b"-0", np.int64),
        (b"[-0, 1]", np.int64),
        (b"[-0, 18446744073709551615]", np.uint64),
    ],
)
def test_minus_zero_among_integers_is_the_integer_0(text, dtype):
    """As Python's is, also where the integers then meet float32."""
    array = parse_array(text, "x")
    assert array.dtype == dtype
    assert array.ravel()[0] == 0


def test_minus_zero_in_an_object():
    text = b'{"bias": [-0, 0.5], "weight": [-0, 1], "num_batches_tracked": -0}'
    arrays = parse_object(text, "x", ["bias", "weight", "num_batches_tracked"])
    assert format_array(arrays["bias"]) == b"[-0.0,0.5]"
    assert format_array(arrays["weight"]) == b"[0,1]"
    assert format_array(arrays["num_batches_tracked"]) == b"0"


def test_minus_zero_beside_letters():
    assert parse_letters(b"[a, -0, 0.5]", "x").tolist() == ["a", -0.0, 0.5]
    assert str(parse_letters(b"[a, -0, 0.5]", "x")[1]) == "-0.0"
    assert str(parse_letters(b"[a, -0, 5]", "x")[1]) == "0"


def test_64_axes_are_taken_and_65_are_not():
    def deep(axes):
        return b"[" * axes + b"1, NaN" + b"]" * axes

    array = parse_array(deep(64), "x")
    assert (array.shape, array.dtype) == ((1,) * 63 + (2,), np.float64)
    reason = "x is nested 65 deep; an array has at most 64 axes"
    with pytest.raises(CnnopsError, match=f"^{reason}$"):
        parse_array(deep(65), "x")
    with pytest.raises(CnnopsError, match=f"^{reason}$"):
        parse_array(b" [\n" + deep(64) + b"]", "x")
