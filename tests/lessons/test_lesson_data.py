"""What a page says, from calls in Python; the page itself is tested in a browser."""

import math
import re

import numpy as np
import pytest
from calling import CommandHere
from lesson_data import data_of

from cnnops_cli import CnnopsError, batchnorm, conv, dropout, lesson, maxpool
from cnnops_cli.lessons.limits import MOST_ELEMENTS, MOST_TERMS

IMAGE = np.arange(1, 13).reshape(1, 3, 4)
LETTERS = [[[["a", "b"], ["c", "d"]]]]


def data(*call, **options):
    return data_of(lesson(*call, **options).html())


def test_the_example_of_the_course_notes():
    page = data(conv, IMAGE, LETTERS, stride=(1, 2))
    assert page["result"]["texts"] == [
        "a*1 + b*2 + c*5 + d*6",
        "a*3 + b*4 + c*7 + d*8",
        "a*5 + b*6 + c*9 + d*10",
        "a*7 + b*8 + c*11 + d*12",
    ]
    assert page["windows"]["taps"] == {"H": [[0, 1], [1, 2]], "W": [[0, 1], [2, 3]]}
    assert page["sizes"] == [
        "floor((length + begin + end - dilation * (kernel - 1) - 1) / stride) + 1",
        "H: floor((3 + 0 + 0 - 1 * (2 - 1) - 1) / 1) + 1 = 2",
        "W: floor((4 + 0 + 0 - 1 * (2 - 1) - 1) / 2) + 1 = 2",
        "begin and end are the padding on the two sides.",
    ]
    assert page["steps"]["words"][1] == (
        "The window covers rows 0 to 1 and columns 2 to 3; the result is the sum of its 4 products."
    )
    assert page["pytorch"].splitlines()[-2:] == [
        "w = torch.tensor([[[[a, b], [c, d]]]], dtype=torch.float64)",
        "y = F.conv2d(x, w, stride=(1, 2))",
    ]


def test_letters_that_clash_with_names_in_the_lines_of_pytorch():
    lines = data(conv, [[["x", "b", "in"]]], [[[["w", "a"]]]], ["b"])["pytorch"].splitlines()
    assert lines[3:6] == [
        "x = torch.tensor([[[x_, b_, in_]]], dtype=torch.float64)",
        "w = torch.tensor([[[[w_, a]]]], dtype=torch.float64)",
        "b = torch.tensor([b_], dtype=torch.float64)",
    ]


@pytest.mark.parametrize(
    ("precision", "words"),
    [(-1, "must be 0 or more, not -1"), (1.5, "must be an integer, not 1.5")],
)
def test_precision_is_a_number_of_decimals(precision, words):
    with pytest.raises(CnnopsError, match=f"^precision {re.escape(words)}$"):
        lesson(conv, IMAGE, [[[[1]]]], precision=precision)
    assert data(conv, IMAGE, [[[[1.0]]]], precision=0)["steps"]["values"][0] == "1"


@pytest.mark.parametrize(
    ("mode", "source"),
    [
        ("zeros", {"-2": None, "-1": None, "3": None}),
        ("reflect", {"-2": 2, "-1": 1, "3": 1}),
        ("replicate", {"-2": 0, "-1": 0, "3": 2}),
        ("circular", {"-2": 1, "-1": 2, "3": 0}),
    ],
)
def test_padding_tells_what_it_repeats(mode, source):
    signal = np.array([[1, 2, 3]])
    page = data(conv, signal, [[[1, 10]]], padding=((2, 1),), padding_mode=mode)
    assert page["windows"]["source"] == {"W": source}
    assert page["windows"]["padding"] == {"W": [2, 1]}


def test_channels_have_subtotals_and_groups_their_own():
    image = np.stack([IMAGE[0], -IMAGE[0], IMAGE[0] * 2, IMAGE[0]])
    page = data(conv, image, np.ones((4, 2, 3, 4), int), [1, 2, 3, -4], groups=2)
    assert page["steps"]["subtotals"] == [["78", "-78"]] * 2 + [["156", "78"]] * 2
    assert page["steps"]["totals"][2:] == ["156 + 78 + 3", "156 + 78 - 4"]
    assert page["steps"]["values"] == ["1", "2", "237", "230"]
    assert page["steps"]["bias"] == ["1", "2", "3", "-4"]
    assert (page["windows"]["channels"], page["windows"]["filters"]) == (2, 2)
    assert page["steps"]["words"][2] == (
        "The window covers rows 0 to 2 and columns 0 to 3 of channels 2 to 3; the sum of its 24 "
        "products and the bias is 237."
    )


