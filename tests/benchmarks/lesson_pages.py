"""Compare settings of the lesson page: how long the largest pages take to open, and to play.

    python tests/benchmarks/lesson_pages.py [--match window] [--set CELLS_PER_FRAME=500]

It needs Selenium, and Chromium with its driver. The first two times are those for which the page's
thread had a processor; the longest task while playing is by the clock, and 0 where none takes more
than 50 ms. A setting is a constant of the page's script.
"""

import argparse
import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import machine
from tables import Table, milliseconds

sys.path.append(str(Path(__file__).parents[1] / "browser"))

DRAWN = "requestAnimationFrame(() => setTimeout(arguments[0]))"
PLAY = """
window.longestTask = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) longestTask = Math.max(longestTask, task.duration);
}).observe({type: "longtask"});
document.getElementById("speed").value = "50";
window.began = view.step;
document.getElementById("play").click();
"""
PLAYED = "return [view.step - began, longestTask]"
SECONDS = 1.5


def main(argv: Sequence[str] | None = None) -> None:
    """Print a line per call and setting."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--match", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args(argv)
    from page_calls import LARGEST

    machine.print_header()
    table = Table(
        ("call", 24), ("setting", 22), ("opens", 8), ("step", 8), ("longest task", 12), left=2
    )
    with TemporaryDirectory() as folder, _chromium() as driver:
        for call in LARGEST:
            name = call.__name__.removeprefix("largest_")
            if arguments.match not in name:
                continue
            page, made = Path(folder, "lesson.html"), call().html()
            times: dict[str, list[tuple[float, ...]]] = {}
            for _ in range(arguments.rounds):
                for setting in ["", *arguments.set]:
                    page.write_text(_changed(made, setting), "utf-8")
                    times.setdefault(setting, []).append(_measured(driver, page))
            for setting, rounds in times.items():
                opens, step, longest = map(statistics.median, zip(*rounds, strict=True))
                cells = (milliseconds(each) for each in (opens, step, longest))
                table.row(name, setting or "as it is", *cells)


def _chromium() -> Any:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1600,1200"):
        options.add_argument(argument)
    return webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))


def _changed(page: str, setting: str) -> str:
    """Give a constant of the script another value; the policy, which knows the script, goes."""
    if not setting:
        return page
    name, value = setting.split("=")
    changed, count = re.subn(rf"(const {name} =) \d+;", rf"\1 {value};", page)
    if count != 1:
        raise SystemExit(f"the page has no number {name}")
    return re.sub(r"<meta http-equiv[^>]*>", "", changed)


def _measured(driver: Any, page: Path) -> tuple[float, float, float]:
    """Return seconds: to open, a step, and the longest task while playing."""
    driver.get("about:blank")
    driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    driver.get(page.as_uri())
    driver.execute_async_script(DRAWN)
    opened = _busy(driver)
    driver.execute_async_script("setTimeout(arguments[0], 500)")
    before = _busy(driver)
    driver.execute_script(PLAY)
    driver.execute_async_script(f"setTimeout(arguments[0], {1000 * SECONDS})")
    steps, longest = driver.execute_script(PLAYED)
    step = (_busy(driver) - before) / max(steps, 1)
    driver.execute_cdp_cmd("Performance.disable", {})
    return opened, step, longest / 1000


def _busy(driver: Any) -> float:
    """Return the seconds that the page's thread had a processor."""
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(each["value"] for each in metrics if each["name"] == "TaskDuration")


if __name__ == "__main__":
    main()
