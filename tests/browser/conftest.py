"""Debian's Chromium, driven by Selenium, and the lessons that it opens; each is made once."""

from __future__ import annotations

import json
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from calling import CommandHere
from lesson_cases import BY_NAME
from lesson_oracle import At, Step

from cnnops_cli.lessons.page import Lesson

# Doctests are looked for in every module, and this one cannot be imported without it.
collect_ignore = [] if find_spec("selenium") else ["lesson_page.py"]

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")


@pytest.fixture(scope="session")
def chromium():
    """A browser without a window, whose console is kept."""
    webdriver = pytest.importorskip("selenium.webdriver")
    for program in (CHROMIUM, DRIVER):
        if not os.access(program, os.X_OK):
            pytest.skip(f"{program} is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND"
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1600,1200", nowhere):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lessons")


@pytest.fixture(scope="session")
def command(folder):
    return CommandHere(folder)


@pytest.fixture(scope="session")
def lesson_of(folder, command, chromium):
    """Make the lesson of a case, and give its page and the result as it is printed."""

    from lesson_page import Page

    @cache
    def make(name: str):
        printed = command.text(*BY_NAME[name].arguments, "--lesson", f"{name}.html")
        return Page(chromium, folder / f"{name}.html"), printed

    return make


@pytest.fixture(scope="session")
def steps_of(folder, command):
    """Work out the steps of a case."""

    @cache
    def work_out(name: str) -> dict[At, Step]:
        case = BY_NAME[name]
        if case.operator != "dropout" or "--eval" in case.options:
            return case.steps()
        command.text(*case.arguments, "--mask-output", f"{name}-mask.json")
        return case.steps(json.loads((folder / f"{name}-mask.json").read_text()))

    return work_out


@pytest.fixture
def page_of(chromium, tmp_path):
    """Save a lesson, and give its page; how the screen and the reader's wishes are is put back."""
    from lesson_page import Page

    def make(made: Lesson) -> Page:
        path = tmp_path / "lesson.html"
        made.save(path)
        chromium.get_log("browser")
        return Page(chromium, path)

    yield make
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
