"""Debian's Chromium, driven by Selenium; one for all tests."""

import os
from pathlib import Path

import pytest

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
