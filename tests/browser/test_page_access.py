"""A lesson page for screen readers and for the keyboard: roles, names, and what is said."""

import os
from pathlib import Path

import pytest

pytest.importorskip("selenium")

from page_calls import ALL, deep, notes, reflected
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

pytestmark = pytest.mark.browser

AXE = os.environ.get("AXE_CORE", "")
TABLES = """
return [...document.querySelectorAll("table")].map((table) => ({
  role: table.getAttribute("role"),
  name: table.getAttribute("aria-label"),
  headers: table.querySelectorAll("th").length,
  columns: [...table.querySelectorAll("thead th")].every((header) => header.scope === "col"),
  rows: [...table.querySelectorAll("tbody th")].every((header) => header.scope === "row"),
  cells: table.querySelectorAll("td[data-at]").length,
}));
"""
STOPS = """
return [...document.querySelectorAll("[data-grid]")].map((grid) => [
  grid.dataset.grid, grid.getAttribute("aria-label"),
  grid.querySelectorAll("td[tabindex='0']").length]);
"""


def said(page):
    return page.driver.find_element(By.ID, "said").get_attribute("textContent")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("call", ALL)
def test_axe_finds_nothing(page_of, call, scheme):
    if not Path(AXE).is_file():
        pytest.skip("AXE_CORE does not lead to axe.min.js, from npm's axe-core")
    page = page_of(call())
    page.prefer(prefers_color_scheme=scheme)
    page.open()
    page.driver.execute_script(Path(AXE).read_text("utf-8"))
    found = page.driver.execute_async_script("axe.run().then(arguments[0])")
    assert len(found["passes"]) > 20
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []


@pytest.mark.parametrize("call", ALL)
def test_planes_are_grids_with_names_and_headers(page_of, call):
    page = page_of(call())
    page.open()
    tables = page.driver.execute_script(TABLES)
    names = [table["name"] for table in tables]
    assert len(set(names)) == len(names) >= 3
    for table in tables:
        assert table["role"] == "grid"
        assert table["headers"] > 0
        assert table["columns"]
        assert table["rows"]
        assert table["cells"] > 0


def test_the_name_of_a_plane_tells_where_it_is(page_of):
    page = page_of(deep())
    page.open((1, 2, 0, 0))
    names = [table["name"] for table in page.driver.execute_script(TABLES)]
    assert names == [
        "input, channel 0, depth 1",
        "input, channel 0, depth 2",
        "input, channel 1, depth 1",
        "input, channel 1, depth 2",
        "kernel, filter 1, channel 0, depth 0",
        "kernel, filter 1, channel 0, depth 1",
        "kernel, filter 1, channel 1, depth 0",
        "kernel, filter 1, channel 1, depth 1",
        "result, channel 1, depth 2",
    ]


@pytest.mark.parametrize("call", ALL)
def test_one_cell_of_each_grid_is_in_the_tab_order(page_of, call):
    page = page_of(call())
    page.open()
    for keys in ([], [Keys.END], [Keys.ARROW_UP, Keys.ARROW_LEFT]):
        page.press(*keys)
        stops = page.driver.execute_script(STOPS)
        assert [(grid, number) for grid, _, number in stops] == [
            ("input", 1),
            ("kernel", 1),
            ("result", 1),
        ]
        assert all(name for _, name, _ in stops)


def test_the_tab_key_goes_over_controls_and_grids(page_of):
    page = page_of(reflected())
    page.open()
    reached = []
    for _ in range(9):
        page.press(Keys.TAB)
        active = page.driver.switch_to.active_element
        reached.append(active.get_attribute("id") or active.get_attribute("data-at") or "picker")
    assert reached == [
        *("picker", "back", "play", "forward", "speed", "pin"),
        *("0,-1,-1", "0,0,0,0", "0,0,0"),
    ]


def test_controls_have_names(page_of):
    page = page_of(reflected())
    page.open()
    controls = page.driver.find_elements(By.CSS_SELECTOR, "button, select")
    assert [control.accessible_name for control in controls] == [
        *("channel", "Previous element", "Play", "Next element", "speed", "Pin"),
    ]


def test_what_is_lit_and_current_is_told(page_of):
    page = page_of(notes())
    page.open()
    for name, state in [("lit", "aria-selected"), ("current", "aria-current")]:
        with_class, with_state = (
            page.driver.find_elements(By.CSS_SELECTOR, f"td{which}")
            for which in (f".{name}", f"[{state}='true']")
        )
        assert with_class == with_state != []


def test_each_step_is_said_but_none_while_playing(page_of):
    page = page_of(notes())
    page.open()
    region = page.driver.find_element(By.ID, "said")
    assert region.aria_role == "status"
    page.press(Keys.ARROW_RIGHT)
    spoken = said(page)
    assert spoken.endswith(" a*3 + b*4 + c*7 + d*8")
    Select(page.driver.find_element(By.ID, "speed")).select_by_visible_text("20/s")
    page.driver.execute_script(
        "window.spoken = [];"
        "new MutationObserver(() => spoken.push(document.querySelector('#said').textContent))"
        ".observe(document.getElementById('said'), {childList: true})"
    )
    page.driver.find_element(By.ID, "play").click()
    page.driver.execute_async_script("setTimeout(arguments[0], 1000)")
    spoken = page.driver.execute_script("return window.spoken")
    assert [each.split(" a*")[1] for each in spoken] == ["7 + b*8 + c*11 + d*12"]


def test_focus_is_seen(page_of):
    page = page_of(notes())
    page.open()
    page.press(Keys.ARROW_RIGHT)
    shadow = page.driver.switch_to.active_element.value_of_css_property("box-shadow")
    assert shadow != page.cell("result", (0, 0, 0)).value_of_css_property("box-shadow") == "none"
    assert shadow != "none"
