"""Several INPUT files, and the directory that their results go to."""

import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest

AS_IT_IS = ["maxpool", "-k", "1"]
HALVED = ["maxpool", "-k", "2"]
PLANE = np.arange(1, 17, dtype=np.float32).reshape(4, 4)
POOLED = np.array([[6, 8], [14, 16]], np.float32)


@pytest.fixture
def inputs(tmp_path):
    """Two planes as .npy and .json, and an archive."""
    np.save(tmp_path / "a.npy", PLANE)
    (tmp_path / "b.json").write_text(json.dumps(PLANE.astype(int).tolist()))
    np.savez(tmp_path / "w.npz", **{"conv1.weight": PLANE, "bias": PLANE * 2})
    np.savez(tmp_path / "one.npz", x=PLANE)
    (tmp_path / "out").mkdir()
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("directory", ["out/", "out", "./out", "fresh/", "fresh", "fresh.2"])
def test_each_result_goes_under_its_inputs_name(cnnops, inputs, same, directory):
    assert cnnops.text(*HALVED, "a.npy", "b.json", "-o", directory) == ""
    out = inputs / directory
    assert names(out) == ["a.npy", "b.json"]
    same(np.load(out / "a.npy"), POOLED)
    assert (out / "b.json").read_text() == "[[6,8],[14,16]]\n"


def test_the_names_of_archives_and_of_files_without_a_suffix(cnnops, inputs, same):
    (inputs / "raw").write_bytes((inputs / "a.npy").read_bytes())
    (inputs / "data.txt").write_text("[[1,2],[3,4]]")
    texts = ["w.npz:conv1.weight", "w.npz:bias", "one.npz", "./raw", "data.txt"]
    assert cnnops.text(*HALVED, *texts, "-o", "out/") == ""
    out = inputs / "out"
    assert names(out) == ["bias.npy", "conv1.weight.npy", "data.txt.npy", "one.npz", "raw.npy"]
    same(np.load(out / "bias.npy"), POOLED * 2)
    same(np.load(out / "one.npz")["output"], POOLED)
    assert np.load(out / "data.txt.npy").tolist() == [[4]]


@pytest.mark.parametrize(
    "call",
    [
        ["conv", "-k", "[[1,10],[100,1000]]", "-b", "[0.5]"],
        ["conv", "--out-channels", "2", "--kernel-size", "2", "--seed", "0"],
        ["maxpool", "-k", "2", "--layout", "channels-last", "--dims", "1"],
        ["batchnorm", "--precision", "3", "--threads", "1"],
        ["dropout", "--seed", "1", "-q", "--dtype", "float64"],
    ],
    ids=lambda call: " ".join(call),
)
def test_the_files_are_those_of_single_calls(cnnops, inputs, call):
    assert cnnops.text(*call, "a.npy", "b.json", "-o", "out/") == ""
    for name in ("a.npy", "b.json"):
        assert cnnops.text(*call, name, "-o", f"single-{name}") == ""
        single = inputs / f"single-{name}"
        assert (inputs / "out" / name).read_bytes() == single.read_bytes()


def test_an_operand_may_be_standard_input(cnnops, inputs):
    call = ["conv", "-k", "-", "a.npy", "b.json", "-o", "out/"]
    assert cnnops.text(*call, stdin="[[0,1]]") == ""
    assert (inputs / "out/b.json").read_text().startswith("[[2,3,4],")


def test_one_input_goes_to_a_directory_too(cnnops, inputs, same):
    (inputs / "in").mkdir()
    (inputs / "a.npy").rename(inputs / "in/a.npy")
    call = [*HALVED, "in/a.npy", "--indices", "where.npy", "-f", "json"]
    assert cnnops.text(*call, "-o", "fresh/") == "[[6.0,8.0],[14.0,16.0]]\n"
    same(np.load(inputs / "fresh/a.npy"), POOLED)
    assert np.load(inputs / "where.npy").tolist() == [[5, 7], [13, 15]]
    assert cnnops.refusal(*HALVED, "gone.npy", "-o", "fresher/") == (
        "INPUT: no such file: gone.npy"
    )
    assert not (inputs / "fresher").exists()


