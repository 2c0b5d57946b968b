"""Conv compared with plain loops: values, dtypes and shapes over every option."""

from itertools import product

import numpy as np
import oracle
import pytest
from comparing import assert_close, assert_exact
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnops_cli import conv

MODES = ("zeros", "reflect", "replicate", "circular")
FLOATS = ("float16", "float32", "float64")
INTEGERS = ("uint8", "int8", "uint16", "int32", "int64")


def sizes(draw, dims, smallest, largest):
    return tuple(draw(st.integers(smallest, largest)) for _ in range(dims))


def int_or_tuple(draw, values):
    """The short spelling of equal sizes, now and then."""
    return values[0] if len(set(values)) == 1 and draw(st.booleans()) else values


@st.composite
def conv_calls(draw):
    """Shapes and keyword arguments of a call that fits, and the pads its padding stands for."""
    dims = draw(st.integers(1, 3))
    kernel = sizes(draw, dims, 1, 4 if dims < 3 else 2)
    dilation = sizes(draw, dims, 1, 3)
    lengths = sizes(draw, dims, 1, 7 if dims < 3 else 4)
    stride = sizes(draw, dims, 1, 4)
    mode = draw(st.sampled_from(MODES))
    groups = draw(st.integers(1, 3))
    per_group = draw(st.integers(1, 2))
    filters = groups * draw(st.integers(1, 2))
    batch = draw(st.sampled_from((None, 0, 1, 2)))

    kind = draw(st.sampled_from(("size", "pairs", "valid", "same", "same-upper", "same-lower")))
    padding = kind
    if kind == "size":
        padding = int_or_tuple(draw, sizes(draw, dims, 0, 3))
    elif kind == "pairs":
        padding = tuple(sizes(draw, 2, 0, 4) for _ in range(dims))
    elif kind == "same":
        stride = (1,) * dims

    extents = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    if kind == "valid" or (mode in ("reflect", "circular") and kind.startswith("same")):
        lengths = tuple(map(max, lengths, extents))
    pairs = oracle.pad_pairs(padding, lengths, kernel, stride, dilation)
    if kind in ("size", "pairs"):
        needed = {"reflect": 1, "circular": 0}.get(mode)
        lengths = tuple(
            max(length, extent - sum(pair), *([max(pair) + needed] if needed is not None else []))
            for length, extent, pair in zip(lengths, extents, pairs, strict=True)
        )
    options = {
        "stride": int_or_tuple(draw, stride),
        "padding": padding,
        "dilation": int_or_tuple(draw, dilation),
        "groups": groups,
        "padding_mode": mode,
    }
    geometry = {
        "stride": stride,
        "pairs": pairs,
        "dilation": dilation,
        "groups": groups,
        "mode": mode,
    }
    shapes = (
        (1 if batch is None else batch, groups * per_group, *lengths),
        (filters, per_group, *kernel),
    )
    return shapes, options, geometry, batch is None


def call_unbatched_or_not(x, weight, bias, options, unbatched):
    result = conv(x[0] if unbatched else x, weight, bias, **options)
    return result[np.newaxis] if unbatched else result


def integers_of(rng, dtype, shape, reach=100):
    low = max(-reach, np.iinfo(dtype).min)
    return rng.integers(low, min(reach, np.iinfo(dtype).max), shape, dtype, endpoint=True)


