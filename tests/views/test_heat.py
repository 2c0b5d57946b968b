"""Scaling down by area, against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnops_cli.text.colours import LOUD, SEQUENTIAL, Scale
from cnnops_cli.text.styled_lines import text_of
from cnnops_cli.views.heat import fit, half_blocks, shades, shrink, strip_line

sizes = st.integers(1, 13)


def overlap(index, cell, length, cells):
    """How much of a value lies in a cell, along one axis."""
    begin, end = Fraction(cell * length, cells), Fraction((cell + 1) * length, cells)
    return max(min(end, index + 1) - max(begin, index), 0)


def averaged(plane, rows, columns):
    height, width = plane.shape
    area = Fraction(height, rows) * Fraction(width, columns)
    result = np.empty((rows, columns))
    for i, j in np.ndindex(rows, columns):
        shares = {
            (y, x): overlap(y, i, height, rows) * overlap(x, j, width, columns)
            for y, x in np.ndindex(height, width)
        }
        touched = [plane[place] for place, share in shares.items() if share]
        if not np.isfinite(touched).all():
            result[i, j] = np.nan
            continue
        total = sum(
            Fraction(float(plane[place])) * share for place, share in shares.items() if share
        )
        result[i, j] = float(total / area)
    return result


@settings(deadline=None, max_examples=60)
@given(height=sizes, width=sizes, data=st.data())
def test_a_cell_is_the_mean_of_its_area(height, width, data):
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    plane = rng.normal(size=(height, width))
    plane[rng.random((height, width)) < data.draw(st.sampled_from([0, 0.1]))] = np.inf
    finite = plane[np.isfinite(plane)]
    largest = float(np.abs(finite).max()) if finite.size else 0.0
    cells = shrink(plane, rows, columns, largest)
    assert cells.shape == (rows, columns)
    assert cells.dtype == np.float64
    np.testing.assert_allclose(cells, averaged(plane, rows, columns), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("plane", "mean"),
    [
        (np.full((4, 6), 1.7e308), 1.7e308),
        (np.full((4, 6), 5e-324), 5e-324),
        (np.full((4, 6), 2**64 - 1, np.uint64), 2.0**64),
        (np.full((4, 6), 250, np.uint8), 250),
        (np.full((4, 6), 6e4, np.float16), 6e4),
        (np.zeros((4, 6)), 0),
    ],
    ids=["near overflow", "subnormal", "uint64", "uint8", "float16", "zero"],
)
def test_sums_do_not_overflow(plane, mean):
    largest = float(np.abs(plane).max())
    for turned in (plane, plane.T):
        np.testing.assert_allclose(shrink(turned, 2, 2, largest), np.full((2, 2), mean))


@given(height=sizes, width=sizes, rows=sizes, columns=sizes, aspect=st.sampled_from([1, 2]))
def test_a_plane_is_never_scaled_up_and_keeps_to_its_room(height, width, rows, columns, aspect):
    shown = fit((height, width), (rows, columns), aspect)
    assert 1 <= shown[0] <= min(height, rows)
    assert 1 <= shown[1] <= min(width, columns)


def test_a_plane_keeps_its_proportions_but_where_one_side_would_vanish():
    assert fit((600, 800), (100, 80)) == (60, 80)
    assert fit((600, 800), (100, 80), aspect=2) == (30, 80)
    assert fit((64, 16000), (40, 80)) == (40, 80)


def test_a_plane_8_times_as_long_as_wide_keeps_its_proportions_and_a_longer_one_does_not():
    assert fit((80, 10), (20, 80)) == (20, 2)
    assert fit((81, 10), (20, 80)) == (20, 10)
    assert fit((10, 80), (80, 20)) == (2, 20)
    assert fit((10, 81), (80, 20)) == (10, 20)


def test_two_rows_of_cells_share_a_line():
    cells = np.array([[0.0, 1.0], [1.0, np.nan], [0.0, 0.0]])
    first, last = half_blocks(Scale(0, 1).colours(cells))
    assert [text_of(first), text_of(last)] == ["▀▀", "▀▀"]
    assert [style[:2] for _, style in first] == [(0x440154, 0xFDE725), (0xFDE725, LOUD)]
    assert [style[:2] for _, style in last] == [(0x440154, None)]


def test_shades_and_strips():
    cells = np.array([[0.0, 0.25, 0.5, 0.75, 1.0, np.nan]])
    assert [text_of(line) for line in shades(cells, Scale(0, 1))] == [" ░▒▓█!"]
    strip = strip_line(Scale(0, 1).colours(cells)[0])
    colours = [*SEQUENTIAL[[0, 32, 64, 96, 128]].tolist(), LOUD]
    assert [style.background for _, style in strip] == colours
