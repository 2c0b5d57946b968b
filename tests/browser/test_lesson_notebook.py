"""Lessons in a notebook that is executed and converted as people do, and opened in the browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("selenium")
pytest.importorskip("nbconvert")
pytest.importorskip("ipykernel")

from lesson_page import FACTS, PATIENCE, Page, written
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

WINDOWS = [
    """import numpy as np
from cnnops_cli import conv, lesson, maxpool
image = np.arange(1, 13).reshape(1, 3, 4)
lesson(conv, image, np.array([[[[1, 10], [100, 1000]]]]), stride=(1, 2))""",
    "lesson(maxpool, image, (2, 2), stride=(1, 2))",
]


LAYERS = [
    """import numpy as np
from cnnops_cli import batchnorm, dropout, lesson
batch = np.array([[1.0, 10.0], [3.0, 30.0]])
lesson(batchnorm, batch, training=True)""",
    "lesson(dropout, batch, 0.5, seed=1)",
]


def notebook(sources: list[str]) -> dict:
    """Return a notebook of these cells, in version 4.5 of the format."""
    code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [code | {"id": f"cell-{i}", "source": source} for i, source in enumerate(sources)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def execute(folder: Path, sources: list[str], *kinds: str) -> Path:
    """Execute a notebook, and write it to files `executed` of these kinds."""
    (folder / "lessons.ipynb").write_text(json.dumps(notebook(sources)))
    for kind in kinds:
        call = ["nbconvert", "--execute", f"--to={kind}", "--output=executed", "lessons.ipynb"]
        subprocess.run(
            [sys.executable, "-m", *call],
            cwd=folder,
            env=os.environ | {"JUPYTER_PLATFORM_DIRS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
            check=True,
            capture_output=True,
        )
    return folder


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """A notebook as a page of HTML, and as it is saved after it was executed."""
    return execute(tmp_path_factory.mktemp("notebook"), WINDOWS, "notebook", "html")


def test_the_saved_notebook_has_a_frame_and_plain_text(converted):
    saved = json.loads((converted / "executed.ipynb").read_text())
    for cell in saved["cells"]:
        (output,) = cell["outputs"]
        html = "".join(output["data"]["text/html"])
        assert html.count("<iframe") == 1
        assert 'sandbox="allow-scripts"' in html
        plain = "".join(output["data"]["text/plain"])
        assert "<iframe" not in plain
        assert plain


class Frame(Page):
    """One frame of a page that is open; the driver looks into it while it is asked something."""

    def __init__(self, driver, number: int) -> None:
        self.driver = driver
        self.number = number

    def enter(self) -> None:
        self.driver.switch_to.default_content()
        frames = self.driver.find_elements(By.CSS_SELECTOR, "iframe[srcdoc]")
        self.driver.execute_script("arguments[0].scrollIntoView()", frames[self.number])
        self.driver.switch_to.frame(frames[self.number])

    def cell(self, grid, at):
        self.facts_here()
        return super().cell(grid, at)

    def facts_here(self):
        self.enter()
        end = time.monotonic() + PATIENCE
        while not self.driver.execute_script(FACTS)["cells"] and time.monotonic() < end:
            time.sleep(0.02)
        return self.facts()


@pytest.fixture
def frames(chromium, converted):
    chromium.get((converted / "executed.html").as_uri())
    assert len(chromium.find_elements(By.CSS_SELECTOR, "iframe[srcdoc]")) == 2
    yield Frame(chromium, 0), Frame(chromium, 1)
    chromium.switch_to.default_content()


def test_each_frame_shows_its_own_lesson(frames):
    first, second = frames
    assert first.facts_here().shown("kernel")
    assert "1*1 + 10*2 + 100*5 + 1000*6" in first.point_at("result", (0, 0, 0)).formula
    assert "max(7, 8, 11, 12)" in second.point_at("result", (0, 1, 1)).formula


def test_frames_do_not_disturb_each_other(frames):
    first, second = frames
    before = first.facts_here()
    pointed = second.point_at("result", (0, 1, 0))
    assert pointed.current == [("result", (0, 1, 0))]
    assert first.facts_here().formula == before.formula
    assert first.facts_here().current == before.current
    first.click("result", (0, 0, 1))
    first.press(Keys.ARROW_DOWN)
    moved = first.facts_when("result", (0, 1, 1))
    assert moved.current == [("result", (0, 1, 1))]
    assert "1*7 + 10*8 + 100*11 + 1000*12 = 13187" in moved.formula
    assert second.facts_here().currents <= 1
    assert ("result", (0, 1, 1)) not in second.facts_here().current


def test_the_other_operators_in_another_notebook(chromium, tmp_path):
    chromium.get((execute(tmp_path, LAYERS, "html") / "executed.html").as_uri())
    first, second = Frame(chromium, 0), Frame(chromium, 1)
    assert "(3 - 2) / sqrt(1 + 1e-05) * 1 + 0 = " in first.point_at("result", (1, 0)).formula
    assert second.point_at("result", (0, 0)).formula.startswith("1 * 1 / (1 - 0.5) = 2")
    chromium.switch_to.default_content()


def test_a_pin_in_one_frame_is_not_a_pin_in_the_other(frames):
    first, second = frames
    first.click("result", (0, 0, 0))
    for at in ((0, 0, 1), (0, 1, 0)):
        assert second.point_at("result", at).current == [("result", at)], written(at)
    assert first.facts_here().current == [("result", (0, 0, 0))]