@given(conv_calls(), st.sampled_from(FLOATS), st.booleans(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=150)
def test_floats(call, dtype, with_bias, seed):
    (input_shape, weight_shape), options, geometry, unbatched = call
    rng = np.random.default_rng(seed)
    x, weight = (rng.standard_normal(s).astype(dtype) for s in (input_shape, weight_shape))
    bias = rng.standard_normal(weight_shape[0]).astype(dtype) if with_bias else None
    got = call_unbatched_or_not(x, weight, bias, options, unbatched)
    assert_close(got, np.dtype(dtype), *oracle.conv(x, weight, bias, **geometry))


@given(conv_calls(), st.sampled_from(INTEGERS), st.sampled_from(INTEGERS), st.integers(0, 2**32))
@settings(deadline=None, max_examples=150)
def test_integers_are_exact_and_int64(call, dtype, weight_dtype, seed):
    (input_shape, weight_shape), options, geometry, unbatched = call
    rng = np.random.default_rng(seed)
    x = integers_of(rng, dtype, input_shape)
    weight = integers_of(rng, weight_dtype, weight_shape)
    bias = integers_of(rng, weight_dtype, weight_shape[:1])
    got = call_unbatched_or_not(x, weight, bias, options, unbatched)
    assert_exact(got, np.int64, oracle.conv(x, weight, bias, **geometry)[0])


@given(conv_calls(), st.sampled_from(FLOATS), st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_whole_numbers_in_floats_are_exact(call, dtype, seed):
    """Every partial sum is a small whole number, so no order of summation may round."""
    (input_shape, weight_shape), options, geometry, unbatched = call
    rng = np.random.default_rng(seed)
    x, weight = (rng.integers(-4, 5, s).astype(dtype) for s in (input_shape, weight_shape))
    got = call_unbatched_or_not(x, weight, None, options, unbatched)
    assert_exact(got, np.dtype(dtype), oracle.conv(x, weight, None, **geometry)[0])


@given(conv_calls(), st.sampled_from(FLOATS), st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_infinities_and_nans_go_where_the_direct_sum_puts_them(call, dtype, seed):
    (input_shape, weight_shape), options, geometry, unbatched = call
    rng = np.random.default_rng(seed)
    special = np.array([np.inf, -np.inf, np.nan, 0, 0, 1, 2, -1, 3, -2, 1, 4], dtype=dtype)
    x, weight = (rng.choice(special, s) for s in (input_shape, weight_shape))
    got = call_unbatched_or_not(x, weight, None, options, unbatched)
    assert_exact_with_nan(got, np.dtype(dtype), oracle.conv(x, weight, None, **geometry)[0])


def assert_exact_with_nan(got, dtype, sums):
    assert got.shape == sums.shape
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, sums.astype(dtype))


IMPULSE_OPTIONS = [
    {},
    {"stride": 2},
    {"stride": 3},
    {"dilation": 2},
    {"padding": 1},
    {"padding": 2, "padding_mode": "reflect"},
    {"padding": 3, "padding_mode": "circular"},
    {"padding": 4, "padding_mode": "replicate"},
    {"padding": "same"},
    {"padding": "same", "padding_mode": "circular"},
    {"padding": "same-lower"},
    {"padding": "same-lower", "stride": 2},
    {"padding": "same-upper", "stride": 2},
    {"padding": "same-upper", "stride": 3, "dilation": 2, "padding_mode": "reflect"},
    {"padding": "valid", "dilation": 2},
]


@pytest.mark.parametrize("options", IMPULSE_OPTIONS, ids=str)
@pytest.mark.parametrize("kernel", [(2,), (3,), (2, 3), (3, 2), (2, 2, 2)], ids=str)
def test_an_impulse_reads_back_the_kernel(kernel, options):
    """A power of two a tap: a tap at the wrong place is a wrong bit in the result."""
    dims = len(kernel)
    lengths = (5, 6, 5)[:dims] if dims < 3 else (3, 4, 3)
    if options.get("dilation") == 2:
        lengths = tuple(n + 2 for n in lengths)
    weight = (2 ** np.arange(2 * np.prod(kernel))).reshape(2, 1, *kernel)
    cells = list(product(*map(range, lengths)))
    x = np.zeros((len(cells), 1, *lengths), np.int64)
    for n, cell in enumerate(cells):
        x[(n, 0, *cell)] = 1
    geometry = {name: (options.get(name, 1),) * dims for name in ("stride", "dilation")}
    padding = options.get("padding", 0)
    pairs = oracle.pad_pairs(padding, lengths, kernel, geometry["stride"], geometry["dilation"])
    mode = options.get("padding_mode", "zeros")
    sums, _ = oracle.conv(x, weight, None, pairs=pairs, mode=mode, **geometry)
    for dtype in (np.int64, np.float32):
        got = conv(x.astype(dtype), weight.astype(dtype), **options)
        assert_exact(got, dtype, sums)


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3),
    st.lists(st.sampled_from((-2, -1, 0, 1, 2, 3, 2**40)), min_size=1, max_size=3),
    st.integers(-(2**63), 2**63 - 1),
)
@settings(deadline=None, max_examples=200)
def test_a_sum_past_int64_is_refused_and_any_other_is_exact(cells, taps, bias):
    cells += [0] * (len(taps) - len(cells))
    x = np.array([[cells]], dtype=np.int64)
    weight, bias = np.array([[taps]], dtype=np.int64), np.array([bias])
    geometry = {"stride": (1,), "pairs": [(1, 1)], "dilation": (1,)}
    sums, _ = oracle.conv(x, weight, bias, **geometry)
    if all(-(2**63) <= total < 2**63 for total in sums.flat):
        assert_exact(conv(x, weight, bias, padding=1), np.int64, sums)
    else:
        with pytest.raises(ValueError, match="int64"):
            conv(x, weight, bias, padding=1)


