"""`sequential` and `fma`: what plain loops in C give, bit for bit."""

import json
import re
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import oracle
import plain_loops
import pytest
import test_conv_algorithms as algorithms
from comparing import assert_exact, assert_identical
from footprint import bytes_by_use
from forcing import layer_of
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_loops import CASES, LAYERS, MODES, VALUES, digits_of, geometry_of, operands
from test_conv_against_oracle import conv_calls
from test_conv_memory import Guarded
from test_conv_plan import A_THREADS_SHARE, EXTREMES, assert_covered_once

from cnnops_cli import CnnopsError, conv
from cnnops_cli.explain.estimators import estimate_conv
from cnnops_cli.ops import scratch
from cnnops_cli.ops.convolution import columns, running_sums
from cnnops_cli.ops.convolution import source as sources
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tiles
from cnnops_cli.ops.convolution.running_sums import RunningSums, plan_running_sums
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.geometry import plan_windows
from cnnops_cli.ops.parallel import using_threads

LITERALS = json.loads(Path(plain_loops.__file__).with_name("running_sums.json").read_text())

needs_compiler = pytest.mark.skipif(
    plain_loops.compiler() is None, reason="no C compiler (cc, gcc or clang) is installed"
)
MODES_AND_DTYPES = [(mode, dtype) for mode in MODES for dtype in MODES[mode]]


def by_tiles(x, weight, bias, most, *, accumulate, groups=1, padding_mode="zeros", **sizes):
    """The result, by tiles that are at most as large as `most`."""
    windows = plan_windows(x.shape[2:], weight.shape[2:], **sizes)
    work = np.promote_types(x.dtype, np.float32)
    filters = len(weight) // groups
    layer = Layer(len(x), groups, weight.shape[1], filters, windows, work, accumulate)
    result = np.empty((len(x), groups, filters, *windows.output), x.dtype)
    engine = RunningSums(layer, weight.astype(work))
    offsets = None if bias is None else bias.astype(work).reshape(groups, -1)
    source = Source(x, windows, padding_mode, work)
    with np.errstate(all="ignore"):
        for tile in Tiles(layer.tile, most[: result.ndim]) if len(x) else ():
            engine.compute(source, tile, offsets, result[tile.place])
    return result.reshape(len(x), len(weight), *windows.output)


def assert_bits(got, expected):
    assert_identical(got, expected)
    assert digits_of(got) == digits_of(expected)


@pytest.mark.parametrize(("mode", "dtype", "values", "layer"), CASES)
def test_literals(mode, dtype, values, layer):
    shape, weight, options = LAYERS[layer]
    got = conv(*operands(shape, weight, values, dtype), accumulate=mode, **options)
    assert got.dtype == dtype
    assert digits_of(got) == LITERALS[f"{mode}, {dtype}, {values}, {layer}"]


def test_every_literal_is_looked_at():
    assert [", ".join(case) for case in CASES] == list(LITERALS)


@needs_compiler
@pytest.mark.parametrize(("mode", "dtype", "values", "layer"), CASES)
def test_the_literals_are_what_the_loops_give(mode, dtype, values, layer):
    shape, weight, options = LAYERS[layer]
    arrays = operands(shape, weight, values, dtype)
    loop = plain_loops.conv(mode, *arrays, **geometry_of(shape, weight, **options))
    assert digits_of(loop) == LITERALS[f"{mode}, {dtype}, {values}, {layer}"]


