"""Every way to pool along an axis, whatever its price, and what the prices choose."""

import random

import numpy as np
import pytest
from comparing import assert_identical

from cnnops_cli.ops.pooling import plan as module
from cnnops_cli.ops.pooling import prices
from cnnops_cli.ops.pooling.maxima import largest, largest_and_offsets
from cnnops_cli.ops.pooling.prices import Way, choose_way
from cnnops_cli.ops.pooling.steps import Along


def drawn_axis(rng):
    """Draw what windows see along one axis: each of them a cell, and all cells within reach."""
    while True:
        along = Along(
            length=rng.randint(1, 9),
            first=rng.randint(-4, 0),
            windows=rng.randint(1, 9),
            stride=rng.randint(1, 4),
            taps=rng.randint(1, 9),
            dilation=rng.randint(1, 3),
        )
        fits = along.length <= along.first + along.reached <= along.length + 4
        if fits and all(along.seen_by(window) for window in range(along.windows)):
            return along


def by_hand(cells, piece):
    """Find the maximum of each window and its position, cell by cell."""
    shape = (len(cells), *(along.windows for along in piece))
    values, positions = np.empty(shape, cells.dtype), np.empty(shape, np.int64)
    for plane, *windows in np.ndindex(*shape):
        seen = [
            [along.first + window * along.stride + tap * along.dilation for tap in taps]
            for along, window in zip(piece, windows, strict=True)
            for taps in [along.seen_by(window)]
        ]
        corner = cells[plane][np.ix_(*seen)]
        place = np.unravel_index(corner.argmax(), corner.shape)
        values[(plane, *windows)] = corner.max()
        found = [axis[number] for axis, number in zip(seen, place, strict=True)]
        positions[(plane, *windows)] = np.ravel_multi_index(found, cells.shape[1:])
    return values, positions


def with_gaps(array):
    """Copy an array so that its rows are apart."""
    return np.concatenate([array, array], -1)[..., : array.shape[-1]]


def first_taps(piece, pitches):
    """Where the first tap of each window stands, were there no padding."""
    starts = np.zeros((), np.int64)
    for along, pitch in zip(piece, pitches, strict=True):
        starts = starts[..., None] + (along.first + np.arange(along.windows) * along.stride) * pitch
    return starts


@pytest.mark.parametrize("seed", range(400))
def test_every_way_finds_the_first_of_the_largest(monkeypatch, seed):
    rng = random.Random(seed)
    ways = []

    def choose_any(piece, axis, lead, has_positions):
        ways.append(rng.choice(list(prices.ways(piece[axis - 1]))))
        return ways[-1]

    monkeypatch.setattr(module, "choose_way", choose_any)
    piece = tuple(drawn_axis(rng) for _ in range(rng.randint(1, 3)))
    lead = rng.choice((1, 1, 2, 5))
    cells = np.random.default_rng(seed).integers(-9, 9, (lead, *(axis.length for axis in piece)))
    cells = cells.astype(rng.choice(("int8", "int16", "float32", "float64")))
    least = np.float64(-np.inf) if cells.dtype.kind == "f" else np.iinfo(cells.dtype).min
    values, positions = by_hand(cells, piece)
    pitches = tuple(int(np.prod(cells.shape[axis + 2 :])) for axis in range(len(piece)))
    for contiguous in (True, False):
        source, out = cells, np.empty_like(values)
        if not contiguous:
            source, out = with_gaps(source), with_gaps(out)
        plan = module.plan_steps.__wrapped__(lead, piece, None, contiguous)
        out[...] = 99
        largest(source, plan, out, least)
        assert_identical(out, values)
        plan = module.plan_steps.__wrapped__(lead, piece, pitches, contiguous)
        out[...] = 99
        offsets = largest_and_offsets(
            source, plan, out, least, furthest=sum(pitches) * 24, nan_wins=False
        )
        assert_identical(out, values)
        assert_identical(offsets.astype(np.int64) + first_taps(piece, pitches), positions)


def square(length, windows, stride, taps, first=0, dilation=1):
    return (Along(length, first, windows, stride, taps, dilation),) * 2


@pytest.mark.parametrize(
    ("name", "lead", "piece", "chosen"),
    [
        ("2x2/2, 64 of 56x56", 64, square(56, 28, 2, 2), [(2, True), (2, True)]),
        ("3x3/2, 10 of 112x112", 10, square(112, 56, 2, 3, -1), [(3, True), (3, True)]),
        ("3x3/1, 96 of 28x28", 96, square(28, 28, 1, 3, -1), [(3, True), (3, True)]),
        ("13x13/1, 512 of 20x20", 512, square(20, 20, 1, 13, -6), [(13, False), (13, False)]),
        ("2x2/9, 8 of 200x200", 8, square(200, 22, 9, 2), [(1, True), (1, True)]),
        ("3/2, 32 of 16000", 32, square(16000, 8000, 2, 3, -1)[:1], [(3, True)]),
    ],
)
def test_the_ways_of_known_layers(name, lead, piece, chosen):
    ways = [choose_way(piece, axis + 1, lead, False) for axis in range(len(piece))]
    print(name, *ways)
    assert ways == [Way(*way) for way in chosen]