def test_operands_are_rounded_and_results_are_not():
    page = data(conv, np.array([[1 / 3]]), np.array([[[1.0]]]))
    assert (page["input"]["texts"], page["input"]["exact"]) == (["0.333"], ["0.3333333333333333"])
    assert page["steps"]["values"] == ["0.3333333333333333"]
    page = data(conv, np.array([[1 / 3]]), np.array([[[1.0]]]), precision=2)
    assert (page["input"]["texts"], page["input"]["exact"]) == (["0.33"], None)
    assert page["steps"]["values"] == ["0.33"]


@pytest.mark.parametrize(
    ("window", "winner", "words"),
    [
        ([3.0, 7.0], 1, "its largest element is 7, at [0, 1]."),
        ([7.0, 7.0], 0, "its largest element is 7, at [0, 0]. Of equal elements the first counts."),
        (
            [math.nan, 7.0],
            0,
            "its largest element is NaN, at [0, 0]. NaN wins over every number.",
        ),
    ],
)
def test_the_winner(window, winner, words):
    page = data(maxpool, np.array([window]), (2,))
    assert page["steps"]["winners"] == [winner]
    assert page["steps"]["words"] == [f"The window covers elements 0 to 1; {words}"]


def test_padding_is_never_the_largest():
    page = data(maxpool, np.array([[-5]]), (2,), padding=1)
    assert page["steps"]["winners"] == [1]
    assert page["windows"]["source"] == {"W": {"-1": None, "1": None}}
    assert page["steps"]["words"][0].endswith("Padding is never the largest.")


def test_a_last_window_of_ceil_mode_reaches_beyond_the_padding():
    page = data(maxpool, np.array([[1, 2, 3]]), (2,), stride=2, ceil_mode=True)
    assert page["windows"]["padding"] == {"W": [0, 1]}
    assert page["windows"]["taps"] == {"W": [[0, 1], [2, 3]]}
    assert page["windows"]["source"] == {"W": {"3": None}}


def test_running_statistics_that_are_given_stay():
    running = [np.zeros(2), np.ones(2)]
    page = data(batchnorm, np.array([[1.0, 2.0], [3.0, 6.0]]), *running, training=True)
    assert [array.tolist() for array in running] == [[0, 0], [1, 1]]
    assert page["kernel"]["texts"][:2] == ["2", "1"]
    assert page["reads"] == "channel"
    assert data(batchnorm, np.array([[1.0, 2.0]]))["reads"] == "same"


def test_the_bits_that_decide():
    page = data(dropout, np.arange(4.0), 0.25, seed=5)
    for text, kept in zip(page["steps"]["lines"], page["kernel"]["texts"], strict=True):
        bits = int(text[0].split()[3])
        assert kept == ("1" if bits >= 16384 else "0")
        assert text[0].endswith(": kept" if kept == "1" else ": dropped")


def test_bits_at_the_threshold_leave_it_to_others(monkeypatch):
    from cnnops_cli.lessons import dropout as page_of_dropout

    p = (16384 + 0.5) / 65536
    monkeypatch.setattr(page_of_dropout, "draw_bits", lambda shape, _: np.full(shape, 16384))
    (line,) = data(dropout, np.ones(1), p, seed=5)["steps"]["lines"][0]
    assert line.startswith("its random bits 16384 are equal to floor(")
    assert "and 53 more decide: " in line


def test_the_most_elements():
    page = data(maxpool, np.zeros((1, 13332), np.uint8), (2,))
    assert 13332 + len(page["steps"]["values"]) + 2 == MOST_ELEMENTS
    with pytest.raises(
        CnnopsError,
        match=r"^a lesson draws at most 20,000 elements, and this call has 20,003: cut input to "
        r"\[:, :12667\], as NumPy writes it$",
    ):
        lesson(maxpool, np.zeros((1, 13334), np.uint8), (2,))


