"""Colours stand for numbers, and text on them can be read."""

import numpy as np
import pytest

from cnnops_cli.text.colours import (
    DIVERGING,
    LOUD,
    SEQUENTIAL,
    Scale,
    hexadecimal,
    luminance,
    number_style,
    on,
    rgb,
)
from cnnops_cli.text.styled_lines import Style
from cnnops_cli.views.ansi import (
    DIVERGING_OF_256,
    SEQUENTIAL_OF_256,
    coloured_text,
    rgb_of_256,
)

COLOURS = [*SEQUENTIAL.tolist(), *DIVERGING.tolist(), LOUD]
MIDDLE = len(SEQUENTIAL) // 2


def lab(colours):
    """CIELAB of colours 0xRRGGBB at the white point D65, by the definitions of CIE and sRGB."""
    parts = np.stack(rgb(np.asarray(colours)), -1) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ratios = linear @ np.transpose(to_xyz) / [0.9505, 1, 1.089]
    low = ratios <= (6 / 29) ** 3
    x, y, z = np.where(low, ratios / (3 * (6 / 29) ** 2) + 4 / 29, np.cbrt(ratios)).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def contrast(one, other):
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [COLOURS, [*map(rgb_of_256, range(16, 256))]])
def test_text_stands_out_from_every_colour(colours):
    for colour in colours:
        text = on(colour)
        assert text.background == colour
        assert text.foreground in (0x000000, 0xFFFFFF)
        assert contrast(text.foreground, colour) >= 4.5  # what WCAG 2 asks of text


def test_luminance_is_that_of_wcag():
    assert [luminance(colour) for colour in (0x000000, 0xFF0000, 0x00FF00, 0x0000FF)] == [
        *(0, 0.2126, 0.7152, 0.0722)
    ]
    assert luminance(0xFFFFFF) == pytest.approx(1)
    assert luminance(0x808080) == pytest.approx(0.2159, abs=1e-4)


def test_the_lightness_of_numbers_of_one_sign_rises_evenly():
    lightness = lab(SEQUENTIAL)[:, 0]
    assert lightness[0] == pytest.approx(15, abs=0.5)
    assert lightness[-1] == pytest.approx(91, abs=0.5)
    assert np.abs(lightness - np.linspace(15, 91, len(lightness))).max() < 2
    assert (np.diff(lightness) > 0).all()


def test_the_lightness_of_both_signs_is_equal_and_falls_by_equal_steps():
    lightness = lab(DIVERGING)[:, 0]
    assert len(lightness) % 2 == 1
    assert np.abs(lightness - lightness[::-1]).max() < 0.5  # as near as 24 bits allow
    even = np.linspace(97, 38, MIDDLE + 1)
    for side in (lightness[MIDDLE::-1], lightness[MIDDLE:]):
        assert np.abs(side - even).max() < 0.5


def test_negative_is_blue_and_positive_is_red():
    _, a, b = lab(DIVERGING).T
    assert (b[: MIDDLE - 4] < -5).all()
    assert (a[MIDDLE + 5 :] > 2).all()
    assert np.hypot(a, b)[MIDDLE] < 1  # zero has no hue


@pytest.mark.parametrize("scale", [SEQUENTIAL, DIVERGING])
def test_the_eye_hardly_tells_one_level_from_the_next(scale):
    steps = np.linalg.norm(np.diff(lab(scale), axis=0), axis=1)
    assert 0.4 < steps.min() < steps.max() < 2.7
    assert len(set(scale.tolist())) == len(scale) == 129


def test_no_scale_has_the_loud_colour_or_one_like_it():
    assert np.linalg.norm(lab(COLOURS[:-1]) - lab([LOUD]), axis=1).min() > 60
    assert number_style(LOUD).bold
    assert not number_style(int(SEQUENTIAL[0])).bold
    assert not set(SEQUENTIAL.tolist()) & set(DIVERGING.tolist())


def test_a_colour_is_written_as_in_css():
    assert [hexadecimal(colour) for colour in (LOUD, 0x00000A)] == ["#ff00ff", "#00000a"]
    assert rgb(0x010203) == (1, 2, 3)


