"""README's console examples and the scripts of examples/ say what they print."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
CALLS = [
    (command, output)
    for block in BLOCKS
    for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]
SCRIPTS = {
    "edges.sh": """\
maxpool  (H 3, W 4, C 3)  int64  min 66  max 500  mean 229.083  std 99.5973
[0]                   [1]                   [2]
191  291  212   66    217  253  188   71    198  266  261  112
196  500  384  158    202  456  316  159    198  429  266  179
 94  141  290  266    128  150  278  269    152  156  273  281
""",
    "golden.sh": """\
cnnops conv: equal to digit-edges.json exactly
status 1
cnnops conv: equal to standard input exactly
""",
    "pictures.sh": "",
    "running-statistics.sh": "[[-1.016,0.979,-1.354,-1.284]]\n",
}


@pytest.fixture
def shell(executable, tmp_path):
    """Run a line in a copy of examples/, with the installed command on the path."""
    folder = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", folder)
    path = f"{executable.parent}:{os.defpath}"

    def run(line):
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=folder,
            env={"PATH": path, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            text=True,
            check=False,
        ).stdout

    return run


def test_readme_has_examples_of_every_command():
    assert len(CALLS) >= 10
    for name in ("conv", "maxpool", "batchnorm", "dropout"):
        assert any(f"cnnops {name}" in command for command, _ in CALLS)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][:60])
def test_readme_examples(shell, block):
    calls = [call for call in CALLS if f"$ {call[0]}\n" in block]
    for command, output in calls:
        assert shell(command) == output


def test_readme_snapshots_in_pytest(executable, tmp_path):
    (text,) = re.findall(r"^```python\n(# conftest\.py\n.*?)^```", README, re.MULTILINE | re.DOTALL)
    for part in re.split(r"^# (?=\w+\.py$)", text, flags=re.MULTILINE)[1:]:
        name, _, code = part.partition("\n")
        (tmp_path / name).write_text(code)
    (tmp_path / "snapshots").mkdir()
    for name in ("sobel.json", "digit.npy"):
        shutil.copy(ROOT / "examples" / name, tmp_path)
    path = f"{executable.parent}:{os.defpath}"

    def pytest_status(*options):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        environment = {"PATH": path, "LANG": "C.UTF-8"}
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return run.returncode, run.stdout

    assert pytest_status()[0] == 1
    assert pytest_status("--update")[0] == 0
    assert pytest_status()[0] == 0
    (tmp_path / "sobel.json").write_text("[[1,1],[1,2]]")
    status, shown = pytest_status()
    assert status == 1
    assert "not equal to snapshots/edges.npy" in shown


@pytest.fixture
def in_a_project(executable, tmp_path):
    """Run a script as README's reader would, beside golden files and a kernel of their own."""
    for name in ("sobel.json", "digit.npy"):
        shutil.copy(ROOT / "examples" / name, tmp_path)
    (tmp_path / "golden").mkdir()
    path = f"{tmp_path}:{executable.parent}:{os.defpath}"

    def run(script):
        return subprocess.run(
            ["/bin/sh", "-c", script],
            cwd=tmp_path,
            env={"PATH": path, "LANG": "C.UTF-8"},
            capture_output=True,
            check=False,
        )

    edges = "cnnops conv -k sobel.json digit.npy"
    (tmp_path / "my-kernel").write_text(f"#!/bin/sh\n{edges} -f npy\n")
    (tmp_path / "my-kernel").chmod(0o755)
    assert run(f"{edges} -o golden/edges.npy").returncode == 0
    return run


def test_readme_shell_test(in_a_project, tmp_path):
    (script,) = re.findall(r"^```sh\n(set -eu\n.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert in_a_project(script).returncode == 0
    (tmp_path / "my-kernel").write_text("#!/bin/sh\necho '[[1,2]]'\n")
    failed = in_a_project(script)
    assert failed.returncode == 1
    assert b"cnnops dropout: not equal to golden/edges.npy" in failed.stderr


def test_readme_step_of_ci(in_a_project, tmp_path):
    (step,) = re.findall(r"^- run: (cnnops .*)$", README, re.MULTILINE)
    assert in_a_project(step).returncode == 0
    (tmp_path / "edges.npy").unlink()
    np.save(tmp_path / "golden/edges.npy", np.zeros((6, 6), np.int64))
    failed = in_a_project(step)
    assert failed.returncode == 1
    assert b"36 of 36 values differ" in failed.stderr
    assert np.load(tmp_path / "edges.npy").any()


def test_readme_lists_every_option(cnnops):
    for name in ("conv", "maxpool", "batchnorm", "dropout"):
        columns = re.findall(r"^ {2}(-\S.*?)(?: {2}|$)", cnnops.text(name, "--help"), re.MULTILINE)
        listed = {option for column in columns for option in re.findall(r"--[a-z-]+", column)}
        assert len(listed) > 12
        named = set(re.findall(r"--[a-z-]+", README))
        assert listed - named == {"--help"}


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_example_scripts(shell, name):
    assert shell(f"./{name}") == SCRIPTS[name]


def test_the_pictures_in_readme_are_those_of_the_script(shell, tmp_path):
    shown = set(re.findall(r"\]\(examples/(pictures/\w+\.png)\)", README))
    assert len(shown) == 4
    assert shell("./pictures.sh made") == ""
    for name in shown:
        with Image.open(ROOT / "examples" / name) as kept:
            with Image.open(tmp_path / "examples" / name.replace("pictures", "made")) as made:
                assert kept.mode == made.mode
                np.testing.assert_array_equal(np.asarray(made), np.asarray(kept))


def test_every_script_is_run():
    assert {path.name for path in (ROOT / "examples").glob("*.sh")} == set(SCRIPTS)
