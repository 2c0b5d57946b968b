"""Which algorithm conv chooses, how it cuts the result, and what a tile lays out."""

import math
from time import perf_counter

import numpy as np
import pytest
from footprint import bytes_by_use
from forcing import ALGORITHMS, forced, layer_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_conv_against_oracle import conv_calls
from test_conv_algorithms import CUTS, LAYERS, forcings, whole_numbers

from cnnops_cli import conv
from cnnops_cli.ops import parallel
from cnnops_cli.ops.convolution import banded, columns, fourier, products
from cnnops_cli.ops.convolution import source as sources
from cnnops_cli.ops.convolution.layer_tiles import Tile, Tiles
from cnnops_cli.ops.convolution.plan import estimate_costs, plan_convolution
from cnnops_cli.ops.scratch import scratch

A_THREADS_SHARE = 30 << 20
"""Bytes; two threads and what is kept beside them stay under 64 MiB."""


@st.composite
def layers(draw, *, reach=200, channels=700):
    """Layers of the shapes that networks have, whatever the time that they would take."""
    dims = draw(st.integers(1, 3))
    groups = draw(st.sampled_from((1, 1, 2, 32)))
    most = max(1, channels // groups)
    per_group, filters = draw(st.integers(1, most)), draw(st.integers(1, most))

    def one_an_axis(smallest, largest):
        return tuple(draw(st.integers(smallest, largest)) for _ in range(dims))

    taps, gaps = one_an_axis(1, 5), one_an_axis(1, 2 if dims < 3 else 1)
    lengths = [
        gap * (size - 1) + draw(st.integers(1, (reach**2, reach, reach // 5)[dims - 1]))
        for size, gap in zip(taps, gaps, strict=True)
    ]
    return layer_of(
        (draw(st.sampled_from((1, 2, 8))), groups * per_group, *lengths),
        (groups * filters, per_group, *taps),
        draw(st.sampled_from(("float32", "float64"))),
        stride=one_an_axis(1, 2 if dims < 3 else 1),
        padding=one_an_axis(0, 6),
        dilation=gaps,
        groups=groups,
    )


def assert_within_a_threads_share(layer, plan, *, copied=True):
    for tile in (plan.tiles[0], plan.tiles[len(plan.tiles) // 2], plan.tiles[-1]):
        laid_out = bytes_by_use(layer, plan, tile, copied=copied)
        assert sum(laid_out.values()) <= A_THREADS_SHARE, laid_out


def assert_covered_once(layer, plan):
    covered = np.zeros((layer.items, layer.groups, layer.filters, *layer.windows.output), np.uint8)
    for tile in plan.tiles:
        assert covered[tile.place].size > 0
        covered[tile.place] += 1
    assert covered.min(initial=1) == covered.max(initial=1) == 1


@given(conv_calls(), forcings)
@settings(deadline=None, max_examples=150)
def test_tiles_cover_the_result_once(call, forcing):
    (shape, weight), options, _, _ = call
    options = {name: options[name] for name in ("stride", "padding", "dilation", "groups")}
    layer = layer_of(shape, weight, **options)
    with forced(**forcing):
        assert_covered_once(layer, plan_convolution(layer))
    assert_covered_once(layer, plan_convolution(layer))


@given(layers(reach=15, channels=600), st.sampled_from(("chosen", *ALGORITHMS)))
@settings(deadline=None, max_examples=100)
def test_tiles_of_large_layers_cover_the_result_once(layer, algorithm):
    if algorithm == "chosen":
        plan = plan_convolution(layer)
    else:
        with forced(algorithm, tile_bytes=1 << 19, tiles=16):
            plan = plan_convolution(layer)
        known = {name for name, _ in estimate_costs(layer)}
        assert plan.algorithm == algorithm or algorithm not in known
    assert_covered_once(layer, plan)


@given(layers(reach=100))
@settings(deadline=None, max_examples=20)
def test_the_plan_does_not_depend_on_threads(layer):
    plans = []
    for count in (1, 2, 64):
        with pytest.MonkeyPatch.context() as patch, parallel.using_threads(count):
            patch.setattr(parallel, "available_cores", lambda count=count: count)
            plan_convolution.cache_clear()
            plan = plan_convolution(layer)
            plans.append(plan._replace(tiles=tuple(plan.tiles)))
    assert plans[0] == plans[1] == plans[2]


@given(layers())
@settings(deadline=None, max_examples=200, derandomize=True)
def test_an_algorithm_lays_out_little(layer):
    """Beside what a tile sees of the input, which the plan does not count.

    The bound is none of the plan's own: a few odd layers pass it, so the draws are always the same.
    """
    assert_within_a_threads_share(layer, plan_convolution(layer), copied=False)


EXTREMES = {
    "a kernel of 1000x1000": ((1, 1, 1100, 1100), (1, 1, 1000, 1000), {}),
    "a kernel of 100,000 taps": ((1, 1, 400_000), (1, 1, 100_000), {}),
    "stride 100": ((1, 1, 6000, 6000), (1, 1, 3, 3), {"stride": 100, "padding": 1}),
    "a long kernel with gaps": ((1, 8, 100_000), (1, 8, 1000), {"dilation": 20}),
    "1024 groups of a small volume": ((8, 1024, 8, 6, 14), (1024, 1, 8, 6, 5), {"groups": 1024}),
    "many channels, stride 2": ((8, 75, 91, 193), (9, 75, 5, 1), {"stride": 2, "padding": (0, 6)}),
    "one channel, 1024 filters of 400 taps": ((1, 1, 60000), (1024, 1, 400), {}),
    "fifty million cells": ((1, 1, 50_000_000), (1, 1, 3), {"padding": 1}),
    "fifty million cells, 1025 taps": ((1, 1, 50_000_000), (1, 1, 1025), {"padding": 512}),
    "fifty million cells in a row": ((1, 1, 1, 50_000_000), (1, 1, 1, 3), {"padding": 1}),
    "fifty million cells in a column": ((1, 1, 50_000_000, 1), (1, 1, 3, 1), {"padding": 1}),
    "a kernel of 101x101": ((1, 1, 4000, 6000), (1, 1, 101, 101), {"padding": 50}),
    "4096 channels": ((1, 4096, 7, 7), (4096, 4096, 3, 3), {"padding": 1}),
    "4096 channels in": ((1, 4096, 64, 64), (1, 4096, 5, 5), {"padding": 2}),
    "4096 channels of a line": ((1, 4096, 1000), (4096, 4096, 3), {"padding": 1}),
    "2048 groups": ((1, 2048, 512, 512), (2048, 1, 3, 3), {"groups": 2048, "padding": 1}),
    "2048 groups, 7x7": ((32, 2048, 14, 14), (2048, 1, 7, 7), {"groups": 2048, "padding": 3}),
    "dilation 100": ((1, 16, 512, 512), (16, 16, 3, 3), {"dilation": 100, "padding": 100}),
    "dilation 100, a line": ((1, 64, 100_000), (64, 64, 31), {"dilation": 100, "padding": 1500}),
    "100,000 items": ((100_000, 1, 28, 28), (32, 1, 5, 5), {}),
    "400 million cells of a volume": ((1, 1, 8, 9000, 9000), (1, 1, 3, 3, 3), {"padding": 1}),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EXTREMES)
def test_a_tile_of_an_extreme_layer_lays_out_little(name, dtype):
    shape, weight, options = EXTREMES[name]
    layer = layer_of(shape, weight, dtype, **options)
    plan = plan_convolution(layer)
    assert sum(math.prod(tile.shape[3:]) for tile in plan.tiles) >= math.prod(layer.windows.output)
    assert_within_a_threads_share(layer, plan)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("is_split", [True, False], ids=["split", "whole"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_laid_out_is_what_is_counted(monkeypatch, algorithm, is_split, name):
    """So that the tests above, which count from shapes, speak of what the engine asks for."""
    asked: dict[str, int] = {}

    def note(use, shape, dtype):
        asked[use] = max(asked.get(use, 0), math.prod(shape) * dtype.itemsize)
        return scratch(use, shape, dtype)

    for module in (banded, columns, fourier, products, sources):
        monkeypatch.setattr(module, "scratch", note)
    (x, weight, bias), options = whole_numbers(name)
    layer = layer_of(x.shape, weight.shape, **options)
    for cut in CUTS:
        asked.clear()
        with forced(algorithm, band=5, is_split=is_split, **cut), parallel.using_threads(1):
            plan = plan_convolution(layer)
            conv(x, weight, bias, accumulate="fast", **options)
        tiles = [bytes_by_use(layer, plan, tile) for tile in plan.tiles]
        for use, size in asked.items():
            counted = max(tile[use] for tile in tiles)
            assert size <= counted, use


def test_a_plan_of_many_tiles_is_soon_made():
    """They are counted, and made where they are asked for."""
    layer = layer_of((1, 1, 4096, 4096), (1 << 20, 1, 3, 3))
    start = perf_counter()
    plan = plan_convolution(layer)
    assert len(plan.tiles) > 1 << 18
    assert perf_counter() - start < 1


@given(
    st.tuples(*(st.integers(1, 9),) * 5),
    st.tuples(*(st.integers(1, 12),) * 5),
    st.integers(1, 5),
)
def test_tiles_are_as_many_as_are_counted(shape, most, multiple):
    part = Tile(
        *(slice(3, 3 + size) for size in shape[:3]), tuple(slice(0, size) for size in shape[3:])
    )
    tiles = Tiles(part, most, multiple)
    assert len(tiles) == len(list(tiles))
    assert sum(math.prod(tile.shape) for tile in tiles) == math.prod(shape)
    for tile in tiles:
        last = tile.box[0].stop == shape[3]
        assert last or tile.shape[3] % multiple == 0
        assert all(map(int.__le__, tile.shape[:3], most[:3]))
        assert tile.shape[3] <= -(-most[3] // multiple) * multiple
