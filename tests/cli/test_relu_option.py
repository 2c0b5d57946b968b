"""--relu: max(0, x) of the result of conv, maxpool and batchnorm."""

import json

import numpy as np
import pytest

from cnnops_cli.ops.relu import relu

MIXED = [[[-1.5, -0.0, 2.0], [0.0, 1e-40, -3.0]]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 4), (2, 0, 3), (70, 1000)])
def test_what_is_below_zero_becomes_zero(dtype, shape, same):
    numbers = np.random.default_rng(1).integers(-100, 100, shape)
    array = np.array(numbers.astype(dtype))
    expected = np.where(array > 0, array, np.zeros((), dtype))
    relu(array)
    same(array, expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_bits_of_nan_and_minus_zero_stay(dtype):
    integers = np.dtype(f"u{np.dtype(dtype).itemsize}")
    nan = np.array([-np.nan], dtype).view(integers) | 5
    array = np.concatenate([nan.view(dtype), np.array([-0.0, 0.0, np.inf, -np.inf], dtype)])
    expected = array.copy()
    expected[-1] = 0
    relu(array)
    assert array.view(integers).tolist() == expected.view(integers).tolist()


def test_axes_in_any_order(same):
    array = np.random.default_rng(2).standard_normal((40, 50, 60)).transpose(2, 0, 1)
    expected = np.maximum(array, 0)
    relu(array)
    same(array, expected)


@pytest.mark.parametrize(
    "call",
    [
        ["conv", "-k", "[[1]]"],
        ["maxpool", "-k", "1"],
        ["batchnorm", "--eval", "--eps", "0"],
    ],
)
def test_of_the_result_of_each_operator(called_here, call):
    text = called_here(*call, "--relu", json.dumps(MIXED))
    assert json.loads(text) == [[[0, 0, 2], [0, 1e-40, 0]]]
    assert ("-0.0" in text) == (call[0] == "maxpool")  # 0 + -0 is 0


def test_before_it_is_compared_and_written(called_here, tmp_path, same):
    call = ["conv", "-k", "[[1,-1]]", "--relu", "[[1,2,5,-3]]"]
    called_here(*call, "-o", "y.npy", "--view", "y.txt")
    same(np.load(tmp_path / "y.npy"), np.array([[0, 0, 8]]))
    assert "min 0" in (tmp_path / "y.txt").read_text()


def test_the_chain_of_the_notes(called_here, tmp_path):
    """Convolution, ReLU, dropout: what is kept is scaled."""
    np.save(tmp_path / "x.npy", np.array([[1.0, 2, 5, -3]]))
    called_here("conv", "-k", "[[1,-1]]", "--relu", "x.npy", "-o", "y.npy")
    assert called_here("dropout", "--mask", "[[1,0,1]]", "y.npy") == "[[0.0,0.0,16.0]]\n"


def test_dropout_has_none(refused_here):
    assert refused_here("dropout", "--relu", "[1]").startswith(
        "cnnops dropout: error: no such option: --relu"
    )


def test_the_indices_are_those_of_the_maxima(called_here, tmp_path):
    called_here("maxpool", "-k", "2", "--relu", "--indices", "i.json", "[[-4,-1],[-2,-3]]")
    assert (tmp_path / "i.json").read_text() == "[[1]]\n"


def test_the_running_statistics_are_those_of_the_batch(called_here, tmp_path):
    states = []
    for options in ([], ["--relu"]):
        called_here("batchnorm", *options, "--save-state", "s.json", "[[1,2],[3,-4]]")
        states.append((tmp_path / "s.json").read_text())
    assert states[0] == states[1]


@pytest.mark.parametrize(
    ("call", "formula", "before", "value"),
    [
        (["conv", "-k", "[[1,-1]]", "[[1,2]]"], "max(0, 1*1 + (-1)*2)", -1, 0),
        (["maxpool", "-k", "1", "[[-4]]"], "max(0, max(-4))", -4, 0),
        (["maxpool", "-k", "1", "[[4]]"], "max(0, max(4))", 4, 4),
        (
            ["batchnorm", "--eval", "--eps", "0", "[[-4.0]]"],
            "max(0, (-4 - 0) / sqrt(1 + 0) * 1 + 0)",
            -4.0,
            0.0,
        ),
    ],
)
def test_the_explanation_shows_it(called_here, call, formula, before, value):
    record = json.loads(called_here(*call, "--relu", "--explain"))
    assert (record["formula"], record["before_relu"], record["value"]) == (formula, before, value)


def test_the_result_is_written_beside_its_explanation(called_here, tmp_path, same):
    called_here("conv", "-k", "[[-1]]", "--relu", "--explain", "[[1,-2]]", "-o", "y.npy")
    same(np.load(tmp_path / "y.npy"), np.array([[0, 2]]))


def test_formulas_have_it(called_here):
    assert called_here("conv", "-k", "[[a,b]]", "--relu", "[[1,2]]") == '[["max(0, a*1 + b*2)"]]\n'
    assert called_here("maxpool", "-k", "1,2", "--relu", "[[a,3]]") == '[["max(0, max(a, 3))"]]\n'


def test_the_estimate_is_that_of_the_operator(called_here):
    call = ["conv", "-k", "[[1]]", "--dry-run", "[[1,2]]"]
    assert called_here(*call, "--relu") == called_here(*call)
