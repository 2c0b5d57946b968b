"""What a dry run tells, beside what the operators do."""

import math
import random
import threading
import tracemalloc

import numpy as np
import pytest

from cnnops_cli.explain.estimators import estimate_conv, estimate_maxpool
from cnnops_cli.ops.conv import convolve
from cnnops_cli.ops.maxpool import maxpool
from cnnops_cli.ops.parallel import using_threads


def layer_of(rng):
    """A random layer: its input, weight and geometry."""
    dims = rng.choice((1, 2, 2, 2, 3))
    groups = rng.choice((1, 1, 1, 2, 4))
    depth, filters = rng.choice((1, 3, 8)), rng.choice((1, 4, 8))
    kernel = [rng.choice((1, 2, 3, 5, 9)) for _ in range(dims)]
    lengths = [size * 2 + rng.choice((0, 3, 40 // dims)) for size in kernel]
    geometry = {
        "stride": tuple(rng.choice((1, 1, 2)) for _ in range(dims)),
        "padding": rng.choice((0, 1, "same-upper")),
        "dilation": rng.choice((1, 1, 2)),
        "groups": groups,
        "padding_mode": rng.choice(("zeros", "zeros", "replicate")),
    }
    dtype = rng.choice((np.float32, np.float64, np.float16, np.int8))
    numbers = np.random.default_rng(rng.randrange(1000))
    image = numbers.integers(-9, 9, (rng.choice((1, 3)), depth * groups, *lengths)).astype(dtype)
    weight = numbers.integers(-9, 9, (filters * groups, depth, *kernel)).astype(dtype)
    return image, weight, geometry


@pytest.mark.parametrize("seed", range(80))
def test_conv_is_done_as_it_is_told(seed):
    image, weight, geometry = layer_of(random.Random(seed))
    told = estimate_conv(image, weight, None, accumulate="exact", headers=False, **geometry)
    result, algorithm = convolve(image, weight, None, accumulate="exact", **geometry)
    assert (told.shape, told.dtype) == (result.shape, result.dtype)
    assert told.algorithm.startswith(f"{algorithm}, in ")
    assert told.counts == {"multiply-adds": result.size * math.prod(weight.shape[1:])}
    assert told.memory["result"] == result.nbytes


def peak_beside(call):
    """How many bytes a call holds at the most, beside its result, on a thread that has none yet."""
    held = []

    def measure():
        tracemalloc.start()
        result = call()
        held.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
        tracemalloc.stop()

    thread = threading.Thread(target=measure)
    thread.start()
    thread.join()
    return held[0]


LAYERS = [
    ((2, 16, 64, 64), (16, 16, 3, 3)),
    ((1, 3, 300, 300), (8, 3, 7, 7)),
    ((1, 1, 512, 512), (1, 1, 31, 31)),
    ((1, 32, 20_000), (32, 32, 5)),
]
SMALL_LAYERS = [
    ((2, 16, 64, 64), (4, 16, 3, 3)),
    ((1, 3, 60, 60), (8, 3, 5, 5)),
    ((1, 1, 200, 200), (1, 1, 3, 3)),
    ((1, 4, 3000), (4, 4, 5)),
]
"""Layers of few tiles, of which every sum can be hard."""


@pytest.mark.parametrize("accumulate", ["exact", "fast"])
@pytest.mark.parametrize(("image", "weight"), LAYERS)
def test_conv_holds_what_it_is_told_to(image, weight, accumulate):
    arrays = np.ones(image, np.float32), np.ones(weight, np.float32)
    told, held = told_and_held(*arrays, accumulate)
    assert told / 32 < held <= told


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kind", ["normal", "NaN"])
@pytest.mark.parametrize(("image", "weight"), LAYERS)
def test_exact_sums_hold_what_they_are_told_to(image, weight, kind, dtype):
    rng = np.random.default_rng(0)
    x, kernel = (rng.standard_normal(shape).astype(dtype) for shape in (image, weight))
    if kind == "NaN":
        x[rng.random(image) < 0.1] = np.nan
    told, held = told_and_held(x, kernel, "exact")
    assert held <= told


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("image", "weight"), SMALL_LAYERS)
def test_sums_that_are_all_in_doubt_hold_what_they_are_told_to(image, weight, dtype):
    """Lines of one value under weights that cancel, and of float64 products out of range."""
    rng = np.random.default_rng(0)
    reach = {"float16": 6, "float32": 20, "float64": 5}[dtype]
    lines = rng.standard_normal(image[:-1]) * 2.0 ** rng.integers(-reach, reach, image[:-1])
    x = np.repeat(lines[..., np.newaxis], image[-1], axis=-1).astype(dtype)
    kernel = rng.standard_normal(weight).astype(dtype)
    kernel -= kernel[..., ::-1]
    told, held = told_and_held(x, kernel, "exact")
    assert told / 8 < held <= told
    if dtype == "float64":
        x = rng.standard_normal(image) * 2.0 ** rng.integers(-500, 450, image)
        told, held = told_and_held(x, kernel, "exact")
        assert told / 8 < held <= told


def test_conv_holds_nothing_where_the_input_is_the_matrix():
    arrays = np.ones((4, 64, 32, 32), np.float32), np.ones((64, 64, 1, 1), np.float32)
    told, held = told_and_held(*arrays, "fast")
    assert held < 1 << 14 < told


def told_and_held(image, weight, accumulate):
    plain = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros"}
    options = {"accumulate": accumulate, **plain}
    with using_threads(1):
        told = estimate_conv(image, weight, None, headers=False, **options).memory["working"]
        return told, peak_beside(lambda: convolve(image, weight, None, **options)[0])


def test_maxpool_holds_what_it_is_told_to():
    image = np.random.default_rng(0).random((2, 16, 256, 256), np.float32)
    geometry = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False}
    told = estimate_maxpool(image, (3, 3), **geometry).memory["working"]
    with using_threads(1):
        held = peak_beside(lambda: maxpool(image, (3, 3), **geometry))
    assert told / 32 < held <= told
