"""cnnops conv: how much is added on which side, and what stands there."""

import numpy as np
import pytest

ROW = "[1,2,3]"
PAIR = "[1,10]"


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        ("0", "[21,32]"),
        ("valid", "[21,32]"),
        ("1", "[10,21,32,3]"),
        ("same", "[21,32,3]"),
        ("same-upper", "[21,32,3]"),
        ("same-lower", "[10,21,32]"),
        ("0:2", "[21,32,3,0]"),
        ("1:0", "[10,21,32]"),
    ],
)
def test_every_form_of_padding(cnnops, padding, expected):
    assert cnnops.json("conv", "-k", PAIR, "--padding", padding, ROW) == expected


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "padding", "expected"),
    [
        (6, "[1,10,100]", "2", "same-upper", "[321,543,65]"),
        (6, "[1,10,100]", "2", "same-lower", "[210,432,654]"),
        (5, "[1,10,100]", "2", "same-upper", "[210,432,54]"),
        (5, "[1,10,100]", "2", "same-lower", "[210,432,54]"),
        (5, "[1]", "3", "same-upper", "[1,4]"),
        (4, "[1,10]", "3", "same-upper", "[21,4]"),
        (4, "[1,10]", "3", "same-lower", "[10,43]"),
    ],
    ids=[
        "odd total: end",
        "odd total: beginning",
        "even total",
        "even total, lower",
        "kernel below stride",
        "one cell: end",
        "one cell: beginning",
    ],
)
def test_same_with_a_stride_divides_the_length(cnnops, length, kernel, stride, padding, expected):
    row = str(list(range(1, length + 1)))
    assert cnnops.json("conv", "-k", kernel, "-s", stride, "-p", padding, row) == expected


def test_same_counts_the_dilated_kernel(cnnops):
    call = ["conv", "-k", PAIR, "-d", "2", "[1,2,3,4]"]
    assert cnnops.json(*call, "-p", "same") == "[20,31,42,3]"
    assert cnnops.json(*call, "-d", "3", "-p", "same") == "[30,41,2,3]"


def test_padding_by_dimension(cnnops, tmp_path, same):
    plane = np.arange(1, 13).reshape(1, 3, 4)
    np.save(tmp_path / "k.npy", np.array([[1]]))

    def padded(padding):
        return cnnops.array("conv", "-k", "k.npy", "-p", padding, stdin=plane)

    same(padded("1,0"), np.pad(plane, ((0, 0), (1, 1), (0, 0))))
    same(padded("0:1,2:3"), np.pad(plane, ((0, 0), (0, 1), (2, 3))))
    same(padded("0:1"), np.pad(plane, ((0, 0), (0, 1), (0, 1))))
    same(padded("2"), np.pad(plane, ((0, 0), (2, 2), (2, 2))))


@pytest.mark.parametrize(
    ("mode", "numpy_mode"),
    [("zeros", "constant"), ("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")],
)
def test_padding_modes(cnnops, tmp_path, same, mode, numpy_mode):
    volume = np.arange(1, 61).reshape(1, 3, 4, 5)
    np.save(tmp_path / "k.npy", np.ones((1, 1, 1, 1, 1), int))
    result = cnnops.array(
        "conv", "-k", "k.npy", "--padding-mode", mode, "-p", "2:1,0:3,1:2", stdin=volume
    )
    same(result, np.pad(volume, ((0, 0), (2, 1), (0, 3), (1, 2)), mode=numpy_mode))


def test_a_padding_mode_works_with_the_words(cnnops):
    call = ["conv", "-k", PAIR, "--padding-mode", "circular", ROW]
    assert cnnops.json(*call, "-p", "same") == "[21,32,13]"
    assert cnnops.json(*call, "-p", "same-lower") == "[13,21,32]"
    assert cnnops.json(*call, "-p", "same-upper", "-s", "2") == "[21,13]"


def test_how_far_each_mode_reaches(cnnops):
    call = ["conv", "-k", "[1]", ROW, "--padding-mode"]
    assert cnnops.json(*call, "reflect", "-p", "2") == "[3,2,1,2,3,2,1]"
    assert cnnops.json(*call, "circular", "-p", "3") == "[1,2,3,1,2,3,1,2,3]"
    assert cnnops.json(*call, "replicate", "-p", "5:0") == "[1,1,1,1,1,1,2,3]"
    for mode, padding in [("reflect", "3"), ("reflect", "0:3"), ("circular", "4")]:
        reason = cnnops.refusal(*call, mode, "-p", padding)
        assert mode in reason
        assert "padding" in reason
        assert "3" in reason


def test_same_refuses_a_stride_and_names_what_takes_one(cnnops):
    reason = cnnops.refusal("conv", "-k", PAIR, "-p", "same", "-s", "2", ROW)
    assert "same-upper" in reason
    assert "stride" in reason


def test_an_infinite_weight_on_a_zero_cell_is_nan(cnnops):
    assert cnnops.json("conv", "-k", "[Infinity,1]", "-p", "1:0", "[1,2]") == "[NaN,Infinity]"


def test_padding_makes_room_for_a_kernel_larger_than_the_input(cnnops):
    call = ["conv", "-k", "[1,10,100,1000]", "[1,2]"]
    assert cnnops.json(*call, "-p", "1") == "[210]"
    reason = cnnops.refusal(*call)
    assert "kernel" in reason
    assert {"2", "4"} <= set(reason.replace(",", " ").replace("(", " ").replace(")", " ").split())
