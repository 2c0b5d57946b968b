"""An explanation in colour: the view's styles for what the view shows too, and the same letters."""

import re

import numpy as np
import pytest

from cnnops_cli.explain.conv import conv_explainer
from cnnops_cli.explain.dropout import dropout_explainer
from cnnops_cli.explain.explanation import Page
from cnnops_cli.explain.explanation_lines import text_lines
from cnnops_cli.explain.maxpool import maxpool_explainer
from cnnops_cli.explain.windows import grid_lines
from cnnops_cli.text.colours import LOUD, Scale, on
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import BOLD, DIM, PLAIN, plain_text, width_of

CONV = {"stride": 1, "dilation": 1, "groups": 1}
POOL = {"stride": 1, "dilation": 1, "ceil_mode": False}


def explained(explainer, at, *, color=True):
    page = Page(Decimals(exact=False), 80, color)
    return list(text_lines(["conv", "int64"], [(at, explainer(at))], "", lambda place: place, page))


def styles_of(line):
    return {text.strip(): style for text, style in line if text.strip()}


def conv_of(image, weight, result, *, padding=0, mode="zeros"):
    image, weight = np.array([image]), np.array([[weight]])
    return conv_explainer(
        image, weight, None, np.array([result]), padding=padding, padding_mode=mode, **CONV
    )


def test_a_window_has_the_colours_of_the_whole_input_and_kernel():
    explainer = conv_of([[1, 2, 3], [4, 5, 9]], [[-1, 4], [0, 2]], [[17, 28]])
    head, blank, title, span, first, second, formula = explained(explainer, (0, 0, 0))
    inputs, weights = Scale(1, 9), Scale(-1, 4)

    def colour(scale, number):
        return on(int(scale.colours(np.array(float(number)))))

    assert head == [("conv", BOLD), ("  ", PLAIN), ("int64", BOLD)]
    assert blank == []
    assert styles_of(title) == {"[0, 0, 0] =": DIM, "17": BOLD}
    assert {style for _, style in span} == {DIM}
    assert styles_of(first) == {
        "1": colour(inputs, 1),
        "2": colour(inputs, 2),
        "×": DIM,
        "-1": colour(weights, -1),
        "4": colour(weights, 4),
    }
    assert styles_of(second)["5"] == colour(inputs, 5)
    assert styles_of(second)["0"] == colour(weights, 0)
    assert [text for text, style in formula if style == DIM] == [
        *["*", " +", "*", " +", "*", " +", "*", "= "],
    ]
    assert formula[-1] == ("17", BOLD)


def test_zeros_of_padding_are_dim_and_repeated_cells_have_their_colour():
    zeros = conv_of([[1, 9]], [[1, 1]], [[1, 10, 9]], padding=((0, 0), (1, 1)))
    assert styles_of(explained(zeros, (0, 0, 0))[4])["(0)"] == DIM
    again = conv_of([[1, 9]], [[1, 1]], [[2, 10, 18]], padding=((0, 0), (1, 1)), mode="replicate")
    assert styles_of(explained(again, (0, 0, 0))[4])["(1)"] == on(0x440154)


def test_the_maximum_is_bold_and_padding_dim():
    result, indices = np.array([[[1.0, 9.0, 9.0]]]), np.array([[[0, 1, 1]]])
    image = np.array([[[1.0, 9.0]]])
    padding = ((0, 0), (1, 1))
    explainer = maxpool_explainer(image, (1, 2), result, indices, padding=padding, **POOL)
    assert styles_of(explained(explainer, (0, 0, 1))[4]) == {
        "1": on(0x440154),
        "[9]": on(0xFDE725, bold=True),
    }
    assert styles_of(explained(explainer, (0, 0, 0))[4])["-"] == DIM


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_loud(number):
    image = np.array([[[number]]])
    explainer = maxpool_explainer(image, (1, 1), image, np.array([[[0]]]), padding=0, **POOL)
    title, _, grid, formula = explained(explainer, (0, 0, 0))[2:]
    loud = on(LOUD, bold=True)
    assert title[-1][1] == grid[-1][1] == loud
    assert loud in [style for _, style in formula]


