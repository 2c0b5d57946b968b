"""Maxpool cut into tiles: the cuts, their neighbours, long rows, large kernels, every path."""

import threading
import tracemalloc

import numpy as np
import oracle
import pytest
from comparing import assert_identical
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_maxpool_against_oracle import (
    FLOATS,
    INTEGERS,
    SPECIAL,
    agree_or_refuse,
    pool_both_ways,
    pool_calls,
)

from cnnops_cli import maxpool
from cnnops_cli.ops.maxpool import bytes_of_a_part
from cnnops_cli.ops.parallel import WORKING_BYTES, using_threads
from cnnops_cli.ops.pooling import axis_steps
from cnnops_cli.ops.pooling.axis_maxima import largest_and_offsets
from cnnops_cli.ops.pooling.axis_steps import Axis, plan_steps
from cnnops_cli.ops.pooling.tile_cuts import cut_tiles

ORDINARY = np.array([-np.inf, -2, -1, 0.0, 1, 2, 3])


@pytest.fixture
def small_tiles(monkeypatch):
    def shrink(cells):
        monkeypatch.setattr("cnnops_cli.ops.maxpool._TILE_BYTES", 8 * cells)

    return shrink


def agree(x, **options):
    """Compare a call, all of whose options are tuples, with the oracle."""
    dims = len(options["kernel"])
    geometry = {"stride": (1,) * dims, "pairs": [(0, 0)] * dims, "dilation": (1,) * dims} | options
    names = {"kernel": "kernel_size", "pairs": "padding"}
    call = {names.get(name, name): value for name, value in geometry.items()}
    call["padding"] = tuple(call["padding"])
    expected = oracle.maxpool(x, **geometry)
    for got, wanted in zip(pool_both_ways(x, call), expected, strict=True):
        assert_identical(got, wanted)


def drawn(shape, dtype, seed=0, values=ORDINARY):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        low = np.iinfo(dtype).min
        return rng.choice(np.array([low, low, low + 1, low + 2], dtype), shape)
    return rng.choice(values, shape).astype(dtype)


@pytest.fixture(params=["one by one", "in turn", "doubled"])
def one_way(request, monkeypatch):
    """Have windows in the padding, and the others, pooled in one way wherever that is possible."""
    numbers = {
        "one by one": {"_MOST_CLIPPED": 99},
        "in turn": {"_MOST_CLIPPED": 0, "_FEW": 1 << 40},
        "doubled": {"_FEW": 0, "_MOST_IN_TURN": 0},
    }
    clear_plans()
    for name, number in numbers[request.param].items():
        monkeypatch.setattr(axis_steps, name, number)
    yield
    clear_plans()


def clear_plans():
    plan_steps.cache_clear()
    cut_tiles.cache_clear()


