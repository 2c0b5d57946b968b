"""cnnops batchnorm: both modes, weight and bias, eps, ranks and number types."""

import json

import numpy as np
import pytest


def normalised(input, eps=1e-5):
    """Give each entry of axis 1 mean 0 and variance 1, in float64."""
    axes = (0, *range(2, input.ndim))
    values = input.astype(float)
    mean = values.mean(axis=axes, keepdims=True)
    return (values - mean) / np.sqrt(values.var(axis=axes, keepdims=True) + eps)


@pytest.fixture
def batch():
    return np.random.default_rng(8).standard_normal((6, 3, 4, 5)) * 3 + 7


def test_the_notes_example_in_every_form(cnnops, tmp_path):
    text = "[[1,10],[3,30]]"
    (tmp_path / "x.json").write_text(text)
    np.save(tmp_path / "x.npy", np.array([[1, 10], [3, 30]]))
    small, large = 1 / np.sqrt(1 + 1e-5), 10 / np.sqrt(100 + 1e-5)
    outputs = [
        cnnops.json("batchnorm", text),
        cnnops.json("batchnorm", "x.json"),
        cnnops.json("batchnorm", "--train", "x.npy"),
        cnnops.json("batchnorm", stdin=text),
    ]
    assert len(set(outputs)) == 1
    expected = [[-small, -large], [small, large]]
    np.testing.assert_allclose(json.loads(outputs[0]), expected, rtol=1e-15)


@pytest.mark.parametrize("size", [(9, 4), (5, 4, 3), (2, 3, 4, 5), (2, 3, 2, 3, 4), (1, 3, 2)])
def test_statistics_run_over_every_axis_but_the_second(cnnops, same, size):
    tensor = np.random.default_rng(3).standard_normal(size)
    same(cnnops.array("batchnorm", stdin=tensor), normalised(tensor), rtol=1e-11)


def test_channels_last(cnnops, same, batch):
    call = ["batchnorm", "--layout", "channels-last"]
    result = cnnops.array(*call, stdin=np.moveaxis(batch, 1, -1))
    same(result, np.moveaxis(normalised(batch), 1, -1), rtol=1e-11)


@pytest.mark.parametrize(("weight", "bias"), [("--weight", "--bias"), ("--gamma", "--beta")])
def test_weight_and_bias_are_numbers_or_one_a_channel(cnnops, tmp_path, same, batch, weight, bias):
    np.save(tmp_path / "x.npy", batch)
    np.save(tmp_path / "w.npy", np.array([1.0, -2, 0.5]))
    each = cnnops.array("batchnorm", weight, "w.npy", bias, "[10,20,30]", "x.npy")
    scale, shift = np.reshape([1, -2, 0.5], (3, 1, 1)), np.reshape([10, 20, 30], (3, 1, 1))
    same(each, normalised(batch) * scale + shift, rtol=1e-11)
    one = cnnops.array("batchnorm", weight, "3", bias, "-0.5", "x.npy")
    same(one, normalised(batch) * 3 - 0.5, rtol=1e-9)


def test_eval_uses_the_running_statistics(cnnops):
    default = json.loads(cnnops.json("batchnorm", "--eval", "[[2,-3]]"))
    np.testing.assert_allclose(default, [np.array([2, -3]) / np.sqrt(1 + 1e-5)], rtol=1e-15)
    given = [
        *["batchnorm", "--eval", "--running-mean", "[1,2]", "--running-var", "[4,0.25]"],
        *["--eps", "0", "--weight", "[2,1]", "--bias", "100"],
    ]
    assert cnnops.json(*given, "[[2,-3],[5,2]]") == "[[101.0,90.0],[104.0,100.0]]"
    scalars = ["--running-mean", "1", "--running-var", "4", "--eps", "0"]
    assert cnnops.json("batchnorm", "--eval", *scalars, "[[2,-3]]") == "[[0.5,-2.0]]"


def test_eps_is_added_to_the_variance(cnnops):
    assert cnnops.json("batchnorm", "--eps", "3", "[[1],[3]]") == "[[-0.5],[0.5]]"
    call = ["batchnorm", "--eval", "--running-var", "0", "--eps", "0.25", "[[1]]"]
    assert cnnops.json(*call) == "[[2.0]]"


