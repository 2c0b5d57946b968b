"""The oracle of the exact mode against fractions, math.fsum, and results worked out by hand."""

import math
from fractions import Fraction

import exact_oracle
import numpy as np
import oracle
import pytest
from exact_oracle import Layer, as_dtype, bits, round_once, whole_numbers

INFINITY, NAN = math.inf, math.nan
FLOATS = tuple(exact_oracle.FORMATS)


def layer(x, weight, bias, dtype, **changes):
    geometry = {"stride": (1,), "pairs": [(0, 0)], "dilation": (1,)} | changes
    arrays = [np.array(values, np.float64) for values in (x, weight)]
    offsets = None if bias is None else np.array(bias, np.float64)
    return Layer(*arrays, offsets, dtype, **geometry)


def one(dtype, x, weight, bias=0.0):
    """The value of a single window."""
    (value,) = layer([[x]], [[weight]], [bias], dtype).all().ravel()
    return value


@pytest.mark.parametrize(
    ("dtype", "least", "normal", "largest", "epsilon"),
    [
        ("float16", 2.0**-24, 2.0**-14, 65504.0, 2.0**-10),
        ("float32", 2.0**-149, 2.0**-126, (2 - 2.0**-23) * 2.0**127, 2.0**-23),
        ("float64", 2.0**-1074, 2.0**-1022, (2 - 2.0**-52) * 2.0**1023, 2.0**-52),
    ],
)
def test_rounding_at_every_limit(dtype, least, normal, largest, epsilon):
    def rounded(fraction):
        denominator = fraction.denominator
        return round_once(fraction.numerator, 1 - denominator.bit_length(), dtype)

    tiny = Fraction(1, 2**1200)
    one_third = Fraction(1, 4) * (1 + Fraction(epsilon)) + tiny
    for value, expected in [
        (Fraction(1), 1.0),
        (1 + Fraction(epsilon) / 2, 1.0),
        (1 + Fraction(epsilon) / 2 + tiny, 1 + epsilon),
        (1 + Fraction(epsilon) * 3 / 2, 1 + 2 * epsilon),
        (1 + Fraction(epsilon) * 3 / 2 - tiny, 1 + epsilon),
        (one_third, 0.25 * (1 + epsilon)),
        (Fraction(least) / 2, 0.0),
        (Fraction(least) / 2 + tiny, least),
        (Fraction(least) * 3 / 2, 2 * least),
        (Fraction(least) * 5 / 2, 2 * least),
        (Fraction(normal) - Fraction(least) / 2, normal),
        (Fraction(normal) - Fraction(least) / 2 - tiny, normal - least),
        (Fraction(largest), largest),
        (Fraction(largest) * (1 + Fraction(epsilon) / 4), largest),
        (Fraction(largest) + Fraction(largest) / (2 / Fraction(epsilon) - 1) / 2, INFINITY),
        (Fraction(largest) + Fraction(largest) / (2 / Fraction(epsilon) - 1) / 2 - tiny, largest),
    ]:
        for sign in (1, -1):
            got = rounded(sign * value)
            assert (got, math.copysign(1, got)) == (sign * expected, sign)
    assert math.copysign(1, rounded(Fraction(0))) == 1


def test_rounding_agrees_with_python_and_numpy():
    rng = np.random.default_rng(1)
    for exponent in rng.integers(-1140, 1040, 3000).tolist():
        whole = int(rng.integers(-(2**63), 2**63 - 1)) ** int(rng.integers(1, 3))
        exact = Fraction(whole) * Fraction(2) ** (exponent - whole.bit_length())
        try:
            expected = float(exact)
        except OverflowError:
            expected = math.copysign(INFINITY, whole)
        assert round_once(whole, exponent - whole.bit_length(), "float64") == expected
    values = rng.integers(0, 1 << 64, 3000, np.uint64).view(np.float64)
    values = np.ldexp(np.frexp(values[np.isfinite(values)])[0], rng.integers(-160, 140))
    values = np.concatenate([values, np.ldexp(values, -130), np.ldexp(values, -20)])
    for dtype in ("float16", "float32"):
        with np.errstate(all="ignore"):
            expected = values.astype(dtype)
        for value, wanted in zip(values.tolist(), expected.tolist(), strict=True):
            (whole,), exponent = whole_numbers([value])
            assert round_once(whole, exponent, dtype) == wanted


