"""The line that sums an array up, where the array is looked at piece by piece."""

import math

import numpy as np
import pytest

from cnnops_cli.views import summary
from cnnops_cli.views.summary import measure, summarise


@pytest.mark.parametrize("piece", [4, 1 << 16])
def test_pieces_make_no_difference(monkeypatch, piece):
    monkeypatch.setattr(summary, "_PIECE", piece)
    values = np.arange(30, dtype=np.float32).reshape(2, 5, 3)
    parts = ["float32", "min 0", "max 29", "mean 14.5", "std 8.65544"]
    assert summarise(values) == ["(2, 5, 3)", *parts]
    assert summarise(values.T) == ["(3, 5, 2)", *parts]
    values[0, 0], values[1, 4, 1] = (np.nan, np.inf, -np.inf), np.nan
    assert summarise(values, 2)[2:] == [
        *["min 3.00", "max 29.00", "mean 15.54", "std 7.57"],
        *["2 nan!", "1 inf!", "1 -inf!"],
    ]
    values[...] = np.nan
    assert summarise(values)[2:] == ["no finite values", "30 nan!"]
    assert summarise(values[:, :0])[2:] == ["no values"]


def test_integers_and_what_cancels_out(monkeypatch):
    monkeypatch.setattr(summary, "_PIECE", 4)
    assert summarise(np.array([2**63 - 1, 5], np.int64))[2:4] == ["min 5", f"max {2**63 - 1}"]
    assert summarise(np.array([2**64 - 1, 0], np.uint64))[3] == f"max {2**64 - 1}"
    assert summarise(np.tile([1e300, -1e300, 0.1, -0.1], 5))[-2:] == ["mean 0", "std 7.07107e+299"]


@pytest.mark.parametrize("piece", [3, 1 << 16])
@pytest.mark.parametrize(
    ("values", "std"),
    [
        ([1.7e308, -1.7e308], 1.7e308),
        ([1.7976931348623157e308] * 3, 0.0),
        ([1.7976931348623157e308, -1.7976931348623157e308] * 3, 1.7976931348623157e308),
        ([5e-324, 5e-324], 0.0),
        ([0.1] * 7, 0.0),
        ([1e8, 1e8 + 8, 1e8 + 16] * 4, math.sqrt(128 / 3)),
        ([1.0, 2.0, 3.0, 4.0, math.nan, math.inf], math.sqrt(1.25)),
    ],
    ids=[
        "near overflow",
        "largest",
        "largest of both signs",
        "subnormal",
        "constant",
        "far from zero",
        "side_by_side what is not finite",
    ],
)
def test_the_standard_deviation_is_the_populations(monkeypatch, piece, values, std):
    monkeypatch.setattr(summary, "_PIECE", piece)
    assert measure(np.array(values)).std == pytest.approx(std, rel=1e-12)


def test_pieces_of_different_size_count_by_their_size(monkeypatch):
    monkeypatch.setattr(summary, "_PIECE", 64)
    values = np.random.default_rng(0).normal(3, 2, 1000)
    known = measure(values)
    assert known.mean == pytest.approx(values.mean(), rel=1e-12)
    assert known.std == pytest.approx(values.std(), rel=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_a_mean_is_noise_below_1e_12_of_the_largest_number(sign, size):
    def mean_of(share):
        return measure(np.array([sign * size, -sign * size * (1 - 2 * share)])).mean

    assert mean_of(0.99e-12) == 0
    assert mean_of(1.01e-12) == pytest.approx(sign * size * 1.01e-12, rel=1e-3)
