"""The recipes do what their page says: golden files in a shell, in pytest and in CI; lessons."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lesson_data import data_of

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture
def examples(tmp_path):
    return shutil.copytree(EXAMPLES, tmp_path / "examples")


@pytest.fixture
def run(executable, examples):
    """Run a command in a copy of examples/, with the installed command on the path."""
    environment = {"PATH": f"{executable.parent}:{os.defpath}", "LANG": "C.UTF-8"}

    def run(*command):
        return subprocess.run(
            command, cwd=examples, env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_a_kernel_of_ones_own(run, examples):
    kernel = examples / "my-kernel"
    for script, status, said in (
        ("exec cnnops conv -k sobel.json $1 -f npy", 0, "equal to ./digit-edges.json within 4 ulp"),
        ("echo '[[1,2]]'", 1, "not equal to ./digit-edges.json"),
        ("exit 3", 2, "error: standard input is empty"),
    ):
        kernel.write_text(f"#!/bin/sh\n{script}\n")
        kernel.chmod(0o755)
        done = run("./own-kernel.sh", "./my-kernel")
        assert done.returncode == status
        assert done.stderr.startswith(f"cnnops dropout: {said}")


def test_golden_files_in_pytest(run, examples):
    def tested(*options):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "golden_tests"]
        return run(*command, *options)

    assert tested().returncode == 0
    (examples / "sobel.json").write_text("[[1,1],[1,2]]")
    failed = tested()
    assert failed.returncode == 1
    assert "not equal to ../digit-edges.json" in failed.stdout
    assert tested("--update").returncode == 0
    assert tested().returncode == 0


def test_the_step_of_ci(run, examples):
    (step,) = re.findall(r"^ +- run: (cnnops .*)$", (EXAMPLES / "ci.yml").read_text(), re.MULTILINE)
    (examples / "golden").mkdir()
    golden = examples / "golden/edges.npy"
    made = step.split()[: step.split().index("--expect")]
    assert run(*made, "-o", golden).returncode == 0
    assert run(*step.split()).returncode == 0
    (examples / "edges.npy").unlink()
    np.save(golden, np.zeros((6, 6), np.int64))
    failed = run(*step.split())
    assert failed.returncode == 1
    assert "36 of 36 values differ" in failed.stderr
    assert np.load(examples / "edges.npy").any()


def test_a_picture_of_a_lesson_needs_a_browser(run):
    done = run("/bin/sh", "-c", "CHROMIUM=no-such-browser ./lesson.sh")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "lesson.sh: there is no no-such-browser\n"


def test_the_chain_of_layers(run, examples, tmp_path):
    """Its results are those of loops and of NumPy; its lessons say what their page says they do."""
    assert run(examples / "chain.sh", tmp_path / "made").returncode == 0
    made = tmp_path / "made"
    digit = np.load(examples / "digit.npy").astype(int)
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    edges = np.array(
        [
            [[(digit[i : i + 3, j : j + 3] * kernel).sum() for j in range(6)] for i in range(6)]
            for kernel in (across, across.T)
        ]
    )
    np.testing.assert_array_equal(json.loads((made / "conv.json").read_text()), edges)
    mean, variance = edges.mean((1, 2), keepdims=True), edges.var((1, 2), keepdims=True)
    rectified = np.maximum((edges - mean) / np.sqrt(variance + 1e-5), 0)[None]
    np.testing.assert_allclose(np.load(made / "batchnorm.npy"), rectified, rtol=1e-12)
    dropped = np.load(made / "dropout.npy")
    is_kept = dropped != 0
    assert 0.3 < is_kept[rectified > 0].mean() < 0.7
    np.testing.assert_array_equal(
        dropped, np.where(is_kept, 2 * np.load(made / "batchnorm.npy"), 0)
    )


def test_the_lessons_of_the_chain(run, examples, tmp_path):
    assert run(examples / "chain.sh", tmp_path).returncode == 0
    page = (EXAMPLES / "README.md").read_text()
    rows = re.findall(r"^\| `chain/(\w+)\.html#at=([\d,]+)` \| ([\d.]+), (.*) \|$", page, re.M)
    assert [name for name, *_ in rows] == ["conv", "batchnorm", "dropout"]
    for name, at, value, why in rows:
        data = data_of((tmp_path / f"{name}.html").read_text())
        shape = data["result"]["lengths"][-len(at.split(",")) :]
        place = np.ravel_multi_index([int(number) for number in at.split(",")], shape)
        assert data["steps"]["values"][place] == value
        if name == "batchnorm":
            assert why == f"which is {data['steps']['formulas'][place]}"
