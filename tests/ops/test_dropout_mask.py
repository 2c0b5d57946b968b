"""The mask of a seed is a promise: literal values, and the definition done by hand."""

import math

import numpy as np
import pytest

from cnnops_cli import dropout
from cnnops_cli.ops.dropout import draw_mask
from cnnops_cli.ops.generators import pcg64

LITERAL = {
    (0, 0.5): "1111111010001000000101011101110101011111",
    (1, 0.5): "1011111100100111000001000001000011010000",
    (7, 0.1): "1111111111111111101111111100010101111111",
    (2**64 - 1, 0.9): "0000010000000000100010000000000000011000",
}


def mask_by_hand(count: int, p: float, seed: int) -> list[bool]:
    words = np.random.PCG64(seed).random_raw(-(-count // 4)).tolist()
    ties = np.random.PCG64(seed).jumped().random_raw(count).tolist()
    threshold = math.floor(p * 65536)
    fraction = p * 65536 - threshold
    kept = []
    for index in range(count):
        sixteen = words[index // 4] >> 16 * (index % 4) & 0xFFFF
        tie = (ties[index] >> 11) / 2**53
        kept.append(sixteen > threshold or (sixteen == threshold and tie >= fraction))
    return kept


@pytest.mark.parametrize(("seed", "p"), LITERAL)
def test_literal_masks(seed, p):
    mask = draw_mask((5, 8), p, seed)
    assert "".join(str(int(kept)) for kept in mask.ravel()) == LITERAL[seed, p]


@pytest.mark.parametrize("p", [0.0, 1e-6, 0.3, 1 / 3, 0.5, 0.999999, 1.0])
def test_masks_follow_the_definition(p):
    count = 600_001
    assert draw_mask((count,), p, 5).tolist() == mask_by_hand(count, p, 5)


def test_ties_are_broken_by_the_fraction():
    p = (100 + 0.5) / 65536
    words = np.random.PCG64(11).random_raw(250_000).view(np.uint16)
    ties = np.flatnonzero(words == 100)
    kept = draw_mask((1_000_000,), p, 11)[ties]
    assert 0 < kept.sum() < len(kept)


def test_a_channel_is_drawn_like_a_value():
    values = np.ones((3, 4, 2, 2))
    whole = dropout(values, 0.5, seed=3, channelwise=True)
    assert (whole[:, :, 0, 0] > 0).ravel().tolist() == draw_mask((12,), 0.5, 3).tolist()


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**200 + 7])
def test_a_generator_that_is_made_again_is_numpys(seed):
    for _ in range(2):
        made = pcg64(seed)
        assert made.state == np.random.PCG64(seed).state
        made.random_raw(5)
