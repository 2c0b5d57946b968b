"""What a lesson shows for every element of calls of all four operators, against plain loops.

The loops know the contract and nothing of the package; of the command they see what it prints.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from itertools import product

import pytest

pytest.importorskip("selenium")

from lesson_cases import BY_NAME, Case, all_cases
from lesson_data import data_of
from lesson_oracle import (
    At,
    Layout,
    Step,
    assert_in_order,
    element,
    equal,
    readers,
    shape_of,
)
from lesson_page import Cell, Facts
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

NUMBER = re.compile(r"= (-?(?:Infinity|NaN|\d[\d.]*(?:e[-+]?\d+)?))(?![\w.])")
PRODUCT = re.compile(r"(?:\(-[-\w.]+\)|[-\w.]+)\*(?:\(-[-\w.]+\)|[-\w.]+)")
WORDS = {"parse_int": str, "parse_float": str, "parse_constant": str}


@pytest.fixture(autouse=True)
def fresh_console(chromium):
    """Forget the errors of other tests."""
    chromium.get_log("browser")


def number(written: str) -> float:
    return float(written.replace("\N{MINUS SIGN}", "-"))


@all_cases
def test_every_element(lesson_of, steps_of, case):
    page, printed = lesson_of(case.name)
    result = json.loads(printed, **WORDS)
    data = data_of(page.path.read_text("utf-8"))
    for at, step in steps_of(case.name).items():
        facts = page.open(at)
        check_words(case, data, facts, at)
        check_lines(case, data, facts, step, at)
        assert facts.current == [("result", at)], at
        assert facts.currents == 1, at
        check_formula(case, facts.formula, step, element(result, at), at)
        check_result_cell(facts, step, at)
        check_input(case, facts, step, at)
        check_kernel(case, facts, step, at)
    assert not page.errors()


def check_formula(case: Case, formula: str, step: Step, printed: str, at: At) -> None:
    """The terms are there, in order and no others, and then the value that was printed."""
    if case.operator == "dropout":
        check_dropout(case, formula, step, printed, at)
        return
    assert_in_order(step.terms, formula, at)
    if case.operator == "conv":
        assert PRODUCT.findall(formula) == step.terms, (at, formula)
    if case.operator != "conv" or not re.search(r"\bchannel \d+:", formula):
        assert step.formula in formula, (at, formula)
    if "--relu" in case.options:
        assert "max(0, " in formula, (at, formula)
    if isinstance(step.value, str):
        assert formula.count(step.formula) == 1, (at, formula)
    else:
        values = NUMBER.findall(formula)
        assert values, (at, formula)
        assert equal(number(values[-1]), number(printed)), (at, formula, printed)


def of_step(data: dict, name: str, at: At):
    """Return what Python wrote about an element of the result."""
    numbers = dict(zip(data["result"]["index"], at, strict=True))
    offset = 0
    for axis, length in zip(data["result"]["axes"], data["result"]["lengths"], strict=True):
        offset = offset * length + numbers.get(axis, 0)
    return data["steps"][name][offset]


def check_words(case: Case, data: dict, facts: Facts, at: At) -> None:
    """The sentence is that of this element; it tells of ReLU where that changes the value."""
    assert facts.words == of_step(data, "words", at)
    rectified = re.match(r"max\(0, (.*)\) = ", facts.lines[-1])
    if rectified:
        before = float(eval(rectified[1], {"sqrt": math.sqrt, "max": lambda *values: max(values)}))
        assert ("ReLU" in facts.words) == (before < 0), (at, facts.words)
    else:
        assert "ReLU" not in facts.words


def check_lines(case: Case, data: dict, facts: Facts, step: Step, at: At) -> None:
    """Each line is one of Python's, and its value is what its left side comes to."""
    if data["kind"] == "sum" and len(facts.lines) > 1 and not isinstance(step.value, str):
        subtotals = of_step(data, "subtotals", at)
        for line, subtotal in zip(facts.lines, subtotals, strict=False):
            left, right = re.fullmatch(r"channel \d+: (.*) = (\S+)", line).groups()
            assert right == subtotal
            assert number(right) == pytest.approx(eval(left), rel=1e-2, abs=1e-3), (at, line)
        assert len(facts.lines) == len(subtotals) + 1
        assert of_step(data, "totals", at) in facts.lines[-1]
    elif data["kind"] == "normalised":
        check_statistics(case, data, facts, step, at)
    elif data["kind"] == "dropped":
        assert facts.lines[1:] == of_step(data, "lines", at)


