"""Pages of many elements are drawn and written in parts: which, and when."""

import re
import time

import pytest

pytest.importorskip("selenium")

from lesson_page import PATIENCE
from page_calls import (
    LARGEST,
    PLANES,
    deepest,
    held_window,
    largest_sum,
    largest_window,
    most_channels,
    most_samples,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("call", LARGEST)
def test_only_planes_that_are_shown_are_in_the_document(page_of, call):
    page = page_of(call())
    page.driver.get(page.path.as_uri())
    planes = page.driver.find_elements(By.CSS_SELECTOR, "[data-grid] [role=grid]")
    assert len(planes) == PLANES.get(call, 3)


def test_of_many_samples_those_near_the_step_are_in_the_document(page_of):
    page = page_of(most_samples())
    for sample, first, end in [(0, 0, 250), (249, 0, 250), (250, 250, 500), (3999, 3750, 4000)]:
        facts = page.open((sample, 1))
        assert facts.current == [("result", (sample, 1))]
        assert facts.shown("result") == {(n, c) for n in range(first, end) for c in range(2)}
        assert facts.lit("input") == {(n, 1) for n in range(first, end)}
        headers = page.driver.find_elements(By.CSS_SELECTOR, "[data-grid=result] tbody th")
        assert [headers[0].text, headers[-1].text] == [str(first), str(end - 1)]


TERMS = "return document.querySelectorAll('#formula .term').length"


HELD = """
const texts = (selector) => [...document.querySelectorAll(selector)].map((td) => td.textContent);
return [texts("[data-grid=kernel] td[data-at]"), texts("[data-grid=input] td.lit")];
"""


def wait_for(page, script, expected):
    """Wait until a script returns what is expected."""
    end = time.monotonic() + PATIENCE
    while (found := page.driver.execute_script(script)) != expected:
        assert time.monotonic() < end, found


def select(page, picker, option):
    label = page.driver.find_element(By.XPATH, f"//label[starts-with(., '{picker} ')]")
    Select(label.find_element(By.TAG_NAME, "select")).select_by_visible_text(option)


def test_a_formula_of_many_terms_is_cut_while_playing_and_whole_when_paused(page_of):
    page = page_of(largest_sum())
    page.open()
    wait_for(page, TERMS, 64 * 9)
    assert "…" not in page.facts().formula
    play = page.driver.find_element(By.ID, "play")
    Select(page.driver.find_element(By.ID, "speed")).select_by_visible_text("20/s")
    play.click()
    page.driver.execute_async_script("setTimeout(arguments[0], 300)")
    assert page.driver.execute_script(TERMS) == 100
    lines = page.facts().lines
    assert [line.count("*") for line in lines[:64]] == [9] * 11 + [1] + [0] * 52
    assert [line.count("…") for line in lines[:64]] == [0] * 11 + [1] * 53
    assert lines[12].startswith("channel 12: … = ")
    play.click()
    wait_for(page, TERMS, 64 * 9)
    assert "…" not in page.facts().formula
    said = page.driver.find_element(By.ID, "said").get_attribute("textContent")
    assert said.count("*") == 64 * 9


def test_of_a_formula_of_more_than_a_thousand_terms_the_first_are_written(page_of):
    page = page_of(largest_window())
    page.open((0, 2, 1))
    wait_for(page, TERMS, 1000)
    facts = page.facts()
    assert " + … = " in facts.formula
    assert "sum of its 9025 products" in facts.words
    assert len(facts.lit("input")) == len(facts.lit("kernel")) == 95 * 95


NOTE_WHAT_IS_UNFILLED = """
window.unfilledAtSteps = [];
const showNow = show;
show = (step) => { unfilledAtSteps.push(unfilled.size); showNow(step); };
"""


def test_all_that_a_large_window_holds_is_shown_before_the_next_step(page_of):
    page = page_of(held_window())
    page.open()
    page.driver.execute_script(NOTE_WHAT_IS_UNFILLED)
    Select(page.driver.find_element(By.ID, "speed")).select_by_visible_text("20/s")
    play = page.driver.find_element(By.ID, "play")
    play.click()
    wait_for(page, "return unfilledAtSteps.length > 2", True)
    play.click()
    assert set(page.driver.execute_script("return unfilledAtSteps")) == {0}
    wait_for(page, "return unfilled.size", 0)
    held, read = page.driver.execute_script(HELD)
    assert len(held) == 40 * 40
    assert held == read


def test_of_many_channels_some_are_shown_and_the_others_picked(page_of):
    page = page_of(most_channels())
    facts = page.open((1, 0, 0))
    assert facts.shown("input") == {(c, 0, 0) for c in range(64)}
    assert [line.split(":")[0] for line in facts.lines[:-1]] == [
        *(f"channel {c}" for c in range(64)),
        "…",
    ]
    select(page, "input channels", "64 to 127")
    facts = page.facts()
    assert facts.shown("input") == facts.lit("input") == {(c, 0, 0) for c in range(64, 128)}
    assert facts.shown("kernel") == {(1, c, 0, 0) for c in range(64, 128)}
    assert facts.lines[0] == facts.lines[-2] == "…"
    weight, element = (facts.of(grid)[0].text for grid in ("kernel", "input"))
    factor = f"({element})" if element.startswith("-") else element
    assert facts.lines[1].startswith(f"channel 64: {weight}*{factor} = ")
    page.point_at("input", (70, 0, 0))
    pairs = page.driver.find_elements(By.CSS_SELECTOR, ".pair")
    assert [pair.get_attribute("data-at") for pair in pairs] == ["70,0,0", "1,70,0,0", None]
    select(page, "input channels", "4864 to 4899")
    facts = page.facts()
    assert facts.shown("input") == {(c, 0, 0) for c in range(4864, 4900)}
    assert facts.lines[0] == "…"
    assert facts.lines[-2].startswith("channel 4899: ")
    select(page, "input channels", "0 to 63")
    assert page.facts().shown("input") == {(c, 0, 0) for c in range(64)}


def test_of_many_channels_and_depths_planes_are_picked(page_of):
    page = page_of(deepest())
    page.open((0, 10, 0, 0))
    select(page, "input planes", "1984 to 2047")
    facts = page.facts()
    read = [(c, d, 0, 0) for c in range(2) for d in range(10, 2000)]
    assert facts.lit("input") == set(read[1984:2048])
    first, second, total = facts.lines
    assert first.startswith("channel 0: … + ")
    assert "…" not in first.removeprefix("channel 0: …")
    assert re.match(r"channel 1: [-\d.]+\*", second)
    assert " + … = " in second
    assert "…" not in total
