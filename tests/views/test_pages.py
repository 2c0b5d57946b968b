"""In SVG and HTML files planes are pictures with a cell for each value, up to a limit."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from cnnops_cli.text.colours import LOUD, Scale, hexadecimal
from cnnops_cli.text.styled_lines import text_of, width_of
from cnnops_cli.views.room import Room
from cnnops_cli.views.sections import Section
from cnnops_cli.views.view import View
from cnnops_cli.views.view_files import html, svg

PAGE = Room.of_file(draws=True)
NAME = "{http://www.w3.org/2000/svg}"


def lines_of(array, page=PAGE, **options):
    return View("conv", array, array, **options).lines(page)


def pictures_in(lines):
    """Return the cells of each picture but for legends, whose cells are 16 units high."""
    styles = [style for line in lines for _, style in line]
    pictures = [style.picture for style in styles if style.picture is not None]
    return [each for each in pictures if each.colours.shape[0] > 1]


def painted(picture):
    """Read the colours of cells from the SVG that draws them."""
    _, _, columns, rows = map(int, picture.get("viewBox").split())
    cells = np.full((rows, columns), "", object)
    for path in picture.iter(f"{NAME}path"):
        x, y = 0, 0
        for right, down, length in re.findall(r"m(-?\d+) (\d+)h(\d+)", path.get("d")[5:]):
            x, y = x + int(right), y + int(down)
            assert (cells[y, x : x + int(length)] == "").all()
            cells[y, x : x + int(length)] = path.get("stroke")
            x += int(length)
    assert (cells != "").all()
    return cells


@pytest.mark.parametrize("write", [svg, html])
def test_every_value_of_a_plane_has_a_cell_of_its_colour(write):
    plane = np.random.default_rng(0).normal(size=(40, 60))
    plane[3, 5] = np.nan
    text = write(lines_of(plane))
    (picture, _) = re.findall(r"<svg[^>]* preserveAspectRatio.*?</svg>", text)
    cells = painted(ElementTree.fromstring(picture.replace("<svg", f"<svg xmlns='{NAME[1:-1]}'")))
    colours = Scale(np.nanmin(plane), np.nanmax(plane)).colours(plane)
    assert cells.tolist() == [[hexadecimal(colour) for colour in row] for row in colours.tolist()]
    assert cells[3, 5] == hexadecimal(LOUD)


@pytest.mark.parametrize(
    ("shape", "cells", "said"),
    [
        ((256, 256), (256, 256), "a cell is one value"),
        ((256, 257), (255, 256), "a cell is the mean of 1.004 × 1.004 values"),
        ((170, 256), (170, 256), "a cell is one value"),
        ((2, 512, 128), (512, 128), "a cell is one value"),
        ((2, 256, 256), (256, 256), "a cell is one value"),
        ((3, 170, 256), (170, 256), "a cell is one value"),
        ((3, 256, 256), (209, 209), "a cell is the mean of 1.225 × 1.225 values"),
        ((16, 90, 90), (90, 90), "a cell is one value"),
        ((2, 900), (2, 900), "a cell is one value"),
    ],
)
def test_a_plane_has_at_most_65536_cells_and_all_planes_131072(shape, cells, said):
    lines = lines_of(np.arange(float(np.prod(shape))).reshape(shape))
    pictures = pictures_in(lines)
    assert len(pictures) == np.prod(shape[:-2], dtype=int)
    assert {picture.colours.shape for picture in pictures} == {cells}
    assert text_of(lines[-1]).endswith(said)
    assert width_of(lines) <= 120
    assert len(lines) <= 48


@pytest.mark.parametrize(
    ("shape", "abreast"), [((3, 46, 62), 3), ((4, 40, 40), 2), ((16, 32, 32), 4), ((5, 46, 62), 3)]
)
def test_rows_of_planes_are_full_where_that_leaves_them_large(shape, abreast):
    lines = lines_of(np.random.default_rng(0).normal(size=shape))
    assert max(len(re.findall(r"\[\d+\]", text_of(line))) for line in lines) == abreast


def test_cells_are_squares_but_for_long_planes():
    (square,) = pictures_in(lines_of(np.eye(40, 80)))
    assert square.width == square.height == 12
    (long,) = pictures_in(lines_of(np.eye(4, 400)))
    assert (long.width, long.height) == (2, 16)


def test_a_signal_has_a_cell_for_each_value_in_strips_of_a_line():
    lines = lines_of(np.sin(np.arange(4000) / 50))
    strips = [line for line in lines if re.match(r" *\d+: ", text_of(line))]
    lengths = [line[1][1].picture.colours.shape for line in strips]
    assert [rows for rows, _ in lengths] == [1] * len(strips)
    assert sum(columns for _, columns in lengths) == 4000
    starts = [int(text_of(line).partition(":")[0]) for line in strips]
    assert starts == [912 * number for number in range(len(strips))]


def test_numbers_have_a_margin_and_columns_of_one_width():
    kernel = Section("kernel", [], np.array([[1, 10], [100, 1000]]))
    lines = lines_of(np.array([[1, -2.5], [3, 4]]), operands=[kernel])
    cells = [text for line in lines[2:] for text, style in line if style.background is not None]
    assert cells == ["    1 ", "   10 ", "  1.0 ", " -2.5 ", "  100 ", " 1000 ", "  3.0 ", "  4.0 "]


def test_a_legend_is_as_smooth_as_its_scale_and_apart_from_the_picture():
    lines = lines_of(np.arange(3600.0).reshape(60, 60))
    assert lines[-2] == []
    (legend,) = [style.picture for _, style in lines[-1] if style.picture is not None]
    assert legend.colours.shape == (1, 96)
    assert len(set(legend.colours[0].tolist())) == 96
    assert re.fullmatch(r"0 {26}3599  a cell is one value", text_of(lines[-1]))


def test_a_section_that_has_all_it_needs_leaves_the_rest_to_the_others():
    image, bias = np.ones((3, 60, 60)), np.arange(2)
    lines = lines_of(
        np.ones((2, 60, 60)), operands=[Section("input", [], image), Section("bias", [], bias)]
    )
    titles = next(text_of(line) for line in lines if "bias" in text_of(line))
    assert titles.index("result") - titles.index("bias") < 30
