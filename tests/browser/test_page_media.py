"""A lesson page in the dark, in the browser's own colours, without motion, and on paper."""

import re

import pytest

pytest.importorskip("selenium")

from page_calls import ALL, notes, reflected, tall, wide
from selenium.webdriver.common.by import By

pytestmark = pytest.mark.browser

CONTRAST = """
const luminance = (colour) => colour.match(/[\\d.]+/g).slice(0, 3)
  .map((each) => each / 255)
  .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
  .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);
const clear = "rgba(0, 0, 0, 0)";
return [...document.querySelectorAll("td[data-at], th, p, h1, h2, h3, small, label, pre, button")]
  .filter((element) => element.checkVisibility({visibilityProperty: true}) && element.innerText)
  .map((element) => {
    let behind = element;
    while (getComputedStyle(behind).backgroundColor === clear) behind = behind.parentElement;
    const [one, other] = [getComputedStyle(behind).backgroundColor, getComputedStyle(element).color]
      .map(luminance).sort((a, b) => b - a);
    return [(one + 0.05) / (other + 0.05), element.outerHTML];
  })
  .sort(([one], [other]) => one - other)[0];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("call", ALL)
def test_text_stands_out(page_of, call, scheme):
    page = page_of(call())
    page.prefer(prefers_color_scheme=scheme)
    page.open()
    least, where = page.driver.execute_script(CONTRAST)
    assert least >= 4.5, where


def test_dark_is_dark_and_light_is_light(page_of):
    page = page_of(notes())
    colours = {}
    for scheme in ("light", "dark"):
        page.prefer(prefers_color_scheme=scheme)
        page.open()
        root = page.driver.find_element(By.TAG_NAME, "html")
        colours[scheme] = sum(
            map(int, re.findall(r"\d+", root.value_of_css_property("background-color"))[:3])
        )
    assert colours["light"] > 700 > 100 > colours["dark"]


@pytest.mark.parametrize(("wish", "seconds"), [("no-preference", "0.15s"), ("reduce", "0s")])
def test_motion_is_reduced_for_who_wishes_so(page_of, wish, seconds):
    page = page_of(notes())
    page.prefer(prefers_reduced_motion=wish)
    page.open()
    durations = page.driver.execute_script(
        "return [...document.querySelectorAll('*')].map((element) => "
        "getComputedStyle(element).transitionDuration)"
    )
    assert set(durations) == {"0s", seconds}


def test_colours_of_the_browser_s_own_tell_cells_apart(page_of):
    page = page_of(reflected())
    page.prefer(forced_colors="active")
    page.open()
    styles = page.driver.execute_script(
        "const [element, padding, lit] = ['[data-grid=result] td:not(.lit, .current)',"
        "  'td.padding:not(.lit)', 'td.lit'].map((cell) => document.querySelector(cell))"
        "  .map((cell) => getComputedStyle(cell));"
        "return [element.borderColor, padding.borderColor, lit.outlineColor,"
        "  getComputedStyle(document.body.parentNode).backgroundColor];"
    )
    element, padding, lit, paper = styles
    assert padding == paper
    assert len({element, lit, paper}) == 3


def test_paper_has_no_controls_and_no_scroll_bars(page_of):
    page = page_of(notes())
    page.print()
    page.open()
    shown = {
        name: page.driver.find_element(By.ID, name).is_displayed()
        for name in ("controls", "hint", "figure", "step", "pytorch")
    }
    assert shown == {
        "controls": False,
        "hint": False,
        "figure": True,
        "step": True,
        "pytorch": True,
    }
    rooms = page.driver.find_elements(By.CLASS_NAME, "room")
    assert {room.value_of_css_property("overflow") for room in rooms} == {"visible"}
    assert page.driver.find_element(By.ID, "step").value_of_css_property("position") == "static"


def test_grids_are_next_to_each_other_on_paper(page_of):
    page = page_of(notes())
    page.resize(700)
    page.print()
    page.open()
    grids = page.driver.find_elements(By.CSS_SELECTOR, "[data-grid]")
    assert len({grid.rect["y"] for grid in grids}) == 1


def test_a_plane_that_is_longer_than_a_page_begins_on_the_first(page_of):
    page = page_of(tall())
    page.print()
    page.open()
    planes = page.driver.find_elements(By.CLASS_NAME, "plane")
    breaks = [plane.value_of_css_property("break-inside") for plane in planes]
    assert breaks == ["auto", "avoid", "auto"]


@pytest.mark.parametrize("call", [*ALL, wide])
def test_nothing_is_cut_off_on_paper(page_of, call):
    page = page_of(call())
    page.resize(680)
    page.open()
    page.print()
    past_the_edge = page.driver.execute_script(
        "return [...document.querySelectorAll('td, th, #formula div')]"
        "  .filter((e) => e.getBoundingClientRect().right > document.body.clientWidth).length"
    )
    assert past_the_edge == 0
    containment = page.driver.execute_script(
        "return [...document.querySelectorAll('.room')].map((e) => getComputedStyle(e).contain)"
    )
    assert set(containment) == {"none"}
