"""--accumulate: how the sums of conv are rounded."""

import json

import numpy as np
import pytest

LOOPS = ("sequential", "fma")


@pytest.fixture
def almost_one(tmp_path):
    """Terms that each mode rounds in its own way: 2**24 + 2, then 1 - 2**-40, the product of two.

    To the nearest of float32, that product is 1, and 2**24 + 3 is 2**24 + 4.
    """
    np.save(tmp_path / "x.npy", np.array([[2**24 + 2, 1 + 2.0**-20]], np.float32))
    np.save(tmp_path / "k.npy", np.array([[[1, 1 - 2.0**-20]]], np.float32))
    return "conv", "-k", "k.npy", "x.npy"


@pytest.mark.parametrize(("mode", "expected"), [("sequential", 2**24 + 4), ("fma", 2**24 + 2)])
def test_plain_loops(cnnops, tmp_path, almost_one, mode, expected):
    assert cnnops.json(*almost_one, "--accumulate", mode) == f"[[{expected}.0]]"
    assert cnnops.text(*almost_one, "--accumulate", mode, "-o", "y.npy") == ""
    np.save(tmp_path / "expected.npy", np.array([[expected]], np.float32))
    assert (tmp_path / "y.npy").read_bytes() == (tmp_path / "expected.npy").read_bytes()


@pytest.mark.parametrize("mode", LOOPS)
def test_plain_loops_in_lines_and_many_files(cnnops, tmp_path, mode):
    """2**24 + 1 is rounded down, twice."""
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.array([2**24, 1, 1], np.float32))
    call = ["conv", "--accumulate", mode, "-k", "[1,1,1]", "--dims", "1"]
    lines = "[16777216,1,1]\n[1,1,16777216]\n"
    texts = cnnops.text(*call, "--lines", "--dtype", "float32", "-", stdin=lines).splitlines()
    assert list(map(json.loads, texts)) == [[2**24], [2**24 + 2]]
    cnnops.text(*call, "-q", "a.npy", "b.npy", "-o", "results/")
    for name in ("a", "b"):
        assert np.load(tmp_path / "results" / f"{name}.npy").tolist() == [2**24]


@pytest.mark.parametrize("mode", LOOPS)
def test_plain_loops_of_integers_are_exact(cnnops, mode):
    call = ["conv", "-k", "[1,1]", "[9007199254740992,1]", "--accumulate", mode]
    assert cnnops.json(*call) == "[9007199254740993]"
    assert json.loads(cnnops.text(*call, "--dry-run"))["accumulate"] == "exact"


@pytest.mark.parametrize("run", [[], ["--dry-run"], ["--lines"]])
def test_fma_of_float64_is_refused(cnnops, run):
    """JSON with fractions is float64."""
    call = ["conv", "-k", "[0.5]", *run, "--accumulate", "fma"]
    place = "line 1: " if "--lines" in run else ""
    assert cnnops.refusal(*call, "-", stdin="[1,2]\n") == (
        f"{place}accumulate 'fma' is for float16 and float32, but the result is float64; "
        "--dtype float32 converts the tensors, and 'sequential' sums float64: "
        "kernel (1,), input (2,)"
    )
    accepted = cnnops(*call, "--dtype", "float32", "-", stdin="[1,2]\n")
    assert (accepted.status, accepted.err) == (0, "")


@pytest.mark.parametrize(
    ("mode", "algorithm"), [("sequential", "running sums"), ("fma", "fused multiply-adds")]
)
def test_dry_run_of_plain_loops(cnnops, almost_one, mode, algorithm):
    told = json.loads(cnnops.text(*almost_one, "--accumulate", mode, "--dry-run"))
    assert (told["accumulate"], told["algorithm"]) == (mode, f"{algorithm}, in float32")
    assert 0 < told["memory"]["working"] < 1000
    x = np.zeros((8, 64, 100, 100), np.float32)
    told = json.loads(
        cnnops.text(
            *("conv", "--out-channels", "64", "--kernel-size", "3", "--dry-run", "-"),
            *("--accumulate", mode),
            stdin=x,
        )
    )
    assert 1 << 20 < told["memory"]["working"] <= 64 << 20


TENTHS = "[0.1,0.2,0.3]"
"""Their exact sum is rounded to 0.6; in this order, one by one, they make the next float64."""


@pytest.mark.parametrize(
    ("mode", "total"),
    [([], 0.6), (["exact"], 0.6), (["sequential"], 0.6000000000000001)],
    ids=["by default", "exact", "sequential"],
)
def test_exact_is_the_default(cnnops, tmp_path, mode, total):
    call = ["conv", "-k", "[1,1,1]", *(["--accumulate", *mode] if mode else [])]
    assert cnnops.json(*call, TENTHS) == f"[{total}]"
    lines = f"{TENTHS}\n[0.3,0.2,0.1]\n[1e308,1e308,-1e308]\n"
    largest = "1e+308" if total == 0.6 else "Infinity"
    assert cnnops.text(*call, "--lines", stdin=lines) == f"[{total}]\n[0.6]\n[{largest}]\n"
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(TENTHS)
    cnnops.text(*call, "-q", "a.json", "b.json", "-o", "results/")
    for name in ("a.json", "b.json"):
        assert (tmp_path / "results" / name).read_text() == f"[{total}]\n"
    exactly = ["--expect", f"[{total}]", "--rtol", "0", "--atol", "0"]
    assert cnnops.text(*call, TENTHS, "-q", *exactly) == ""


def test_exact_is_between_the_plain_loops(cnnops, almost_one):
    """The sum is 2**24 + 3 - 2**-40, of which float32 holds 2**24 + 2 and 2**24 + 4."""
    assert cnnops.json(*almost_one) == f"[[{2**24 + 2}.0]]"
    fourth = cnnops.json(*almost_one, "-b", "[0.0000000000009094947017729282379150390625]")
    assert fourth == f"[[{2**24 + 4}.0]]"
    fifth = cnnops.json(*almost_one, "-b", "[0.0000000000009]")
    assert fifth == f"[[{2**24 + 2}.0]]"


def test_a_value_that_is_not_a_number_has_one_pattern_of_bits(cnnops, tmp_path):
    negative = np.array([[0xFFC01234, 0x7F800001, 0]], np.uint32).view(np.float32)
    np.save(tmp_path / "x.npy", negative)
    result = cnnops.array("conv", "-k", "[[1]]", "x.npy")
    assert result.view(np.uint32).tolist() == [[0x7FC00000, 0x7FC00000, 0]]


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_dry_run_names_the_mode(cnnops, mode):
    call = ["conv", "-k", "[1,1,1]", TENTHS, "--accumulate", mode, "--dry-run"]
    assert json.loads(cnnops.text(*call))["accumulate"] == mode
    if mode == "exact":
        assert cnnops.text(*call[:4], "--dry-run") == cnnops.text(*call)


def test_the_modes_are_named_where_one_is_not_known(cnnops):
    assert cnnops.error("conv", "-k", "[1]", "[1]", "--accumulate", "fms") == (
        "cnnops conv: error: --accumulate: accumulate 'fms' is not one of exact, fast, sequential, "
        "fma; did you mean fma?"
    )
