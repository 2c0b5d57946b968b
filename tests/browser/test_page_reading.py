"""What a reader does on a lesson page: pointing, keys, pinning, playing, and choosing."""

import time

import pytest

pytest.importorskip("selenium")

from page_calls import ALL, deep, dilated, dropped, normalised, notes, pooled, reflected
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

pytestmark = pytest.mark.browser


def find(page, selector):
    return page.driver.find_element(By.CSS_SELECTOR, selector)


def all_texts(page, selector):
    return [each.text for each in page.driver.find_elements(By.CSS_SELECTOR, selector)]


def address(page):
    return page.driver.execute_script("return location.hash")


def is_pinned(page):
    return find(page, "#pin").text == "Unpin"


def hover(page, element):
    ActionChains(page.driver, duration=0).move_to_element(element).perform()


def wait_until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("call", ALL)
def test_a_page_opens_at_its_first_element(page_of, call):
    page = page_of(call())
    facts = page.open()
    [(grid, at)] = facts.current
    assert (grid, set(at)) == ("result", {0})
    assert facts.lit("input")
    assert (address(page), is_pinned(page)) == ("", False)
    assert not page.errors()


def test_an_element_stays_current_when_the_pointer_leaves(page_of):
    page = page_of(notes())
    page.open()
    page.point_at("result", (0, 1, 1))
    hover(page, find(page, "h1"))
    assert page.facts().current == [("result", (0, 1, 1))]
    assert page.facts().formula == "a*7 + b*8 + c*11 + d*12"
    assert find(page, "#where").text == "result [0, 1, 1]"
    assert find(page, "#count").text == "4 of 4"


def test_a_click_pins(page_of):
    page = page_of(notes())
    page.open()
    page.click("result", (0, 0, 1))
    assert (address(page), is_pinned(page)) == ("#at=0,0,1", True)
    page.point_at("result", (0, 1, 0))
    assert page.facts().current == [("result", (0, 0, 1))]
    page.click("result", (0, 1, 0))
    assert (address(page), is_pinned(page)) == ("#at=0,1,0", True)
    page.click("result", (0, 1, 0))
    assert (address(page), is_pinned(page)) == ("", False)
    assert page.point_at("result", (0, 1, 1)).current == [("result", (0, 1, 1))]


def test_keys_move_and_pin(page_of):
    page = page_of(notes())
    page.open()
    for key, at in [
        (Keys.ARROW_RIGHT, (0, 0, 1)),
        (Keys.ARROW_RIGHT, (0, 0, 1)),
        (Keys.ARROW_DOWN, (0, 1, 1)),
        (Keys.ARROW_LEFT, (0, 1, 0)),
        (Keys.ARROW_UP, (0, 0, 0)),
        (Keys.END, (0, 1, 1)),
        (Keys.HOME, (0, 0, 0)),
    ]:
        page.press(key)
        assert page.facts().current == [("result", at)]
        assert page.driver.switch_to.active_element.get_attribute("data-at") == "{},{},{}".format(
            *at
        )
    page.press(Keys.ENTER)
    assert (address(page), is_pinned(page)) == ("#at=0,0,0", True)
    page.press(Keys.ARROW_RIGHT)
    assert (address(page), is_pinned(page)) == ("#at=0,0,1", True)
    page.press(Keys.ESCAPE)
    assert (address(page), is_pinned(page)) == ("", False)
    page.press(Keys.ENTER, Keys.ENTER)
    assert (address(page), is_pinned(page)) == ("", False)