def test_uint64_beyond_int64_is_refused_and_never_wraps():
    x = np.array([[2**63, 1]], dtype=np.uint64)
    one, none = np.ones((1, 1, 1), np.uint64), np.zeros((1, 1, 1), np.uint64)
    with pytest.raises(ValueError, match="int64"):
        conv(x, one)
    assert_exact(conv(x, none), np.int64, np.array([[0, 0]], dtype=object))


@given(conv_calls(), st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_linear_in_the_input(call, a, b, seed):
    (input_shape, weight_shape), options, _, _ = call
    rng = np.random.default_rng(seed)
    x, y, weight = (integers_of(rng, "int64", s) for s in (input_shape, input_shape, weight_shape))
    together = conv(a * x + b * y, weight, **options)
    apart = a * conv(x, weight, **options) + b * conv(y, weight, **options)
    assert_exact(together, np.int64, apart)


@given(conv_calls(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_groups_are_convolutions_side_by_side(call, seed):
    (input_shape, weight_shape), options, _, _ = call
    groups = options["groups"]
    rng = np.random.default_rng(seed)
    x, weight = (integers_of(rng, "int64", s) for s in (input_shape, weight_shape))
    ungrouped = options | {"groups": 1}
    parts = [
        conv(part, filters, **ungrouped)
        for part, filters in zip(np.split(x, groups, 1), np.split(weight, groups), strict=True)
    ]
    assert_exact(conv(x, weight, **options), np.int64, np.concatenate(parts, axis=1))


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (("float16", "float32", "float16"), "float32"),
        (("float32", "float64", "float32"), "float64"),
        (("float32", "float32", "float64"), "float64"),
        (("int8", "float32", "float32"), "float32"),
        (("int64", "float64", "float64"), "float64"),
        (("float64", "int32", "int64"), "float64"),
    ],
    ids=str,
)
def test_mixed_dtypes_promote(dtypes, expected):
    rng = np.random.default_rng(5)
    shapes = (2, 3, 5), (2, 3, 2), (2,)
    x, weight, bias = (
        (8 * rng.standard_normal(s)).astype(d) for s, d in zip(shapes, dtypes, strict=True)
    )
    truth = oracle.conv(x, weight, bias, stride=(1,), pairs=[(0, 0)], dilation=(1,))
    assert_close(conv(x, weight, bias), np.dtype(expected), *truth)


def test_float16_past_its_range_is_infinite():
    x, weight = np.full((1, 2), 60000, np.float16), np.ones((1, 1, 2), np.float16)
    assert conv(x, weight).tolist() == [[np.inf]]


def test_float16_is_rounded_once():
    """2048 + 1 + 1: summed in float16 it stays at 2048."""
    x = np.array([[2048, 1, 1]], np.float16)
    assert conv(x, np.ones((1, 1, 3), np.float16)).tolist() == [[2050]]


@pytest.mark.parametrize("mode", MODES)
def test_strided_reversed_and_read_only_arrays(mode):
    rng = np.random.default_rng(2)
    x = rng.integers(-9, 9, (8, 6, 3, 2)).transpose(3, 2, 1, 0)[:, ::-1, ::2, ::-1]
    weight = rng.integers(-9, 9, (2, 2, 3, 4)).transpose(3, 2, 1, 0)[:, :, ::-1]
    before = x.copy(), weight.copy()
    x.flags.writeable = weight.flags.writeable = False
    geometry = {"stride": (1, 1), "pairs": [(1, 1)] * 2, "dilation": (1, 1), "mode": mode}
    got = conv(x, weight, padding=1, padding_mode=mode)
    assert_exact(got, np.int64, oracle.conv(x, weight, None, **geometry)[0])
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(weight, before[1])
