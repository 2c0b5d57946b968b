"""cnnops conv: a new layer instead of a kernel, and the kernel written out."""

import json
import re

import numpy as np
import pytest

from cnnops_cli.commands.new_layer import NewLayer
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.tensor import Tensor

LAYER = ["conv", "--out-channels", "6", "--kernel-size", "3,2"]


@pytest.fixture
def image(tmp_path):
    values = np.random.default_rng(3).standard_normal((2, 4, 7, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", values)
    return values


def test_a_seed_fixes_the_layer_and_the_saved_kernel_repeats_it(cnnops, tmp_path, image, same):
    result = cnnops.array(*LAYER, "--seed", "7", "--save-kernel", "w.npz", "x.npy")
    assert result.shape == (2, 6, 5, 7)
    assert result.dtype == np.float32
    with np.load(tmp_path / "w.npz") as saved:
        assert sorted(saved) == ["bias", "weight"]
        assert saved["weight"].shape == (6, 4, 3, 2)
        assert saved["bias"].shape == (6,)
    again = cnnops.array("conv", "-k", "w.npz:weight", "-b", "w.npz:bias", "x.npy")
    same(again, result)
    same(cnnops.array(*LAYER, "--seed", "7", "x.npy"), result)
    assert not np.array_equal(cnnops.array(*LAYER, "--seed", "8", "x.npy"), result)


def test_a_layer_without_a_seed_is_new_each_time(cnnops, image):
    assert not np.array_equal(cnnops.array(*LAYER, "x.npy"), cnnops.array(*LAYER, "x.npy"))


def test_the_initial_values_are_uniform_within_one_over_the_root_of_fan_in(cnnops, tmp_path, image):
    cnnops.text(
        *["conv", "--out-channels", "300", "--kernel-size", "3", "-g", "2", "-p", "1"],
        *["--seed", "0", "--save-kernel", "w.npz", "-o", "y.npy", "x.npy"],
    )
    bound = (4 // 2 * 3 * 3) ** -0.5
    with np.load(tmp_path / "w.npz") as saved:
        weight, bias = saved["weight"], saved["bias"]
    assert weight.shape == (300, 2, 3, 3)
    for values in (weight, bias):
        assert bound * 0.98 < np.abs(values).max() <= bound * (1 + 1e-6)
        assert abs(values.mean()) < bound * 0.12
        assert values.std() == pytest.approx(bound / 3**0.5, rel=0.1)


def test_no_bias(cnnops, tmp_path, image, same):
    call = [*LAYER, "--seed", "7"]
    bare = cnnops.array(*call, "--no-bias", "--save-kernel", "w.npz", "x.npy")
    with np.load(tmp_path / "w.npz") as saved:
        assert list(saved) == ["weight"]
    same(cnnops.array("conv", "-k", "w.npz", "x.npy"), bare)
    shift = cnnops.array(*call, "x.npy").astype(float) - bare
    assert np.allclose(shift, shift[:1, :, :1, :1], atol=1e-5)
    assert np.abs(shift).max() > 1e-3


def test_the_kernel_in_use_is_saved_in_every_format(cnnops, tmp_path):
    call = ["conv", "-k", "[[[1,10]]]", "-b", "[5]", "[1,2,3]"]
    assert cnnops.json(*call, "--save-kernel", "w.npz") == "[26,37]"
    with np.load(tmp_path / "w.npz") as saved:
        assert {name: saved[name].tolist() for name in saved} == {
            "weight": [[[1, 10]]],
            "bias": [5],
        }
    assert cnnops.json("conv", "-k", "[[[1,10]]]", "[1,2]", "--save-kernel", "w.npy") == "[21]"
    assert np.load(tmp_path / "w.npy").tolist() == [[[1, 10]]]
    assert cnnops.json("conv", "-k", "[[[1,10]]]", "[1,2]", "--save-kernel", "w.json") == "[21]"
    assert "[[[1,10]]]" in json.dumps(
        json.loads((tmp_path / "w.json").read_text()), separators=(",", ":")
    )


def test_a_layer_of_each_number_of_dimensions(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((1, 2, 4, 4, 4), np.float32))
    call = ["conv", "--out-channels", "3", "--seed", "1"]
    assert cnnops.array(*call, "--kernel-size", "2,2,2", "x.npy").shape == (1, 3, 3, 3, 3)
    assert cnnops.array(*call, "--kernel-size", "2", "--dims", "3", "x.npy").shape == (
        *(1, 3),
        *(3, 3, 3),
    )
    line = np.ones((1, 2, 9), np.float32)
    assert cnnops.array(*call, "--kernel-size", "4", "--dims", "1", stdin=line).shape == (1, 3, 6)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--kernel-size", "3"], ["--out-channels"]),
        (["--out-channels", "3"], ["kernel size"]),
        (["--out-channels", "0", "--kernel-size", "3"], ["--out-channels", "0"]),
        (["--out-channels", "2", "--kernel-size", "0"], ["kernel size", "0"]),
        (["--out-channels", "2", "--kernel-size", "3,3,3,3"], ["kernel size", "4"]),
        (["-k", "[[1]]", "--out-channels", "2", "--kernel-size", "1"], ["--out-channels"]),
        (["-k", "[[1]]", "--seed", "1"], ["--seed"]),
        (["-k", "[[1]]", "--no-bias"], ["--no-bias"]),
        ([*LAYER[1:], "--seed", "-1"], ["--seed", "-1"]),
        ([*LAYER[1:], "--groups", "4"], ["6", "4"]),
        ([*LAYER[1:], "--save-kernel", "w.txt"], ["--save-kernel", ".npz"]),
        ([], ["--kernel"]),
    ],
)
def test_calls_that_name_no_layer(cnnops, image, options, named):
    reason = cnnops.refusal("conv", *options, "x.npy").replace("--kernel-size", "kernel size")
    for text in named:
        assert text in reason


def test_the_seed_of_a_layer_is_named(cnnops):
    call = ["conv", "--out-channels", "1", "--kernel-size", "1", "[[1]]", "-f", "table"]
    assert "seed 5" in cnnops.text(*call, "--seed", "5")
    first = cnnops.text(*call)
    drawn = re.search(r"seed (\d+)", first).group(1)
    assert cnnops.text(*call, "--seed", drawn) == first


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--dtype", "int32", "[[1]]"], ["--dtype int32", "fractions"]),
        (["--dims", "1", "[[],[]]"], ["empty along W"]),
        (["--seed", "1", "--kernel-size", "2147483647", "[[1]]"], ["fits no memory"]),
    ],
)
def test_layers_that_cannot_be(cnnops, options, named):
    reason = cnnops.refusal("conv", "--out-channels", "2", "--kernel-size", "1", *options)
    assert all(text in reason for text in named)


