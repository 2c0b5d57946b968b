"""How large a lesson may be; what is larger is refused in one line that says how to cut."""

import re

import numpy as np
import pytest

KERNEL_OF_3 = "[[1,2,3],[4,5,6],[7,8,9]]"


def refused_for_size(cnnops, folder, *call) -> str:
    """Refuse a lesson that is too large; nothing is written then."""
    (folder / "l.html").write_text("old")
    reason = cnnops.refusal(*call, "-o", "y.npy", "--lesson", "l.html")
    assert (folder / "l.html").read_text() == "old"
    assert not (folder / "y.npy").exists()
    assert cnnops.refusal(*call, "--lesson", "l.html") == reason
    return reason


def save_bytes(folder, *shape):
    np.save(folder / "x.npy", np.ones(shape, np.uint8))
    return "x.npy"


def counted_in(reason: str) -> list[int]:
    """Return the numbers that a line names, however their thousands are written."""
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d|\d", reason)]


AT_THE_LIMIT = {  # a call, and shapes of INPUT of which the first fits and the second does not
    "conv-terms": (["conv", "-k", f"[{','.join('1' * 500)}]"], (899,), (900,), 200_500),
    "conv-one-term": (["conv", "-k", f"[{','.join('1' * 489)}]"], (896,), (897,), 200_001),
    "maxpool-terms": (
        ["maxpool", "--dims", "1", "-s", "1", "-k", "500"],
        (1, 899),
        (1, 900),
        200_500,
    ),
    "conv-cells": (["conv", "-k", "[1,1]", "-s", "2"], (13_332,), (13_333,), 20_001),
    "maxpool-cells": (["maxpool", "--dims", "1", "-k", "2"], (1, 13_332), (1, 13_333), 20_001),
    "batchnorm-cells": (["batchnorm"], (9998, 1), (9999, 1), 20_002),
    "batchnorm-eval-cells": (["batchnorm", "--eval"], (1, 3333), (1, 3334), 20_004),
    "dropout-cells": (["dropout", "--seed", "1"], (6666,), (6667,), 20_001),
}


@pytest.mark.parametrize(
    ("call", "fits", "too_large", "size"), AT_THE_LIMIT.values(), ids=AT_THE_LIMIT
)
def test_at_most_20_000_cells_and_200_000_terms(cnnops, tmp_path, call, fits, too_large, size):
    """Cells are those of INPUT with its padding, of what is between, and of the result."""
    shown = cnnops.text(*call, save_bytes(tmp_path, *fits), "--lesson", "fits.html", "-o", "-")
    assert shown
    assert (tmp_path / "fits.html").read_text().endswith("</html>\n")
    reason = refused_for_size(cnnops, tmp_path, *call, save_bytes(tmp_path, *too_large))
    assert size in counted_in(reason)
    assert (200_000 if size > 200_000 else 20_000) in counted_in(reason)
    assert "x.npy" in reason


CUTS = {
    "conv": (["conv", "-k", "[[1,2],[3,4]]", "-p", "1"], (300, 300)),
    "conv-samples": (["conv", "-k", KERNEL_OF_3, "--depthwise"], (50, 64, 10, 10)),
    "conv-filters": (
        ["conv", "--out-channels", "64", "--kernel-size", "3", "--seed", "1"],
        (1, 3, 64, 64),
    ),
    "conv-channels-last": (
        ["conv", "-k", KERNEL_OF_3, "--depthwise", "--layout", "channels-last"],
        (300, 300, 3),
    ),
    "conv-3d": (["conv", "--dims", "3", "-k", "[[[1,1],[1,1]]]"], (40, 40, 40)),
    "maxpool": (["maxpool", "-k", "2"], (3, 300, 300)),
    "maxpool-samples": (["maxpool", "-k", "2"], (500, 3, 30, 30)),
    "maxpool-terms": (["maxpool", "-k", "7", "-s", "1"], (1, 90, 90)),
    "batchnorm": (["batchnorm"], (64, 300)),
    "batchnorm-planes": (["batchnorm", "--layout", "channels-last"], (8, 32, 32, 16)),
    "dropout": (["dropout", "--seed", "1"], (1, 10500)),
    "dropout-axes": (["dropout", "--seed", "1"], (2, 2, 2, 2, 2, 1000)),
}


@pytest.mark.parametrize(("call", "shape"), CUTS.values(), ids=CUTS)
def test_the_cut_that_is_named_makes_a_lesson(cnnops, tmp_path, call, shape):
    x = np.ones(shape, np.uint8)
    np.save(tmp_path / "x.npy", x)
    reason = refused_for_size(cnnops, tmp_path, *call, "x.npy")
    (cut,) = re.findall(r"x\.npy to \[([:\d, ]+)\]", reason)
    ends = [axis.strip().removeprefix(":") for axis in cut.split(",")]
    part = x[tuple(slice(int(end) if end else None) for end in ends)]
    assert 0 < part.size < x.size
    np.save(tmp_path / "x.npy", part)
    assert cnnops(*call, "x.npy", "-o", "y.npy", "--lesson", "l.html").err == ""


def test_padding_alone_can_be_too_large(cnnops, tmp_path):
    call = ["conv", "-k", "[1]", "-p", "10000", "[1,2]"]
    assert 20_000 in counted_in(refused_for_size(cnnops, tmp_path, *call))