@needs_compiler
@given(
    conv_calls(),
    st.sampled_from(MODES_AND_DTYPES),
    st.sampled_from(list(VALUES)),
    st.booleans(),
    st.tuples(*(st.integers(1, 4),) * 6),
    st.sampled_from([1, 5, 12, 1 << 15]),
    st.integers(0, 2**20),
)
@settings(deadline=None, max_examples=300)
def test_random_layers(call, mode_and_dtype, values, with_bias, tile, block, seed):
    (shape, weight), options, geometry, _ = call
    mode, dtype = mode_and_dtype
    x, kernel, bias = operands(shape, weight, values, dtype, seed)
    bias = bias if with_bias else None
    geometry = geometry | {"padding_mode": geometry["mode"]}
    del geometry["mode"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running_sums, "_BLOCK", block)
        got = by_tiles(x, kernel, bias, tile, accumulate=mode, **options)
    expected = plain_loops.conv(mode, x, kernel, bias, **geometry)
    assert_bits(got, expected)
    assert_bits(conv(x, kernel, bias, accumulate=mode, **options), expected)


@needs_compiler
@pytest.mark.parametrize(("mode", "dtype", "values"), sorted({case[:3] for case in CASES}))
def test_many_sums(mode, dtype, values):
    """Some hundred thousand terms of each kind, among them whatever is rare."""
    shape, weight, options = (3, 4, 41, 33), (6, 2, 3, 3), {"groups": 2, "padding": (1, 1)}
    for seed in range(4):
        arrays = operands(shape, weight, values, dtype, seed)
        loop = plain_loops.conv(mode, *arrays, **geometry_of(shape, weight, **options))
        assert_bits(conv(*arrays, accumulate=mode, **options), loop)


def line(terms, bias=None, *, accumulate, dtype):
    """The sum of products of pairs."""
    x, weight = np.array(terms, dtype).T
    bias = None if bias is None else np.array([bias], dtype)
    return conv(x.reshape(1, 1, -1), weight.reshape(1, 1, -1), bias, accumulate=accumulate).item()


MOST, BELOW_ONE = float(np.finfo(np.float32).max), (1 + 2.0**-20, 1 - 2.0**-20)
"""The largest float32, and two whose product is 1 - 2**-40."""

ODD_SUBNORMAL = 2.0**-127 + 2.0**-149
ALMOST_HALF = 2.0**-75 + 2.0**-98, 2.0**-75 - 2.0**-98
"""Two whose product is a little less than half of the smallest subnormal."""

