"""The lessons of examples/ open at the elements that its page names, and scripts make them anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("selenium")

from lesson_page import Page
from PIL import Image

pytestmark = pytest.mark.browser

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
ROWS = re.findall(
    r"^\| `chain/(.*)#at=([\d,]+)` \| ([\d.]+), ",
    (EXAMPLES / "README.md").read_text(),
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def run_script(tmp_path_factory):
    """Run a script of examples/ with the command of these tests; return the folder it fills."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(name):
        folder = tmp_path_factory.mktemp("made")
        subprocess.run([EXAMPLES / name, folder], env=os.environ | {"PATH": path}, check=True)
        return folder

    return run


def test_the_chain_of_layers(chromium, run_script):
    folder = run_script("chain.sh")
    assert len(ROWS) == 3
    for name, at, value in ROWS:
        facts = Page(chromium, folder / name).open(tuple(map(int, at.split(","))))
        assert f" = {value}" in facts.formula
    assert not chromium.get_log("browser")


def test_the_lesson_of_readme_and_its_picture(chromium, run_script):
    folder = run_script("lesson.sh")
    made, kept = folder / "lesson.html", EXAMPLES / "lesson.html"
    assert made.read_bytes() == kept.read_bytes()
    with Image.open(folder / "lesson.png") as made, Image.open(EXAMPLES / "lesson.png") as kept:
        assert (made.size, made.mode) == (kept.size, kept.mode)
        assert len(np.unique(np.asarray(made))) > 32