def test_letters_have_no_colour_and_the_numbers_next_to_them_do():
    weight = np.array([[[["a", 2]]]], object)
    image = np.array([[[1, 9]]])
    nothing = np.broadcast_to(np.array(None), (1, 1, 1))
    explainer = conv_explainer(
        image, weight, None, nothing, padding=0, padding_mode="zeros", **CONV
    )
    explanation = explainer((0, 0, 0))
    lines = explanation.lines(lambda place: place, Page(Decimals(), 80, True))
    assert styles_of(lines[1]) == {
        "1": on(0x440154),
        "9": on(0xFDE725),
        "×": DIM,
        "a": PLAIN,
        "2": PLAIN,
    }


def test_colour_changes_no_letter():
    image = np.arange(12.0).reshape(1, 3, 4) - 5
    weight = np.array([[[[1.0, -2.5], [0, np.nan]]]])
    result = np.zeros((1, 4, 5))
    explainer = conv_explainer(image, weight, None, result, padding=1, padding_mode="zeros", **CONV)
    kept = dropout_explainer(image, image, np.ones_like(image), 0.5, training=True, seed=1)
    for explain, at in ((explainer, (0, 0, 0)), (explainer, (0, 1, 1)), (kept, (0, 0, 0))):
        plain, coloured = (explained(explain, at, color=color) for color in (False, True))
        assert plain_text(plain) == plain_text(coloured)


@pytest.mark.parametrize(
    ("margin", "width", "texts"),
    [
        (0, 17, ["1 ", " 2", " 1 ", " 10", "5 ", " 6", "-4 ", "  0"]),
        (1, 21, [" 1 ", " 2 ", "  1 ", " 10 ", " 5 ", " 6 ", " -4 ", "  0 "]),
    ],
)
def test_grids_may_have_a_margin_within_the_width(margin, width, texts):
    explanation = conv_of([[1, 2], [5, 6]], [[1, 10], [-4, 0]], [[1]])((0, 0, 0))
    pages = [Page(Decimals(exact=False), most, True, margin) for most in (width, width - 1)]
    (beside, stacked) = ([*explanation.lines(lambda place: place, page)] for page in pages)

    def cells(line):
        return [text for text, style in line if style.background is not None]

    assert [text for line in beside for text in cells(line)] == texts
    assert max(len(cells(line)) for line in beside) == 4
    assert max(len(cells(line)) for line in stacked) == 2


@pytest.mark.parametrize(("margin", "width"), [(0, 12), (1, 14)])
def test_columns_that_fit_with_their_margin_are_shown(margin, width):
    grid = [[(digit, PLAIN) for digit in "1234"]]
    lines = [grid_lines(grid, Page(Decimals(), most, True, margin)) for most in (width, width - 1)]
    whole, cut = (plain_text(each).split() for each in lines)
    assert whole == ["1", "2", "3", "4"]
    assert cut == ["1", "…", "4"]
    assert [width_of(each) for each in lines] == [width, width - 3]


def test_a_terminal_has_colours_unless_it_is_told_otherwise(call):
    arguments = ["conv", "-k", "[[1,10]]", "[[1,2,3]]", "--explain", "-f", "table"]
    plain = call(*arguments)
    assert "\x1b" not in plain
    forced = {"FORCE_COLOR": "1"}
    coloured = call(*arguments, env=forced)
    assert "\x1b[1mconv\x1b[0m" in coloured
    assert "\x1b[38;5;231;48;5;53m1 \x1b[0m" in coloured
    stripped = re.sub("\x1b\\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()
    assert call(*arguments, "--no-color", env=forced) == plain
    assert call(*arguments, env=forced | {"NO_COLOR": "1"}) == plain
