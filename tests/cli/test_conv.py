"""cnnops conv: the notes' example, ranks, strides, groups, bias and number types."""

import itertools

import numpy as np
import pytest

PLANE = np.arange(1, 13).reshape(3, 4)
PLANE_TEXT = "[[1,2,3,4],[5,6,7,8],[9,10,11,12]]"
KERNEL_TEXT = "[[1,10],[100,1000]]"
KERNEL = np.array([[1, 10], [100, 1000]])
NOTES = "[[6521,8743],[10965,13187]]"


def direct(input, weight, stride, dilation, groups=1):
    """Sum every window of an unpadded (N, C, *spatial) input, one output cell at a time."""
    reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    size = [(n - r) // s + 1 for n, r, s in zip(input.shape[2:], reach, stride, strict=True)]
    filters, channels = weight.shape[:2]
    result = np.zeros((len(input), filters, *size), input.dtype)
    for image, filter_, *at in itertools.product(*map(range, result.shape)):
        first = filter_ // (filters // groups) * channels
        window = [
            slice(i * s, i * s + r, d)
            for i, s, r, d in zip(at, stride, reach, dilation, strict=True)
        ]
        cells = input[(image, slice(first, first + channels), *window)]
        result[(image, filter_, *at)] = (cells * weight[filter_]).sum()
    return result


@pytest.fixture
def integers():
    generator = np.random.default_rng(20)
    return lambda *shape: generator.integers(-9, 10, shape)


def test_the_notes_example_from_files(cnnops, tmp_path):
    np.save(tmp_path / "input.npy", PLANE)
    (tmp_path / "k.json").write_text(KERNEL_TEXT)
    assert cnnops.json("conv", "--kernel", "k.json", "--stride", "1,2", "input.npy") == NOTES


@pytest.mark.parametrize("stdin", [PLANE_TEXT, PLANE], ids=["json", "npy"])
@pytest.mark.parametrize("input", [[], ["-"]], ids=["default", "dash"])
def test_the_notes_example_from_standard_input(cnnops, stdin, input):
    assert cnnops.json("conv", "-k", KERNEL_TEXT, "-s", "1,2", *input, stdin=stdin) == NOTES


def test_the_notes_example_inline_and_with_the_kernel_piped(cnnops):
    assert cnnops.json("conv", "-s", "1,2", PLANE_TEXT, "-k", KERNEL_TEXT) == NOTES
    assert cnnops.json("conv", PLANE_TEXT, "-s", "1,2", "-k", "-", stdin=KERNEL_TEXT) == NOTES


@pytest.mark.parametrize("leading", [(), (1,), (1, 1)])
@pytest.mark.parametrize("full", [False, True])
def test_the_result_has_the_rank_of_the_input(cnnops, tmp_path, same, leading, full):
    np.save(tmp_path / "k.npy", KERNEL.reshape(1, 1, 2, 2) if full else KERNEL)
    result = cnnops.array(
        "conv", "-k", "k.npy", "-s", "1,2", stdin=PLANE.reshape(*leading, *PLANE.shape)
    )
    same(result, np.array([[6521, 8743], [10965, 13187]]).reshape(*leading, 2, 2))


def test_a_bare_input_gains_a_channel_axis_where_there_are_several_filters(cnnops):
    kernel = "[[[[1,10],[100,1000]]],[[[0,0],[0,1]]]]"
    expected = "[[[6521,8743],[10965,13187]],[[6,8],[10,12]]]"
    assert cnnops.json("conv", "-k", kernel, "-s", "1,2", PLANE_TEXT) == expected


@pytest.mark.parametrize(
    ("kernel", "dims", "input", "expected"),
    [
        ("[1,10]", None, "[1,2,3]", "[21,32]"),
        ("[1,10]", None, "[[1,2,3]]", "[[21,32]]"),
        ("[[[1,10]],[[5,0]]]", None, "[1,2,3]", "[[21,32],[5,10]]"),
        ("[[1,10],[100,1000]]", "1", "[[1,2,3],[4,5,6]]", "[[5421,6532]]"),
        ("[[[1,10],[100,1000]]]", "1", "[[1,2,3],[4,5,6]]", "[[5421,6532]]"),
        ("[[[1,10]],[[100,1000]]]", "2", "[[[1,2,3]],[[4,5,6]]]", "[[[5421,6532]]]"),
        ("[[[1,10]],[[100,1000]]]", "3", "[[[1,2,3]],[[4,5,6]]]", "[[[5421,6532]]]"),
        ("[[[[1,10]],[[100,1000]]]]", "3", "[[[[1,2,3]],[[4,5,6]]]]", "[[[[5421,6532]]]]"),
        ("[[[[[1,10]],[[100,1000]]]]]", None, "[[[1,2,3]],[[4,5,6]]]", "[[[5421,6532]]]"),
    ],
    ids=[
        "rank 1 is 1-D",
        "rank 1 on a channel",
        "rank 3 is 1-D",
        "rank 2 as 1-D",
        "rank 3 as 1-D",
        "rank 3 as 2-D",
        "rank 3 as 3-D",
        "rank 4 as 3-D",
        "rank 5 is 3-D",
    ],
)
def test_the_rank_of_the_kernel_gives_the_dimensions(cnnops, kernel, dims, input, expected):
    settled = ["--dims", dims] if dims else []
    assert cnnops.json("conv", "-k", kernel, *settled, input) == expected


@pytest.mark.parametrize(
    ("size", "options", "stride", "dilation", "groups"),
    [
        ((2, 4, 17), ["--stride", "3", "-d", "2", "-g", "2"], (3,), (2,), 2),
        ((2, 4, 7, 9), ["-s", "2,1", "--dilation", "1,3"], (2, 1), (1, 3), 1),
        ((1, 6, 5, 6), ["-s", "2", "--groups", "3"], (2, 2), (1, 1), 3),
        ((2, 4, 5, 4, 6), ["-s", "1,2,3", "-d", "2,1,1", "-g", "2"], (1, 2, 3), (2, 1, 1), 2),
    ],
    ids=["1-D", "2-D", "2-D in groups", "3-D"],
)
def test_against_direct_sums(
    cnnops, tmp_path, same, integers, size, options, stride, dilation, groups
):
    tensor = integers(*size)
    weight = integers(6, size[1] // groups, *range(2, len(size)))
    np.save(tmp_path / "w.npy", weight)
    result = cnnops.array("conv", "-k", "w.npy", *options, stdin=tensor)
    same(result, direct(tensor, weight, stride, dilation, groups))


def test_bias_is_one_number_or_one_a_filter(cnnops, tmp_path):
    np.save(tmp_path / "b.npy", np.array([100, -100]))
    call = ["conv", "-k", "[[[1]],[[2]]]", "[1,2]"]
    assert cnnops.json(*call, "--bias", "5") == "[[6,7],[7,9]]"
    assert cnnops.json(*call, "-b", "-5") == "[[-4,-3],[-3,-1]]"
    assert cnnops.json(*call, "-b", "[10,20]") == "[[11,12],[22,24]]"
    assert cnnops.json(*call, "-b", "b.npy") == "[[101,102],[-98,-96]]"


def test_depthwise_applies_a_bare_kernel_to_every_channel(cnnops):
    tensor = "[[[1,2],[3,4]],[[5,6],[7,8]]]"
    expected = "[[[4321]],[[8765]]]"
    assert cnnops.json("conv", "--depthwise", "-k", KERNEL_TEXT, tensor) == expected


def test_depthwise_with_two_filters_a_channel(cnnops, tmp_path, same, integers):
    tensor, weight = integers(2, 3, 5, 4), integers(6, 1, 2, 3)
    np.save(tmp_path / "w.npy", weight)
    result = cnnops.array("conv", "--depthwise", "-k", "w.npy", stdin=tensor)
    same(result, direct(tensor, weight, (1, 1), (1, 1), groups=3))


def test_channels_last_moves_the_channels_of_input_and_result_only(
    cnnops, tmp_path, same, integers
):
    tensor, weight = integers(2, 3, 5, 6), integers(4, 3, 2, 3)
    expected = np.moveaxis(direct(tensor, weight, (1, 2), (1, 1)), 1, -1)
    np.save(tmp_path / "w.npy", weight)
    call = ["conv", "--layout", "channels-last", "-k", "w.npy", "-s", "1,2"]
    same(cnnops.array(*call, stdin=np.moveaxis(tensor, 1, -1)), expected)
    same(cnnops.array(*call, stdin=np.moveaxis(tensor[0], 0, -1)), expected[0])
    first = ["conv", "--layout", "channels-first", "-k", "w.npy", "-s", "1,2"]
    same(cnnops.array(*first, stdin=tensor), np.moveaxis(expected, -1, 1))


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_the_number_of_threads_changes_no_byte(cnnops, tmp_path, dtype):
    generator = np.random.default_rng(5)
    for name, shape in {"w.npy": (8, 8, 3, 3), "x.npy": (3, 8, 40, 40)}.items():
        np.save(tmp_path / name, (generator.standard_normal(shape) * 50).astype(dtype))
    call = ["conv", "-f", "npy", "-k", "w.npy", "x.npy"]
    one, two, many = (cnnops(*call, "--threads", n) for n in ("1", "2", "7"))
    assert one.status == 0
    assert one == two
    assert one == many


def test_integers_stay_exact(cnnops, tmp_path):
    big = 2**53 + 1
    assert cnnops.json("conv", "-k", "[1,-1]", f"[{big},0,{-big}]") == f"[{big},{big}]"
    np.save(tmp_path / "k.npy", np.full((1, 1, 2), 255, np.uint8))
    result = cnnops.array("conv", "-k", "k.npy", stdin=np.full((1, 1, 3), 255, np.uint8))
    assert result.dtype == np.int64
    assert result.tolist() == [[[130050, 130050]]]


def test_a_sum_at_the_edge_of_int64_is_given_and_one_past_it_refused(cnnops):
    most = 2**63 - 1
    assert cnnops.json("conv", "-k", "[1,1]", f"[{most - 1},1]") == f"[{most}]"
    assert "int64" in cnnops.refusal("conv", "-k", "[1,1]", f"[{most},1]")
    assert "int64" in cnnops.refusal("conv", "-k", "[4]", f"[{2**62}]")


def test_float16_is_summed_in_float32_and_rounded_once(cnnops, tmp_path, same):
    np.save(tmp_path / "k.npy", np.ones((1, 1, 4099), np.float16))
    result = cnnops.array("conv", "-k", "k.npy", stdin=np.ones((1, 1, 4099), np.float16))
    same(result, np.full((1, 1, 1), 4100, np.float16))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_keep_their_type(cnnops, tmp_path, same, dtype):
    np.save(tmp_path / "k.npy", KERNEL.astype(dtype))
    result = cnnops.array("conv", "-k", "k.npy", "-s", "1,2", stdin=PLANE.astype(dtype))
    same(result, np.array([[6521, 8743], [10965, 13187]], dtype))


def test_an_empty_batch_gives_an_empty_batch(cnnops, tmp_path, same):
    np.save(tmp_path / "w.npy", np.ones((5, 2, 2, 3)))
    result = cnnops.array("conv", "-k", "w.npy", stdin=np.zeros((0, 2, 4, 4)))
    same(result, np.zeros((0, 5, 3, 2)))


def test_nan_and_infinity_go_where_the_direct_sum_puts_them(cnnops):
    row = "[1,NaN,1,1,1,Infinity,1]"
    assert cnnops.json("conv", "-k", "[1,0]", row) == "[NaN,NaN,1.0,1.0,NaN,Infinity]"


def test_integers_are_added_exactly_past_2_to_the_24(called_here):
    assert called_here("conv", "--dims", "1", "-k", "[1,1]", "[9000001,9000000]") == "[18000001]\n"