@given(
    pool_calls(),
    st.sampled_from((*FLOATS, "uint8", "int64")),
    st.booleans(),
    st.integers(0, 2**32),
)
@settings(
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_way_finds_the_same(one_way, call, dtype, special, seed):
    shape, options, geometry = call
    x = drawn(shape, dtype, seed, SPECIAL if special else ORDINARY)
    agree_or_refuse(x, options, geometry)


@given(
    pool_calls(),
    st.sampled_from((4, 12, 60)),
    st.sampled_from((*FLOATS, "uint8", "int64")),
    st.booleans(),
    st.integers(0, 2**32),
)
@settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_cuts_show_nowhere(small_tiles, call, cells, dtype, special, seed):
    shape, options, geometry = call
    small_tiles(cells)
    x = drawn(shape, dtype, seed, SPECIAL if special else ORDINARY)
    agree_or_refuse(x, options, geometry)


@pytest.mark.parametrize("values", [ORDINARY, SPECIAL, np.array([0.0, -0.0, -0.0, -1])])
@pytest.mark.parametrize("cells", [16, 50, 1 << 18])
@pytest.mark.parametrize(
    ("lengths", "kernel"), [((400,), (5,)), ((19, 23), (4, 3)), ((7, 9, 8), (3, 2, 4))]
)
def test_many_tiles_along_every_axis(small_tiles, lengths, kernel, cells, values):
    small_tiles(cells)
    dims = len(lengths)
    for seed, stride in enumerate(((1,) * dims, (2,) * dims, (7,) * dims, kernel)):
        pairs = [(1, 1)] * dims
        x = drawn((1, 3, *lengths), "float32", seed, values)
        agree(x, kernel=kernel, stride=stride, pairs=pairs, ceil_mode=True)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
@pytest.mark.parametrize("stride", [1, 2, 3, 11])
def test_every_dtype_along_long_and_short_rows(dtype, stride):
    for shape, kernel in (
        ((1, 2, 300), (6,)),
        ((2, 1, 17, 12), (4, 3)),
        ((1, 1, 6, 5, 8), (2,) * 3),
    ):
        dims = len(kernel)
        x = drawn(shape, dtype, stride)
        agree(x, kernel=kernel, stride=(stride,) * dims, pairs=[(1, 1)] * dims)
        agree(x, kernel=kernel, stride=(stride,) * dims)


@pytest.mark.parametrize("kernel", [*range(1, 18), 31, 32, 33, 40])
@pytest.mark.parametrize("dilation", [1, 3])
def test_kernels_of_every_size(kernel, dilation):
    extent = dilation * (kernel - 1) + 1
    row = drawn((1, 2, extent + 30), "float32", kernel, np.arange(-500.0, 500))
    for stride in (1, 2, 5):
        options = {
            "stride": (stride,),
            "dilation": (dilation,),
            "pairs": [(extent // 2, min(3, extent - 1))],
        }
        agree(row, kernel=(kernel,), **options)
    plane = row[:, :1, :, None].repeat(3, 3) + drawn((1, 1, extent + 30, 3), "float32")
    agree(plane, kernel=(kernel, 2), stride=(3, 1), dilation=(dilation, 1))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (9, 1), (8, 2), (4, 4)])
def test_long_rows_are_cut_at_the_padding(dtype, kernel, stride):
    x = drawn((2, 2, 4500), dtype, kernel, np.arange(-500.0, 500))
    x[0, :, :4] = x[0, :, -4:] = x.min()
    for pairs in ([(kernel // 2, kernel // 2)], [(1, 1)], [(0, kernel - 1)], [(kernel - 1, 0)]):
        agree(x, kernel=(kernel,), stride=(stride,), pairs=pairs)


def test_planes_of_many_tiles_in_full_size():
    x = np.random.default_rng(0).standard_normal((3, 1100, 1030)).astype(np.float32)
    blocks = x[:, :1100, :1030].reshape(3, 550, 2, 515, 2)
    assert_identical(maxpool(x, 2), blocks.max((2, 4)))
    values, indices = maxpool(x, 2, return_indices=True)
    assert_identical(values, blocks.max((2, 4)))
    taken = np.take_along_axis(x.reshape(3, -1), indices.reshape(3, -1), 1)
    assert_identical(taken.reshape(values.shape), values)
    row, column = np.divmod(indices, 1030)
    rows, columns = np.indices((550, 515))
    assert_identical(row // 2, np.broadcast_to(rows, row.shape))
    assert_identical(column // 2, np.broadcast_to(columns, row.shape))


@pytest.mark.parametrize("kernel", [(300, 40), (41, 700)])
def test_one_window_of_many_tiles(small_tiles, kernel):
    small_tiles(128)
    for values in (np.arange(-9000.0, 9000), ORDINARY, SPECIAL):
        agree(drawn((1, 1, 310, 720), "float32", 0, values), kernel=kernel, stride=(200, 300))


@pytest.mark.parametrize("width", [60, 300, 30_000])
def test_offsets_of_every_size(width):
    x = drawn((1, 1, 5, width), "float32", 0, np.arange(-500.0, 500))
    agree(x, kernel=(4, 3), stride=(1, width // 50))


def test_offsets_beyond_32_bits():
    cells, out = np.array([[[1, 2], [3, 4]]], np.int8), np.empty((1, 1, 1), np.int8)
    plan = plan_steps(1, (Axis(2, 0, 1, 1, 2, 1),) * 2, (2**33, 1))
    offsets = largest_and_offsets(cells, plan, out)
    assert (out.tolist(), offsets.tolist()) == ([[[4]]], [[[2**33 + 1]]])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_bits_of_the_last_nan_stay(dtype):
    kind = np.dtype(dtype)
    bits = np.full((1, 9), np.nan, kind).view(f"u{kind.itemsize}")
    bits += np.arange(9, dtype=bits.dtype)
    x = bits.view(kind)
    expected = bits[:, 2:].tolist()
    values, indices = maxpool(x, (3,), stride=1, return_indices=True)
    assert values.view(bits.dtype).tolist() == expected
    assert maxpool(x, (3,), stride=1).view(bits.dtype).tolist() == expected
    assert indices.tolist() == [list(range(2, 9))]


@pytest.mark.parametrize("values", [ORDINARY, SPECIAL])
def test_a_transposed_batch_is_pooled_where_it_is(values):
    x = drawn((2, 9, 8, 3), "float32", 1, values).transpose(0, 3, 1, 2)
    agree(x, kernel=(3, 2), stride=(2, 2), pairs=[(1, 0), (0, 1)])
    agree(x, kernel=(3, 2))


def peak_beside(call):
    """How many bytes a call holds at the most, beside its results, on a thread of its own."""
    held = []

    def measure():
        tracemalloc.start()
        with using_threads(1):  # which a thread does not take over from the one that starts it
            results = call()
        held.append(tracemalloc.get_traced_memory()[1] - sum(array.nbytes for array in results))
        tracemalloc.stop()

    thread = threading.Thread(target=measure)
    thread.start()
    thread.join()
    return held[0]


ORDERED = np.arange(1.0, 100)
ZEROS, NANS = np.array([0.0, -0.0]), np.array([1, np.nan, -np.nan])


@pytest.mark.parametrize("return_indices", [False, True])
@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        *((dtype, ORDERED) for dtype in ("float16", "float32", "float64", "int8")),
        *((dtype, values) for dtype in FLOATS for values in (ZEROS, NANS)),
    ],
)
@pytest.mark.parametrize(
    ("lengths", "options"),
    [
        ((4_000_000,), {"kernel_size": (3,), "stride": 2, "padding": 1}),
        ((4_000_000,), {"kernel_size": (3,), "stride": 1, "dilation": 1_500_000}),
        ((2000, 2000), {"kernel_size": 3, "stride": 2, "padding": 1}),
        ((2000, 2000), {"kernel_size": 5, "stride": 1, "padding": 2}),
        ((2000, 2000), {"kernel_size": 31, "stride": 2, "padding": 15}),
        ((2000, 2000), {"kernel_size": (2000, 2000)}),
        ((150, 160, 170), {"kernel_size": (5, 1, 9), "stride": 3, "dilation": 2}),
    ],
)
def test_large_planes_and_windows_take_little_memory(
    lengths, options, dtype, values, return_indices
):
    x = np.random.default_rng(0).choice(values.astype(dtype), (1, 1, *lengths))

    def call():
        results = maxpool(x, **options, return_indices=return_indices)
        return results if return_indices else (results,)

    assert 0 < peak_beside(call) <= bytes_of_a_part(return_indices)


def test_no_more_threads_run_than_there_is_memory_for():
    assert WORKING_BYTES // bytes_of_a_part() == 4
    assert WORKING_BYTES // bytes_of_a_part(return_indices=True) == 2


@pytest.mark.parametrize("values", [ORDINARY, SPECIAL])
@pytest.mark.parametrize("return_indices", [False, True])
def test_the_number_of_threads_shows_nowhere(small_tiles, values, return_indices):
    small_tiles(1 << 12)
    x = drawn((2, 3, 120, 130), "float32", 0, values)

    def pooled(threads):
        with using_threads(threads):
            results = maxpool(x, 3, stride=2, padding=1, return_indices=return_indices)
        return b"".join(array.tobytes() for array in np.atleast_1d(results))

    assert len({pooled(threads) for threads in (1, 2, 3, 7)}) == 1


@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_rows_next_to_the_limits_of_the_rule(kernel, stride, more):
    for length in (axis_steps._LONG_RUN, axis_steps._LONG_RUN_WITH_OFFSETS, axis_steps._FEW):
        x = drawn((1, 2, 9, length + more), "float32", length, np.arange(-500.0, 500))
        agree(x, kernel=(kernel,) * 2, stride=(stride,) * 2, pairs=[(1, 0), (0, 1)])


@pytest.mark.parametrize("share", [0.0005, 0.02, 1])
@pytest.mark.parametrize("dtype", FLOATS)
def test_few_and_many_zeros_and_nans_of_all_kinds(share, dtype):
    kind = np.dtype(dtype)
    rng = np.random.default_rng(0)
    bits = np.dtype(f"u{kind.itemsize}")
    nans = np.full(2, np.nan, kind).view(bits) + np.arange(2, dtype=bits)
    for special in (np.array([0.0, -0.0], kind), nans.view(kind), nans[:1].view(kind)):
        x = -1 - rng.random((1, 2, 60, 70)).astype(kind)
        chosen = rng.random(x.shape) < share
        x[chosen] = rng.choice(special, chosen.sum())
        for kernel, stride in (((2, 2), (2, 2)), ((3, 2), (2, 1))):
            options = {"kernel_size": kernel, "stride": stride, "padding": 1}
            values, indices = maxpool(x, **options, return_indices=True)
            taken = np.take_along_axis(x.reshape(2, -1), indices.reshape(2, -1), 1)
            assert_identical(values.view(bits), taken.reshape(values.shape).view(bits))
            assert_identical(maxpool(x, **options).view(bits), values.view(bits))


def test_the_callers_buffer_size_stays():
    before = np.getbufsize()
    maxpool(np.zeros((1, 1, 4, 4)), 2)
    assert np.getbufsize() == before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_last_of_two_nans_among_many_cells(dtype):
    kind = np.dtype(dtype)
    bits = np.dtype(f"u{kind.itemsize}")
    x = np.zeros((1, 60, 70), kind)
    x[0, 20, 30] = x[0, 20, 31] = x[0, 21, 30] = np.nan
    x.view(bits)[0, 20, 31] += 1
    x.view(bits)[0, 21, 30] += 2
    values = maxpool(x, 2, stride=1).view(bits) - x.view(bits)[0, 20, 30]
    assert values[0, 19:22, 29:32].tolist()[0][:2] == [0, 1]
    assert values[0, 20, 29:31].tolist() == [2, 2]
    assert values[0, 20, 31] == 1


def test_sizes_are_checked_after_a_call_with_equal_ones():
    x = np.zeros((1, 4, 4))
    assert maxpool(x, 2, stride=(2, 2)).shape == (1, 2, 2)
    with pytest.raises(ValueError, match="stride takes integers"):
        maxpool(x, 2, stride=(2.0, 2))
