"""How a lesson page looks: its sizes, and that nothing moves while playing."""

import re
from importlib.resources import files

import numpy as np
import pytest

pytest.importorskip("selenium")

from page_calls import (
    ALL,
    deep,
    dilated,
    held_window,
    largest_convolution,
    largest_sum,
    lettered,
    line,
    normalised,
    notes,
    numbers,
    pooled,
    reflected,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cnnops_cli import conv, lesson

pytestmark = pytest.mark.browser

MOVED = """
const boxes = () => [...document.querySelectorAll("main *")]
  .filter((element) => !element.matches(".sheet, .frame, thead, th, .corner"))
  .filter((element) => !element.closest("#formula, #words, #where, #count, #said, option"))
  .map((element) => {
    const {x, y, width, height} = element.getBoundingClientRect();
    const sheet = element.closest("table")?.getBoundingClientRect() ?? {x: 0, y: 0};
    return [x - sheet.x, y - sheet.y, width, height].map(Math.round).join(" ");
  });
const before = boxes(), steps = lesson.steps.values.length, moved = [];
for (let step = 1; step < steps; step += 1) {
  document.getElementById("forward").click();
  const after = boxes();
  if (after.length !== before.length || after.some((box, i) => box !== before[i])) moved.push(step);
}
return [moved, document.getElementById("count").textContent === `${steps} of ${steps}`];
"""
OVERFLOWS = """
const rooms = [...document.querySelectorAll(".reserved")], found = [];
for (const step of lesson.steps.values.keys()) {
  show(step);
  for (const room of rooms) {
    const [shown, longest] = room.children;
    if (shown.scrollHeight > longest.offsetHeight) found.push([step, shown.id]);
  }
}
return found;
"""


@pytest.mark.parametrize("call", ALL)
def test_the_input_is_seen_on_a_small_screen(page_of, call):
    page = page_of(call())
    for width, height, least in [(360, 740, 200), (800, 480, 120)]:
        page.resize(width, height)
        page.open()
        seen = page.driver.execute_script(
            "return step.getBoundingClientRect().top"
            "  - document.querySelector('td[data-at]').getBoundingClientRect().top"
        )
        assert seen > least
    page.resize(360, 740)
    size = page.driver.find_element(By.CSS_SELECTOR, "td[data-at]").value_of_css_property(
        "font-size"
    )
    assert float(size.removesuffix("px")) >= 12


@pytest.mark.parametrize("width", [360, 800, 1600])
@pytest.mark.parametrize("call", [*ALL, largest_convolution])
def test_nothing_is_wider_than_the_window(page_of, call, width):
    page = page_of(call())
    page.resize(width)
    page.open()
    wide, room = page.driver.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide == room
    narrowest = page.driver.execute_script(
        "return Math.min(...[...document.querySelectorAll('.room')].map((e) => e.clientWidth))"
    )
    assert narrowest > 40


@pytest.mark.parametrize("width", [360, 480, 820, 1600])
@pytest.mark.parametrize("call", ALL)
def test_nothing_moves_from_step_to_step(page_of, call, width):
    page = page_of(call())
    page.resize(width)
    page.prefer(prefers_reduced_motion="reduce")
    page.open()
    assert page.driver.execute_script(MOVED) == [[], True]


@pytest.mark.parametrize("call", [*ALL, lettered])
def test_every_step_fits_the_room_that_is_kept_for_it(page_of, call):
    page = page_of(call())
    page.open()
    for width in (340, 360, 440, 480, 640, 820, 1200, 1600):
        page.resize(width)
        assert page.driver.execute_script(OVERFLOWS) == []


def test_there_is_room_for_parentheses_around_negative_numbers(page_of):
    """Some texts that are as long without them are longer with them."""
    weight = np.full((2, 1, 2, 4), [[[[-0.5]]], [[[0.25]]]])
    page = page_of(lesson(conv, np.ones((1, 2, 5)), weight, np.array([-0.125, 0.0625])))
    page.open()
    for width in range(340, 700, 20):
        page.resize(width)
        assert page.driver.execute_script(OVERFLOWS) == []


def test_a_formula_that_is_taller_than_its_room_scrolls(page_of):
    page = page_of(largest_sum())
    page.resize(360, 740)
    page.open()
    for scroll in ("0", "formula.scrollHeight"):
        page.driver.execute_script(f"formula.scrollTop = {scroll}")
    seen = page.driver.execute_script(
        "const boxes = [...formula.children].map((line) => line.getBoundingClientRect());"
        "const end = boxes.reduce((one, other) => one.bottom > other.bottom ? one : other);"
        "return end.bottom <= formula.getBoundingClientRect().bottom + 1"
        "  && document.elementFromPoint(end.x + 2, end.bottom - 4).closest('#formula') === formula"
    )
    assert seen


@pytest.mark.parametrize("size", [(360, 740), (800, 480)])
@pytest.mark.parametrize("call", [reflected, deep, normalised])
def test_the_value_of_a_step_is_seen_without_scrolling(page_of, call, size):
    page = page_of(call())
    page.resize(*size)
    page.open()
    below = page.driver.execute_script(
        "return formula.lastChild.querySelector('b').getBoundingClientRect().bottom"
        "  - formula.getBoundingClientRect().bottom"
    )
    assert below <= 0


@pytest.mark.parametrize("call", [notes, reflected])
def test_buttons_are_in_one_row_on_a_small_screen(page_of, call):
    page = page_of(call())
    page.resize(360, 740)
    page.open()
    buttons = [page.driver.find_element(By.ID, name) for name in ("back", "play", "forward", "pin")]
    assert len({button.rect["y"] for button in buttons}) == 1
    assert min(button.rect["width"] for button in buttons) >= 24


def test_one_typeface(page_of):
    page = page_of(reflected())
    page.open()
    families = page.driver.execute_script(
        "return [...document.querySelectorAll('main, main *')].map((element) => "
        "getComputedStyle(element).fontFamily)"
    )
    assert len(set(families)) == 1


def test_points_are_below_each_other(page_of):
    page = page_of(pooled())
    page.open()
    ends = page.driver.execute_script(
        "return [...document.querySelectorAll('[data-grid=input] td[data-at]:not([data-padding])')]"
        ".filter((cell) => /^-?\\d/.test(cell.textContent)).map((cell) => {"
        "  const text = cell.firstChild, range = document.createRange(), point ="
        "    (text.data + '.').indexOf('.');"
        "  range.setStart(text, 0); range.setEnd(text, point);"
        "  return [cell.cellIndex, Math.round(range.getBoundingClientRect().right)]; })"
    )
    assert any("." in cell.text for cell in page.facts().of("input"))
    assert len({tuple(end) for end in ends}) == len({column for column, _ in ends}) == 5


def test_planes_of_input_and_kernel_are_level(page_of):
    page = page_of(deep())
    page.open()
    tops = {
        grid: [
            each.rect["y"]
            for each in page.driver.find_elements(By.CSS_SELECTOR, f'[data-grid="{grid}"] .plane')
        ]
        for grid in ("input", "kernel")
    }
    assert tops["input"] == tops["kernel"]
    assert len(tops["input"]) == 4


@pytest.mark.parametrize("call", [notes, reflected, deep, pooled])
def test_nothing_is_cut_off_on_a_laptop(page_of, call):
    page = page_of(call())
    page.resize(1280, 800)
    page.open()
    rooms = page.driver.find_elements(By.CLASS_NAME, "room")
    assert [r.get_property("scrollWidth") - r.get_property("clientWidth") for r in rooms] == [
        0 for _ in rooms
    ]


def test_cells_of_grids_with_and_without_titles_are_level(page_of):
    page = page_of(pooled())
    page.open()
    first = [page.cell(grid, at) for grid, at in [("kernel", (0, 0)), ("result", (0, 0, 0))]]
    assert len({cell.rect["y"] for cell in first}) == 1


def test_the_result_of_one_axis_is_below_the_input(page_of):
    page = page_of(line())
    page.open()
    [source], [result] = (
        page.driver.find_elements(By.CSS_SELECTOR, f"[data-grid={grid}]")
        for grid in ("input", "result")
    )
    assert result.rect["x"] == source.rect["x"]
    assert result.rect["y"] > source.rect["y"] + source.rect["height"]
    assert result.find_element(By.TAG_NAME, "td").value_of_css_property("font-size") == "18.75px"


@pytest.mark.parametrize("call", [reflected, line])
def test_the_frame_is_around_the_window(page_of, call):
    page = page_of(call())
    page.prefer(prefers_reduced_motion="reduce")
    page.open()
    for key in (Keys.ARROW_RIGHT, Keys.END):
        page.press(key)
        frame, *cells = page.driver.execute_script(
            "return [document.querySelector('[data-grid=input] .frame'), "
            "...document.querySelectorAll('[data-grid=input] .plane:first-of-type .lit')]"
            ".map((element) => element.getBoundingClientRect())"
            ".map(({left, top, right, bottom}) => [left, top, right, bottom])"
        )
        assert cells[0][:2] == pytest.approx(frame[:2], abs=0.5)
        assert cells[-1][2:] == pytest.approx(frame[2:], abs=0.5)


SCROLLED = """
return [...document.querySelectorAll('[data-grid=input] .room')].map((room) => {
  const box = room.getBoundingClientRect();
  const isSeen = (cell) => {
    const { left, right, top, bottom } = cell.getBoundingClientRect();
    return left >= box.left - 1 && right <= box.right + 1
      && top > box.top && bottom <= box.bottom + 1; // pixels are rounded
  };
  return [...room.querySelectorAll('td')].filter(isSeen).map((cell) => cell.dataset.at);
});
"""


def test_every_plane_scrolls_to_its_window(page_of):
    page = page_of(lesson(conv, numbers(2, 4, 200), numbers(1, 2, 3, 3)))
    page.open((0, 1, 190))
    for channel, seen in enumerate(page.driver.execute_script(SCROLLED)):
        window = {f"{channel},{h},{w}" for h in range(1, 4) for w in range(190, 193)}
        assert window <= set(seen)


def test_of_a_window_that_is_larger_than_its_room_the_beginning_is_shown(page_of):
    page = page_of(held_window())
    page.open((0, 3, 2))
    (seen,) = page.driver.execute_script(SCROLLED)
    assert seen[0] == "0,3,2"
    page.press(Keys.ARROW_RIGHT)
    (seen,) = page.driver.execute_script(SCROLLED)
    assert seen[0] == "0,3,3"


def test_a_large_plane_scrolls_to_the_step_and_the_page_does_not(page_of):
    page = page_of(largest_convolution())
    page.open((0, 80, 90))
    assert page.driver.execute_script("return scrollY") == 0
    for selector in (".current", "[data-grid=input] .lit"):
        seen = page.driver.execute_script(
            "const cell = document.querySelector(arguments[0]), room = cell.closest('.room');"
            "const a = cell.getBoundingClientRect(), b = room.getBoundingClientRect();"
            "return a.left >= b.left && a.top > b.top"
            "  && a.right <= b.right && a.bottom <= b.bottom",
            selector,
        )
        assert seen


def test_the_page_refers_to_nothing_outside_itself():
    parts = [*files("cnnops_cli.lessons").iterdir()]
    texts = [
        part.read_text("utf-8") for part in parts if part.name.endswith((".html", ".css", ".js"))
    ]
    assert len(texts) == 7
    for text in texts:
        assert not re.search(r"https?:|//\w|url\(|@import|\bsrc=|\bhref=|fetch\(|XMLHttp", text)


def test_no_request_leaves_the_page(page_of):
    page = page_of(reflected())
    page.open()
    page.press(Keys.SPACE, Keys.END, Keys.ENTER)
    assert page.driver.execute_script("return performance.getEntriesByType('resource')") == []
    assert not page.errors()


@pytest.mark.parametrize(
    "script",
    [
        "fetch('https://example.org')",
        "new Image().src = 'https://example.org/a.png'",
        "document.body.append(Object.assign(document.createElement('script'), {text: 'hacked=1'}))",
        'document.body.innerHTML = \'<p style="color: red" onclick="0">\'',
    ],
)
def test_the_policy_refuses_what_is_not_the_page_s_own(page_of, script):
    page = page_of(notes())
    page.open()
    page.driver.execute_script(f"setTimeout(() => {{ {script} }})")
    page.driver.execute_async_script("setTimeout(arguments[0], 200)")
    assert any("Content Security Policy" in error for error in page.errors())
    assert page.driver.execute_script("return window.hacked") is None


def test_what_has_the_focus_is_not_below_the_arithmetic(page_of):
    page = page_of(reflected())
    page.resize(1600, 700)
    page.open()
    stop = page.driver.find_element(By.CSS_SELECTOR, '[data-grid="input"] [tabindex="0"]')
    page.driver.execute_script("arguments[0].focus()", stop)
    for _ in range(20):
        page.press(Keys.ARROW_DOWN)
        below = page.driver.execute_script(
            "return document.activeElement.getBoundingClientRect().bottom"
            "  - document.getElementById('step').getBoundingClientRect().top"
        )
        assert below <= 1
    assert page.driver.switch_to.active_element.get_attribute("data-at") == "2,5,-1"


@pytest.mark.parametrize("call", [dilated, line])
def test_grids_take_the_room_there_is(page_of, call):
    page = page_of(call())
    page.open()
    for room in page.driver.find_elements(By.CLASS_NAME, "room"):
        assert room.get_property("scrollWidth") == room.get_property("clientWidth")
        assert room.get_property("scrollHeight") == room.get_property("clientHeight")
