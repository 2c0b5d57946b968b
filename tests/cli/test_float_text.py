"""Numbers as text, wherever a result is written: they read back by way of float64 too."""

import json

import numpy as np
import pytest

VALUE = np.uint32(0x15AE43FD).view(np.float32)
TEXT = "7.0385307e-26"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.array([[VALUE, -VALUE]]))
    return path


def reads_back(text):
    return np.float32(float(text)) == VALUE


def test_results_and_files(called_here, file, tmp_path):
    assert reads_back(TEXT)
    assert called_here("dropout", "--eval", file) == f"[[{TEXT},-{TEXT}]]\n"
    called_here("maxpool", "-k", 1, file, "-o", tmp_path / "y.json")
    assert (tmp_path / "y.json").read_text() == f"[[{TEXT},-{TEXT}]]\n"
    check = ["--expect", tmp_path / "y.json", "--ulp", 0]
    assert called_here("dropout", "--eval", file, *check, "-q") == ""


def test_state(called_here, file, tmp_path):
    state = tmp_path / "s.json"
    np.save(tmp_path / "m.npy", np.array([VALUE, VALUE]))
    called_here("batchnorm", "--eval", "--bias", tmp_path / "m.npy", file, "--save-state", state)
    assert f'"bias":[{TEXT},{TEXT}]' in state.read_text()


def test_lines(called_here):
    lines = f"[{TEXT}]\n[-{TEXT}]\n"
    assert called_here("dropout", "--eval", "--dtype", "float32", "--lines", stdin=lines) == lines


def test_explanations(called_here, file):
    record = json.loads(called_here("maxpool", "--explain", "--at", "0,0", "-k", 1, file))
    assert record["formula"] == f"max({TEXT})"
    assert reads_back(repr(record["value"]))
    assert f"max({TEXT})" in called_here("maxpool", "--explain", "-k", 1, file)