def check_statistics(case: Case, data: dict, facts: Facts, step: Step, at: At) -> None:
    """Before the formula is how the channel's statistics, and what is kept of them, come about."""
    channel = dict(zip(data["result"]["index"], at, strict=True))["C"]
    before = data["steps"]["channelLines"][channel]
    assert facts.lines[: len(before)] == before
    assert facts.lines[len(before)].startswith(of_step(data, "formulas", at))
    if "--eval" in case.options:
        return
    values = [element(case.x, each) for each in step.reads]
    mean, variance = statistics.fmean(values), statistics.pvariance(values)
    unbiased = statistics.variance(values)
    expected = [mean, variance, unbiased, 0.1 * mean, 0.9 + 0.1 * unbiased]
    shown = [number(line.rsplit(" = ", 1)[1]) for line in before]
    assert shown == pytest.approx(expected, rel=1e-2, abs=1e-3), (at, before)
    cells = [number(cell.text) for cell in facts.of("kernel")]
    assert cells[:2] == pytest.approx(expected[:2], rel=1e-2, abs=1e-3)


@all_cases
def test_what_is_said_of_the_whole_call(lesson_of, case):
    page, _ = lesson_of(case.name)
    data = data_of(page.path.read_text("utf-8"))
    page.open()
    said = page.driver.execute_script(
        "const texts = (selector) => [...document.querySelectorAll(selector)]"
        "  .map((each) => each.textContent);"
        "return {about: texts('#about')[0], pytorch: texts('#pytorch')[0],"
        "  sizes: texts('#sizes p'), notes: texts('#notes p'),"
        "  rows: texts('[data-grid=kernel] table:first-of-type tbody th')}"
    )
    assert {name: said[name] for name in ("about", "pytorch", "sizes", "notes")} == {
        name: data[name] for name in ("about", "pytorch", "sizes", "notes")
    }
    notes = " ".join(said["notes"])
    assert ("mirrored" in notes) == ("reflect" in case.options)
    if case.operator == "batchnorm":
        which = "running " if "--eval" in case.options else ""
        assert said["rows"] == [f"{which}mean", f"{which}variance", "weight", "bias"]
    if case.name == "dropout-seed":
        assert "probability 0.75" in notes
    assert bool(said["sizes"]) == (case.operator in ("conv", "maxpool"))
    assert "import torch" in said["pytorch"]


def check_dropout(case: Case, formula: str, step: Step, printed: str, at: At) -> None:
    """What is kept has its product and value, what is dropped is 0, by the bits that are said."""
    kept = step.formula != "0"
    if kept and "--eval" not in case.options:
        (value,) = re.findall(rf"(?<![\w.-]){re.escape(step.formula)} = (-?[\w.]+)", formula)
    else:
        value = re.match(r"(?:\S+ becomes )?(-?[\w.]+)", formula)[1]
    assert equal(number(value), number(printed)), (at, formula, printed)
    if "--seed" in case.options:
        said = re.search(r"bits (\d+) .*floor\((\S+) \* 65536\) = (\d+)", formula)
        bits, bound = int(said[1]), int(said[3])
        asked = case.options.index("-p") + 1 if "-p" in case.options else None
        assert float(said[2]) == float(case.options[asked] if asked else 0.5)
        assert bound == math.floor(float(said[2]) * 65536)
        assert (bits >= bound) == kept


def check_result_cell(facts: Facts, step: Step, at: At) -> None:
    """The current cell holds its value; a page may write fewer digits in it than in the formula."""
    (cell,) = [cell for cell in facts.of("result") if cell.current]
    if not isinstance(step.value, str):
        shown = number(cell.text.rstrip("…"))
        assert equal(shown, step.value, 1e-2) or abs(shown - step.value) < 1e-3, (at, cell)


def check_input(case: Case, facts: Facts, step: Step, at: At) -> None:
    """The elements that are read are on the page and lit, and no others, and so is padding."""
    shown, lit = facts.shown("input"), facts.lit("input")
    assert step.reads <= shown, (at, step.reads, shown)
    assert step.reads <= lit <= step.reads | step.through_padding, (at, step.reads, lit)
    if case.geometry:
        check_padding(case, facts, step, at)


def check_padding(case: Case, facts: Facts, step: Step, at: At) -> None:
    """Of the planes with elements: lit padding is that of the window, and holds what it repeats."""
    layout = Layout(shape_of(case.x), *case.geometry)
    places = dict(canonical_places(layout))
    cells = facts.of("input")
    for plane in {cell.plane for cell in cells}:
        here = [cell for cell in cells if cell.plane == plane]
        rows, columns = ({c.y for c in here}, {c.x for c in here})
        rows, columns = sorted(rows), sorted(columns)
        origins = {
            (
                place[:-2] if layout.dims > 1 else place[:-1],
                rows.index(cell.y) - (place[-2] if layout.dims > 1 else 0),
                columns.index(cell.x) - place[-1],
            )
            for cell in here
            if not cell.padding
            for place in [places[cell.at]]
        }
        if len(origins) != 1:
            assert not origins, (at, origins)
            continue
        ((outer, top, left),) = origins
        lit = {
            (
                *outer,
                *([rows.index(cell.y) - top] if layout.dims > 1 else []),
                columns.index(cell.x) - left,
            ): cell
            for cell in here
            if cell.padding and cell.lit
        }
        expected = {place for place in step.padding if place[: len(outer)] == outer}
        assert expected <= set(lit) <= expected | step.beyond, (at, lit, expected)
        for place in expected:
            check_padding_cell(case, lit[place], step.padding[place])


