"""What a lesson shows for every element of calls of all four operators, against plain loops.

The loops know the contract and nothing of the package; of the command they see what it prints.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from itertools import product

import numpy as np
import pytest

pytest.importorskip("selenium")

from calling import CommandHere
from lesson_cases import CASES, Case
from lesson_oracle import At, Layout, Step, element, readers, shape_of
from lesson_page import Cell, Facts, Page, written
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

NUMBER = re.compile(r"= (-?(?:Infinity|NaN|\d[\d.]*(?:e[-+]?\d+)?))(?![\w.])")
PRODUCT = re.compile(r"[-\w.]+\*(?:\(-[\w.]+\)|[\w.]+)")
WORDS = {"parse_int": str, "parse_float": str, "parse_constant": str}
BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lessons")


@pytest.fixture(scope="module")
def command(folder):
    return CommandHere(folder)


@pytest.fixture(scope="module")
def lesson_of(folder, command, chromium):
    """Make the lesson of a case; each is made once. Give its page and the result as printed."""

    @cache
    def make(name: str) -> tuple[Page, str]:
        printed = command.text(*BY_NAME[name].arguments, "--lesson", f"{name}.html")
        return Page(chromium, folder / f"{name}.html"), printed

    return make


@pytest.fixture(scope="module")
def steps_of(folder, command):
    """Work out the steps of a case; each is worked out once."""

    @cache
    def work_out(name: str) -> dict[At, Step]:
        case = BY_NAME[name]
        if case.operator != "dropout" or "--eval" in case.options:
            return case.steps()
        command.text(*case.arguments, "--mask-output", f"{name}-mask.json")
        return case.steps(json.loads((folder / f"{name}-mask.json").read_text()))

    return work_out


all_cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def equal(actual, expected, rtol: float = 0) -> bool:
    if isinstance(expected, str) or isinstance(actual, str):
        return actual == expected
    if math.isnan(expected) or math.isinf(expected):
        return str(float(actual)) == str(float(expected))
    return abs(actual - expected) <= rtol * abs(expected)


def number(written: str) -> float:
    return float(written.replace("\N{MINUS SIGN}", "-"))


@all_cases
def test_the_loops_agree_with_the_result(command, steps_of, case):
    result = json.loads(command.text(*case.arguments))
    steps = steps_of(case.name)
    assert math.prod(shape_of(result)) == len(steps)
    for at, step in steps.items():
        assert equal(element(result, at), step.value, case.rtol), at


@all_cases
def test_the_loops_agree_with_the_explanation(command, steps_of, case):
    steps = steps_of(case.name)
    places = [word for at in steps for word in ("--at", ",".join(map(str, at)))]
    lines = command.text(*case.arguments, "--explain", *places).splitlines()
    assert len(lines) == len(steps)
    for (at, step), line in zip(steps.items(), map(json.loads, lines), strict=True):
        assert tuple(line["at"]) == at
        assert line["formula"] == step.formula, at
        assert equal(line["value"], step.value, case.rtol), at
        if case.geometry:
            read = [term["input_at"] and tuple(term["input_at"]) for term in line["terms"]]
            assert set(read) - {None} == step.reads | step.through_padding, at
        if case.operator == "maxpool":
            assert (line["max_at"] and tuple(line["max_at"])) == step.max_at, at


@all_cases
def test_the_explanation_in_words_has_the_same_terms(command, steps_of, case):
    if case.operator == "batchnorm":
        pytest.skip("its statistics are rounded for people")
    steps = steps_of(case.name)
    places = [word for at in steps for word in ("--at", ",".join(map(str, at)))]
    words = command.text(*case.arguments, "--explain", "-f", "table", *places)
    terms = [term for step in steps.values() for term in step.terms]
    assert_in_order(terms, " ".join(words.split()))


@all_cases
def test_every_element(lesson_of, steps_of, case):
    page, printed = lesson_of(case.name)
    result = json.loads(printed, **WORDS)
    for at, step in steps_of(case.name).items():
        facts = page.open(at)
        assert facts.current == [("result", at)], at
        assert facts.currents == 1, at
        check_formula(case, facts.formula, step, element(result, at), at)
        check_result_cell(facts, step, at)
        check_input(case, facts, step, at)
        check_kernel(case, facts, step, at)
    assert not severe(page)


def check_formula(case: Case, formula: str, step: Step, printed: str, at: At) -> None:
    """The terms are there, in order and no others, and then the value that was printed."""
    if case.operator == "dropout":
        check_dropout(case, formula, step, printed, at)
        return
    assert_in_order(step.terms, formula, at)
    if case.operator == "conv":
        assert PRODUCT.findall(formula) == step.terms, (at, formula)
    else:
        assert step.formula in formula, (at, formula)
    if "--relu" in case.options:
        assert "max(0, " in formula, (at, formula)
    if isinstance(step.value, str):
        assert formula.count(step.formula) == 1, (at, formula)
    else:
        values = NUMBER.findall(formula)
        assert values, (at, formula)
        assert equal(number(values[-1]), number(printed)), (at, formula, printed)


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


def assert_in_order(terms: list[str], text: str, *where) -> None:
    position = 0
    for term in terms:
        found = re.compile(rf"(?<![\w.-]){re.escape(term)}(?![\w.])").search(text, position)
        assert found, (term, text, *where)
        position = found.end()


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
        assert set(lit) == expected, (at, lit, expected)
        for place, cell in lit.items():
            check_padding_cell(case, cell, step.padding[place])


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


@pytest.mark.parametrize(
    "fragment",
    [
        "",
        "#",
        "#at=",
        "#at=9,9",
        "#at=0",
        "#at=0,0,0",
        "#at=-1,0",
        "#at=a",
        "#at=1e400,0",
        "#at=%3Cscript%3Ealert(1)%3C/script%3E,0",
        "#x=1",
    ],
)
def test_an_address_without_such_an_element_opens_the_page_all_the_same(lesson_of, fragment):
    page, _ = lesson_of("conv-notes")
    page.driver.get("about:blank")
    page.driver.get(f"{page.path.as_uri()}{fragment}")
    assert len(page.facts().of("result")) == 4
    assert ("result", (1, 0)) in page.point_at("result", (1, 0)).current
    assert not severe(page)


def test_the_address_may_change_while_the_page_is_open(lesson_of, steps_of):
    page, _ = lesson_of("conv-groups-batch-float32")
    page.open((0, 0, 0, 0))
    for at in ((1, 3, 0, 1), (0, 2, 0, 0)):
        page.driver.execute_script(f"location.hash = 'at={written(at)}'")
        facts = page.facts_when("result", at)
        assert facts.current == [("result", at)]
        assert facts.lit("input") == steps_of(page.path.stem)[at].reads


EMPTY = {
    "conv": ["conv", "-k", "[[[[1]]]]", "x.npy"],
    "maxpool": ["maxpool", "-k", "1", "x.npy"],
    "batchnorm": ["batchnorm", "--eval", "x.npy"],
    "dropout": ["dropout", "--seed", "1", "x.npy"],
}


@pytest.mark.parametrize("call", EMPTY.values(), ids=EMPTY)
def test_a_batch_of_no_samples_has_a_page_without_an_error(command, folder, chromium, call):
    np.save(folder / "x.npy", np.ones((0, 1, 2, 2)))
    assert command.text(*call, "--lesson", f"empty-{call[0]}.html") == "[]\n"
    page = Page(chromium, folder / f"empty-{call[0]}.html")
    assert page.open().shown("result") == set()
    assert not severe(page)


def test_a_scalar_has_a_page(command, folder, chromium):
    assert command.text("dropout", "-p", "0", "3", "--lesson", "scalar.html") == "3.0\n"
    page = Page(chromium, folder / "scalar.html")
    assert "3" in page.open().formula
    assert not severe(page)


def severe(page: Page) -> list[str]:
    """Return the errors in the console since it was last asked for."""
    log = page.driver.get_log("browser")
    return [line["message"] for line in log if line["level"] == "SEVERE"]