def test_the_most_terms():
    signal, kernel = np.zeros((1, 1199), np.uint8), np.ones((1, 1, 200), np.uint8)
    page = data(conv, signal, kernel)
    assert len(page["steps"]["values"]) * 200 == MOST_TERMS
    with pytest.raises(
        CnnopsError,
        match=r"^a lesson writes at most 200,000 terms, and this call has 200,200: cut input to "
        r"\[:, :1140\], as NumPy writes it$",
    ):
        lesson(conv, np.zeros((1, 1200), np.uint8), kernel)


def test_a_kernel_that_is_too_large():
    with pytest.raises(
        CnnopsError,
        match=r"^a lesson draws at most 20,000 elements, and this call has 20,448: take fewer "
        r"channels and filters, a larger stride or less padding$",
    ):
        lesson(conv, np.zeros((142, 1)), np.zeros((142, 142, 1)))


@pytest.mark.parametrize(
    "call",
    [
        (conv, np.zeros((0, 1, 2, 2)), np.ones((1, 1, 1, 1))),
        (maxpool, np.zeros((0, 1, 2, 2)), 1),
        (batchnorm, np.zeros((0, 1, 2, 2))),
        (dropout, np.zeros((0, 1, 2, 2))),
    ],
    ids=lambda call: call[0].__name__,
)
def test_what_has_no_elements(call):
    with pytest.raises(
        CnnopsError,
        match=r"^a lesson shows elements, and input has none: shape \(0, 1, 2, 2\)$",
    ):
        lesson(*call)


def test_an_unknown_option():
    with pytest.raises(TypeError, match=r"^got an unexpected keyword argument 'strides'$"):
        lesson(conv, IMAGE, LETTERS, strides=2)


@pytest.mark.parametrize(
    ("operand", "what"),
    [([["a b"]], "'a b'"), ([[None]], "None"), ([["</script>"]], "'</script>'")],
)
def test_what_is_not_a_name(operand, what):
    with pytest.raises(
        CnnopsError, match=f"^input holds {what}, neither a number nor a name for one$"
    ):
        lesson(maxpool, operand, (1,))


def test_what_is_not_an_operator():
    with pytest.raises(
        CnnopsError,
        match=r"^lesson explains conv, maxpool, batchnorm and dropout, not max$",
    ):
        lesson(max, [1])


@pytest.mark.parametrize(
    ("mode", "said"),
    [("sequential", "each addition"), ("fma", "addition together"), ("fast", "on the way")],
)
def test_sums_that_are_rounded_on_the_way_say_so(mode, said):
    image, kernel = np.float32([[1e8, 1, -1e8]]), np.ones((1, 1, 3), np.float32)
    page = data(conv, image, kernel, accumulate=mode)
    assert page["about"] == f"accumulate {mode}"
    assert said in page["notes"][0]
    assert data(conv, image, kernel)["about"] == ""
    assert data(conv, image.astype(int), kernel.astype(int), accumulate=mode)["notes"] == []


def test_what_a_call_is_about():
    image, kernel = np.ones((4, 5, 5)), np.ones((4, 1, 2, 2))
    page = data(conv, image, kernel, groups=4, padding=((1, 0), (0, 2)), padding_mode="reflect")
    assert page["about"] == "padding 1:0×0:2, reflect, depthwise"
    assert page["notes"][1] == (
        "Padding repeats the input, mirrored at its first and last elements."
    )
    page = data(conv, image, np.ones((2, 2, 2, 2)), groups=2, stride=2, dilation=(1, 2), padding=1)
    assert page["about"] == "stride 2, padding 1, dilation 1×2, 2 groups"
    assert page["notes"] == [
        "Each filter sees its group's channels alone: filter 0 sees channels 0 to 1, and so on.",
        "Padding holds zeros.",
    ]
    page = data(maxpool, image, 2, stride=1, padding=1, ceil_mode=True)
    assert page["about"] == "stride 1, padding 1, ceil mode"
    assert page["notes"] == ["Padding holds nothing: it is never the largest."]


