"""cnnops maxpool: windows, padding, ceil mode, positions of maxima, number types."""

import numpy as np
import pytest

PLANE = np.arange(1, 13).reshape(3, 4)
PLANE_TEXT = "[[1,2,3,4],[5,6,7,8],[9,10,11,12]]"


def test_the_notes_example_in_every_form(cnnops, tmp_path):
    np.save(tmp_path / "input.npy", PLANE)
    (tmp_path / "input.json").write_text(PLANE_TEXT)
    call = ["maxpool", "--kernel", "2,2", "--stride", "1,2"]
    for tensor in ("input.npy", "input.json", PLANE_TEXT):
        assert cnnops.json(*call, tensor) == "[[6,8],[10,12]]"
    for stdin in (PLANE, PLANE_TEXT):
        assert cnnops.json(*call, stdin=stdin) == "[[6,8],[10,12]]"


def test_the_stride_is_the_kernel_size_unless_given(cnnops):
    row = "[1,2,3,4,5,6,7]"
    call = ["maxpool", "--dims", "1", "--kernel-size", "3", row]
    assert cnnops.json(*call) == "[3,6]"
    assert cnnops.json(*call, "-s", "2") == "[3,5,7]"
    assert cnnops.json("maxpool", "-k", "2,1", PLANE_TEXT) == "[[5,6,7,8]]"


def largest_of_blocks(input, window):
    """Pool the last axes by windows that neither overlap nor leave a rest."""
    leading = input.ndim - len(window)
    cut = [part for n, w in zip(input.shape[leading:], window, strict=True) for part in (n // w, w)]
    inner = tuple(range(leading + 1, leading + len(cut), 2))
    return input.reshape(*input.shape[:leading], *cut).max(axis=inner)


@pytest.mark.parametrize(
    ("options", "size", "window"),
    [
        (["-k", "2"], (4, 6), (2, 2)),
        (["-k", "2"], (3, 4, 6), (2, 2)),
        (["-k", "2"], (5, 3, 4, 6), (2, 2)),
        (["-k", "2", "--dims", "1"], (6,), (2,)),
        (["-k", "2", "--dims", "1"], (3, 6), (2,)),
        (["-k", "2", "--dims", "1"], (5, 3, 6), (2,)),
        (["-k", "2", "--dims", "3"], (2, 4, 6), (2, 2, 2)),
        (["-k", "2,2,3"], (5, 2, 4, 6), (2, 2, 3)),
        (["-k", "2,2,3"], (2, 5, 2, 4, 6), (2, 2, 3)),
        (["-k", "2,3"], (0, 3, 4, 6), (2, 3)),
    ],
)
def test_dimensions_and_ranks(cnnops, same, options, size, window):
    tensor = np.random.default_rng(1).permutation(int(np.prod(size))).reshape(size)
    same(cnnops.array("maxpool", *options, stdin=tensor), largest_of_blocks(tensor, window))


def test_dilation_leaves_gaps(cnnops):
    call = ["maxpool", "--dims", "1", "-k", "2", "-s", "1", "[5,1,4,2,3]"]
    assert cnnops.json(*call, "--dilation", "2") == "[5,2,4]"
    assert cnnops.json(*call, "-d", "4") == "[5]"


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        ("0", "[-1,-1]"),
        ("valid", "[-1,-1]"),
        ("1", "[-3,-1,-1,-1]"),
        ("same", "[-3,-1,-1,-1]"),
        ("2:0", "[-5,-3,-1,-1]"),
        ("0:2", "[-1,-1,-1,-2]"),
    ],
)
def test_padding_is_never_a_maximum(cnnops, padding, expected):
    call = ["maxpool", "--dims", "1", "-k", "3", "-s", "1", "-p", padding, "[-5,-3,-1,-2]"]
    assert cnnops.json(*call) == expected


