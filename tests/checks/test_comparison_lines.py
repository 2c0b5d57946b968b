"""The words of a comparison."""

import numpy as np

from cnnops_cli.checks.comparison import compare
from cnnops_cli.checks.comparison_lines import differences, verdict
from cnnops_cli.checks.tolerance import Tolerance


def words(result, expected, **options):
    found = compare(np.asarray(result), np.asarray(expected), **options)
    return [verdict(found, "g.npy"), *differences(found)]


def test_equal():
    assert words([1, 2], [1, 2]) == ["equal to g.npy exactly"]
    assert words([1.0], [1.0]) == ["equal to g.npy within rtol 1e-07 and atol 1e-07"]
    nan = {"tolerance": lambda *_: Tolerance(0, 0, 3, True)}
    assert words([np.nan], [np.nan], **nan) == ["equal to g.npy within 3 ulp, NaN equal to NaN"]


def test_values_with_their_places_and_errors():
    result = np.float32([[1, 2, 3], [4, 5, 6]])
    expected = np.float32([[1, 2.5, 3], [4, 50, 6]])
    assert words(result, expected) == [
        "not equal to g.npy within rtol 1.3e-06 and atol 1e-05",
        "2 of 6 values differ (33.3 %)",
        "largest absolute error 45 at [1, 1]: 5.0, expected 50.0",
        "largest relative error 0.9 at [1, 1]: 5.0, expected 50.0",
        "    at  result  expected",
        "[0, 1]     2.0       2.5",
        "[1, 1]     5.0      50.0",
    ]


def test_shape_and_dtype_come_first():
    assert words(np.zeros((2, 3), np.int8), np.zeros(6)) == [
        "not equal to g.npy",
        "shape (2, 3), expected (6,)",
        "dtype int8, expected float64",
    ]
    assert words(np.float32([1]), np.float64([1])) == [
        "not equal to g.npy within rtol 1.3e-06 and atol 1e-05",
        "dtype float32, expected float64",
        "no value differs within rtol 1.3e-06 and atol 1e-05",
    ]


def test_a_number_that_does_not_fit():
    assert words([3], [3.5], weak=True) == [
        "not equal to g.npy",
        "dtype int64, which cannot hold 3.5, expected at [0]",
        "1 of 1 value differs (100 %)",
        "largest absolute error 0.5 at [0]: 3, expected 3.5",
        "largest relative error 0.142857 at [0]: 3, expected 3.5",
        " at  result  expected",
        "[0]       3       3.5",
    ]


def test_elements_that_are_left_out_are_counted():
    lines = words(np.zeros(13), np.ones(13))
    assert lines[-1] == "… 3 more"
    assert len(lines) == 1 + 3 + 1 + 10 + 1


def test_a_share_of_nearly_all_is_not_all():
    expected = np.ones(100_000)
    expected[7] = 0
    assert "99999 of 100000 values differ (99.9 %)" in words(np.zeros(100_000), expected)


def test_nothing_is_relative_to_zero():
    lines = words([5, 3], [0, 0])
    assert lines[2] == "largest absolute error 5 at [0]: 5, expected 0"
    assert not any("relative" in line for line in lines)
    mixed = words([5, 3], [0, 2])
    assert mixed[3] == "largest relative error 0.5 at [1]: 3, expected 2"


def test_nan_on_both_sides_names_the_option():
    lines = words([np.nan, 1.0], [np.nan, 1.0])
    assert lines[2:4] == [
        "each of them is NaN or infinite on one side or both",
        "1 of them NaN on both sides, which --equal-nan takes as equal",
    ]


def test_numbers_read_back_by_way_of_float64():
    result, expected = np.float32([7.0385307e-26]), np.float32([-7.0385307e-26])
    exact = {"tolerance": lambda *_: Tolerance(0, 0, None, False)}
    *_, absolute, _, _, row = words(result, expected, **exact)
    assert absolute.endswith("at [0]: 7.0385307e-26, expected -7.0385307e-26")
    assert row.split() == ["[0]", "7.0385307e-26", "-7.0385307e-26"]
