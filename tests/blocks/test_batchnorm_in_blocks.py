"""Batch normalization of any boxes, by statistics that are given or merged from those of boxes."""

import re

import numpy as np
import pytest
from in_blocks import assert_same_bytes, in_blocks, random_boxes, reading
from random_geometry import random_values

from cnnops_cli import CnnopsError, batchnorm
from cnnops_cli.blocks.batchnorm import BatchnormBlocks, BoxMoments
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.ops import batchnorm as ops_batchnorm
from cnnops_cli.ops import channel_blocks
from cnnops_cli.ops.double_double import DoubleDouble

DTYPES = ("float16", "float32", "float64", "int8", "uint16", "int64")
FLOATS = ("float16", "float32", "float64")
NAMES = ("weight", "bias", "running_mean", "running_var")


def extreme_values(rng, shape, dtype):
    """Values of any magnitude that the dtype has, one per channel."""
    limits = np.finfo(dtype)
    powers = rng.integers(
        int(limits.minexp), int(limits.maxexp) - 3, (shape[1], *(1,) * len(shape[2:]))
    )
    with np.errstate(all="ignore"):
        return np.ldexp(rng.standard_normal(shape), powers).astype(dtype)


def random_parameters(rng, channels, kinds=FLOATS):
    given = {}
    for name in NAMES:
        if rng.random() < 0.6:
            dtype = str(rng.choice(kinds))
            values = rng.standard_normal(channels if rng.random() < 0.8 else ()) * 3
            if rng.random() < 0.1:
                values = values * 10.0 ** rng.integers(-4, 4, channels)
            given[name] = (
                np.abs(values).astype(dtype) if name == "running_var" else values.astype(dtype)
            )
    return {name: np.asarray(value) for name, value in given.items()}


def random_input(rng, dtype):
    shape = tuple(rng.integers(1, [5, 7, 9, 6, 4][: rng.integers(2, 6)]).tolist())
    if np.dtype(dtype).kind == "f" and rng.random() < 0.3:
        return extreme_values(rng, shape, dtype)
    return random_values(rng, shape, dtype)


@pytest.mark.parametrize("seed", range(10))
def test_given_statistics_have_the_bytes_of_memory(seed, monkeypatch):
    for number in range(40):
        rng = np.random.default_rng([seed, number])
        monkeypatch.setattr(ops_batchnorm, "_CHANNELS", int(rng.choice([2, 1 << 14])))
        x = random_input(rng, str(rng.choice(DTYPES)))
        given = random_parameters(rng, x.shape[1])
        eps = float(rng.choice([0, 1e-5, 1e-3]))
        expected = batchnorm(x, **given, eps=eps)
        operator = BatchnormBlocks.planned(x.shape, x.dtype, given, eps=eps)
        assert not operator.needs_statistics
        got = in_blocks(operator, {"input": x}, random_boxes(rng, x.shape))
        assert_same_bytes(got["result"], expected)


def trained(x, given, boxes, order=None, **options):
    """Normalise by the moments of boxes, which are computed in some order."""
    operator = BatchnormBlocks.planned(x.shape, x.dtype, given, training=True, **options)
    assert operator.needs_statistics
    found = [None] * len(boxes)
    for place in range(len(boxes)) if order is None else order:
        found[place] = operator.moments({"input": reading(x)}, boxes[place])
    fitted, running = operator.with_statistics(found)
    assert not fitted.needs_statistics
    result = in_blocks(fitted, {"input": x}, boxes if order is None else boxes[::-1])["result"]
    return result, running


def in_memory(x, given, **options):
    running = {
        name: np.broadcast_to(given[name], x.shape[1]).copy() for name in NAMES[2:] if name in given
    }
    return batchnorm(x, **given | running, training=True, **options), running