def test_the_words_for_padding(cnnops):
    row = "[6,5,4,3,2,1]"
    call = ["maxpool", "--dims", "1", "-k", "3", "-s", "2", row]
    assert cnnops.json(*call, "-p", "same-upper") == "[6,4,2]"
    assert cnnops.json(*call, "-p", "same-lower") == "[6,5,3]"
    pairs = ["maxpool", "-k", "2", "-s", "2", PLANE_TEXT, "-p", "0:1,1:1"]
    assert cnnops.json(*pairs) == "[[5,7,8],[9,11,12]]"


def test_padding_is_at_most_half_the_dilated_kernel_unless_it_is_a_pair(cnnops):
    call = ["maxpool", "--dims", "1", "-s", "1", "[1,2,3]"]
    reason = cnnops.refusal(*call, "-k", "3", "-p", "2")
    assert "padding" in reason
    assert "2" in reason
    assert "half" in reason
    assert cnnops.json(*call, "-k", "3", "-p", "2:0") == "[1,2,3]"
    assert cnnops.json(*call, "-k", "2", "-d", "3", "-p", "2") == "[2,3,1,2]"


@pytest.mark.parametrize(
    ("options", "floor", "ceil"),
    [
        (["-k", "2"], "[2,4]", "[2,4,5]"),
        (["-k", "3", "-s", "2"], "[3,5]", "[3,5]"),
        (["-k", "3", "-s", "3", "-p", "1"], "[2,5]", "[2,5]"),
        (["-k", "2", "-s", "2", "-p", "1"], "[1,3,5]", "[1,3,5]"),
        (["-k", "3", "-s", "4"], "[3]", "[3,5]"),
    ],
)
def test_ceil_mode_adds_a_last_window_that_starts_inside_the_input(cnnops, options, floor, ceil):
    call = ["maxpool", "--dims", "1", *options, "[1,2,3,4,5]"]
    assert cnnops.json(*call) == floor
    assert cnnops.json(*call, "--ceil-mode") == ceil


def test_ceil_mode_drops_a_window_that_would_start_in_the_padding(cnnops):
    call = ["maxpool", "--dims", "1", "-k", "2", "-s", "3", "-p", "1", "--ceil-mode"]
    assert cnnops.json(*call, "[1,2,3,4]") == "[1,4]"


def test_indices_are_positions_in_the_unpadded_plane_of_each_channel(cnnops, tmp_path):
    call = ["maxpool", "-k", "2,2", "-s", "1,2", "--indices", "i.npy"]
    assert cnnops.json(*call, PLANE_TEXT) == "[[6,8],[10,12]]"
    indices = np.load(tmp_path / "i.npy")
    assert indices.shape == (2, 2)
    assert indices.dtype == np.int64
    assert indices.tolist() == [[5, 7], [9, 11]]
    padded = ["maxpool", "-k", "2", "-p", "1", "--indices", "i.json"]
    assert cnnops.json(*padded, "[[[1,2],[3,4]],[[8,7],[6,5]]]") == "[[[1,2],[3,4]],[[8,7],[6,5]]]"
    assert (tmp_path / "i.json").read_text().replace(" ", "") == ("[[[0,1],[2,3]],[[0,1],[2,3]]]\n")


@pytest.mark.parametrize(
    ("row", "value", "index"),
    [
        ("[1,3,3,2]", "3", 1),
        ("[1,NaN,NaN,9]", "NaN", 2),
        ("[NaN,Infinity,1,2]", "NaN", 0),
        ("[-Infinity,-Infinity,-Infinity,-Infinity]", "-Infinity", 0),
    ],
    ids=["first of a tie", "last NaN", "NaN over infinity", "all lowest"],
)
def test_ties_and_nan(cnnops, tmp_path, row, value, index):
    call = ["maxpool", "--dims", "1", "-k", "4", "--indices", "i.npy", row]
    assert cnnops.json(*call) == f"[{value}]"
    assert np.load(tmp_path / "i.npy").tolist() == [index]


