"""Numbers as text, wherever a result is written: they read back by way of float64 too."""

import io
import json

import numpy as np
import pytest

from cnnops_cli.app import run

VALUE = np.uint32(0x15AE43FD).view(np.float32)
TEXT = "7.0385307e-26"


@pytest.fixture
def said(capfd):
    """Run the command in this process, and give its standard output."""

    def call(*arguments):
        assert run([str(argument) for argument in arguments]) == 0
        return capfd.readouterr().out

    return call


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.array([[VALUE, -VALUE]]))
    return path


def reads_back(text):
    return np.float32(float(text)) == VALUE


def test_results_and_files(said, file, tmp_path):
    assert reads_back(TEXT)
    assert said("dropout", "--eval", file) == f"[[{TEXT},-{TEXT}]]\n"
    said("maxpool", "-k", 1, file, "-o", tmp_path / "y.json")
    assert (tmp_path / "y.json").read_text() == f"[[{TEXT},-{TEXT}]]\n"
    assert said("dropout", "--eval", file, "--expect", tmp_path / "y.json", "--ulp", 0) == ""


def test_state(said, file, tmp_path):
    state = tmp_path / "s.json"
    np.save(tmp_path / "m.npy", np.array([VALUE, VALUE]))
    said("batchnorm", "--eval", "--bias", tmp_path / "m.npy", file, "--save-state", state)
    assert f'"bias":[{TEXT},{TEXT}]' in state.read_text()


def test_lines(said, monkeypatch):
    lines = io.TextIOWrapper(io.BytesIO(f"[{TEXT}]\n[-{TEXT}]\n".encode()))
    monkeypatch.setattr("sys.stdin", lines)
    monkeypatch.setattr(lines.buffer, "fileno", lambda: 0, raising=False)
    assert said("dropout", "--eval", "--dtype", "float32", "--lines") == f"[{TEXT}]\n[-{TEXT}]\n"


def test_explanations(said, file):
    record = json.loads(said("maxpool", "--explain", "--at", "0,0", "-k", 1, file))
    assert record["formula"] == f"max({TEXT})"
    assert reads_back(repr(record["value"]))
    assert f"max({TEXT})" in said("maxpool", "--explain", "-k", 1, file)