@pytest.mark.parametrize("options", [[], ["-g", "2"], ["--no-bias"], ["--dry-run"]])
def test_an_input_without_channels_has_no_layer(refused_here, tmp_path, options):
    np.save(tmp_path / "x.npy", np.zeros((1, 0, 4, 4), np.float32))
    layer = ["conv", "--out-channels", "2", "--kernel-size", "1", "--seed", "1"]
    assert refused_here(*layer, *options, "x.npy") == (
        "cnnops conv: error: x.npy has no channels, so a new layer has no weights: "
        "input (1, 0, 4, 4)"
    )


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_the_groups_of_a_layer_divide_its_channels(called_here, refused_here, tmp_path, options):
    np.save(tmp_path / "x.npy", np.zeros((1, 6, 4, 4), np.float32))
    layer = ["conv", "--out-channels", "12", "--kernel-size", "1", "--seed", "1", *options]
    assert refused_here(*layer, "-g", "4", "x.npy") == (
        "cnnops conv: error: groups must divide the 6 channels of x.npy; 4 does not: "
        "input (1, 6, 4, 4)"
    )
    for groups in ("1", "3", "6"):
        assert called_here(*layer, "-g", groups, "x.npy")


def test_a_layer_has_up_to_2_to_the_48_weights():
    image = Tensor(np.zeros((1, 16, 1, 1), np.float32), "x", weak=False)
    largest = NewLayer(2**20, (4096, 4096), seed=1, bias=False)
    (kernel,) = largest.draw(image, 16, 1, 2, header=True).values()
    assert kernel.array.shape == (2**20, 16, 4096, 4096)
    reason = (
        "an array of shape (1048577, 16, 4096, 4096) fits no memory: "
        "use smaller sizes or less padding"
    )
    larger = largest._replace(out_channels=2**20 + 1)
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        larger.draw(image, 16, 1, 2, header=True)
