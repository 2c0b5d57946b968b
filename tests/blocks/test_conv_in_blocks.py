"""Convolution of any boxes of the result has the bytes of the whole result."""

import re

import numpy as np
import pytest
from in_blocks import assert_same_bytes, in_blocks, random_boxes
from random_geometry import random_padding, random_sizes, random_values

from cnnops_cli import CnnopsError, conv
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
    modes = ["exact", "exact", "sequential", "fma"][: 3 if dtype == "float64" else 4]
    x = random_values(rng, (*lead, groups * depth, *lengths), dtype)
    other = dtype if rng.random() < 0.8 else "float32" if dtype == "float16" else "int16"
    weight = random_values(rng, (filters, depth, *kernel), other)
    bias = [None, random_values(rng, (filters,), other), random_values(rng, (), other)]
    options = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "padding_mode": mode,
        "accumulate": str(rng.choice(modes)),
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
