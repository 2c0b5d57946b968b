"""Colours stand for numbers, and text on them can be read."""

import numpy as np
import pytest

from cnnops_cli.text.colours import DIVERGING, LOUD, SEQUENTIAL, Scale, luminance, on


@pytest.mark.parametrize("colour", sorted({*SEQUENTIAL, *DIVERGING, LOUD}))
def test_text_stands_out_from_every_colour(colour):
    text = on(colour)
    assert text.background == colour
    dark, light = sorted(map(luminance, (text.foreground, colour)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # what WCAG 2 asks of text


def test_a_larger_number_is_never_darker_or_nearer_to_zero():
    lights = [luminance(colour) for colour in SEQUENTIAL]
    assert lights == sorted(set(lights))
    middle = len(DIVERGING) // 2
    for side in (DIVERGING[middle::-1], DIVERGING[middle:]):
        lights = [luminance(colour) for colour in side]
        assert lights == sorted(set(lights), reverse=True)


def test_no_scale_has_the_loud_colour():
    assert len({*SEQUENTIAL, *DIVERGING, LOUD}) == len(SEQUENTIAL) + len(DIVERGING) + 1 - len(
        set(SEQUENTIAL) & set(DIVERGING)
    )
    assert LOUD not in SEQUENTIAL + DIVERGING


def test_numbers_of_one_sign_run_from_the_least_to_the_greatest():
    colours = Scale(10, 20).colours(np.array([10.0, 20.0, 15.0, np.nan, np.inf, -np.inf]))
    assert colours.tolist() == [SEQUENTIAL[0], SEQUENTIAL[-1], SEQUENTIAL[6], LOUD, LOUD, LOUD]


def test_numbers_of_both_signs_are_alike_around_zero():
    colours = Scale(-1, 4).colours(np.array([-1.0, 0.0, 1.0, 4.0])).tolist()
    places = [DIVERGING.index(colour) for colour in colours]
    assert places[1:] == [7, 9, 14]
    assert places[0] == 14 - places[2]


@pytest.mark.parametrize(
    ("values", "places"),
    [
        (np.array([0, 2**63, 2**64 - 1], np.uint64), [0, 6, 12]),
        (np.array([-(2**63), 0, 2**63 - 1], np.int64), [0, 7, 14]),
        (np.array([-1.7e308, 0, 1.7e308]), [0, 7, 14]),
        (np.array([0, 5e-324]), [0, 12]),
        (np.array([0.1, 0.1]), [6, 6]),
        (np.array([0, 0], np.int8), [6, 6]),
        (np.array([0.1, np.nextafter(0.1, 1)]), [6, 6]),
    ],
    ids=["uint64", "int64", "float64", "subnormal", "constant", "zero", "rounding"],
)
def test_extremes(values, places):
    scale = Scale(float(values.min()), float(values.max()))
    assert [scale.palette.index(colour) for colour in scale.colours(values).tolist()] == places


@pytest.mark.parametrize("turn", [lambda low, high: (low, high), lambda low, high: (-high, -low)])
@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_a_range_is_noise_up_to_1e_12_of_its_largest_number(turn, size):
    assert Scale(*turn(size * (1 - 0.99e-12), size)).constant
    assert not Scale(*turn(size * (1 - 1.01e-12), size)).constant
