"""Comparisons by hand, against a slow oracle in exact fractions, and against the bits of floats."""

import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnops_cli.checks.comparison import MOST_SHOWN, compare
from cnnops_cli.checks.distance import ulps
from cnnops_cli.checks.tolerance import Tolerance, tolerance_of

NAN, INF = math.nan, math.inf


def within(rtol=0.0, atol=0.0, ulp=None, equal_nan=False):
    return lambda *dtypes: Tolerance(rtol, atol, ulp, equal_nan)


def differing(result, expected, dtype, tolerance=None, weak=False):
    """Where two lists differ."""
    options = {} if tolerance is None else {"tolerance": tolerance}
    ours = np.array(result, dtype)
    theirs = np.array(expected, None if weak else dtype)
    found = compare(ours, theirs, weak=weak, **options)
    assert found.differing == len(found.first) or found.differing > MOST_SHOWN
    return [element.at for element in found.first]


@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"),
    [
        ("float16", 1e-3, 1e-5),
        ("float32", 1.3e-6, 1e-5),
        ("float64", 1e-7, 1e-7),
        ("int8", 0, 0),
        ("uint64", 0, 0),
    ],
)
def test_defaults_are_those_of_assert_close(dtype, rtol, atol):
    assert tolerance_of(np.dtype(dtype)) == Tolerance(rtol, atol)


def test_of_two_dtypes_the_looser_decides():
    both = tolerance_of(np.dtype("float64"), np.dtype("float16"))
    assert both == Tolerance(1e-3, 1e-5)
    assert tolerance_of(np.dtype("float32"), np.dtype("float64")) == Tolerance(1.3e-6, 1e-5)


def test_one_tolerance_without_the_other():
    assert tolerance_of(np.dtype("float32"), rtol=0.5) == Tolerance(0.5, 0.0)
    assert tolerance_of(np.dtype("float32"), atol=0.5) == Tolerance(0.0, 0.5)
    assert tolerance_of(np.dtype("float32"), atol=0.0).exact


def test_tolerances_add_up_and_reach_their_limit():
    half_and_tenth = within(rtol=0.25, atol=0.5)
    assert differing([1.75, 1.76, 0.25, 0.2], [1, 1, 1, 1], "float64", half_and_tenth) == [
        (1,),
        (3,),
    ]


def test_what_is_relative_is_relative_to_the_expected():
    assert differing([3.0, 2.0], [2.0, 3.0], "float64", within(rtol=0.4)) == [(0,)]


@pytest.mark.parametrize("tolerance", [None, within(1e9, 1e300), within(ulp=2**64)])
def test_infinities_equal_only_themselves(tolerance):
    result = [INF, -INF, INF, INF, -INF, 1.0]
    expected = [INF, -INF, -INF, 1.7e308, -1.7e308, INF]
    assert differing(result, expected, "float64", tolerance) == [(2,), (3,), (4,), (5,)]


def test_nan_is_equal_to_nan_where_that_is_asked_for():
    pairs = ([NAN, NAN, 1.0, 2.0], [NAN, 1.0, NAN, 2.0])
    assert differing(*pairs, "float32") == [(0,), (1,), (2,)]
    for ulp in (None, 5):
        loose = within(1.0, 1.0, ulp, equal_nan=True)
        assert differing(*pairs, "float32", loose) == [(1,), (2,)]
    found = compare(*(np.array(side, np.float32) for side in pairs))
    assert (found.nan_pairs, found.absolute, found.relative) == (1, None, None)


def test_a_difference_that_overflows_is_a_difference():
    found = compare(np.array([1.7e308]), np.array([-1.7e308]), tolerance=within(10.0, 1e308))
    assert found.differing == 1
    assert found.absolute.error == INF


def test_zeros_of_both_signs_are_equal():
    for tolerance in (within(), within(ulp=0)):
        assert differing([0.0, -0.0], [-0.0, 0.0], "float16", tolerance) == []


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_ulps_across_zero_and_among_denormals(dtype):
    least = np.finfo(dtype).smallest_subnormal
    tiny = np.finfo(dtype).tiny
    first = np.array([least, least, 0, tiny, -tiny, 1, 1], dtype)
    second = np.array(
        [-least, 3 * least, -0.0, tiny - least, -tiny + least, np.nextafter(first[5], first[2]), -1]
    )
    counted = ulps(first, second.astype(dtype))
    assert counted.dtype == np.uint64
    ones = 2 * int(np.array(1, dtype).view(f"uint{8 * first.itemsize}"))
    assert counted.tolist() == [2, 2, 0, 1, 1, 1, ones]


def test_ulps_from_end_to_end_do_not_wrap():
    limits = np.finfo(np.float64)
    (count,) = ulps(np.array([limits.min]), np.array([limits.max]))
    assert int(count) == 2 * 0x7FEFFFFFFFFFFFFF