def test_what_batch_normalization_takes():
    batch = np.array([[1.0], [3.0]])
    page = data(batchnorm, batch, training=True)
    assert page["about"] == "training, eps 1e-05, momentum 0.1"
    assert page["notes"][0] == "The statistics are those of this batch, over all its samples."
    assert page["kernel"]["rowNames"] == ["mean", "variance", "weight", "bias"]
    assert page["kernel"]["shape"] == "(C 1)"
    assert page["steps"]["channelLines"] == [
        [
            "mean = (1 + 3) / 2 = 2",
            "variance = ((1 - 2)^2 + (3 - 2)^2) / 2 = 1",
            "unbiased variance = 1 * 2 / (2 - 1) = 2",
            "running_mean: (1 - 0.1) * 0 + 0.1 * 2 = 0.2",
            "running_var: (1 - 0.1) * 1 + 0.1 * 2 = 1.1",
        ]
    ]
    assert page["steps"]["words"][1] == (
        "The mean of channel 0 is subtracted from 3; the difference is divided by "
        "sqrt(variance + eps), multiplied by the weight 1, and the bias 0 is added."
    )
    page = data(batchnorm, batch, np.array([2.0]), np.array([4.0]), np.array([-1.0]), [0.5])
    assert page["about"] == "evaluation, eps 1e-05"
    assert page["notes"][0] == "The statistics are the running ones: 0 and 1 where none were given."
    assert page["kernel"]["rowNames"] == ["running mean", "running variance", "weight", "bias"]
    assert page["kernel"]["texts"] == ["2", "4", "-1", "0.5"]
    assert page["steps"]["channelLines"] == [[]]


@pytest.mark.parametrize(
    ("options", "about", "note"),
    [
        (
            {"p": 0.25, "seed": 3},
            "p 0.25, scale 1.333, seed 3",
            "A value is dropped with probability",
        ),
        ({"p": 0.0, "seed": 3}, "p 0, scale 1, seed 3", "A value is dropped with probability 0."),
        ({"p": 1.0, "seed": 3}, "p 1, seed 3", "Every value is dropped."),
        (
            {"channelwise": True, "seed": 3},
            "p 0.5, scale 2, channelwise, seed 3",
            "A channel is dropped with probability 0.5.",
        ),
        ({"training": False}, "evaluation", "In evaluation nothing is dropped."),
    ],
)
def test_what_dropout_says(options, about, note):
    page = data(dropout, np.ones((2, 3)), **options)
    assert page["about"] == about
    assert page["notes"][0].startswith(note)
    if "channelwise" in options:
        assert page["steps"]["lines"][0][0].startswith("its channel's random bits")


@pytest.mark.parametrize(
    ("image", "kernel", "options", "words"),
    [
        ([[2.0]], [[[-3.0]]], {}, "The window covers element 0; the product is -6."),
        (
            [[2.0]],
            [[[-3.0]]],
            {"bias": [1.0]},
            "The window covers element 0; the sum of its product and the bias is -5.",
        ),
        (
            [[2.0]],
            [[[1.0, 1.0]]],
            {"padding": 1},
            "The window covers elements -1 to 0; the sum of its 2 products is 2. "
            "1 of its 2 elements is padding.",
        ),
        (
            [[2.0]],
            [[[1.0, 1.0]]],
            {"padding": 2},
            "The window covers elements -2 to -1; the sum of its 2 products is 0. "
            "All that it covers is padding.",
        ),
        (
            [[0, 2]],
            [[["a", "b"]]],
            {},
            "The window covers elements 0 to 1; the result is the sum of its 2 products. "
            "Products that are 0 are left out.",
        ),
    ],
)
def test_the_sentence_of_a_convolution(image, kernel, options, words):
    bias = options.pop("bias", None)
    page = data(conv, np.array(image), np.array(kernel), bias, **options)
    assert page["steps"]["words"][0] == words


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("conv", "-k", "[[a]]", "[[2]]"), "the result is the product."),
        (("maxpool", "-k", "1", "[[a]]"), "its largest element is the result."),
    ],
)
def test_relu_of_letters(tmp_path, call, words):
    CommandHere(tmp_path).text(*call, "--relu", "--lesson", "page.html")
    page = data_of((tmp_path / "page.html").read_text("utf-8"))
    assert page["steps"]["words"] == [
        f"The window covers row 0 and column 0; {words} ReLU makes it 0 where it is negative."
    ]
