"""batchnorm --save-state with several INPUTs: they are batches in that order."""

import json

import numpy as np
import pytest

from cnnops_cli import app

NAMES = ["a.npy", "b.npy", "c.npy"]


@pytest.fixture(autouse=True)
def batches(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    for name in NAMES:
        np.save(name, rng.standard_normal((4, 3, 2), np.float32) * 5 + 1)


@pytest.mark.parametrize("mode", ["--train", "--eval"])
@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("options", [[], ["--momentum", "none"], ["--gamma", "2", "--relu"]])
def test_as_one_call_after_the_other(called_here, tmp_path, mode, suffix, options):
    state, after = f"s{suffix}", f"t{suffix}"
    called_here("batchnorm", "--save-state", state, "b.npy", "-o", "begun.npy")
    call = ["batchnorm", mode, *options]
    called_here(*call, "--state", state, "--save-state", after, *NAMES, "-o", "together/")
    (tmp_path / "alone").mkdir()
    for name in NAMES:
        called_here(*call, "--state", state, "--save-state", state, name, "-o", f"alone/{name}")
    for name in NAMES:
        together, alone = (tmp_path / folder / name for folder in ("together", "alone"))
        assert together.read_bytes() == alone.read_bytes()
    assert (tmp_path / after).read_bytes() == (tmp_path / state).read_bytes()


def test_statistics_on_the_command_line_are_those_before_the_first(called_here):
    options = ["--running-mean", "[1,2,3]", "--running-var", "4"]
    called_here("batchnorm", *options, "--save-state", "s.json", *NAMES, "-o", "out/")
    called_here("batchnorm", *options, "--save-state", "t.json", NAMES[0], "-o", "y.npy")
    for name in NAMES[1:]:
        call = ["batchnorm", "--state", "t.json", "--save-state", "t.json"]
        called_here(*call, name, "-o", "y.npy")
    with open("s.json") as together, open("t.json") as alone:
        assert json.load(together) == json.load(alone)


def test_the_dtype_of_a_result_is_that_of_its_own_batch(called_here):
    np.save("a.npy", np.ones((2, 3), np.float64))
    np.save("b.npy", np.ones((2, 3), np.float16))
    called_here("batchnorm", "--save-state", "s.npz", "a.npy", "b.npy", "-o", "out/")
    assert np.load("out/b.npy").dtype == np.float16


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_the_state_stays_where_one_fails(capfd, failing):
    app.run(["batchnorm", "--save-state", "s.json", "b.npy", "-o", "y.npy"])
    with open("s.json", "rb") as file:
        before = file.read()
    np.save(NAMES[failing], np.ones((1, 3)))
    call = ["batchnorm", "--state", "s.json", "--save-state", "s.json", *NAMES, "-o", "out/"]
    assert app.run(call) == 2
    with open("s.json", "rb") as file:
        assert file.read() == before
    assert capfd.readouterr().err.endswith(
        "1 of 3 INPUTs failed; the results of the others are in out/, and s.json was not written\n"
    )


def test_a_state_that_no_result_may_replace(refused_here, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "x.json").write_text("[[1,2],[3,4]]")
    call = ["batchnorm", "--save-state", "out/x.json", "x.json", "a.npy", "-o", "out/"]
    assert refused_here(*call) == (
        "cnnops batchnorm: error: two results cannot go to one file: out/x.json"
    )
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("state", "input"), [("x.json", "x.json"), ("x.npz", "x.npz:z")])
def test_a_state_that_would_replace_an_input(refused_here, tmp_path, state, input):
    (tmp_path / "x.json").write_text("[[1,2,3],[4,5,6]]")
    np.savez(tmp_path / "x.npz", z=np.ones((2, 3)))
    before = (tmp_path / state).read_bytes()
    reason = refused_here("batchnorm", "--save-state", f"./{state}", "a.npy", input, "-o", "out/")
    assert reason == (
        f"cnnops batchnorm: error: --save-state would replace ./{state}, which is read; "
        "name another file"
    )
    assert (tmp_path / state).read_bytes() == before


def test_lines_have_no_state(refused_here):
    assert refused_here("batchnorm", "--lines", "--save-state", "s.json") == (
        "cnnops batchnorm: error: --save-state is for one result, and --lines has several; "
        "leave it out"
    )