def test_ties_go_to_the_first_in_row_major_order(cnnops, tmp_path):
    call = ["maxpool", "-k", "3", "-s", "1", "--indices", "i.npy"]
    assert cnnops.json(*call, "[[0,0,7],[0,7,0],[7,0,0]]") == "[[7]]"
    assert np.load(tmp_path / "i.npy").tolist() == [[2]]


@pytest.mark.parametrize(
    "dtype",
    ["int8", "int32", "int64", "uint8", "uint64"],
)
def test_integers_keep_their_type_and_their_least_value(cnnops, tmp_path, same, dtype):
    limits = np.iinfo(dtype)
    row = np.array([limits.min, limits.min, limits.max, limits.max - 1], dtype)
    result = cnnops.array(
        *["maxpool", "--dims", "1", "-k", "2", "-p", "1", "--indices", "i.npy"], stdin=row
    )
    same(result, np.array([limits.min, limits.max, limits.max - 1], dtype))
    assert np.load(tmp_path / "i.npy").tolist() == [0, 2, 3]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_keep_their_type(cnnops, same, dtype):
    row = np.array([-np.inf, -np.inf, 0.1, -5], dtype)
    result = cnnops.array("maxpool", "--dims", "1", "-k", "2", "-p", "1", stdin=row)
    same(result, np.array([-np.inf, 0.1, -5], dtype))


def test_channels_last(cnnops, same):
    tensor = np.random.default_rng(2).standard_normal((2, 4, 6, 3))
    expected = np.moveaxis(largest_of_blocks(np.moveaxis(tensor, -1, 1), (2, 2)), 1, -1)
    call = ["maxpool", "-k", "2", "--layout", "channels-last"]
    same(cnnops.array(*call, stdin=tensor), expected)
    same(cnnops.array(*call, stdin=tensor[0]), expected[0])


def test_the_number_of_threads_changes_no_byte(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(4).standard_normal((3, 5, 40, 40)))
    call = ["maxpool", "-f", "npy", "-k", "3", "-s", "2", "--indices", "i.npy", "x.npy"]
    one = cnnops(*call, "--threads", "1")
    places = (tmp_path / "i.npy").read_bytes()
    assert one.status == 0
    assert cnnops(*call, "--threads", "5") == one
    assert (tmp_path / "i.npy").read_bytes() == places


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ([PLANE_TEXT], ["--kernel"]),
        (["-k", "0", PLANE_TEXT], ["kernel", "0"]),
        (["-k", "4,2", PLANE_TEXT], ["kernel", "4", "3"]),
        (["-k", "1,1,1,1", "[[[[1]]]]"], ["kernel", "4", "three"]),
        (["-k", "1,1", "--dims", "3", "[[[1]]]"], ["kernel", "2", "3"]),
        (["-k", "2", "-s", "0", PLANE_TEXT], ["stride", "0"]),
        (["-k", "2", "-d", "0", PLANE_TEXT], ["dilation", "0"]),
        (["-k", "2", "-s", "1,2,3", PLANE_TEXT], ["stride", "3", "2"]),
        (["-k", "2", "[1,2,3]"], ["rank 1", "2-D"]),
        (["-k", "2", "-s", "1", "-p", "0:2", PLANE_TEXT], ["padding"]),
        (["-k", "1", "--indices", "i.txt", PLANE_TEXT], ["--indices", ".txt", ".npy"]),
    ],
)
def test_refused_calls(cnnops, options, named):
    reason = cnnops.refusal("maxpool", *options)
    for text in named:
        assert text in reason


def test_indices_with_channels_last(cnnops, tmp_path, same):
    image = np.arange(24).reshape(1, 2, 4, 3)[:, ::-1]
    call = ["maxpool", "-k", "2", "--layout", "channels-last", "--indices", "i.npy"]
    same(cnnops.array(*call, stdin=image), image[:, :1, 1::2])
    same(np.load(tmp_path / "i.npy"), np.array([[[[1] * 3, [3] * 3]]]))