def test_keys_go_over_the_input_and_its_padding(page_of):
    page = page_of(reflected())
    page.open()
    input_stop = find(page, '[data-grid="input"] [tabindex="0"]')
    page.driver.execute_script("arguments[0].focus()", input_stop)
    assert page.facts().current == [("input", (0, -1, -1))]
    page.press(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert page.facts().current == [("input", (0, 0, 0))]
    page.press(*[Keys.ARROW_DOWN] * 7)
    assert page.facts().current == [("input", (1, 0, 0))]
    page.press(Keys.HOME)
    assert page.facts().current == [("result", (0, 0, 0))]


def test_an_element_of_the_input_and_a_pinned_step_are_seen_together(page_of):
    page = page_of(notes())
    page.open((0, 0, 0))
    facts = page.point_at("input", (0, 2, 3))
    assert facts.lit("input") == {(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)}
    assert facts.lit("result") == {(0, 1, 1)}
    assert facts.current == [("input", (0, 2, 3)), ("result", (0, 0, 0))]
    page.press(Keys.ESCAPE)
    facts = page.point_at("input", (0, 2, 2))
    assert (facts.lit("input"), facts.lit("kernel")) == (set(), set())
    assert facts.current == [("input", (0, 2, 2))]


def test_padding_tells_what_it_repeats(page_of):
    page = page_of(reflected())
    page.open()
    corner = find(page, '[data-grid="input"] [data-at="0,-1,-1"]')
    assert corner.get_attribute("data-source") == "0,1,1"
    assert corner.get_attribute("title") == "padding: repeats 0,1,1"
    hover(page, corner)
    repeated = page.driver.find_elements(By.CSS_SELECTOR, ".repeated")
    assert "0,1,1" in [cell.get_attribute("data-at") for cell in repeated]
    hover(page, page.cell("input", (0, 1, 1)))
    repeated = page.driver.find_elements(By.CSS_SELECTOR, ".repeated")
    assert {cell.get_attribute("data-at") for cell in repeated} == {
        "0,-1,-1",
        "0,-1,1",
        "0,1,-1",
    }


def test_a_term_and_its_cells_are_marked_together(page_of):
    page = page_of(notes())
    page.open()
    for marked in (page.cell("kernel", (0, 0, 1, 0)), find(page, "#formula .term:nth-of-type(3)")):
        hover(page, marked)
        assert all_texts(page, ".pair") == ["5", "c", "c*5"]
    hover(page, page.cell("input", (0, 0, 1)))
    assert all_texts(page, ".pair") == ["2", "b", "b*2"]


def test_what_dilation_passes_over_is_marked(page_of):
    page = page_of(dilated())
    page.open()
    passed = page.driver.find_elements(By.CSS_SELECTOR, ".passed")
    assert len(passed) == 25 - 9
    assert not any("lit" in each.get_attribute("class") for each in passed)


def test_the_winner_of_a_window_is_marked(page_of):
    page = page_of(pooled())
    page.open()
    assert all_texts(page, ".taken") == ["NaN", "NaN", "NaN"]
    [padding] = {cell.text for cell in page.facts().of("input") if cell.padding}
    assert padding == "-"
    assert padding not in page.facts().formula.replace("-", "", 1).split(", ")


def test_dropped_elements_are_struck_out(page_of):
    page = page_of(dropped())
    page.open()
    zeros = [cell.at for cell in page.facts().of("kernel") if cell.text == "0"]
    for grid in ("input", "kernel", "result"):
        struck = page.driver.find_elements(By.CSS_SELECTOR, f'[data-grid="{grid}"] .dropped')
        written = [each.get_attribute("data-at") for each in struck]
        assert written == [",".join(map(str, at)) for at in zeros]


def test_statistics_come_before_the_formula(page_of):
    page = page_of(normalised())
    page.open((1, 2, 1, 1))
    lines = all_texts(page, "#formula > div")
    assert [line.split(" = ")[0] for line in lines[:2]] == ["mean", "variance"]
    assert len(page.facts().lit("input")) == 8
    assert len(page.facts().lit("kernel")) == 4


def test_pickers_choose_the_planes(page_of):
    page = page_of(deep())
    page.open()
    labels = all_texts(page, "#pickers label")
    assert [label.split()[0] for label in labels] == ["channel", "depth"]
    channel, depth = (Select(each) for each in page.driver.find_elements(By.TAG_NAME, "select")[:2])
    channel.select_by_visible_text("1")
    depth.select_by_visible_text("3")
    assert page.facts().current == [("result", (1, 3, 0, 0))]
    assert {at[:2] for at in page.facts().shown("result")} == {(1, 3)}
    assert {at[1] for at in page.facts().shown("input")} == {2, 3}
    assert all_texts(page, '[data-grid="result"] h3') == ["channel 1, depth 3"]
    page.press(Keys.HOME)  # in a picker it is the picker's
    assert page.facts().current == [("result", (1, 0, 0, 0))]


def test_playing_goes_over_all_elements(page_of):
    page = page_of(reflected())
    page.open((0, 4, 2))
    Select(find(page, "#speed")).select_by_visible_text("20/s")
    page.driver.execute_script("document.activeElement.blur()")
    page.driver.execute_script(
        "window.seen = [];"
        "new MutationObserver(() => seen.push(document.querySelector('.current').dataset.at))"
        ".observe(document.getElementById('count'), {childList: true})"
    )
    page.press(Keys.SPACE)
    assert (find(page, "#play").text, address(page)) == ("Pause", "")
    wait_until(lambda: find(page, "#play").text == "Play")
    assert page.facts().current == [("result", (1, 4, 4))]
    seen = page.driver.execute_script("return seen")
    rest = [(0, 4, 2), (0, 4, 3), (0, 4, 4), *((1, r, c) for r in range(5) for c in range(5))]
    assert seen == [",".join(map(str, at)) for at in rest[1:]]
    Select(find(page, "#speed")).select_by_visible_text("1/s")
    page.driver.execute_script("document.activeElement.blur()")
    page.press(Keys.SPACE)
    assert page.facts().current == [("result", (0, 0, 0))]
    page.press(Keys.SPACE)
    assert find(page, "#play").text == "Play"


def test_speed_can_be_set_while_playing(page_of):
    page = page_of(reflected())
    page.open()
    find(page, "#play").click()
    Select(find(page, "#speed")).select_by_visible_text("20/s")
    wait_until(lambda: int(find(page, "#count").text.split()[0]) > 10)


@pytest.mark.parametrize("stop", [Keys.SPACE, Keys.ESCAPE, Keys.ARROW_LEFT, "click", "picker"])
def test_playing_ends_where_the_reader_does_something(page_of, stop):
    page = page_of(reflected())
    page.open()
    page.press(Keys.SPACE)
    assert find(page, "#play").text == "Pause"
    if stop == "click":
        page.click("result", (0, 3, 3))
        assert is_pinned(page)
    elif stop == "picker":
        Select(find(page, "#pickers select")).select_by_visible_text("1")
    else:
        page.press(stop)
    assert find(page, "#play").text == "Play"


def test_the_pointer_does_nothing_while_playing(page_of):
    page = page_of(notes())
    page.open()
    page.press(Keys.SPACE)
    hover(page, page.cell("result", (0, 1, 1)))
    hover(page, page.cell("input", (0, 2, 3)))
    assert page.facts().current[0] in [("result", (0, 0, 0)), ("result", (0, 0, 1))]


def test_buttons_step_and_pin(page_of):
    page = page_of(notes())
    page.open()
    for button, at in [
        ("back", (0, 0, 0)),
        ("forward", (0, 0, 1)),
        ("forward", (0, 1, 0)),
        ("back", (0, 0, 1)),
    ]:
        find(page, f"#{button}").click()
        assert page.facts().current == [("result", at)]
    find(page, "#pin").click()
    assert (address(page), is_pinned(page)) == ("#at=0,0,1", True)
    find(page, "#pin").click()
    assert (address(page), is_pinned(page)) == ("", False)


def test_keys_scroll_where_they_are_not_the_figure_s(page_of):
    page = page_of(reflected())
    page.driver.set_window_size(1600, 600)
    page.open()
    page.press(Keys.ARROW_RIGHT)
    assert page.facts().current == [("result", (0, 0, 1))]
    page.driver.execute_script("document.activeElement.blur(); scrollTo(0, 200)")
    page.press(Keys.HOME)
    wait_until(lambda: page.driver.execute_script("return scrollY") == 0)
    assert page.facts().current == [("result", (0, 0, 1))]
    find(page, "#back").send_keys(Keys.END)
    wait_until(lambda: page.driver.execute_script("return scrollY") > 0)
    page.press(Keys.ESCAPE)
    assert page.facts().current == [("result", (0, 0, 1))]
    page.driver.set_window_size(1600, 1200)