def test_of_256_colours_a_larger_number_is_never_darker_or_nearer_to_zero():
    lights = [luminance(rgb_of_256(colour)) for colour in SEQUENTIAL_OF_256]
    assert lights == sorted(set(lights))
    middle = len(DIVERGING_OF_256) // 2
    for side in (DIVERGING_OF_256[middle::-1], DIVERGING_OF_256[middle:]):
        lights = [luminance(rgb_of_256(colour)) for colour in side]
        assert lights == sorted(set(lights), reverse=True)


@pytest.mark.parametrize(
    ("colour", "number"),
    [(0, 16), (0xFFFFFF, 231), (0x0000FF, 21), (0x5F87AF, 67), (0x080808, 232), (0xEEEEEE, 255)],
)
def test_the_colours_of_a_terminal(colour, number):
    assert rgb_of_256(number) == colour


@pytest.mark.parametrize("promised", ["truecolor", "24bit"])
def test_a_terminal_that_promises_it_gets_24_bits(monkeypatch, promised):
    monkeypatch.setenv("COLORTERM", promised)
    text = coloured_text([[("7", on(0xFDE725)), ("8", Style(0x2F56A7, 0xA82929))]])
    assert text == (
        "\x1b[38;2;0;0;0;48;2;253;231;37m7\x1b[0m\x1b[38;2;47;86;167;48;2;168;41;41m8\x1b[0m\n"
    )


@pytest.mark.parametrize("promised", [None, "", "yes"])
def test_another_gets_the_like_of_its_256(monkeypatch, promised):
    monkeypatch.delenv("COLORTERM", raising=False)
    if promised is not None:
        monkeypatch.setenv("COLORTERM", promised)
    text = coloured_text([[("7", on(0xFDE725)), ("8", Style(0x2F56A7, 0xA82929))]])
    assert text == "\x1b[38;5;16;48;5;227m7\x1b[0m\x1b[38;5;25;48;5;124m8\x1b[0m\n"


def test_text_stands_out_from_what_a_terminal_has_for_a_colour(monkeypatch):
    monkeypatch.delenv("COLORTERM", raising=False)
    for colour in COLOURS:
        _, _, ink, _, _, page = (
            coloured_text([[("7", on(colour))]])[2:].split("m")[0].split(";")[-6:]
        )
        assert contrast(rgb_of_256(int(ink)), rgb_of_256(int(page))) >= 4.5


def test_numbers_of_one_sign_run_from_the_least_to_the_greatest():
    colours = Scale(10, 20).colours(np.array([10.0, 20.0, 15.0, np.nan, np.inf, -np.inf]))
    ends_and_middle = SEQUENTIAL[[0, -1, MIDDLE]].tolist()
    assert colours.tolist() == [*ends_and_middle, LOUD, LOUD, LOUD]


def test_numbers_of_both_signs_are_alike_around_zero():
    colours = Scale(-1, 4).colours(np.array([-1.0, 0.0, 1.0, 4.0])).tolist()
    places = [DIVERGING.tolist().index(colour) for colour in colours]
    assert places[1:] == [64, 80, 128]
    assert places[0] == 128 - places[2]


@pytest.mark.parametrize(
    ("values", "places"),
    [
        (np.array([0, 2**63, 2**64 - 1], np.uint64), [0, 64, 128]),
        (np.array([-(2**63), 0, 2**63 - 1], np.int64), [0, 64, 128]),
        (np.array([-1.7e308, 0, 1.7e308]), [0, 64, 128]),
        (np.array([0, 5e-324]), [0, 128]),
        (np.array([0.1, 0.1]), [64, 64]),
        (np.array([0, 0], np.int8), [64, 64]),
        (np.array([0.1, np.nextafter(0.1, 1)]), [64, 64]),
    ],
    ids=["uint64", "int64", "float64", "subnormal", "constant", "zero", "rounding"],
)
def test_extremes(values, places):
    scale = Scale(float(values.min()), float(values.max()))
    palette = scale.palette.tolist()
    assert [palette.index(colour) for colour in scale.colours(values).tolist()] == places


@pytest.mark.parametrize("turn", [lambda low, high: (low, high), lambda low, high: (-high, -low)])
@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_a_range_is_noise_up_to_1e_12_of_its_largest_number(turn, size):
    assert Scale(*turn(size * (1 - 0.99e-12), size)).constant
    assert not Scale(*turn(size * (1 - 1.01e-12), size)).constant
