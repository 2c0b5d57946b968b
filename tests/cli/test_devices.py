"""--output to devices, pipes and descriptors: JSON, or what --format says."""

import os
import subprocess
import threading

import numpy as np
import pytest

PLANE = "[[1,2],[3,4]]"
POOL = ["maxpool", "-k", "2", PLANE]


def to_descriptor_3(installed, *call, how=">"):
    return installed(*call, "-o", "/dev/fd/3", setup=f"exec 3{how}three")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], b"[[4]]\n"),
        (["-f", "json"], b"[[4]]\n"),
        (["--precision", "1", "--dtype", "float32"], b"[[4.0]]\n"),
        (["-f", "table"], b"maxpool  (H 1, W 1)  int64  min 4  max 4  mean 4  std 0\n4\n"),
        (["-q"], b"[[4]]\n"),
    ],
)
def test_a_descriptor_takes_json_or_what_format_says(installed, tmp_path, options, text):
    done = to_descriptor_3(installed, *POOL, *options)
    assert (done.status, done.out, done.err) == (0, b"", "")
    assert (tmp_path / "three").read_bytes() == text


def test_a_descriptor_takes_npy(installed, tmp_path, same):
    done = to_descriptor_3(installed, *POOL, "-f", "npy")
    assert (done.status, done.out, done.err) == (0, b"", "")
    same(np.load(tmp_path / "three"), np.array([[4]]))


def test_a_descriptor_that_appends_goes_on_appending(installed, tmp_path):
    (tmp_path / "three").write_text("[0]\n")
    assert to_descriptor_3(installed, *POOL, how=">>").status == 0
    assert (tmp_path / "three").read_text() == "[0]\n[[4]]\n"


def test_letters_go_to_a_descriptor(installed, tmp_path):
    done = to_descriptor_3(installed, "maxpool", "-k", "2", "[[a,b],[c,d]]")
    assert (done.status, done.out, done.err) == (0, b"", "")
    assert (tmp_path / "three").read_text() == '[["max(a, b, c, d)"]]\n'


def test_an_explanation_goes_to_standard_output_and_the_result_to_a_descriptor(installed, tmp_path):
    done = to_descriptor_3(installed, *POOL, "--explain")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(b'{"at": [0,0]')
    assert (tmp_path / "three").read_text() == "[[4]]\n"


def test_dev_null_takes_anything(cnnops):
    for options in ([], ["-f", "npy"], ["-f", "table"], ["--expect", "[[4]]", "-q"]):
        assert cnnops.text(*POOL, *options, "-o", "/dev/null") == ""


def test_standard_output_by_its_name(cnnops):
    assert cnnops.json(*POOL, "-o", "/dev/stdout") == "[[4]]"
    assert cnnops(*POOL, "-o", "/dev/stderr").err == "[[4]]\n"


@pytest.mark.parametrize(("name", "expected"), [("pipe", b"[[4]]\n"), ("pipe.json", b"[[4]]\n")])
def test_a_named_pipe(cnnops, tmp_path, name, expected):
    os.mkfifo(tmp_path / name)
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / name).read_bytes()))
    reader.start()
    assert cnnops.text(*POOL, "-o", name) == ""
    reader.join(60)
    assert read == [expected]


def test_the_suffix_of_a_named_pipe_tells_the_format(cnnops, tmp_path):
    os.mkfifo(tmp_path / "pipe.npy")
    with subprocess.Popen(["cat", tmp_path / "pipe.npy"], stdout=subprocess.PIPE) as cat:
        assert cnnops.text(*POOL, "-o", "pipe.npy") == ""
        assert cat.stdout.read().startswith(b"\x93NUMPY")


def test_a_full_device_is_one_line_and_files_are_put_back(cnnops, tmp_path):
    (tmp_path / "i.json").write_text("old")
    reason = cnnops.refusal(*POOL, "--indices", "i.json", "-o", "/dev/full")
    assert reason == "cannot write /dev/full: No space left on device"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("i.json", "old")]


def test_a_descriptor_that_is_not_open(cnnops):
    reason = cnnops.refusal(*POOL, "-o", "/dev/fd/77")
    assert reason == "--output: /dev/fd/77 is not open: Bad file descriptor"


def test_files_in_memory_are_files(cnnops, same):
    if not os.path.isdir("/dev/shm"):
        pytest.skip("the system has no /dev/shm")
    path = f"/dev/shm/cnnops-{os.getpid()}.npy"
    try:
        assert cnnops.text(*POOL, "-o", path) == ""
        same(np.load(path), np.array([[4]]))
        assert "ends in none of" in cnnops.refusal(*POOL, "-o", "/dev/shm/cnnops-test")
    finally:
        os.unlink(path)
