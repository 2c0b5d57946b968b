"""The view keeps to its room, shows what it says it shows, and says what it does not."""

import re
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnnops_cli.text.colours import LOUD
from cnnops_cli.text.styled_lines import plain_text, text_of, width_of
from cnnops_cli.views.ansi import coloured_text
from cnnops_cli.views.room import Room
from cnnops_cli.views.sections import Section
from cnnops_cli.views.view import View
from cnnops_cli.views.view_files import html, svg

SHAPES = [
    *[(), (1,), (7,), (400,), (70_000,), (3, 4), (150, 4), (4, 150), (30, 500), (500, 30)],
    *[(8, 3, 3), (3, 48, 64), (64, 7, 7), (2, 300, 4), (5, 1, 200), (2, 3, 40, 50), (1, 1, 9, 9)],
    *[(0, 3), (3, 0), (2, 0, 5)],
]


def viewed(array, columns=80, rows=24, color=False, **options):
    return View("dropout", array, array, **options).lines(Room(columns, rows, color))


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    shape=st.sampled_from(SHAPES),
    columns=st.sampled_from([20, 40, 80, 200]),
    rows=st.sampled_from([5, 24, 60]),
    color=st.booleans(),
    kind=st.sampled_from(
        ["normal", "integers", "huge", "vast", "holes", "constant", "zero", "nothing"]
    ),
    side_by_side=st.booleans(),
    precision=st.sampled_from([None, 0, 3, 17]),
)
def test_every_view_keeps_to_its_width(shape, columns, rows, color, kind, side_by_side, precision):
    rng = np.random.default_rng(0)
    array = {
        "normal": lambda: rng.normal(size=shape),
        "integers": lambda: rng.integers(0, 256, shape).astype(np.uint8),
        "huge": lambda: rng.integers(0, 2**64 - 1, shape, np.uint64),
        "vast": lambda: np.full(shape, 1e300),
        "zero": lambda: np.zeros(shape),
        "holes": lambda: np.where(rng.random(shape) < 0.1, np.nan, rng.normal(size=shape)),
        "constant": lambda: np.full(shape, 0.1, np.float32),
        "nothing": lambda: np.full(shape, -np.inf),
    }[kind]()
    around = [
        Section("input", [str(shape)], array),
        Section("kernel", ["(2, 2, 3, 3)", "padding mode circular"], np.ones((2, 2, 3, 3))),
        Section("window", ["2×2", "stride 1×2"]),
    ]
    lines = viewed(
        array, columns, rows, color, operands=around if side_by_side else [], precision=precision
    )
    assert width_of(lines) <= columns
    assert (str(array.shape) in text_of(lines[0])) or columns < 40
    for write in (plain_text, coloured_text, svg, html):
        assert write(lines).endswith("\n")


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize(
    "shape", [(3, 48, 64), (64, 7, 7), (500, 500), (70_000,), (150, 4), (256, 20, 20), (300, 15)]
)
@pytest.mark.parametrize(("columns", "rows"), [(40, 16), (60, 24), (80, 24), (80, 40)])
@pytest.mark.parametrize("precision", [None, 3])
def test_a_view_leaves_the_prompt_its_line(shape, columns, rows, color, precision):
    array = np.arange(float(np.prod(shape))).reshape(shape) - 1000
    assert len(viewed(array, columns, rows, color, precision=precision)) < rows


LENGTHS = st.sampled_from([1, 2, 3, 7, 8, 15, 16, 30, 64, 100, 300])
KINDS = st.sampled_from(["whole", "fractions", "holes"])
MOST_VALUES = 1 << 18
"""In 64 × 64 planes or in one: more of them take time, and show nothing else."""


def of_kind(kind, shape):
    rng = np.random.default_rng(3)
    if kind == "whole":
        return rng.integers(-9, 1000, shape)
    array = rng.normal(size=shape)
    return np.where(rng.random(shape) < 0.1, np.inf, array) if kind == "holes" else array


