"""cnnops dropout: the mask of a seed, masks from files, whole channels, special values."""

import json

import numpy as np
import pytest


@pytest.fixture
def ones(tmp_path):
    np.save(tmp_path / "ones.npy", np.ones((50, 40)))
    return "ones.npy"


def test_the_notes_example_keeps_and_scales(cnnops):
    call = ["dropout", "-p", "0.25", "--mask", "[1,0,1]"]
    assert cnnops.json(*call, "[3,6,9]") == "[4.0,0.0,12.0]"
    assert cnnops.json(*call, stdin="[3,6,9]") == "[4.0,0.0,12.0]"
    assert cnnops.json(*call, stdin=np.array([3, 6, 9])) == "[4.0,0.0,12.0]"


def test_one_seed_gives_one_mask_whatever_the_type_and_the_threads(cnnops, tmp_path):
    masks = set()
    for dtype, threads in [("float16", "1"), ("float32", "2"), ("float64", "1"), ("uint8", "3")]:
        tensor = np.ones((3, 1000), dtype)
        result = cnnops.array(
            *["dropout", "-p", "0.3", "--seed", "42", "--threads", threads],
            *["--mask-output", "m.npy"],
            stdin=tensor,
        )
        mask = np.load(tmp_path / "m.npy")
        assert mask.shape == (3, 1000)
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(result != 0, mask != 0)
        masks.add(mask.tobytes())
    assert len(masks) == 1


def test_the_mask_does_not_depend_on_threads_in_a_large_tensor(cnnops):
    tensor = np.ones(1_200_000, np.float32)
    call = ["dropout", "-f", "npy", "--seed", "1", "--threads"]
    one = cnnops(*call, "1", stdin=tensor)
    assert one.status == 0
    assert cnnops(*call, "4", stdin=tensor) == one


def test_another_seed_shape_or_chance_gives_another_mask(cnnops, ones):
    def kept(*options):
        return cnnops.json("dropout", "--precision", "0", ones, *options)

    assert kept("--seed", "1") == kept("--seed", "1")
    assert kept("--seed", "1") != kept("--seed", "2")
    assert kept() != kept()


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_p_is_the_share_that_is_dropped(cnnops, p):
    result = cnnops.array("dropout", "--p", str(p), "--seed", "3", stdin=np.ones(100_000))
    assert set(np.unique(result)) == {0, 1 / (1 - p)}
    assert (result == 0).mean() == pytest.approx(p, abs=0.01)


def test_neighbours_are_dropped_independently(cnnops):
    dropped = cnnops.array("dropout", "--seed", "0", stdin=np.ones((250, 400))) == 0
    assert (dropped[:, 1:] & dropped[:, :-1]).mean() == pytest.approx(0.25, abs=0.01)
    assert (dropped[1:] & dropped[:-1]).mean() == pytest.approx(0.25, abs=0.01)


def test_the_default_chance_is_one_half(cnnops, ones):
    call = ["dropout", "--seed", "9", ones]
    assert cnnops.json(*call) == cnnops.json(*call, "-p", "0.5", "--train")


def test_the_edges_of_p(cnnops):
    row = "[1,-2,Infinity,NaN]"
    assert cnnops.json("dropout", "-p", "0", row) == "[1.0,-2.0,Infinity,NaN]"
    assert cnnops.json("dropout", "-p", "1", row) == "[0.0,0.0,0.0,0.0]"
    assert cnnops.json("dropout", "-p", "1", "--mask", "[1,1,0,0]", row) == "[0.0,0.0,0.0,0.0]"


def test_a_dropped_infinity_or_nan_is_zero_and_a_kept_one_stays(cnnops):
    call = ["dropout", "--mask", "[0,0,0,1,1,1,1]"]
    row = "[Infinity,-Infinity,NaN,Infinity,-Infinity,NaN,3]"
    assert cnnops.json(*call, row) == "[0.0,0.0,0.0,Infinity,-Infinity,NaN,6.0]"


def test_eval_returns_the_input(cnnops, same):
    for tensor in (np.array([[1.5, np.nan]]), np.array([0.1, 3], np.float32)):
        same(cnnops.array("dropout", "--eval", "-p", "0.9", stdin=tensor), tensor)


