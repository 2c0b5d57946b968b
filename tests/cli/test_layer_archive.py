"""cnnops conv: an archive of weight and bias, named as a whole, is that layer."""

import json

import numpy as np
import pytest

from cnnops_cli.tensors.formats import Reading
from cnnops_cli.tensors.read import read_tensor
from cnnops_cli.tensors.tensor import is_stand_in

WEIGHT = np.array([[[[1, 10]], [[100, 1000]]], [[[1, 0]], [[0, 0]]]], np.float32)
BIAS = np.array([0.5, -1], np.float32)
PARTS = ["-k", "layer.npz:weight", "-b", "layer.npz:bias"]


@pytest.fixture(autouse=True)
def layer(tmp_path):
    np.savez(tmp_path / "layer.npz", bias=BIAS, weight=WEIGHT)
    np.save(tmp_path / "x.npy", np.arange(12, dtype=np.float32).reshape(2, 2, 3))


@pytest.mark.parametrize(
    "options",
    [
        ["x.npy"],
        ["--dims", "2", "x.npy"],
        ["--dtype", "float64", "x.npy"],
        ["--layout", "channels-last", "[[[1,2],[3,4]]]"],
        ["--dry-run", "x.npy"],
        ["--explain", "--at", "1,0,0", "x.npy"],
        ["-f", "table", "--with-input", "x.npy"],
        ["[[[a,b]],[[1,2]]]"],
    ],
)
def test_the_layer_is_its_weight_and_its_bias(called_here, options):
    assert called_here("conv", "-k", "layer.npz", *options) == called_here("conv", *PARTS, *options)


def test_the_layer_that_is_saved_is_the_one_that_is_read(called_here, tmp_path, same):
    drawn = ["conv", "--out-channels", "3", "--kernel-size", "1,2", "--seed", "0", "x.npy"]
    result = called_here(*drawn, "--save-kernel", "drawn.npz")
    again = ["conv", "-k", "drawn.npz", "x.npy", "--save-kernel", "again.npz"]
    assert called_here(*again) == result
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "drawn.npz").read_bytes()
    assert called_here(*drawn, "--no-bias", "--save-kernel", "bare.npz") != result
    with np.load(tmp_path / "bare.npz") as bare, np.load(tmp_path / "drawn.npz") as whole:
        same(bare["weight"], whole["weight"])
    assert called_here("conv", "-k", "bare.npz", "-b", "drawn.npz:bias", "x.npy") == result


def test_depthwise(called_here, tmp_path):
    np.savez(tmp_path / "layer.npz", weight=WEIGHT[:, :1], bias=BIAS)
    assert json.loads(called_here("conv", "-k", "layer.npz", "--depthwise", "x.npy")) == [
        [[10.5, 21.5], [43.5, 54.5]],
        [[5, 6], [8, 9]],
    ]


def test_bias_overrides_and_the_one_in_the_archive_is_not_read(called_here, tmp_path):
    np.savez(tmp_path / "layer.npz", weight=WEIGHT, bias=np.array(["no", "number"]))
    call = ["conv", "-k", "layer.npz", "-b", "[7, 8]", "x.npy", "--save-kernel", "used.npz"]
    assert called_here(*call) == called_here(
        "conv", "-k", "layer.npz:weight", "-b", "[7, 8]", "x.npy"
    )
    with np.load(tmp_path / "used.npz") as used:
        assert used["bias"].tolist() == [7, 8]


def test_a_named_member_is_that_array_alone(called_here):
    with_bias = called_here("conv", "-k", "layer.npz", "x.npy")
    assert called_here("conv", "-k", "layer.npz:weight", "-b", "0", "x.npy") == called_here(
        "conv", "-k", "layer.npz:weight", "x.npy"
    )
    assert called_here("conv", "-k", "layer.npz:weight", "x.npy") != with_bias


def test_it_is_read_once_for_several_inputs_and_for_lines(installed, tmp_path, same):
    files = ["x.npy", "y.npy"]
    np.save(tmp_path / "y.npy", np.ones((2, 1, 2), np.float32))
    piped = {"setup": "mkfifo pipe; (cat layer.npz > pipe &)"}
    installed.text("conv", "-k", "pipe", *files, "-o", "out/", **piped)
    for name in files:
        same(np.load(tmp_path / "out" / name), installed.array("conv", *PARTS, name))
    piped = {"setup": "(cat layer.npz > pipe &)"}
    plane = "[[[1,2]],[[3,4]]]"
    lines = installed.text("conv", "-k", "pipe", "--lines", stdin=f"{plane}\n" * 2, **piped)
    assert lines == installed.text("conv", *PARTS, plane) * 2


def test_of_a_dry_run_only_the_headers_are_read(tmp_path):
    reading = Reading(headers=True, layer=("weight", "bias"))
    kernel = read_tensor(str(tmp_path / "layer.npz"), "--kernel", reading)
    for part, array in ((kernel, WEIGHT), (kernel.bias, BIAS)):
        assert is_stand_in(part.array)
        assert (part.array.shape, part.array.dtype) == (array.shape, array.dtype)


def test_what_fails_is_named_with_its_member(refused_here, tmp_path):
    np.savez(tmp_path / "layer.npz", weight=WEIGHT, bias=np.array(["no", "number"]))
    assert refused_here("conv", "-k", "layer.npz", "x.npy") == (
        "cnnops conv: error: --kernel layer.npz:bias has dtype string; accepted are "
        "float16, float32, float64, bool and all sizes of int and uint"
    )


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        (["weight", "bias", "running_mean"], "weight, bias, running_mean"),
        (["weight", "offsets"], "weight, offsets"),
        (["Weight", "bias"], "Weight, bias"),
    ],
)
def test_an_archive_of_other_names_is_none(refused_here, tmp_path, names, listed):
    np.savez(tmp_path / "other.npz", **dict.fromkeys(names, BIAS))
    assert refused_here("conv", "-k", "other.npz", "x.npy") == (
        f"cnnops conv: error: --kernel other.npz holds {listed}; name one, as "
        f"--kernel other.npz:{names[0]}"
    )


def test_no_other_tensor_is_a_layer(refused_here):
    holds = "holds bias, weight; name one, as"
    assert refused_here("conv", "-k", "[[1]]", "layer.npz") == (
        f"cnnops conv: error: layer.npz {holds} layer.npz:bias"
    )
    assert refused_here("conv", "-k", "[[1]]", "-b", "layer.npz", "x.npy") == (
        f"cnnops conv: error: --bias layer.npz {holds} --bias layer.npz:bias"
    )