def test_whole_numbers_stand_for_their_floats():
    values = [0.0, -0.0, 1.5, -3.0, 2.0**-1074, -1.7e308, 0.1, 1e30]
    wholes, exponent = whole_numbers(values)
    scale = Fraction(2) ** exponent
    assert [whole * scale for whole in wholes] == [Fraction(value) for value in values]
    assert whole_numbers([4.0, -12.0]) == ([1, -3], 2)
    assert whole_numbers([0.0, -0.0]) == ([0, 0], 0)
    assert whole_numbers([]) == ([], 0)


def single_windows(dtype):
    """Input, kernel, bias and the one value that they give, worked out by hand."""
    info = np.finfo(dtype)
    _, last, limit = exact_oracle.FORMATS[dtype]
    epsilon, least = float(info.eps), float(info.smallest_subnormal)
    largest, normal = float(info.max), float(info.smallest_normal)
    small, smaller, large = 2.0 ** (last // 3), 2.0 ** (last * 5 // 6), 2.0 ** (limit // 6)
    unit = largest - float(np.nextafter(info.max, info.dtype.type(0)))
    return {
        "cancellation": ([1, -1 - epsilon], [3, 3], 0, -3 * epsilon),
        "products that cancel": ([1, 1 + epsilon], [1 + epsilon, -1], 0, 0.0),
        "squares of neighbours": ([1 + epsilon, 1], [1 - epsilon, -1], 0, -epsilon * epsilon),
        "negative zeros": ([-0.0, -0.0], [1, 1], -0.0, 0.0),
        "a zero bias": ([-0.0], [1], -0.0, 0.0),
        "a midpoint, down to even": ([1, epsilon], [1, 0.5], 0, 1),
        "a midpoint, up to even": ([1 + epsilon, epsilon], [1, 0.5], 0, 1 + 2 * epsilon),
        "a midpoint and a little": ([1, epsilon], [1, 0.5], least, 1 + epsilon),
        "a midpoint less a little": ([1 + epsilon, epsilon], [1, 0.5], -least, 1 + epsilon),
        "a negative midpoint and a little": ([-1, -epsilon], [1, 0.5], -least, -1 - epsilon),
        "a midpoint and a tiny product": (
            [1, epsilon, least],
            [1, 0.5, least],
            0,
            1 + epsilon,
        ),
        "a midpoint less a tiny product": (
            [1 + epsilon, epsilon, -least],
            [1, 0.5, least],
            0,
            1 + epsilon,
        ),
        "sums too large on the way": ([largest, largest, largest], [1, 1, -1], 0, largest),
        "products too large": ([largest, largest, largest], [largest, -largest, 1], 0, largest),
        "products too large that leave the least": (
            [largest, largest, least],
            [largest, -largest, 1],
            0,
            least,
        ),
        "too large": ([largest, largest], [1, 1], 0, INFINITY),
        "too large, negative": ([largest, largest], [-1, -1], 0, -INFINITY),
        "half a unit past the largest": ([largest, unit], [1, 0.5], 0, INFINITY),
        "less than half a unit past it": ([largest, unit], [1, 0.5], -least, largest),
        "less than half a unit, negative": ([-largest, -unit], [1, 0.5], least, -largest),
        "a tiny product decides what is too large": (
            [-largest, -unit, least],
            [1, 0.5, least],
            0,
            -largest,
        ),
        "underflow": ([least], [least], 0, 0.0),
        "underflow of what is negative": ([-least], [least], 0, -0.0),
        "underflow next to zeros": ([-small, 0, 0], [smaller, large, large], 0, -0.0),
        "underflow next to large zeros": ([-least, 0, 0], [least, largest, largest], 0, -0.0),
        "half the least": ([-least], [0.5], 0, -0.0),
        "halves of the least": ([least, least], [0.5, 0.25], 0, least),
        "half the least and a little": ([least, least], [0.5, least], 0, least),
        "one and a half of the least": ([least, least], [1, 0.5], 0, 2 * least),
        "just below the normal": ([normal, -least], [1, 0.5], 0, normal),
        "more below the normal": ([normal, -least, -least], [1, 0.5, least], 0, normal - least),
        "infinity": ([INFINITY, 1], [1, 1], 0, INFINITY),
        "infinity times a negative": ([INFINITY, 1], [-1, 1], 0, -INFINITY),
        "infinity times zero": ([INFINITY, 1], [0, 1], 0, NAN),
        "zero times infinity": ([-0.0, 1], [INFINITY, 1], 0, NAN),
        "infinities that meet in the sum": ([INFINITY, INFINITY], [1, -1], 0, NAN),
        "infinities that meet in the bias": ([INFINITY, 1], [1, 1], -INFINITY, NAN),
        "infinity next to what is too large": ([largest, 1], [largest, -INFINITY], 0, -INFINITY),
        "an infinite bias": ([1, 1], [1, 1], -INFINITY, -INFINITY),
        "a negative NaN": ([-NAN, 1], [1, 1], 0, NAN),
        "a NaN times zero": ([NAN, 1], [0, 1], INFINITY, NAN),
        "a NaN bias": ([1, 1], [1, 1], -NAN, NAN),
    }


WINDOWS = tuple(single_windows("float32"))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("window", WINDOWS)
def test_single_windows(window, dtype):
    x, weight, bias, expected = single_windows(dtype)[window]
    got = one(dtype, x, weight, bias)
    assert got.dtype == dtype
    assert bits(got) == bits(as_dtype(expected, dtype))


def test_not_a_number_has_one_pattern_of_bits():
    for dtype, pattern in [("float16", 0x7E00), ("float32", 0x7FC00000), ("float64", 0x7FF8 << 48)]:
        assert bits(as_dtype([-NAN, 1.0, NAN], dtype))[::2].tolist() == [pattern, pattern]
        assert bits(one(dtype, [INFINITY], [0])) == pattern
    padded = layer([[[1.0]]], [[[INFINITY, 1.0]]], None, "float32", pairs=[(1, 0)])
    assert bits(padded.all()).tolist() == [[[0x7FC00000]]]


def test_operands_become_the_dtype_first():
    assert one("float16", [0.1], [1.0]) == np.float16(0.1)
    assert one("float16", [70000.0], [0.5]) == INFINITY
    assert one("float32", [0.1, -0.1], [1, 1 - 2.0**-30]) == 0


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    ("shape", "weight", "geometry"),
    [
        ((2, 4, 9), (6, 2, 3), {"stride": (2,), "pairs": [(2, 1)], "dilation": (3,)}),
        (
            (1, 4, 5, 6),
            (2, 2, 3, 2),
            {"stride": (1, 2), "pairs": [(1, 0), (0, 3)], "dilation": (2, 1)},
        ),
        (
            (1, 2, 4, 3, 5),
            (2, 1, 2, 2, 3),
            {"stride": (1, 2, 1), "pairs": [(0, 1), (1, 1), (2, 2)], "dilation": (1, 1, 1)},
        ),
    ],
)
def test_geometry_is_that_of_the_loops_for_whole_numbers(shape, weight, geometry, mode):
    rng = np.random.default_rng(3)
    arrays = [rng.integers(-9, 9, size).astype(float) for size in (shape, weight, weight[:1])]
    sums, _ = oracle.conv(*arrays, groups=2, mode=mode, **geometry)
    drawn = Layer(*arrays, "float64", groups=2, mode=mode, **geometry)
    got = drawn.all()
    assert got.shape == sums.shape
    assert got.tolist() == sums.tolist()
    places = [tuple(place) for place in rng.integers(0, got.shape, (20, got.ndim)).tolist()]
    assert drawn.sampled(places).tolist() == [got[place] for place in places]


def test_long_sums_agree_with_fsum():
    rng = np.random.default_rng(4)
    x = rng.standard_normal(3000).astype(np.float32) * 10.0 ** rng.integers(-9, 9, 3000)
    weight = rng.standard_normal(3000).astype(np.float32)
    exact = math.fsum(x.astype(np.float32).astype(float) * weight.astype(float))
    assert one("float32", x, weight) == np.float32(exact)
    ones = np.ones(3000)
    assert one("float64", x, ones) == math.fsum(x)
