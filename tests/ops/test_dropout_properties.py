"""What the contract promises of dropout whatever the generator: chances, scale, determinism."""

import numpy as np
import pytest
from comparing import assert_identical
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnops_cli import dropout

FLOATS = ("float16", "float32", "float64")
shapes = st.lists(st.integers(0, 5), min_size=1, max_size=5).map(tuple)
chances = st.floats(0, 1)
seeds = st.integers(0, 2**32)


def kept(shape, p, seed, **options):
    return dropout(np.ones(shape), p, seed=seed, **options) != 0


@given(shapes, chances, seeds, st.sampled_from(FLOATS))
@settings(deadline=None)
def test_a_kept_value_is_scaled_and_a_dropped_one_is_zero(shape, p, seed, dtype):
    x = (np.random.default_rng(seed).integers(1, 100, shape) / 8).astype(dtype)
    got = dropout(x, p, seed=seed)
    assert got.shape == shape
    assert got.dtype == dtype
    dropped = got == 0
    assert not np.signbit(got[dropped]).any()
    if p == 1:
        assert dropped.all()
        return
    with np.errstate(over="ignore"):
        expected = (x[~dropped] * np.float64(1 / (1 - p))).astype(dtype)
    np.testing.assert_allclose(got[~dropped], expected, rtol=2 * np.finfo(dtype).eps)


@given(shapes, chances, seeds)
@settings(deadline=None)
def test_the_mask_depends_on_seed_shape_and_p_alone(shape, p, seed):
    mask = kept(shape, p, seed)
    assert_identical(kept(shape, p, seed), mask)
    for dtype in ("float16", "float32", "uint8", "int64"):
        if p < 0.99:
            assert_identical(dropout(np.ones(shape, dtype), p, seed=seed) != 0, mask)
    assert_identical(dropout(np.full(shape, np.inf), p, seed=seed) == np.inf, mask)


@given(st.integers(0, 300), st.integers(0, 300), chances, seeds)
@settings(deadline=None)
def test_a_longer_array_starts_with_the_mask_of_a_shorter_one(length, more, p, seed):
    assert_identical(kept(length + more, p, seed)[:length], kept(length, p, seed))


def test_the_mask_does_not_depend_on_memory_order():
    x = np.ones((30, 20))
    assert_identical(dropout(np.asfortranarray(x), seed=3), dropout(x, seed=3))
    assert_identical(dropout(np.ones((60, 40))[::2, ::-2], seed=3), dropout(x, seed=3))


@pytest.mark.parametrize("p", [0.01, 0.1, 0.3, 0.5, 0.75, 0.9, 0.999])
@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_the_share_of_dropped_values_is_p(p, seed):
    n = 200_000
    share = 1 - kept(n, p, seed).mean()
    assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / n)


@pytest.mark.parametrize("lag", [1, 2, 4, 8, 64, 1000])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_one_cell_says_nothing_of_another(p, lag):
    dropped = ~kept(200_000, p, 11)
    both = (dropped[lag:] & dropped[:-lag]).mean()
    assert abs(both - p**2) < 6 * np.sqrt(p**2 * (1 - p**2) / len(dropped))


def test_the_mean_is_kept():
    x = np.random.default_rng(8).uniform(1, 2, 200_000)
    assert dropout(x, 0.4, seed=4).mean() == pytest.approx(x.mean(), rel=0.01)


def test_different_seeds_give_different_masks():
    masks = {kept(64, 0.5, seed).tobytes() for seed in range(100)}
    assert len(masks) == 100


def test_without_a_seed_the_mask_is_new_each_time():
    x = np.ones(256)
    assert dropout(x).tolist() != dropout(x).tolist()


SPECIAL = np.array([1.5, -2.0, np.inf, -np.inf, np.nan, -0.0, 0.0])


@pytest.mark.parametrize("dtype", FLOATS)
def test_certain_cases(dtype):
    x = SPECIAL.astype(dtype)
    assert_identical(dropout(x, 0, seed=1), x)
    assert_identical(dropout(x, 0.7, training=False), x)
    assert_identical(dropout(x, 1, training=False), x)
    assert_identical(dropout(x, 1, seed=1), np.zeros(7, dtype))


def test_a_dropped_infinity_or_nan_is_zero():
    x = np.tile([np.inf, -np.inf, np.nan, 1.0], 100)
    got = dropout(x, 0.5, seed=9)
    mask = kept(400, 0.5, 9)
    assert_identical(got, np.where(mask, 2 * x, 0.0))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "bool"])
def test_integers_are_computed_in_float64(dtype):
    got = dropout(np.ones(100, dtype), 0.25, seed=0)
    assert got.dtype == np.float64
    assert set(got.tolist()) == {0.0, 4 / 3}


@given(
    st.integers(0, 5), st.integers(0, 5), st.lists(st.integers(1, 4), max_size=3), chances, seeds
)
@settings(deadline=None)
def test_channelwise_keeps_or_drops_whole_channels(batch, channels, spatial, p, seed):
    mask = kept((batch, channels, *spatial), p, seed, channelwise=True)
    of_channel = mask.reshape(batch, channels, int(np.prod(spatial)))
    assert np.array_equal(of_channel.all(2), of_channel.any(2))


@pytest.mark.parametrize("p", [0.2, 0.6])
def test_channelwise_drops_each_channel_of_each_sample_by_itself(p):
    of_channel = kept((300, 400, 2), p, 5, channelwise=True)[:, :, 0]
    n = of_channel.size
    assert abs(1 - of_channel.mean() - p) < 5 * np.sqrt(p * (1 - p) / n)
    assert len({row.tobytes() for row in of_channel}) == 300
    assert len({column.tobytes() for column in of_channel.T}) == 400


def test_the_input_is_left_as_it_was():
    x = np.ones(50)
    x.flags.writeable = False
    dropout(x, 0.5, seed=1)
    result = dropout(x, 0.5, training=False)
    assert x.tolist() == [1] * 50
    assert not np.shares_memory(x, result) or not result.flags.writeable