def check_padding_cell(case: Case, cell: Cell, repeats: At | None) -> None:
    if repeats is not None:
        value = element(case.x, repeats)
        assert cell.text == value if isinstance(value, str) else number(cell.text) == value, cell
    elif case.operator == "conv":
        assert number(cell.text) == 0, cell


def canonical_places(layout: Layout):
    """For every element of the input as the user has it: where it is in (N, C, *spatial)."""
    for place in product(*map(range, layout.canonical)):
        yield layout.own(*place), place


def check_kernel(case: Case, facts: Facts, step: Step, at: At) -> None:
    """The filter's weights are lit, and no others; the mask's element; the channel's statistics."""
    shown, lit = facts.shown("kernel"), facts.lit("kernel")
    if case.kernel is not None:
        assert lit == step.kernel, (at, lit, step.kernel)
    elif case.operator == "dropout" and at in shown:
        assert lit == {at}, (at, lit)
    elif case.operator == "batchnorm":
        assert lit, at


@all_cases
def test_an_element_of_the_input_lights_what_reads_it(lesson_of, steps_of, case):
    """Of the result on the page; every part of it is there once."""
    page, _ = lesson_of(case.name)
    steps = steps_of(case.name)
    unseen = set(steps)
    while unseen:
        facts = page.open(min(unseen))
        assert facts.shown("result") & unseen
        unseen -= facts.shown("result")
        page.press(Keys.ESCAPE)
        for at in sorted(facts.shown("input")):
            facts = page.point_at("input", at)
            assert ("input", at) in facts.current, at
            expected = readers(steps, at) & facts.shown("result")
            assert facts.lit("result") == expected, (at, facts.lit("result"), expected)


@pytest.mark.parametrize("name", ["conv-notes", "conv-depthwise-channels-last", "maxpool-notes"])
def test_pointing_is_as_the_address(lesson_of, name):
    page, _ = lesson_of(name)
    shown = sorted(page.open().shown("result"))
    for at in shown:
        linked = page.open(at)
        page.open()
        pointed = page.point_at("result", at)
        assert pointed.formula == linked.formula
        assert pointed.current == [("result", at)]
        for grid in ("input", "kernel"):
            assert pointed.lit(grid) == linked.lit(grid)


def test_arrow_keys_go_over_the_result(lesson_of, steps_of):
    page, printed = lesson_of("conv-pairs-dilation")
    result, steps = json.loads(printed, **WORDS), steps_of("conv-pairs-dilation")
    height, width = shape_of(result)
    page.open((0, 0))
    page.driver.execute_script(
        """document.querySelector('[data-grid="result"] [data-at="0,0"]').focus()"""
    )
    there, back = Keys.ARROW_RIGHT, Keys.ARROW_LEFT
    for row in range(height):
        columns = list(range(width))[:: 1 if row % 2 == 0 else -1]
        for column in columns:
            at = (row, column)
            facts = page.facts_when("result", at)
            assert facts.current == [("result", at)]
            check_formula(
                BY_NAME[page.path.stem], facts.formula, steps[at], result[row][column], at
            )
            check_input(BY_NAME[page.path.stem], facts, steps[at], at)
            if column != columns[-1]:
                page.press(there if row % 2 == 0 else back)
        page.press(Keys.ARROW_DOWN)


def test_the_formulas_of_the_notes(lesson_of):
    page, _ = lesson_of("conv-notes")
    assert "a*1 + b*2 + c*5 + d*6" in page.open((0, 0)).formula
    assert "a*3 + b*4 + c*7 + d*8" in page.open((0, 1)).formula
    assert "a*5 + b*6 + c*9 + d*10" in page.open((1, 0)).formula
    facts = page.open((1, 1))
    assert "a*7 + b*8 + c*11 + d*12" in facts.formula
    assert facts.lit("input") == {(1, 2), (1, 3), (2, 2), (2, 3)}
    assert facts.shown("input") == {(row, column) for row in range(3) for column in range(4)}
    assert facts.shown("kernel") == {(0, 0), (0, 1), (1, 0), (1, 1)} == facts.lit("kernel")
    assert facts.shown("result") == {(0, 0), (0, 1), (1, 0), (1, 1)}
