"""The names of the axes where people read a shape: a tensor taken otherwise than meant is seen."""

import json

import numpy as np
import pytest

LAST = ["--layout", "channels-last"]
NEW = ["--out-channels", "2", "--kernel-size", "1", "--seed", "0"]


@pytest.fixture
def header(called_here, tmp_path):
    """The first line of the view, up to the dtype, of a call on zeros of a shape."""

    def shown(shape, *call):
        np.save(tmp_path / "x.npy", np.zeros(shape))
        return called_here(*call, "-f", "table", "x.npy").splitlines()[0].partition("  float")[0]

    return shown


@pytest.mark.parametrize(
    ("call", "shape", "expected"),
    [
        (["maxpool", "-k", "2"], (32, 32, 3), "(C 32, H 16, W 1)"),
        (["maxpool", "-k", "2", *LAST], (32, 32, 3), "(H 16, W 16, C 3)"),
        (["maxpool", "-k", "2"], (6, 4), "(H 3, W 2)"),
        (["maxpool", "-k", "2", *LAST], (6, 4), "(H 3, W 2)"),
        (["maxpool", "-k", "2"], (1, 3, 6, 4), "(N 1, C 3, H 3, W 2)"),
        (["maxpool", "-k", "2", *LAST], (1, 6, 4, 3), "(N 1, H 3, W 2, C 3)"),
        (["maxpool", "-k", "2", "--dims", "1"], (8,), "(W 4)"),
        (["maxpool", "-k", "2", "--dims", "1"], (3, 8), "(C 3, W 4)"),
        (["maxpool", "-k", "2", "--dims", "1", *LAST], (8, 3), "(W 4, C 3)"),
        (["maxpool", "-k", "2,2,2"], (8, 6, 4), "(D 4, H 3, W 2)"),
        (["maxpool", "-k", "2,2,2"], (1, 5, 8, 6, 4), "(N 1, C 5, D 4, H 3, W 2)"),
        (["maxpool", "-k", "2"], (0, 3, 6, 4), "(N 0, C 3, H 3, W 2)"),
        (["conv", "-k", "[[1]]"], (6, 4), "(H 6, W 4)"),
        (["conv", *NEW], (6, 4), "(C 2, H 6, W 4)"),
        (["conv", *NEW, *LAST], (6, 4), "(H 6, W 4, C 2)"),
        (["conv", *NEW, "--dims", "1"], (6, 4), "(C 2, W 4)"),
        (["conv", *NEW, *LAST], (5, 6, 4, 3), "(N 5, H 6, W 4, C 2)"),
        (["batchnorm", "--eval"], (6, 4), "(N 6, C 4)"),
        (["batchnorm", "--eval", *LAST], (6, 4), "(N 6, C 4)"),
        (["batchnorm", "--eval"], (6, 4, 3), "(N 6, C 4, W 3)"),
        (["batchnorm", "--eval", *LAST], (6, 4, 3), "(N 6, W 4, C 3)"),
        (["batchnorm", "--eval"], (2, 6, 5, 4, 3), "(N 2, C 6, D 5, H 4, W 3)"),
        (["dropout", "--eval"], (6, 4, 3), "(6, 4, 3)"),
        (["dropout", "--eval"], (4,), "(4,)"),
        (["dropout", "--eval", *LAST], (6, 4, 3), "(6, 4, 3)"),
        (["dropout", "--eval", "--channelwise"], (6, 4), "(N 6, C 4)"),
        (["dropout", "--eval", "--channelwise", *LAST], (6, 5, 4, 3), "(N 6, H 5, W 4, C 3)"),
        (["dropout", "--eval", "--channelwise"], (1, 2, 1, 2, 1, 2), "(1, 2, 1, 2, 1, 2)"),
    ],
)
def test_a_header_names_the_axes(header, call, shape, expected):
    assert header(shape, *call) == f"{call[0]}  {expected}"


def test_every_shape_that_people_read_names_them(called_here, terminal, tmp_path):
    np.save(tmp_path / "hwc.npy", np.zeros((4, 4, 3)))
    call = ["maxpool", "-k", "2", "hwc.npy"]
    named = "(C 4, H 2, W 1)"
    for options in (["--explain"], ["--dry-run"]):
        assert called_here(*call, *options, "-f", "table").startswith(
            f"maxpool  {named}  float64\n"
        )
    assert called_here("maxpool", "-k", "2", "[[a,1],[2,3]]", "-f", "table").startswith(
        "maxpool  (H 1, W 1)  formulas\n"
    )
    shown = called_here(*call, "--with-input", "-f", "table")
    assert "input  (C 4, H 4, W 3)" in shown
    assert f"result  {named}" in shown
    called_here(*call, "-o", "y.npy", "--view", "v.txt")
    assert (tmp_path / "v.txt").read_text().startswith(f"maxpool  {named}  float64")
    assert terminal(*call, "-o", "y.npy").lines[0].startswith(f"y.npy  {named}  float64")
    assert terminal(*call).lines[0].startswith(f"maxpool  {named}  float64")


def test_what_programs_read_is_plain(called_here, tmp_path):
    np.save(tmp_path / "hwc.npy", np.zeros((2, 2, 1)))
    call = ["maxpool", "-k", "1", "hwc.npy"]
    assert called_here(*call) == "[[[0.0],[0.0]],[[0.0],[0.0]]]\n"
    assert json.loads(called_here(*call, "--dry-run"))["shape"] == [2, 2, 1]