def test_a_failure_does_not_lose_the_others(cnnops, inputs, same):
    (inputs / "bad.npy").write_bytes(b"no numbers")
    np.save(inputs / "deep.npy", np.ones((1, 1, 1, 1, 1)))
    texts = ["bad.npy", "a.npy", "gone.npy", "deep.npy", "b.json"]
    result = cnnops(*HALVED, *texts, "-o", "out/")
    assert (result.status, result.out) == (2, b"")
    assert names(inputs / "out") == ["a.npy", "b.json"]
    same(np.load(inputs / "out/a.npy"), POOLED)
    bad, gone, deep, last = result.err.splitlines()
    assert bad.startswith("cnnops maxpool: error: bad.npy ")
    assert gone == "cnnops maxpool: error: INPUT: no such file: gone.npy"
    assert deep.startswith("cnnops maxpool: error: deep.npy has rank 5")
    assert last == (
        "cnnops maxpool: error: 3 of 5 INPUTs failed; the results of the others are in out/"
    )
    assert cnnops(*HALVED, *texts, "-o", "out/", "--keep-going").err == result.err


def test_a_failure_that_does_not_know_its_input_is_named(cnnops, inputs):
    np.save(inputs / "large.npy", np.full((2, 2), 2**62))
    result = cnnops("conv", "-k", "[[9,9],[9,9]]", "a.npy", "large.npy", "-o", "out/")
    assert result.status == 2
    assert result.err.startswith("cnnops conv: error: large.npy: the sum ")
    assert names(inputs / "out") == ["a.npy"]


def test_all_failed(cnnops, inputs):
    result = cnnops(*HALVED, "x.npy", "y.npy", "-o", "out/")
    assert result.status == 2
    assert result.err.splitlines()[-1] == "cnnops maxpool: error: all 2 INPUTs failed"
    assert names(inputs / "out") == []
    again = cnnops(*HALVED, "x.npy", "y.npy", "-o", "fresh/")
    assert again.err == result.err
    assert not (inputs / "fresh").exists()


def test_a_bad_operand_is_one_error(cnnops, inputs):
    reason = cnnops.refusal("conv", "-k", "gone.npy", "a.npy", "b.json", "-o", "fresh/")
    assert reason == "--kernel: no such file: gone.npy"
    assert not (inputs / "fresh").exists()


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (
            ["a.npy", "b.json"],
            "several INPUTs, as a.npy and b.json, need a directory for their results: "
            "-o DIRECTORY/",
        ),
        (
            ["a.npy", "b.json", "-o", "c.npy"],
            "several INPUTs, as a.npy and b.json, need a directory for their results: "
            "-o DIRECTORY/",
        ),
        (
            ["[[1,", "2]]"],
            "several INPUTs, as [[1, and 2]], need a directory for their results: -o DIRECTORY/; "
            "JSON text needs quotes",
        ),
        (
            ["a.npy", "x/a.npy", "-o", "out/"],
            "a.npy and x/a.npy would both be written to out/a.npy",
        ),
        (
            ["w.npz:bias", "a.npy", "bias.npy", "-o", "out/"],
            "w.npz:bias and bias.npy would both be written to out/bias.npy",
        ),
        (
            ["a.npy", "b.json", "-o", "./"],
            "the result of a.npy would replace a.npy, which is read; name another directory",
        ),
        (
            ["a.npy", "x/link.npy", "-o", "x"],
            "the result of a.npy would replace x/link.npy, which is read; name another directory",
        ),
        (
            ["a.npy", "-o", "."],
            "the result of a.npy would replace a.npy, which is read; name another directory",
        ),
        (
            ["a.npy", "-", "-o", "out/"],
            "INPUT is standard input, which has no name for a result in out/; name a file instead",
        ),
        (
            ["-o", "out/"],
            "INPUT is standard input, which has no name for a result in out/; name a file instead",
        ),
        (
            ["a.npy", "[[1]]", "-o", "out/"],
            "INPUT is JSON text, which has no name for a result in out/; name a file instead",
        ),
        (
            ["a.npy", "", "-o", "out/"],
            "INPUT is empty, which has no name for a result in out/; name a file instead",
        ),
        (
            ["a.npy", "b.json", "-o", "out/", "--indices", "i.npy"],
            "--indices is for one result, and 2 INPUTs have several; leave it out",
        ),
        (
            ["a.npy", "b.json", "-o", "out/", "-f", "json"],
            "--format json is for one result, but there are 2 INPUTs, whose suffixes tell the "
            "formats",
        ),
        (
            ["a.npy", "b.json", "-o", "gone/out/"],
            "--output: gone/out/ cannot be made: no such directory: gone",
        ),
        (
            ["a.npy", "-o", "fresh"],
            "--output: 'fresh' ends in none of .npy, .npz, .json, .png, .jpg, .jpeg, "
            ".webp, .tif, .tiff, .bmp, nor in / as a new directory does",
        ),
        (
            ["a.npy", "b.json", "-o", "/dev/null"],
            "several INPUTs, as a.npy and b.json, need a directory for their results: "
            "-o DIRECTORY/",
        ),
        (
            ["a.npy", "b.json", "-o", "-"],
            "several INPUTs, as a.npy and b.json, need a directory for their results: "
            "-o DIRECTORY/",
        ),
        (["a.npy", "b.json", "-o", "raw"], "raw is not a directory, but a file"),
        (["a.npy", "b.json", "-o", "gone/out"], "gone/out cannot be made: no such directory: gone"),
        (["a.npy", "b.json", "-o", "a.npy/"], "--output: a.npy/ is not a directory, but a file"),
        (["a.npy", "--indices", "out/a.npy", "-o", "out/"], None),
    ],
)
def test_what_does_not_go_with_a_directory(cnnops, inputs, call, reason):
    (inputs / "x").mkdir()
    (inputs / "raw").write_bytes(b"")
    np.save(inputs / "x/a.npy", PLANE)
    np.save(inputs / "bias.npy", PLANE)
    (inputs / "x/link.npy").hardlink_to(inputs / "x/a.npy")
    before = (inputs / "a.npy").read_bytes()
    refused = cnnops.refusal(*AS_IT_IS, *call)
    assert refused == (reason or "two results cannot go to one file: out/a.npy")
    assert (inputs / "a.npy").read_bytes() == before
    assert names(inputs / "out") == []