def grid(shape, sizes):
    """Boxes of one size, but the last, in row-major order."""
    counts = [-(-length // size) for length, size in zip(shape, sizes, strict=True)]
    starts = [np.multiply(place, sizes) for place in np.ndindex(*counts)]
    ends = [np.minimum(start + sizes, shape) for start in starts]
    return [Box(*(tuple(e.tolist()) for e in pair)) for pair in zip(starts, ends, strict=True)]


def per_channel(values, rank):
    return np.broadcast_to(values, np.shape(values)).reshape(-1, *(1,) * (rank - 2))


def truth(x, given, eps=1e-5):
    """Each result, and the size of its terms, in the longest floating dtype there is."""
    axes = (0, *range(2, x.ndim))
    x = x.astype(np.longdouble)
    x -= x.mean(axes, keepdims=True)
    x -= x.mean(axes, keepdims=True)
    scale = 1 / np.sqrt(np.square(x).mean(axes, keepdims=True) + eps)
    scaled = x * scale * per_channel(given["weight"], x.ndim)
    bias = per_channel(given["bias"], x.ndim)
    return scaled + bias, np.abs(scaled) + np.abs(bias)


GRIDS = [(1, 2, 16, 16), (4, 3, 1, 80), (1, 1, 96, 80), (4, 3, 5, 3), (4, 3, 96, 80)]


@pytest.mark.parametrize("offset", [0.0, 0.5, 1.0, 1e3, 1e6, 1e8])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_merged_statistics_are_those_of_memory(dtype, offset):
    """All to one unit in the last place, and nearly all to the same bytes."""
    rng = np.random.default_rng(5)
    offset = min(offset, 3e4) if dtype == "float16" else offset
    x = rng.standard_normal((4, 3, 96, 80)) * (100 if dtype == "int32" else 1) + offset
    x = x.astype(dtype)
    kind = {"float16": "float32", "int32": "float64"}.get(dtype, dtype)
    given = {name: rng.standard_normal(3).astype(kind) for name in NAMES}
    given["running_var"] = np.square(given["running_var"])
    expected, updated = in_memory(x, given)
    true, terms = truth(x, given)
    for sizes in GRIDS:
        got, running = trained(x, given, grid(x.shape, sizes))
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        assert np.max(np.abs(got - true) / terms) < 4 * np.finfo(got.dtype).eps
        np.testing.assert_array_max_ulp(got, expected, 1)
        assert np.mean(got == expected) > 0.999
        for name in NAMES[2:]:
            np.testing.assert_array_max_ulp(running[name], updated[name], 1)


def opposites(rng, shape):
    """Values whose mean is zero, which some are."""
    half = rng.standard_normal(shape)
    half[0, :, :2] = 0
    return np.concatenate([half, -half[::-1]])


NEAR_THE_MEAN = {
    "opposites": opposites,
    "far from zero": lambda rng, shape: rng.standard_normal(shape) + 1e14,
    "few neighbours": lambda rng, shape: rng.standard_normal(shape) + 4e15,
    "two neighbours": lambda rng, shape: np.where(rng.random(shape) < 0.1, np.nextafter(1, 2), 1),
    "decimals": lambda rng, shape: rng.integers(-3, 4, shape) / 10 + 0.2,
    "nanoseconds": lambda rng, shape: 1_700_000_000_000_000_000 + rng.integers(0, 10**4, shape),
}


@pytest.mark.parametrize("name", NEAR_THE_MEAN)
def test_values_near_the_mean_have_the_bytes_of_memory(name):
    """What is left of their differences to it has no digits to spare."""
    for seed in range(20):
        rng = np.random.default_rng([len(name), seed])
        x = NEAR_THE_MEAN[name](rng, (4, 2, 40))
        given = {"running_mean": np.zeros(2), "running_var": np.zeros(2)}
        expected, updated = in_memory(x, given, momentum=1.0)
        sizes = [int(rng.integers(1, length + 1)) for length in x.shape]
        got, running = trained(x, given, grid(x.shape, sizes), momentum=1.0)
        assert_same_bytes(got, expected)
        for statistic, values in running.items():
            assert_same_bytes(values, updated[statistic])


def test_means_far_from_zero_keep_their_digits():
    """As they do not where the means of blocks are merged as float64 alone holds them."""
    rng = np.random.default_rng(6)
    given = {"weight": np.ones(3), "bias": np.zeros(3)}
    for offset in (1e6, 1e8, 1e12):
        x = rng.standard_normal((4, 3, 96, 80)) + offset
        true, terms = truth(x, given)
        boxes = grid(x.shape, (1, 3, 16, 16))
        got, _ = trained(x, given, boxes)
        off = np.max(np.abs(got - true) / np.maximum(1, terms)) / np.finfo(np.float64).eps
        operator = BatchnormBlocks.planned(x.shape, x.dtype, given, training=True)
        found = [operator.moments({"input": reading(x)}, box) for box in boxes]
        bare = [
            BoxMoments(
                each.channels,
                each.moments._replace(total=DoubleDouble(each.moments.total.high, np.zeros(3))),
            )
            for each in found
        ]
        fitted, _ = operator.with_statistics(bare)
        without = in_blocks(fitted, {"input": x}, boxes)["result"]
        lost = np.max(np.abs(without - true) / np.maximum(1, terms)) / np.finfo(np.float64).eps
        assert off < 2
        assert lost > 1000


def random_trainings(seed, count):
    """Inputs of any dtype with more than one value per channel, parameters, and a grid of boxes."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        x = random_input(rng, str(rng.choice(DTYPES)))
        if x.size > x.shape[1]:
            given = random_parameters(rng, x.shape[1])
            sizes = [int(rng.integers(1, length + 1)) for length in x.shape]
            yield rng, x, given, grid(x.shape, sizes)


@pytest.mark.parametrize("seed", range(10))
def test_any_parts_give_the_numbers_of_memory(seed):
    """To one unit in the last place of the larger of value, scaled distance and shift."""
    same = []
    for _, x, given, boxes in random_trainings(seed, 20):
        expected, updated = in_memory(x, given)
        got, running = trained(x, given, boxes)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(got[~finite], expected[~finite])
        shift = np.broadcast_to(per_channel(given.get("bias", 0), x.ndim), x.shape)[finite]
        values, expected_values = got[finite], expected[finite]
        sizes = np.maximum(np.abs(expected_values - shift), np.abs(shift)).astype(got.dtype)
        units = np.spacing(np.maximum(np.abs(expected_values), sizes))
        assert np.all(np.abs(values - expected_values) <= units)
        for name, values in running.items():
            np.testing.assert_array_max_ulp(values, updated[name], 1)
        same.append(got.tobytes() == expected.tobytes())
    assert np.mean(same) >= 0.9


@pytest.mark.parametrize("seed", range(10))
def test_a_grid_has_the_same_bytes_in_any_order(seed):
    for rng, x, given, boxes in random_trainings(seed, 10):
        first, running = trained(x, given, boxes)
        again, updated = trained(x, given, boxes, order=rng.permutation(len(boxes)))
        assert_same_bytes(again, first)
        assert running.keys() == updated.keys() == {*NAMES[2:]} & given.keys()
        for name, values in running.items():
            assert_same_bytes(updated[name], values)


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_not_finite_spoils_its_channel_alone(dtype):
    x = np.random.default_rng(7).standard_normal((6, 5, 4)).astype(dtype)
    for channel, values in enumerate(
        [(np.nan, 1), (np.inf, 1), (-np.inf, -np.inf), (np.inf, -np.inf)]
    ):
        x[0, channel, 0], x[5, channel, 3] = values
    given = {"running_mean": np.zeros(5, dtype), "running_var": np.ones(5, dtype)}
    expected, updated = in_memory(x, given)
    got, running = trained(x, given, grid(x.shape, (2, 2, 3)))
    assert_same_bytes(got[:, :4], expected[:, :4])
    np.testing.assert_allclose(got[:, 4], expected[:, 4], rtol=1e-3)
    for name in NAMES[2:]:
        assert_same_bytes(running[name][:4], updated[name][:4])
        assert not np.signbit(running[name][np.isnan(running[name])]).any()


@pytest.mark.parametrize("power", [-1060, -600, -420, 420, 600, 1020])
def test_float64_whose_squares_it_does_not_hold(power):
    x = np.random.default_rng(8).standard_normal((6, 4, 5))
    x[:, 1] = np.ldexp(x[:, 1], power)
    x[:3, 2] = np.ldexp(x[:3, 2], power)
    x[:, 3] = 0
    x[4:, 3] = x[4:, 1]
    given = {"running_mean": np.zeros(4), "running_var": np.ones(4), "weight": np.arange(1.0, 5)}
    expected, updated = in_memory(x, given, eps=2.0**-1074)
    for sizes in [(2, 2, 2), (1, 1, 1), (6, 4, 5)]:
        got, running = trained(x, given, grid(x.shape, sizes), eps=2.0**-1074)
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(running["running_mean"], updated["running_mean"], rtol=1e-13)
        np.testing.assert_allclose(running["running_var"], updated["running_var"], rtol=1e-13)


@pytest.mark.parametrize("channels_last", [False, True])
def test_channels_that_memory_normalises_together_are_here(channels_last, monkeypatch):
    """One that float32 cannot scale has others next to it computed in float64, too."""
    for name, value in {"_LEAST_SPANS": 2, "_WORTH_A_THREAD": 40, "_PLANE_SUMMED": 6}.items():
        monkeypatch.setattr(channel_blocks, name, value)
    x = np.random.default_rng(9).standard_normal((3, 8, 4, 5)).astype(np.float32) + 3
    if channels_last:
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    weight = np.ones(8, np.float32)
    weight[5] = 2.0**-110
    expected, _ = in_memory(x, {"weight": weight})
    got, _ = trained(
        x, {"weight": weight}, grid(x.shape, (1, 3, 2, 5)), channels_last=channels_last
    )
    assert_same_bytes(got, np.ascontiguousarray(expected))


def test_an_empty_batch_leaves_the_running_statistics():
    given = {"running_mean": np.full(3, 2.0), "running_var": np.full(3, 3.0)}
    operator = BatchnormBlocks.planned((0, 3, 4), np.dtype(np.float32), given, training=True)
    _, running = operator.with_statistics([])
    assert {name: values.tolist() for name, values in running.items()} == {
        "running_mean": [2.0] * 3,
        "running_var": [3.0] * 3,
    }


REFUSED = [
    ((4,), {}, {}),
    ((2, 3), {"weight": np.ones(4)}, {}),
    ((2, 3), {"running_var": np.array(-1.0)}, {}),
    ((2, 3), {}, {"eps": -1.0}),
    ((2, 3), {}, {"training": True, "eps": 0.0}),
    ((1, 3), {}, {"training": True}),
    ((2, 3), {}, {"momentum": 2.0}),
]


@pytest.mark.parametrize(("shape", "given", "options"), REFUSED)
def test_refusals_are_those_of_memory_and_come_before_anything_is_read(shape, given, options):
    with pytest.raises(CnnopsError) as refused:
        batchnorm(np.zeros(shape), **given, **options)
    with pytest.raises(CnnopsError, match=f"^{re.escape(str(refused.value))}$"):
        BatchnormBlocks.planned(shape, np.dtype(np.float64), given, **options)
