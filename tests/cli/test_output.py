"""Where the result goes and how it is written."""

import json
import re
from decimal import Decimal

import numpy as np
import pytest

AS_IT_IS = ["maxpool", "--dims", "1", "-k", "1"]


@pytest.mark.parametrize(
    ("option", "name"), [("-o", "y.npy"), ("--output", "y.npz"), ("--output", "y.json")]
)
def test_the_suffix_of_the_output_tells_its_format(cnnops, tmp_path, same, option, name):
    call = ["dropout", "--mask", "[1,0]", "--dtype", "float32", "[1,2]"]
    assert cnnops.text(*call, option, name) == ""
    if name == "y.json":
        assert (tmp_path / name).read_text().replace(" ", "") == "[2.0,0.0]\n"
    elif name == "y.npz":
        with np.load(tmp_path / name) as archive:
            (only,) = archive.values()
            same(only, np.array([2, 0], np.float32))
    else:
        same(np.load(tmp_path / name), np.array([2, 0], np.float32))
    assert cnnops.json(*AS_IT_IS, name) == "[2.0,0.0]"


def test_a_dash_is_standard_output(cnnops, tmp_path):
    assert cnnops.json(*AS_IT_IS, "[1,2]", "-o", "-") == "[1,2]"
    assert list(tmp_path.iterdir()) == []


def test_a_format_beside_an_output_file_gives_both(cnnops, tmp_path, same):
    assert cnnops.json(*AS_IT_IS, "[1,2]", "-o", "y.npy", "-f", "json") == "[1,2]"
    same(np.load(tmp_path / "y.npy"), np.array([1, 2]))
    same(cnnops.array(*AS_IT_IS, "[3]", "-o", "y.json"), np.array([3]))
    assert (tmp_path / "y.json").read_text() == "[3]\n"


def test_formats_of_standard_output(cnnops):
    for options in ([], ["-f", "auto"], ["--format", "json"], ["-q"], ["--quiet"]):
        assert cnnops.json(*AS_IT_IS, "[1,2]", *options) == "[1,2]"
    table = cnnops.text(*AS_IT_IS, "[1,2]", "-f", "table")
    assert "int64" in table
    with pytest.raises(json.JSONDecodeError):
        json.loads(table)


def test_npy_in_a_pipe_is_a_whole_file(cnnops):
    values = np.arange(24.0).reshape(2, 3, 4)
    first = cnnops("dropout", "--eval", "-f", "npy", stdin=values)
    assert first.out.startswith(b"\x93NUMPY")
    assert cnnops("dropout", "--eval", "-f", "npy", stdin=first.out) == first


def test_json_carries_every_bit_in_its_shortest_form(cnnops, tmp_path):
    generator = np.random.default_rng(11)
    for dtype in ("float16", "float32", "float64"):
        limits = np.finfo(dtype)
        drawn = generator.standard_normal(200) * 10.0 ** generator.integers(-4, 4, 200)
        edges = [0.1, 1 / 3, -0.0, 1, limits.max, limits.smallest_subnormal, limits.tiny]
        values = np.array([*edges, *drawn], dtype)
        np.save(tmp_path / "x.npy", values)
        texts = cnnops.json(*AS_IT_IS, "x.npy")[1:-1].split(",")
        assert np.array(texts, dtype).tobytes() == values.tobytes()
        shortest = [np.format_float_scientific(value, unique=True, trim="0") for value in values]
        assert [Decimal(text) for text in texts] == [Decimal(text) for text in shortest]
        assert texts[0] == "0.1"
        assert texts[3] == "1.0"


def test_a_whole_number_of_a_float_stays_a_float_in_json(cnnops):
    values = json.loads(cnnops.json(*AS_IT_IS, "[3.0,1e30,1e16,-0.0]"))
    assert [type(value) for value in values] == [float] * 4


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_precision_is_the_number_of_decimals(cnnops, dtype):
    values = np.array([1.23456, -0.1, 2, 1234.5], dtype)
    for places in (0, 3):
        texts = cnnops.json(*AS_IT_IS, "--precision", str(places), stdin=values)[1:-1].split(",")
        for text, value in zip(texts, values.tolist(), strict=True):
            assert re.fullmatch(rf"-?\d+(\.\d{{1,{max(places, 1)}}})?", text)
            assert float(text) == pytest.approx(value, abs=0.5001 * 10**-places)


def test_precision_leaves_integers_and_special_numbers(cnnops):
    assert cnnops.json(*AS_IT_IS, "--precision", "1", "[12345,-6]") == "[12345,-6]"
    row = "[NaN,Infinity,-Infinity,0.25]"
    result = cnnops.json(*AS_IT_IS, "--precision", "1", row)
    assert result == "[NaN,Infinity,-Infinity,0.2]"


def test_precision_reaches_json_files_and_the_view(cnnops, tmp_path):
    cnnops.text(*AS_IT_IS, "--precision", "2", "[3.14159]", "-o", "y.json")
    assert (tmp_path / "y.json").read_text() == "[3.14]\n"
    view = cnnops.text(*AS_IT_IS, "--precision", "2", "[3.14159,1]", "-f", "table")
    assert "3.14" in view
    assert "3.141" not in view


def test_nested_results_are_one_line(cnnops):
    text = cnnops.text("dropout", "--eval", stdin=np.zeros((5, 6, 7)))
    assert text.endswith("]\n")
    assert text.count("\n") == 1
    assert np.array(json.loads(text)).shape == (5, 6, 7)


def test_the_input_may_be_replaced_by_the_result(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(100_000))
    cnnops.text("conv", "-k", "[1,1]", "x.npy", "-o", "x.npy")
    result = np.load(tmp_path / "x.npy")
    np.testing.assert_array_equal(result, np.arange(99_999) * 2 + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("threads", ["1", "2", "64"])
def test_any_positive_number_of_threads_will_do(cnnops, threads):
    assert cnnops.json(*AS_IT_IS, "--threads", threads, "[1,2]") == "[1,2]"


def test_json_numbers_to_the_byte(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.array([1e16, 1e-7, 1e15, 0.1, 16777216], np.float32))
    assert cnnops("dropout", "--eval", "x.npy").out == b"[1e+16,1e-7,1e+15,0.1,16777216.0]\n"