def test_values_far_from_zero_keep_their_digits(cnnops):
    column = np.array([[1e8], [1e8 + 8], [1e8 + 16]], np.float32)
    result = json.loads(cnnops.json("batchnorm", "--precision", "4", stdin=column))
    assert result == [[-1.2247], [0], [1.2247]]


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ("float16", "float16"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("int64", "float64"),
        ("uint8", "float64"),
    ],
)
def test_the_type_of_the_result(cnnops, same, given, result):
    tensor = np.array([[0, 20], [10, 60]], given)
    expected = normalised(tensor).astype(result)
    same(cnnops.array("batchnorm", stdin=tensor), expected, rtol=np.finfo(result).eps)


def test_a_float32_array_beside_integers_makes_float32(cnnops, tmp_path, same):
    np.save(tmp_path / "w.npy", np.ones(2, np.float32))
    tensor = np.array([[0, 20], [10, 60]])
    result = cnnops.array("batchnorm", "--weight", "w.npy", stdin=tensor)
    same(result, normalised(tensor).astype(np.float32), rtol=1e-6)


def test_one_value_a_channel_is_refused_in_training_only(cnnops):
    reason = cnnops.refusal("batchnorm", "[[1,2,3]]")
    assert "one value" in reason or "1 value" in reason
    assert "(1, 3)" in reason
    assert cnnops.json("batchnorm", "--eval", "--eps", "0", "[[1,2,3]]") == "[[1.0,2.0,3.0]]"


def test_a_constant_channel_gives_zeros(cnnops):
    assert cnnops.json("batchnorm", "[[5,1e8],[5,1e8]]") == "[[0.0,0.0],[0.0,0.0]]"


def test_the_number_of_threads_changes_no_byte(cnnops, tmp_path):
    values = np.random.default_rng(6).standard_normal((4, 5, 60, 60)).astype(np.float32)
    np.save(tmp_path / "x.npy", values)
    one = cnnops("batchnorm", "-f", "npy", "--threads", "1", "x.npy")
    assert one.status == 0
    assert cnnops("batchnorm", "-f", "npy", "--threads", "6", "x.npy") == one


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["[1,2,3]"], ["(3,)", "(N, C"]),
        (["[[[[[[1,2]]]]]]"], ["(1, 1, 1, 1, 1, 2)", "(N, C"]),
        (["--weight", "[1,2,3]", "[[1,2],[3,4]]"], ["weight", "3", "2"]),
        (["--bias", "[[1,2]]", "[[1,2],[3,4]]"], ["bias", "(1, 2)", "(2,)"]),
        (["--running-mean", "[1]", "[[1,2],[3,4]]"], ["running_mean", "1", "2"]),
        (["--running-var", "[1,-4]", "--eval", "[[1,2]]"], ["running_var", "-4", "negative"]),
        (["--eps", "0", "[[1],[2]]"], ["eps", "0", "positive"]),
        (["--eps", "-1", "--eval", "[[1],[2]]"], ["eps", "-1", "0"]),
        (["--eps", "nan", "[[1],[2]]"], ["eps", "nan"]),
        (["--momentum", "1.5", "[[1],[2]]"], ["momentum", "1.5", "0", "1"]),
        (["--momentum", "-0.1", "[[1],[2]]"], ["momentum", "-0.1"]),
        (["--momentum", "nan", "[[1],[2]]"], ["momentum", "nan"]),
    ],
)
def test_refused_calls(cnnops, options, named):
    reason = cnnops.refusal("batchnorm", *options).replace("running-", "running_")
    for text in named:
        assert text in reason


def test_typed_parameters_beside_float16_are_float32_and_dtype_wins(cnnops, tmp_path, same):
    np.save(tmp_path / "x.npy", np.ones((1, 1), np.float16))
    call = ["batchnorm", "--eval", "--eps", "0", "--weight", "0.1", "x.npy"]
    assert cnnops.json(*call, "--dtype", "float64") == "[[0.1]]"
    np.save(tmp_path / "x.npy", np.full((1, 1), 2048, np.float16))
    call = ["batchnorm", "--eval", "--eps", "0", "--running-mean", "2047.75", "x.npy"]
    same(cnnops.array(*call), np.array([[0.25]], np.float16))
