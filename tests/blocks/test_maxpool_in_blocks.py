"""Max pooling of any boxes of the result has the bytes, and the indices, of the whole result."""

import re

import numpy as np
import pytest
from in_blocks import assert_same_bytes, in_blocks, random_boxes
from random_geometry import random_padding, random_sizes, random_values

from cnnops_cli import CnnopsError, maxpool
from cnnops_cli.blocks.maxpool import MaxpoolBlocks

DTYPES = ("float16", "float32", "float64", "int8", "uint16", "int64")


def random_call(rng):
    dims = int(rng.integers(1, 4))
    lengths, kernel, stride, dilation = random_sizes(rng, dims)
    padding = random_padding(rng, lengths, kernel, dilation, stride)
    if rng.random() < 0.8:  # less of it, so that every window sees an element
        most = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
        padding = [rng.integers(0, each // 2 + 1, 2).tolist() for each in most]
    lead = [int(rng.integers(1, 4)) for _ in range(rng.integers(1, 3))]
    x = random_values(rng, (*lead, *lengths), str(rng.choice(DTYPES)))
    if rng.random() < 0.3:
        x = np.minimum(x, x.dtype.type(0))  # many equal values, among them both zeros
    options = {
        "kernel_size": kernel,
        "stride": None if rng.random() < 0.3 else stride,
        "padding": padding,
        "dilation": dilation,
        "ceil_mode": bool(rng.random() < 0.5),
    }
    return x, options


@pytest.mark.parametrize("seed", range(20))
def test_any_boxes_have_the_bytes_of_memory(seed):
    for number in range(20):
        rng = np.random.default_rng([seed, number])
        x, options = random_call(rng)
        options["return_indices"] = bool(rng.random() < 0.7)
        try:
            expected = maxpool(x, **options)
        except CnnopsError as refused:
            with pytest.raises(CnnopsError, match=f"^{re.escape(str(refused))}$"):
                MaxpoolBlocks.planned(x.shape, x.dtype, **options)
            continue
        values, *indices = expected if options["return_indices"] else (expected,)
        operator = MaxpoolBlocks.planned(x.shape, x.dtype, **options)
        got = in_blocks(operator, {"input": x}, random_boxes(rng, operator.shape))
        assert_same_bytes(got["result"], values)
        assert operator.outputs.keys() == ({"result", "indices"} if indices else {"result"})
        for each in indices:
            assert_same_bytes(got["indices"], each)
