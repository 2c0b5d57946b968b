"""A lesson as the browser has it: its cells, what is lit, and the arithmetic."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from lesson_oracle import At
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

PATIENCE = 3
TALLEST = 1200
LOADS = count()
FACTS = """
const planes = [], cells = [];
for (const grid of document.querySelectorAll("[data-grid]")) {
  for (const cell of grid.querySelectorAll("[data-at], [data-padding]")) {
    const plane = cell.closest("table, [role=grid]") ?? grid, box = cell.getBoundingClientRect();
    if (!planes.includes(plane)) planes.push(plane);
    cells.push([
      grid.dataset.grid, planes.indexOf(plane), cell.dataset.at ?? "",
      cell.hasAttribute("data-padding"), cell.innerText.trim(),
      cell.classList.contains("lit"), cell.classList.contains("current"),
      Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)]);
  }
}
return {
  formula: document.getElementById("formula")?.textContent ?? "",
  words: document.getElementById("words")?.textContent ?? "",
  lines: [...document.querySelectorAll("#formula > div")].map((line) => line.textContent),
  currents: document.querySelectorAll(".current").length,
  cells,
};
"""


@dataclass(frozen=True)
class Cell:
    """One cell of a grid, and where the middle of it is on the screen."""

    grid: str
    plane: int
    written_at: str
    padding: bool
    text: str
    lit: bool
    current: bool
    x: int
    y: int

    @property
    def at(self) -> At:
        return tuple(map(int, self.written_at.split(",")))


@dataclass(frozen=True)
class Facts:
    """All that tests ask of the page at one moment."""

    formula: str
    words: str
    lines: list[str]
    currents: int
    cells: list[Cell]

    def of(self, grid: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.grid == grid]

    def shown(self, grid: str) -> set[At]:
        return {cell.at for cell in self.of(grid) if not cell.padding}

    def lit(self, grid: str) -> set[At]:
        return {cell.at for cell in self.of(grid) if cell.lit and not cell.padding}

    @property
    def current(self) -> list[tuple[str, At]]:
        return [(cell.grid, cell.at) for cell in self.cells if cell.current]


class Page:
    """A lesson that is open in the browser."""

    def __init__(self, driver: WebDriver, path: Path) -> None:
        self.driver = driver
        self.path = path

    def open(self, at: At | None = None) -> Facts:
        """Load the page anew, at a cell of the result or without saying where."""
        fragment = "" if at is None else f"#at={written(at)}"
        self.driver.get(f"{self.path.as_uri()}?{next(LOADS)}{fragment}")
        return self.facts() if at is None else self.facts_when("result", at)

    def facts(self) -> Facts:
        found = self.driver.execute_script(FACTS)
        cells = [Cell(*cell) for cell in found["cells"]]
        formula = " ".join(found["formula"].split())
        return Facts(formula, found["words"], found["lines"], found["currents"], cells)

    def facts_when(self, grid: str, at: At) -> Facts:
        """Return the facts as soon as this cell is a current one, or when patience ends."""
        end = time.monotonic() + PATIENCE
        while True:
            facts = self.facts()
            if (grid, at) in facts.current or time.monotonic() > end:
                return facts

    def cell(self, grid: str, at: At) -> WebElement:
        """Return a cell, once it is in the middle of the window: nothing that sticks is over it."""
        cell = self.driver.find_element(
            By.CSS_SELECTOR, f'[data-grid="{grid}"] [data-at="{written(at)}"]:not([data-padding])'
        )
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", cell)
        return cell

    def point_at(self, grid: str, at: At) -> Facts:
        ActionChains(self.driver, duration=0).move_to_element(self.cell(grid, at)).perform()
        return self.facts_when(grid, at)

    def click(self, grid: str, at: At) -> Facts:
        ActionChains(self.driver, duration=0).click(self.cell(grid, at)).perform()
        return self.facts_when(grid, at)

    def errors(self) -> list[str]:
        """Return the errors in the console since it was last asked for."""
        log = self.driver.get_log("browser")
        return [line["message"] for line in log if line["level"] == "SEVERE"]

    def resize(self, width: int, height: int = TALLEST) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, **wishes: str) -> None:
        """Set media features, such as ``prefers_color_scheme="dark"``."""
        features = [{"name": name.replace("_", "-"), "value": w} for name, w in wishes.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def print(self) -> None:
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})

    def press(self, *keys: str) -> None:
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()


def written(at: At) -> str:
    return ",".join(map(str, at))
