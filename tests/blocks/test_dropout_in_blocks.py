"""Dropout of any boxes has the bytes, and the mask, of the whole array."""

import numpy as np
import pytest
from in_blocks import assert_same_bytes, in_blocks, random_boxes
from random_geometry import random_values

from cnnops_cli import CnnopsError, dropout
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.dropout import DropoutBlocks
from cnnops_cli.ops import dropout as masks

DTYPES = ("float16", "float32", "float64", "int8", "uint16", "int64")
CHANCES = (0.0, 1.0, 0.5, 0.3, 1e-3, 2**-20, 1 - 2**-18)


@pytest.mark.parametrize("seed", range(10))
def test_any_boxes_have_the_bytes_of_memory(seed, monkeypatch):
    for number in range(20):
        rng = np.random.default_rng([seed, number])
        monkeypatch.setattr(masks, "_SHORT", int(rng.choice([1, 8, 8192])))
        monkeypatch.setattr(masks, "_BLOCK", int(rng.choice([8, 64, 1 << 18])))
        channelwise = bool(rng.random() < 0.3)
        rank = int(rng.integers(2 * channelwise, 6))
        shape = tuple(rng.integers(1, 12, rank).tolist())
        x = random_values(rng, shape, str(rng.choice(DTYPES)))
        p, drawn_with = float(rng.choice(CHANCES)), int(rng.integers(2**40))
        expected = dropout(x, p, seed=drawn_with, channelwise=channelwise)
        mask = masks.draw_mask(shape, p, drawn_with, channelwise)
        operator = DropoutBlocks.planned(
            shape, x.dtype, p, seed=drawn_with, channelwise=channelwise, return_mask=True
        )
        got = in_blocks(operator, {"input": x}, random_boxes(rng, shape))
        assert_same_bytes(got["result"], expected)
        assert_same_bytes(got["mask"], np.array(np.broadcast_to(mask, shape).view(np.uint8)))


@pytest.mark.parametrize("shape", [(3, 70_000), (5, 3, 9000), (2, 2, 600, 33), (300_000,)])
@pytest.mark.parametrize("p", [0.5, 0.3])
def test_boxes_of_long_rows(shape, p):
    whole = masks.draw_mask(shape, p, 7)
    rng = np.random.default_rng(1)
    for _ in range(20):
        cuts = [np.sort(rng.choice(length + 1, 2, replace=False)).tolist() for length in shape]
        cuts[0] = [0, shape[0]] if rng.random() < 0.5 else cuts[0]
        box = Box.of_spans(cuts)
        got = masks.draw_mask_of_box(shape, p, 7, box.starts, box.stops)
        np.testing.assert_array_equal(got, whole[box.slices])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_mask_that_is_given(dtype):
    rng = np.random.default_rng(3)
    x = random_values(rng, (5, 6, 7), dtype)
    mask = rng.choice([0.0, -0.0, 1.0, np.nan, 3.0], x.shape)
    operator = DropoutBlocks.planned(x.shape, x.dtype, 0.3, mask=mask.shape, return_mask=True)
    got = in_blocks(operator, {"input": x, "mask": mask}, random_boxes(rng, x.shape))
    assert_same_bytes(got["result"], masks.keep(x, mask, 0.3))
    assert_same_bytes(got["mask"], (mask != 0).astype(np.uint8))


@pytest.mark.parametrize("dtype", DTYPES)
def test_eval_returns_the_input(dtype):
    rng = np.random.default_rng(4)
    x = random_values(rng, (5, 6, 7), dtype)
    operator = DropoutBlocks.planned(x.shape, x.dtype, training=False, seed=0, return_mask=True)
    got = in_blocks(operator, {"input": x}, random_boxes(rng, x.shape))
    assert_same_bytes(got["result"], x)
    assert_same_bytes(got["mask"], np.ones(x.shape, np.uint8))


REFUSED = [
    ({"p": 1.5, "seed": 0}, r"p must be from 0 to 1, not 1\.5"),
    ({"seed": -1}, "seed must be 0 or more, not -1"),
    (
        {"seed": 0, "channelwise": True},
        r"channelwise dropout takes \(N, C, \.\.\.\), but input has rank 1",
    ),
    ({"mask": (4,)}, r"mask has shape \(4,\), but input has \(3,\)"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=lambda value: str(value)[:12])
def test_refusals_come_before_anything_is_read(options, message):
    with pytest.raises(CnnopsError, match=f"^{message}$"):
        DropoutBlocks.planned((3,), np.dtype(np.float32), **options)
