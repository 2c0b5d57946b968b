"""The line that sums an array up, where the array is looked at piece by piece."""

import numpy as np
import pytest

from cnnops_cli.views import summary
from cnnops_cli.views.summary import summarise


@pytest.mark.parametrize("piece", [4, 1 << 16])
def test_pieces_make_no_difference(monkeypatch, piece):
    monkeypatch.setattr(summary, "_PIECE", piece)
    values = np.arange(30, dtype=np.float32).reshape(2, 5, 3)
    parts = ["float32", "min 0", "max 29", "mean 14.5"]
    assert summarise(values) == ["(2, 5, 3)", *parts]
    assert summarise(values.T) == ["(3, 5, 2)", *parts]
    values[0, 0], values[1, 4, 1] = (np.nan, np.inf, -np.inf), np.nan
    assert summarise(values, 2)[2:] == [
        *["min 3.00", "max 29.00", "mean 15.54"],
        *["2 nan", "1 inf", "1 -inf"],
    ]
    values[...] = np.nan
    assert summarise(values)[2:] == ["no finite values", "30 nan"]
    assert summarise(values[:, :0])[2:] == ["no values"]


def test_integers_and_what_cancels_out(monkeypatch):
    monkeypatch.setattr(summary, "_PIECE", 4)
    assert summarise(np.array([2**63 - 1, 5], np.int64))[2:4] == ["min 5", f"max {2**63 - 1}"]
    assert summarise(np.tile([1e300, -1e300, 0.1, -0.1], 5))[-1] == "mean 0"
