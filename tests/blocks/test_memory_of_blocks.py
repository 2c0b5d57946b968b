"""The memory that an operator tells of a block, against what NumPy takes while it is computed."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cnnops_cli.blocks import batchnorm, conv, dropout, maxpool
from cnnops_cli.blocks.batchnorm import BatchnormBlocks
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.conv import ConvBlocks
from cnnops_cli.blocks.dropout import DropoutBlocks
from cnnops_cli.blocks.maxpool import MaxpoolBlocks
from cnnops_cli.ops.parallel import WORKING_BYTES, using_threads

MIB = 1 << 20
F4, F8, I8 = (np.dtype(name) for name in ("f4", "f8", "i8"))
PLANE = (F4, (1, 1, 2048, 2048))  # 16 MiB
KERNEL = np.ones((1, 1, 3, 3), np.float32)
GROUPS = (F4, (1, 4, 1024, 1024)), np.ones((8, 2, 1, 1), np.float32)  # 16 MiB, and a result of 32


def planned(kind, array, *arguments, **options):
    dtype, shape = array
    return kind.planned(shape, dtype, *arguments, **options)


def convolution(**options):
    return planned(ConvBlocks, PLANE, KERNEL, padding=1, **options)


CASES = {
    "conv": (convolution(), 9),
    "conv of reflected cells": (convolution(padding_mode="reflect"), 8),
    "conv of cells of the other end, for a small result": (
        convolution(padding_mode="circular", stride=8),
        1,
    ),
    "conv of integers": (planned(ConvBlocks, (I8, (1, 1, 1024, 2048)), KERNEL.astype(I8)), 6),
    "conv of parts of groups": (planned(ConvBlocks, *GROUPS, groups=2), 8),
    "maxpool": (planned(MaxpoolBlocks, PLANE, 3, stride=1), 5),
    "maxpool with indices": (planned(MaxpoolBlocks, PLANE, 2, return_indices=True), 9),
    "dropout": (planned(DropoutBlocks, PLANE, seed=1), 1),
    "dropout with its mask": (planned(DropoutBlocks, PLANE, seed=1, return_mask=True), 1),
    "dropout by a mask": (planned(DropoutBlocks, PLANE, mask=PLANE[1]), 1),
    "batchnorm": (planned(BatchnormBlocks, (F8, (2, 2, 512, 1024)), {}), 1),
    "batchnorm of this batch": (planned(BatchnormBlocks, PLANE, {}, training=True), 1),
}
"""An operator, and the MiB that it may take in addition to its arrays: less than any of them."""
FILTERS = {"conv of parts of groups": (1, 8)}
"""Of a block that has not all."""


@pytest.mark.parametrize("case", CASES)
def test_what_is_told_is_what_is_taken(monkeypatch, case):
    """Of its arrays; what it takes in addition is within the most that is told of that."""
    operator, working = CASES[case]
    spans = [(0, length) for length in operator.shape]
    spans[1] = FILTERS.get(case, spans[1])
    box = Box.of_spans(spans)
    taken = peak(operator, box)
    assert operator.bytes_of(box) > max(taken, WORKING_BYTES)
    for module in (batchnorm, conv, dropout, maxpool):
        monkeypatch.setattr(module, "WORKING_BYTES", 0)
    told = operator.bytes_of(box)
    assert told <= taken + MIB // 16
    assert taken <= told + working * MIB


def peak(operator, box):
    """The most memory of arrays at a time, those included that are read."""
    dtypes = {"input": operator.input_dtype, "mask": F8}
    reads = {name: reading(dtype) for name, dtype in dtypes.items()}
    if operator.needs_statistics:
        operator, _ = operator.with_statistics([operator.moments(reads, box)])
    tracemalloc.start()
    try:
        with ThreadPoolExecutor(1) as thread:  # a new one, which has kept nothing
            thread.submit(on_one_thread, operator.compute, reads, box).result()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def on_one_thread(compute, reads, box):
    with using_threads(1):
        compute(reads, box)


def reading(dtype):
    return lambda box: np.ones(box.shape, dtype)