def test_ulp_is_a_limit_in_the_results_dtype():
    one, two = 1 + 2.0**-23, 1 + 2.0**-22
    assert differing([1, 1, one], [one, two, 1], "float32", within(ulp=1)) == [(1,)]
    found = compare(np.float32([1, 1]), np.float32([one, two]), tolerance=within(ulp=0))
    assert (found.distance.error, found.distance.element.at) == (2, (1,))


LOW, HIGH, TOP = -(2**63), 2**63 - 1, 2**64 - 1


@pytest.mark.parametrize(
    ("dtype", "result", "expected", "gap"),
    [
        ("int64", HIGH, HIGH - 1, 1),
        ("int64", LOW, HIGH, TOP),
        ("int64", LOW + 1, LOW, 1),
        ("uint64", TOP, TOP - 1, 1),
        ("uint64", 0, TOP, TOP),
        ("int8", -128, 127, 255),
        ("uint8", 0, 255, 255),
    ],
)
def test_integers_are_exact_to_their_ends(dtype, result, expected, gap):
    pair = (np.array([result], dtype), np.array([expected], dtype))
    found = compare(*pair)
    assert (found.differing, int(found.absolute.error)) == (1, gap)
    assert compare(*pair, tolerance=within(ulp=gap)).equal
    assert not compare(*pair, tolerance=within(ulp=gap - 1)).equal
    if gap < 2**53:
        assert compare(*pair, tolerance=within(atol=gap)).equal
        assert not compare(*pair, tolerance=within(atol=gap - 0.5)).equal


def test_a_tolerance_beyond_all_integers():
    assert differing([LOW], [HIGH], "int64", within(atol=2.0**64)) == []
    assert differing([10], [8], "int64", within(rtol=0.25)) == []
    assert differing([11], [8], "int64", within(rtol=0.25)) == [(0,)]


def test_empty_arrays_and_scalars():
    assert compare(np.zeros((0, 3)), np.zeros((0, 3))).equal
    assert not compare(np.zeros((0, 3)), np.zeros((3, 0))).equal
    assert compare(np.array(5), np.array(5)).equal
    found = compare(np.array(5), np.array(7))
    assert (found.first[0].at, found.absolute.error) == ((), 2)


def test_shape_and_dtype_count():
    found = compare(np.zeros((2, 3)), np.zeros((3, 2)))
    assert (found.equal, found.differing, found.first) == (False, 0, [])
    found = compare(np.float32([1, 2]), np.float64([1, 3]))
    assert (found.equal, found.differing) == (False, 1)
    assert not compare(np.float32([1, 2]), np.float64([1, 2])).equal


def test_weak_numbers_take_the_dtype_where_they_fit():
    for dtype, number in (("float32", 0.1), ("float16", 3), ("uint64", TOP), ("uint64", 1)):
        found = compare(np.array([number], dtype), np.array([number]), weak=True)
        assert found.equal, found
        assert found.dtypes[1] == dtype
    assert compare(np.array([3]), np.array([3.0]), weak=True).equal


@pytest.mark.parametrize(
    ("dtype", "result", "expected"),
    [
        ("int64", 3, 3.2),
        ("int64", 3, NAN),
        ("int64", HIGH, 2.0**63),
        ("uint8", 255, 256),
        ("uint8", 255, -1),
        ("uint64", TOP, -1),
        ("float32", INF, 1e300),
        ("float16", INF, 70000),
    ],
)
def test_weak_numbers_that_do_not_fit_are_a_difference(dtype, result, expected):
    pair = (np.array([[result]], dtype), np.array([[expected]]))
    found = compare(*pair, weak=True, tolerance=within(rtol=1, atol=1e6))
    assert not found.equal
    assert found.misfit.at == (0, 0)
    assert not compare(*pair, weak=True).equal


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
)
def test_weak_numbers_fit_up_to_the_limits_of_integers(dtype):
    limits = np.iinfo(dtype)
    pairs = ((limits.min, limits.min - 1), (limits.max, limits.max + 1))
    for inside, outside in pairs:
        result = np.array([inside], dtype)
        assert compare(result, np.array([inside]), weak=True).equal
        if LOW <= outside <= TOP:
            assert compare(result, np.array([outside]), weak=True).misfit.at == (0,)
        if limits.bits < 64:
            assert compare(result, np.array([float(inside)]), weak=True).equal
            assert compare(result, np.array([float(outside)]), weak=True).misfit.at == (0,)
    if limits.bits == 64:
        least = np.array([limits.min], dtype)
        assert compare(least, np.array([float(limits.min)]), weak=True).equal
        below = np.nextafter(float(limits.min), -np.inf)
        assert compare(least, np.array([below]), weak=True).misfit.at == (0,)
        last = np.nextafter(float(limits.max + 1), 0)
        assert compare(np.array([int(last)], dtype), np.array([last]), weak=True).equal
        beyond = np.array([float(limits.max + 1)])
        assert compare(np.array([limits.max], dtype), beyond, weak=True).misfit.at == (0,)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("dtype", "least"), [("float16", 65520.0), ("float32", (2 - 2.0**-24) * 2.0**127)]
)
def test_weak_numbers_fit_until_they_are_rounded_to_infinity(dtype, least, sign):
    largest = np.array([sign * np.finfo(dtype).max], dtype)
    assert compare(largest, np.array([np.nextafter(sign * least, 0)]), weak=True).equal
    assert compare(largest, np.array([sign * least]), weak=True).misfit.at == (0,)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_weak_infinities_and_nan_fit_every_floating_dtype(dtype):
    for number in (INF, -INF):
        assert compare(np.array([number], dtype), np.array([number]), weak=True).equal
    pair = np.array([NAN], dtype), np.array([NAN])
    assert compare(*pair, weak=True, tolerance=within(equal_nan=True)).equal


