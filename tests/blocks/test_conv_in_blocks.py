"""Convolution of any boxes of the result has the bytes of the whole result."""

import re

import numpy as np
import pytest
from in_blocks import assert_same_bytes, in_blocks, random_boxes, reading
from random_geometry import random_padding, random_sizes, random_values

from cnnops_cli import CnnopsError, conv
from cnnops_cli.blocks.block_grid import Grid
from cnnops_cli.blocks.boxes import Box, boxes_of
from cnnops_cli.blocks.conv import ConvBlocks

MODES = ("zeros", "zeros", "reflect", "replicate", "circular")
DTYPES = ("float16", "float32", "float32", "float64", "int8", "uint16", "int64")


def random_call(rng):
    dims = int(rng.integers(1, 4))
    mode = str(rng.choice(MODES))
    lengths, kernel, stride, dilation = random_sizes(rng, dims)
    padding = random_padding(rng, lengths, kernel, dilation, stride, mode)
    groups, depth = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    filters = groups * int(rng.integers(1, 4))
    lead = [] if rng.random() < 0.3 else [int(rng.integers(1, 4))]
    dtype = str(rng.choice(DTYPES))
    x = random_values(rng, (*lead, groups * depth, *lengths), dtype)
    other = dtype if rng.random() < 0.7 else str(rng.choice(DTYPES))
    weight = random_values(rng, (filters, depth, *kernel), other)
    bias = [None, random_values(rng, (filters,), other), random_values(rng, (), other)]
    options = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "padding_mode": mode,
        "accumulate": str(rng.choice(["exact", "exact", "sequential", "fma"])),
    }
    return (x, weight, bias[int(rng.integers(3))]), options


@pytest.mark.parametrize("seed", range(20))
def test_any_boxes_have_the_bytes_of_memory(seed):
    for number in range(15):
        rng = np.random.default_rng([seed, number])
        (x, weight, bias), options = random_call(rng)
        try:
            expected = conv(x, weight, bias, **options)
        except CnnopsError as refused:
            with pytest.raises(CnnopsError, match=f"^{re.escape(str(refused))}$"):
                ConvBlocks.planned(x.shape, x.dtype, weight, bias, **options)
            continue
        operator = ConvBlocks.planned(x.shape, x.dtype, weight, bias, **options)
        assert (operator.shape, operator.dtype) == (expected.shape, expected.dtype)
        got = in_blocks(operator, {"input": x}, random_boxes(rng, operator.shape))
        assert_same_bytes(got["result"], expected)


LAYERS = {
    "transforms": ((1, 2, 150, 160), (2, 2, 31, 31), {"padding": 15}),
    "bands": ((2, 8, 60, 60), (16, 8, 3, 3), {"padding": "same"}),
    "depthwise": ((1, 24, 40, 40), (24, 1, 5, 5), {"groups": 24, "padding": 2}),
    "volume": ((1, 1, 40, 40, 40), (1, 1, 3, 3, 3), {"padding": 1, "padding_mode": "reflect"}),
    "stride": ((2, 3, 64, 64), (8, 3, 7, 7), {"stride": 2, "padding": 3}),
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16"])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layers_that_other_engines_compute(layer, dtype):
    shape, kernel, options = layer
    rng = np.random.default_rng(1)
    x, weight = (rng.standard_normal(size) * 9 for size in (shape, kernel))
    x, weight = x.astype(dtype), weight.astype(dtype)
    bias = rng.standard_normal(kernel[0]).astype(dtype)
    operator = ConvBlocks.planned(shape, x.dtype, weight, bias, **options)
    grid = Grid(operator.shape, (1, 3, 17, 19, 23)[: len(shape)], (1,) * len(shape))
    got = in_blocks(operator, {"input": x}, list(grid))
    assert_same_bytes(got["result"], conv(x, weight, bias, **options))


def test_a_sum_that_int64_does_not_hold_is_refused_by_its_block_alone():
    x = np.ones((1, 1, 8), np.int64)
    x[..., 7] = 2**62
    weight = np.full((1, 1, 1), 2, np.int64)
    operator = ConvBlocks.planned(x.shape, x.dtype, weight)
    reads = {"input": reading(x)}
    first, last = Grid(operator.shape, (1, 1, 4), (1, 1, 1))
    assert operator.compute(reads, first)["result"].tolist() == [[[2, 2, 2, 2]]]
    with pytest.raises(
        CnnopsError,
        match=r"^the sum 9223372036854775808 does not fit int64; --dtype float64 computes it in "
        r"floating point: kernel \(1, 1, 1\), input \(1, 1, 8\)$",
    ):
        operator.compute(reads, last)


def test_a_block_reads_once_and_only_what_it_sees():
    x = np.arange(64.0).reshape(1, 1, 8, 8)
    weight = np.ones((1, 1, 3, 3))
    spans = {
        "zeros": [[(0, 3)], [(4, 8)]],
        "replicate": [[(0, 3)], [(4, 8)]],
        "reflect": [[(0, 3)], [(4, 8)]],
        "circular": [[(0, 3), (7, 8)], [(0, 1), (4, 8)]],
    }
    for mode, (rows, columns) in spans.items():
        operator = ConvBlocks.planned(x.shape, x.dtype, weight, padding=1, padding_mode=mode)
        seen = []
        operator.compute({"input": reading(x, seen)}, Box((0, 0, 0, 5), (1, 1, 2, 8)))
        assert seen == boxes_of([[(0, 1)], [(0, 1)], rows, columns])


def test_a_block_in_the_padding_reads_nothing_and_is_the_bias_or_nan():
    x, weight = np.ones((1, 1, 4), np.float32), np.array([[[1.0, 2.0]]], np.float32)
    bias = np.array([7.0], np.float32)
    for value, expected in [(2.0, 7.0), (np.inf, np.nan)]:
        weight[0, 0, 1] = value
        operator = ConvBlocks.planned(x.shape, x.dtype, weight, bias, padding=[[9, 9]])
        seen = []
        got = operator.compute({"input": reading(x, seen)}, Box((0, 0, 15), (1, 1, 20)))
        assert seen == []
        np.testing.assert_array_equal(got["result"], np.full((1, 1, 5), expected, np.float32))
