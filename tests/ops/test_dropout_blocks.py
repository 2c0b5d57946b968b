"""Dropout of every way to cut an array into parts and blocks, compared with mask times scale."""

import tracemalloc

import numpy as np
import pytest
from comparing import assert_identical
from test_dropout_mask import mask_by_hand

from cnnops_cli import dropout
from cnnops_cli.ops import dropout as module
from cnnops_cli.ops import parallel
from cnnops_cli.ops.dropout import draw_mask, keep

SMALL = {"_BLOCK": 8}
SPECIAL = (1.5, -2.5, np.inf, -np.inf, np.nan, -0.0, 0.0, -7.0)
CASES = [
    ((45,), False),
    ((101,), False),
    ((7, 11), True),
    ((3, 5, 7), False),
    ((3, 5, 7), True),
    ((2, 3, 50), True),
    ((9, 1, 2, 3), True),
    ((1, 2, 3, 40), True),
]


def by_hand(x, p, seed, channelwise):
    shape = x.shape[:2] + (1,) * (x.ndim - 2) if channelwise else x.shape
    mask = np.array(mask_by_hand(int(np.prod(shape)), p, seed)).reshape(shape)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    work = np.float32 if dtype == np.float16 else dtype.type
    scaled = (x.astype(work) * (work(1) / work(1 - p))).astype(dtype)
    return np.where(mask, scaled, np.zeros((), dtype)), mask


def special_values(shape, dtype):
    values = SPECIAL if np.dtype(dtype).kind == "f" else range(8)
    return np.resize(np.array(values), shape).astype(dtype)


@pytest.fixture
def small(monkeypatch):
    for name, value in SMALL.items():
        monkeypatch.setattr(module, name, value)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
@pytest.mark.parametrize("p", [0.5, 0.3])
@pytest.mark.parametrize(("shape", "channelwise"), CASES)
def test_small_blocks(shape, channelwise, p, dtype):
    x = special_values(shape, dtype)
    expected, mask = by_hand(x, p, 5, channelwise)
    assert_identical(draw_mask(shape, p, 5, channelwise), mask)
    assert_identical(keep(x, mask, p), expected)
    for threads in (1, 4):
        with parallel.using_threads(threads):
            assert_identical(dropout(x, p, seed=5, channelwise=channelwise), expected)


@pytest.mark.parametrize(
    ("shape", "channelwise"),
    [((1_300_001,), False), ((3, 2, 300_007), True), ((700, 5, 321), True)],
    ids=str,
)
def test_blocks_as_they_are(shape, channelwise):
    x = special_values(shape, "float32")
    p = 0.25 + 0.5 / 65536
    expected, mask = by_hand(x, p, 6, channelwise)
    assert_identical(dropout(x, p, seed=6, channelwise=channelwise), expected)
    assert_identical(keep(x, mask, p), expected)


@pytest.mark.usefixtures("small")
def test_ties_in_every_block():
    p = (3 + 0.5) / 65536
    seed = next(
        seed
        for seed in range(2000)
        if 3 in np.random.PCG64(seed).random_raw(25).view("<u2")[16:100]
    )
    assert draw_mask((100,), p, seed).tolist() == mask_by_hand(100, p, seed)


def test_memory_order_of_input_and_mask():
    x = special_values((40, 50), "float32")
    expected, mask = by_hand(x, 0.3, 7, False)
    for array in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        assert_identical(dropout(array, 0.3, seed=7), expected)
        assert_identical(keep(array, np.asfortranarray(mask), 0.3), expected)


@pytest.mark.parametrize("channelwise", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_working_memory_is_bounded(dtype, channelwise):
    x = np.ones((2, 3, 1_000_000), dtype)
    dropout(x[:, :, :9], 0.3, seed=8)
    tracemalloc.start()
    got = dropout(x, 0.3, seed=8, channelwise=channelwise)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - got.nbytes < 12 << 20
