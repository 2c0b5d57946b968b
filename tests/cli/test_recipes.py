"""The recipes for golden files do what their page says: in a shell, in pytest and in CI."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

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