@pytest.mark.parametrize(
    ("given", "result"),
    [
        *[("float16", "float16"), ("float32", "float32"), ("float64", "float64")],
        *[("int32", "float64"), ("bool", "float64")],
    ],
)
def test_the_type_of_the_result(cnnops, same, given, result):
    tensor = np.array([[0, 1], [1, 1]], given)
    expected = np.array([[0, 2], [2, 0]], result)
    same(cnnops.array("dropout", "--mask", "[[1,1],[1,0]]", stdin=tensor), expected)


def test_the_mask_that_was_used_can_be_used_again(cnnops, tmp_path, ones):
    for name in ("m.npy", "m.json", "m.npz"):
        drawn = cnnops.json("dropout", "-p", "0.3", "--mask-output", name, ones)
        assert cnnops.json("dropout", "-p", "0.3", "--mask", name, ones) == drawn
    mask = np.array(json.loads((tmp_path / "m.json").read_text()))
    assert mask.shape == (50, 40)
    assert set(np.unique(mask)) == {0, 1}


def test_any_nonzero_number_in_a_mask_keeps(cnnops, tmp_path):
    np.save(tmp_path / "mask.npy", np.array([0.0, 0.5, -3, 256]))
    call = ["dropout", "--mask", "mask.npy", "--mask-output", "used.npy", "[1,1,1,1]"]
    assert cnnops.json(*call) == "[0.0,2.0,2.0,2.0]"
    used = np.load(tmp_path / "used.npy")
    assert used.dtype == np.uint8
    assert used.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("size", [(8, 16), (8, 16, 5), (8, 16, 3, 2), (8, 16, 1, 2, 2)])
def test_channelwise_drops_whole_channels(cnnops, size):
    result = cnnops.array("dropout", "--channelwise", "--seed", "5", stdin=np.ones(size))
    channels = result.reshape(8, 16, -1)
    assert (channels == channels[:, :, :1]).all()
    assert set(np.unique(channels[:, :, 0])) == {0, 2}
    assert 30 < (channels[:, :, 0] == 0).sum() < 98


def test_channelwise_with_channels_last(cnnops, same):
    call = ["dropout", "--channelwise", "--seed", "5"]
    tensor = np.random.default_rng(0).standard_normal((4, 6, 3, 2))
    expected = np.moveaxis(cnnops.array(*call, stdin=tensor), 1, -1)
    last = cnnops.array(*call, "--layout", "channels-last", stdin=np.moveaxis(tensor, 1, -1))
    same(last, expected)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["-p", "1.5", "[1,2]"], ["p", "1.5", "0", "1"]),
        (["-p", "-0.1", "[1,2]"], ["p", "-0.1"]),
        (["-p", "nan", "[1,2]"], ["p", "nan"]),
        (["--seed", "-1", "[1,2]"], ["--seed", "-1"]),
        (["--seed", "1.5", "[1,2]"], ["--seed", "1.5"]),
        (["--mask", "[1,0,1]", "[1,2]"], ["mask", "(3,)", "(2,)"]),
        (["--mask", "[1,0]", "--seed", "1", "[1,2]"], ["--mask", "--seed"]),
        (["--channelwise", "[1,2]"], ["channel", "rank 1", "(N, C"]),
        (["--mask-output", "m.png", "[1,2]"], ["--mask-output", ".png", ".npy"]),
    ],
)
def test_refused_calls(cnnops, options, named):
    reason = cnnops.refusal("dropout", *options)
    for text in named:
        assert text in reason


def test_the_mask_that_is_written_has_the_layout_of_the_input(cnnops, tmp_path):
    call = ["dropout", "--seed", "2", "--layout", "channels-last", "--mask-output", "m.npy"]
    dropped = cnnops.array(*call, stdin=np.ones((2, 3, 4, 5)))
    mask = np.load(tmp_path / "m.npy")
    assert mask.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(mask, dropped > 0)


def test_eval_keeps_everything_and_says_so(cnnops, tmp_path):
    call = ["dropout", "--eval", "--mask", "[1,0]", "--mask-output", "m.json", "[5,6]"]
    assert cnnops.json(*call) == "[5,6]"
    assert (tmp_path / "m.json").read_text() == "[1,1]\n"