def test_a_result_does_not_replace_an_operand(cnnops, inputs):
    (inputs / "in").mkdir()
    np.save(inputs / "in/k.npy", PLANE)
    np.save(inputs / "out/k.npy", PLANE[:1, :1])
    reason = cnnops.refusal("conv", "-k", "out/k.npy", "a.npy", "in/k.npy", "-o", "out/")
    assert reason == (
        "the result of in/k.npy would replace out/k.npy, which is read; name another directory"
    )


def test_results_of_an_earlier_run_are_replaced(cnnops, inputs, same):
    for options in (AS_IT_IS, HALVED):
        assert cnnops.text(*options, "a.npy", "b.json", "-o", "out/") == ""
    same(np.load(inputs / "out/a.npy"), POOLED)


def test_what_cannot_be_written_is_a_failure_of_its_input(cnnops, inputs):
    (inputs / "out/a.npy").mkdir()
    result = cnnops(*HALVED, "a.npy", "b.json", "-o", "out/")
    assert result.status == 2
    assert result.err.startswith("cnnops maxpool: error: ")
    assert "out/a.npy: Is a directory" in result.err.splitlines()[0]
    assert names(inputs / "out") == ["a.npy", "b.json"]


def test_an_interrupt_leaves_whole_files_only(installed, inputs):
    os.mkfifo(inputs / "never.npy")
    call = [*HALVED, "a.npy", "never.npy", "b.json", "-o", "out/"]
    with installed.start(*call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 30
        while names(inputs / "out") != ["a.npy"] and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (130, -signal.SIGINT)
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")
    assert names(inputs / "out") == ["a.npy"]


def test_a_summary_goes_to_a_terminal(terminal, inputs):
    call = [*HALVED, "a.npy", "b.json", "-o", "out/"]
    assert terminal(*call).raw == "out/  2 results\n"
    assert terminal(*call, "-q").raw == ""
    assert terminal(*HALVED, "a.npy", "-o", "out/").raw.startswith("out/a.npy  (H 2, W 2)  float32")
    failed = terminal(*HALVED, "a.npy", "gone.npy", "-o", "out/")
    assert failed.status == 2
    assert failed.raw == (
        "cnnops maxpool: error: INPUT: no such file: gone.npy\n"
        "cnnops maxpool: error: 1 of 2 INPUTs failed; the results of the others are in out/\n"
    )


def test_stretch_is_for_pictures_in_a_directory_too(cnnops, tmp_path):
    for name in ("x.json", "y.json"):
        (tmp_path / name).write_text("[[1]]")
    for inputs in (["x.json"], ["x.json", "y.json"]):
        reason = cnnops.refusal("maxpool", "-k", "1", *inputs, "--stretch", "-o", "out/")
        assert reason.startswith("--stretch goes with a picture")
    assert not (tmp_path / "out").exists()