def test_weak_empty_arrays_take_the_axes_that_json_loses():
    for shape, written in (((0, 3), (0,)), ((2, 0, 5), (2, 0)), ((0,), (0,))):
        assert compare(np.zeros(shape, np.float32), np.zeros(written), weak=True).equal
    assert not compare(np.zeros((2, 0)), np.zeros(0), weak=True).equal
    assert not compare(np.zeros((0, 3)), np.zeros(0), weak=False).equal


def test_places_are_in_row_major_order_whatever_the_memory():
    result = np.moveaxis(np.arange(3 * 300 * 400.0).reshape(3, 300, 400), 0, -1)
    expected = np.ascontiguousarray(result)
    expected[299, 399, 1] += 8
    expected[2, 5, 0] -= 2
    found = compare(result, expected)
    assert [element.at for element in found.first] == [(2, 5, 0), (299, 399, 1)]
    assert found.absolute.element.at == (299, 399, 1)
    assert found.absolute.error == 8


def test_the_first_ten_elements_and_the_largest_of_all():
    result = np.zeros(200_000)
    expected = np.zeros(200_000)
    expected[5::5] = 1
    expected[150_000] = -7
    found = compare(result, expected)
    assert [element.at[0] for element in found.first] == list(range(5, 55, 5))
    assert found.differing == 39_999
    assert (found.absolute.error, found.absolute.element.at) == (7, (150_000,))
    assert (found.relative.error, found.relative.element.at) == (1, (5,))


def test_large_arrays_are_compared_in_little_memory():
    result = np.zeros(20_000_000, np.float32)
    expected = np.ones(20_000_000, np.float32)
    tracemalloc.start()
    try:
        assert compare(result, expected).differing == 20_000_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def oracle(a, b, tolerance):
    """Equal or not, in exact fractions."""
    if math.isnan(a) or math.isnan(b):
        return tolerance.equal_nan and math.isnan(a) and math.isnan(b)
    if math.isinf(a) or math.isinf(b):
        return a == b
    gap = abs(Fraction(a) - Fraction(b))
    return gap <= Fraction(tolerance.atol) + Fraction(tolerance.rtol) * abs(Fraction(b))


TOLERANCES = st.sampled_from([0.0, 2.0**-20, 0.25, 1.0, 4.0])
SMALL = st.integers(-64, 64).map(lambda n: n / 16)


@given(
    st.lists(
        st.tuples(SMALL | st.sampled_from([NAN, INF, -INF]), SMALL | st.sampled_from([NAN, INF])),
        max_size=30,
    ),
    TOLERANCES,
    TOLERANCES,
    st.booleans(),
    st.sampled_from(["float16", "float32", "float64"]),
)
def test_floats_against_the_oracle(pairs, rtol, atol, equal_nan, dtype):
    tolerance = Tolerance(rtol, atol, None, equal_nan)
    result, expected = (np.array([pair[i] for pair in pairs], dtype) for i in (0, 1))
    found = compare(result, expected, tolerance=lambda *dtypes: tolerance)
    wrong = [i for i, pair in enumerate(pairs) if not oracle(*pair, tolerance)]
    assert found.differing == len(wrong)
    assert [element.at[0] for element in found.first] == wrong[:MOST_SHOWN]
    gaps = [abs(a - b) for a, b in (pairs[i] for i in wrong) if math.isfinite(a - b)]
    assert (found.absolute.error if found.absolute else None) == max(gaps, default=None)


@given(
    st.lists(st.tuples(st.integers(LOW, HIGH), st.integers(LOW, HIGH)), max_size=20),
    st.integers(0, 2**64),
)
def test_integers_against_the_oracle(pairs, most):
    result, expected = (np.array([pair[i] for pair in pairs], np.int64) for i in (0, 1))
    found = compare(result, expected, tolerance=within(ulp=most))
    gaps = [abs(a - b) for a, b in pairs]
    assert found.differing == sum(gap > most for gap in gaps)
    if found.absolute:
        assert int(found.absolute.error) == max(gaps)