@settings(deadline=None, max_examples=400, derandomize=True)
@given(
    planes=st.lists(st.sampled_from([1, 2, 3, 4, 16, 64]), max_size=2),
    height=LENGTHS,
    width=LENGTHS,
    columns=st.sampled_from([40, 60, 80, 200]),
    rows=st.sampled_from([16, 17, 24, 50]),
    color=st.booleans(),
    kind=KINDS,
)
def test_every_view_keeps_to_its_height(planes, height, width, columns, rows, color, kind):
    shape = (*planes, height, width)
    assume(prod(shape) <= MOST_VALUES)
    array = of_kind(kind, shape)
    lines = viewed(array, columns, rows, color)
    assert len(lines) < rows
    assert width_of(lines) <= columns


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    depth=st.sampled_from([1, 3, 8]),
    filters=st.sampled_from([1, 2, 16]),
    kernel=st.sampled_from([1, 2, 3, 7]),
    height=LENGTHS,
    width=LENGTHS,
    has_bias=st.booleans(),
    columns=st.sampled_from([40, 60, 80, 200]),
    rows=st.sampled_from([16, 24, 50]),
    color=st.booleans(),
    kind=KINDS,
)
def test_every_view_with_its_input_keeps_to_its_height(
    depth, filters, kernel, height, width, has_bias, columns, rows, color, kind
):
    image = of_kind(kind, (depth, height, width))
    weight, bias = np.full((filters, depth, kernel, kernel), -0.25), np.ones(filters)
    pieces = [
        Section("input", [str(image.shape)], image),
        Section("kernel", [str(weight.shape), "padding same", "stride 2×2"], weight),
        *([Section("bias", [str(bias.shape)], bias)] if has_bias else []),
    ]
    lines = viewed(of_kind(kind, (filters, height, width)), columns, rows, color, operands=pieces)
    assert len(lines) < rows
    assert width_of(lines) <= columns
    text = "\n".join(map(text_of, lines))
    assert re.search(r"(^|   )result", text, re.MULTILINE)
    for name in ("input", "kernel", "bias")[: len(pieces)]:
        assert re.search(rf"\b{name}\b", text)


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize(
    ("shape", "columns"), [((16, 56, 20), 100), ((3, 112, 112), 60), ((4, 300, 300), 80)]
)
def test_planes_that_fit_as_maps_are_all_there(shape, columns, color):
    lines = [text_of(line) for line in viewed(np.ones(shape), columns, 24, color)]
    assert not any("more plane" in line for line in lines)


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("rows", [16, 24, 40])
@pytest.mark.parametrize("shape", [(3, 64, 64), (8, 3, 3), (9, 9), (400,), (2, 3, 4, 5)])
@pytest.mark.parametrize("kernel", [(3, 3), (8, 3, 5, 5), (2, 9, 3, 3, 3)])
def test_sections_leave_the_prompt_its_line(shape, kernel, columns, rows, color):
    pieces = [
        Section("input", [str(shape)], np.arange(float(np.prod(shape))).reshape(shape)),
        Section("kernel", [str(kernel), "stride 2"], np.ones(kernel)),
    ]
    lines = viewed(np.ones(shape), columns, rows, color, operands=pieces)
    assert len(lines) < rows
    text = "\n".join(map(text_of, lines))
    for name in ("input", "kernel", "result"):
        assert re.search(rf"\b{name}\b", text)
    assert not re.search("result.* left out", text)


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("shape", [(64, 7, 7), (64, 56, 56), (5, 3, 30, 30), (9, 12, 16)])
@pytest.mark.parametrize("columns", [40, 80])
def test_planes_left_out_are_counted(shape, columns, color):
    text = "\n".join(text_of(line) for line in viewed(np.ones(shape), columns, 24, color))
    shown = len(re.findall(r"\[[\d, ]+\]", text))
    left_out = re.search(r"… (\d+) more planes?", text)
    assert shown + int(left_out[1]) == np.prod(shape[:-2])


def test_rows_left_out_are_counted():
    lines = [text_of(line) for line in viewed(np.arange(600).reshape(150, 4))]
    shown = [line for line in lines[1:] if re.fullmatch(r"( *\d+){4} ", line)]
    assert lines[-1] == f"… {150 - len(shown)} more rows"
    assert shown[0].split() == ["0", "1", "2", "3"]
    assert shown[-1].split() == ["596", "597", "598", "599"]


@pytest.mark.parametrize("rows", [10, 16, 24])
def test_of_slim_planes_some_rows_are_numbers(rows):
    lines = [text_of(line) for line in viewed(np.arange(3600).reshape(3, 300, 4), 30, rows)]
    assert len(lines) < rows
    shown = [line for line in lines if re.fullmatch(r"( *\d+){4} ", line)]
    assert lines[-2:] == [f"… {300 - len(shown)} more rows", "… 2 more planes"]


def test_colour_changes_no_letter_of_a_grid():
    array = np.array([[[1.5, -2], [np.nan, 0]], [[3, 4], [-np.inf, 5]]])
    plain, coloured = viewed(array), viewed(array, color=True)
    assert [text_of(line) for line in plain] == [text_of(line) for line in coloured]
    backgrounds = {style.background for line in coloured[2:] for _, style in line}
    assert {LOUD, 0xA82929, 0xF6F6F6} <= backgrounds  # NaN and infinity, the greatest value, zero


def test_planes_share_one_scale_and_one_way_to_write():
    lines = viewed(np.array([[[1, 2]], [[2, 4.5]]]), color=True)
    cells = [(text.strip(), style.background) for text, style in lines[-1] if style.background]
    assert [text for text, _ in cells] == ["1.0", "2.0", "2.0", "4.5"]
    assert cells[1] == cells[2]


def test_a_legend_ends_at_what_is_shown():
    plane = np.zeros((100, 100))
    plane[:50] = 8
    text = text_of(viewed(plane, color=True)[-1])
    assert re.fullmatch(r"0 +8  a cell is the mean of .* values", text)
    assert text_of(viewed(plane)[-2]).startswith("blank from 0  ░ from 1.6  ▒ from 3.2")


def test_a_signal_is_in_order():
    lines = [text_of(line) for line in viewed(np.arange(200), 60, 24)][2:]
    numbers = [number for line in lines for number in line.partition(":")[2].split()]
    assert numbers == [str(number) for number in range(200)]
    starts = [int(line.partition(":")[0]) for line in lines]
    assert starts == [int(line.partition(":")[2].split()[0]) for line in lines]


def test_sections_stand_side_by_side_where_they_fit():
    pieces = [Section("input", ["(4, 4)"], np.ones((4, 4))), Section("kernel", [], np.ones((2, 2)))]
    wide = [text_of(line) for line in viewed(np.ones((3, 3)), operands=pieces)]
    assert re.search(r"input.*kernel.*result", "\n".join(wide))
    narrow = [text_of(line) for line in viewed(np.ones((3, 3)), 20, operands=pieces)]
    places = [i for i, line in enumerate(narrow) if re.match("input|kernel|result", line)]
    assert len(places) == 3
    assert len(wide) < len(narrow)


def test_a_kernel_is_never_a_heat_map():
    kernel = np.full((8, 3, 3, 3), -0.1234)
    pieces = [Section("input", [], np.ones((48, 64))), Section("kernel", [], kernel)]
    for columns, rows in ((40, 40), (80, 30), (120, 24)):
        lines = viewed(np.ones((8, 46, 62)), columns, rows, operands=pieces)
        assert sum("-0.1234" in text_of(line) for line in lines) >= 3