# The products of 257 and 65281, and of 1549 and 10831, are 2**24 + 1 and 2**24 + 3.
# Terms, a bias, and the sums: `sequential`, then `fma` where it differs.
SUMS = [
    ([(-1, 0)], None, "0.0"),
    ([(-1, 0)], -0.0, "0.0"),
    ([(1, 1), (-1, 1)], -0.0, "0.0"),
    ([(2.0**-149, -1), (0, 1)], None, str(-(2.0**-149))),
    ([(-(2.0**-80), 2.0**-80)], None, "0.0", "-0.0"),
    ([(-(2.0**-80), 2.0**-80), (-1, 0)], -0.0, "0.0", "-0.0"),
    ([(2.0**-80, 2.0**-70)], None, "0.0"),
    ([(1.5 * 2.0**-80, 2.0**-70)], None, str(2.0**-149)),
    ([(2.0**-149, 1), (2.0**-80, 2.0**-70)], None, str(2.0**-149), str(2.0**-148)),
    ([(ODD_SUBNORMAL, 1), ALMOST_HALF], None, str(ODD_SUBNORMAL)),
    ([(2.0**24, 1), (1, 1), (1, 1)], None, str(2.0**24)),
    ([(2.0**24 + 2, 1), BELOW_ONE], None, str(2.0**24 + 4), str(2.0**24 + 2)),
    ([(-(2.0**24) - 2, 1), BELOW_ONE], None, str(-(2.0**24)), str(-(2.0**24) - 2)),
    ([(2.0**-40, 1), (257, 65281)], None, str(2.0**24), str(2.0**24 + 2)),
    ([(2.0**-40, -1), (1549, 10831)], None, str(2.0**24 + 4), str(2.0**24 + 2)),
    ([(2.0**127, -1), (2.0**100, 2.0**28)], None, "inf", str(2.0**127)),
    ([(MOST, 1), (2.0**103, 1)], None, "inf"),
    ([(MOST, 1), (2.0**103 * BELOW_ONE[0], BELOW_ONE[1])], None, "inf", str(MOST)),
    ([(-MOST, 1), (2.0**103 * BELOW_ONE[0], -BELOW_ONE[1])], None, "-inf", str(-MOST)),
    ([(2.0**100, 2.0**100), (1, 1)], -(2.0**100), "inf"),
    ([(np.inf, 0)], None, "nan"),
    ([(np.inf, 1), (-np.inf, 1)], None, "nan"),
    ([(-np.inf, 1), (3, 4)], 1, "-inf"),
    ([(1, 1)], np.inf, "inf"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("terms", "bias", "expected"), [(t, b, e) for t, b, *e in SUMS])
def test_sums_by_hand(mode, terms, bias, expected):
    x, weight = np.array(terms, np.float32).T.reshape(2, 1, 1, -1)
    offset = None if bias is None else np.array([bias], np.float32)
    got = conv(x, weight, offset, accumulate=mode)
    assert str(got.item()) == expected[-1 if mode == "fma" else 0]


@pytest.mark.parametrize(("mode", "dtype"), MODES_AND_DTYPES)
def test_a_nan_is_the_positive_one_without_payload(mode, dtype):
    size = np.dtype(dtype).itemsize
    odd = np.frombuffer(b"\x2a" + b"\xff" * (size - 1), dtype)
    x = np.array([[[odd[0], np.inf, 1]]], dtype)
    one = np.ones((1, 1, 1), dtype)
    for weight, bias in ((one, None), (-one, None), (0 * one, None), (one, odd)):
        got = conv(x, weight, bias, accumulate=mode)[0, 0]
        bits = got.view(f"u{size}")[np.isnan(got)]
        assert bits.size > 0
        assert set(bits.tolist()) == {np.array(np.nan, dtype).view(f"u{size}").item()}
        assert not np.signbit(got[np.isnan(got)]).any()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layer", algorithms.LAYERS)
def test_a_tile_is_written_whole_and_nothing_beside_it(monkeypatch, layer, mode):
    """What is read beside the input or before it is written is NaN, and would show."""
    guarded = Guarded()
    for module in (columns, running_sums, sources):
        monkeypatch.setattr(module, "scratch", guarded.scratch)
    (x, weight, bias), options = algorithms.whole_numbers(layer)
    geometry = algorithms.geometry_of(x.shape, weight.shape, **options)
    expected = oracle.conv(x, weight, bias, **geometry)[0].astype(np.float32)
    sizes = layer_of(x.shape, weight.shape, **options)._replace(accumulate=mode)
    x, weight, bias = map(guarded.copy_of, (x, weight, bias.reshape(sizes.groups, -1)))
    engine = RunningSums(sizes, weight)
    source = Source(x, sizes.windows, "zeros", x.dtype)
    for most in ((99,) * 6, (1, 1, 2, 3, 4, 5), (2, 3, 1, 5, 7, 9)):
        result = guarded.array(sizes.tile.shape, x.dtype)
        whole = expected.reshape(result.shape)
        for tile in Tiles(sizes.tile, most[: result.ndim]):
            filled = ~np.isnan(result)
            engine.compute(source, tile, bias, result[tile.place])
            assert not filled[tile.place].any()
            filled[tile.place] = True
            np.testing.assert_array_equal(result, np.where(filled, whole, np.nan))
    guarded.assert_untouched()


@pytest.mark.parametrize(
    ("mode", "dtype"), [("sequential", "float32"), ("sequential", "float64"), ("fma", "float32")]
)
@pytest.mark.parametrize("name", EXTREMES)
def test_a_tile_of_an_extreme_layer_lays_out_little(name, mode, dtype):
    shape, weight, options = EXTREMES[name]
    layer = layer_of(shape, weight, dtype, **options)._replace(accumulate=mode)
    plan = plan_running_sums(layer)
    of_block = {"sequential": 16, "fma": 48}[mode] << 15
    assert len(plan.tiles) > 1
    for tile in (plan.tiles[0], plan.tiles[-1]):
        assert sum(bytes_by_use(layer, plan, tile).values()) + of_block <= A_THREADS_SHARE


@pytest.mark.parametrize("mode", MODES)
def test_work_for_one_thread_and_for_several(mode):
    def plan(shape, weight, **options):
        layer = layer_of(shape, weight, **options)._replace(accumulate=mode)
        plan = plan_running_sums(layer)
        assert_covered_once(layer, plan)
        return plan

    assert len(plan((1, 3, 20, 20), (4, 3, 3, 3)).tiles) == 1
    assert len(plan((2, 16, 60, 50), (32, 16, 3, 3), padding=1).tiles) > 3
    assert len(plan((0, 3, 9), (4, 3, 3)).tiles) == 0


@pytest.mark.parametrize(("mode", "dtype"), MODES_AND_DTYPES)
def test_the_same_bits_on_any_number_of_threads(mode, dtype):
    shape, weight, options = (2, 6, 60, 50), (32, 3, 3, 3), {"groups": 2, "padding": 1}
    arrays = operands(shape, weight, "all magnitudes", dtype)
    results = set()
    for count in (1, 2, 5):
        with using_threads(count):
            results.add(conv(*arrays, accumulate=mode, **options).tobytes())
    assert len(results) == 1


@pytest.mark.parametrize(("mode", "dtype"), MODES_AND_DTYPES)
def test_memory_is_what_the_estimate_says(monkeypatch, mode, dtype):
    x, weight, _ = operands((2, 12, 120, 110), (24, 12, 3, 3), "fractions", dtype)
    monkeypatch.setattr(scratch, "_kept", threading.local())
    geometry = {"stride": 1, "padding": 1, "dilation": 1, "groups": 1, "padding_mode": "zeros"}
    told = estimate_conv(x, weight, None, accumulate=mode, headers=False, **geometry)
    tracemalloc.start()
    try:
        result = conv(x, weight, padding=1, accumulate=mode)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told.memory["result"] == result.nbytes
    assert peak - result.nbytes <= told.memory["working"] <= 64 << 20


@pytest.mark.parametrize("mode", MODES)
def test_integers_are_exact(mode):
    x, weight = np.array([[2**53, 1, 2**40]]), np.array([[[1, 1, 2**10]]])
    assert_exact(conv(x, weight, [3], accumulate=mode), np.int64, np.array([[2**53 + 4 + 2**50]]))


@pytest.mark.parametrize("mode", MODES)
def test_the_widest_floating_dtype_is_what_is_summed(mode):
    x, weight = np.array([[2**24 + 1, 1]]), np.ones((1, 1, 2), np.float16)
    bias = np.ones(1, np.float32)
    got = conv(x, weight, bias, accumulate=mode)
    assert (got.dtype, got.tolist()) == (np.float32, [[2.0**24]])
    x = np.array([[2048, 1, 1]], np.float16)
    got = conv(x, np.ones((1, 1, 3), np.float16), accumulate=mode)
    assert (got.dtype, got.tolist()) == (np.float16, [[2050]])


@pytest.mark.parametrize("which", range(3))
def test_fma_of_float64_is_refused(which):
    arrays = [np.ones(shape, np.float32) for shape in ((1, 3), (1, 1, 2), (1,))]
    assert conv(*arrays, accumulate="fma").tolist() == [[3, 3]]
    arrays[which] = arrays[which].astype(np.float64)
    reason = (
        "accumulate 'fma' is for float16 and float32, but the result is float64; "
        "--dtype float32 converts the tensors, and 'sequential' sums float64"
    )
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        conv(*arrays, accumulate="fma")
    assert conv(*arrays, accumulate="sequential").tolist() == [[3, 3]]
