"""Conv's exact mode, every bit of it, compared with sums of whole numbers."""

import re
import zlib

import exact_oracle
import numpy as np
import pytest
from comparing import assert_same_bits
from exact_layers import LARGE_KERNELS, LAYERS, Geometry, any_geometry
from forcing import forced
from hostile_values import KINDS, QUICK, mixed, operands
from hypothesis import given, settings
from hypothesis import strategies as st
from test_conv_against_oracle import FLOATS, conv_calls
from test_conv_algorithms import forcings
from test_exact_oracle import WINDOWS, single_windows

from cnnops_cli import conv
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.parallel import using_threads


def seed_of(*words):
    return zlib.crc32(" ".join(map(str, words)).encode())


def assert_right(geometry, arrays, dtype, rng, most=100):
    """Compare a layer's values, or as many as `most` of them, with the oracle's."""
    got = conv(*arrays, **geometry.options, accumulate="exact")
    layer = exact_oracle.Layer(*arrays, dtype, **geometry.for_oracle)
    assert got.shape == layer.shape
    if got.size <= most:
        assert_same_bits(got, layer.all())
        return
    flat = np.sort(rng.choice(got.size, most, replace=False))
    places = list(zip(*(axis.tolist() for axis in np.unravel_index(flat, got.shape)), strict=True))
    assert_same_bits(got.ravel()[flat], layer.sampled(places))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("window", WINDOWS)
def test_single_windows(window, dtype):
    x, weight, bias, expected = single_windows(dtype)[window]
    expected = exact_oracle.as_dtype([[expected]], dtype)
    x, weight = ([np.array([values], dtype)] for values in (x, weight))
    assert_same_bits(conv(x[0], weight, np.array([bias], dtype)), expected)
    if bias == 0:
        assert_same_bits(conv(x[0], weight), expected)
    many = [np.tile(x[0], (7, 300)).reshape(7, 1, -1)] * 2
    stride = x[0].size
    got = conv(many[0], weight, np.array([bias], dtype), stride=stride)
    assert_same_bits(got, np.tile(expected, (7, 1, 300)))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", KINDS)
def test_values_of_every_kind(kind, dtype):
    rng = np.random.default_rng(seed_of(kind, dtype))
    for _ in range(5):
        geometry = any_geometry(rng)
        arrays = operands(kind, rng, geometry.shape, geometry.weight, dtype)
        assert_right(geometry, arrays, dtype, rng)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layer", LAYERS)
def test_layers(layer, dtype):
    rng = np.random.default_rng(seed_of(layer, dtype))
    hard = ["midpoints"] if dtype != "float64" else []
    for kind in [*hard, *rng.choice(QUICK, 2)]:
        geometry = LAYERS[layer]
        arrays = operands(kind, rng, geometry.shape, geometry.weight, dtype)
        assert_right(geometry, arrays, dtype, rng, most=20)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layer", LARGE_KERNELS)
def test_large_kernels(layer, dtype):
    rng = np.random.default_rng(seed_of(layer, dtype))
    geometry = LARGE_KERNELS[layer]
    kind = rng.choice(QUICK)
    arrays = operands(kind, rng, geometry.shape, geometry.weight, dtype)
    assert_right(geometry, arrays, dtype, rng, most=20)


@given(conv_calls(), st.sampled_from(tuple(KINDS)), st.sampled_from(FLOATS), st.integers(0, 2**32))
@settings(deadline=None, max_examples=300, derandomize=True)
def test_every_way_to_call_it(call, kind, dtype, seed):
    shapes, options, geometry, unbatched = call
    x, weight, bias = operands(kind, np.random.default_rng(seed), *shapes, dtype)
    bias = bias if seed % 2 else None
    expected = exact_oracle.conv(x, weight, bias, dtype, **geometry)
    got = conv(x[0] if unbatched else x, weight, bias, **options, accumulate="exact")
    assert_same_bits(got, expected[0] if unbatched else expected)


@given(conv_calls(), forcings, st.sampled_from(QUICK), st.sampled_from(FLOATS), st.integers(0, 99))
@settings(deadline=None, max_examples=150, derandomize=True)
def test_tiles_of_every_kind(call, forcing, kind, dtype, seed):
    shapes, options, geometry, _ = call
    x, weight, bias = operands(kind, np.random.default_rng(seed), *shapes, dtype)
    with forced(**forcing):
        got = conv(x, weight, bias, **options)
    assert_same_bits(got, exact_oracle.conv(x, weight, bias, dtype, **geometry))


LONG = (
    ((1, 100_000, 1), (2, 100_000, 1)),
    ((1, 1, 100_001), (1, 1, 100_000)),
    ((1, 10, 100, 101), (1, 10, 100, 100)),
)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", ["cancelling", "midpoints", "wide"])
def test_100000_terms(kind, dtype):
    rng = np.random.default_rng(seed_of(kind, dtype))
    geometry = Geometry(*LONG[rng.integers(len(LONG))], {})
    arrays = operands(kind, rng, geometry.shape, geometry.weight, dtype)
    assert_right(geometry, arrays, dtype, rng)


def hard_operands(dtype, shape=(3, 8, 11, 12), weight=(6, 8, 3, 3), seed=5):
    """Normal values with cancellation and a few that are not finite."""
    rng = np.random.default_rng(seed)
    x, kernel, bias = operands("cancelling", rng, shape, weight, dtype)
    x[0, 0, 5, 5], x[-1, 1, 2, 3] = np.nan, -np.inf
    return x, kernel, bias


def in_another_order(array, order):
    if order == "Fortran":
        return np.asfortranarray(array)
    if order == "strided":
        spread = np.zeros([2 * length for length in array.shape], array.dtype)
        every_second = spread[tuple(slice(None, None, 2) for _ in array.shape)]
        every_second[...] = array
        return every_second
    if order == "reversed":
        return np.flip(np.flip(array).copy())
    if order == "big-endian":
        return array.astype(array.dtype.newbyteorder(">"))
    read_only = array.copy()
    read_only.flags.writeable = False
    return read_only


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("order", ["Fortran", "strided", "reversed", "big-endian", "read-only"])
def test_orders_in_memory(order, dtype):
    arrays = hard_operands(dtype)
    expected = conv(*arrays, padding=1)
    ordered = [in_another_order(array, order) for array in arrays]
    kept = [array.tobytes() for array in ordered]
    assert_same_bits(conv(*ordered, padding=1), expected)
    assert [array.tobytes() for array in ordered] == kept


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (("float32", "float64", "float32"), "float64"),
        (("float16", "float32", "float16"), "float32"),
        (("float16", "float16", "float64"), "float64"),
        (("int64", "float32", "float32"), "float32"),
        (("uint8", "float16", "float16"), "float16"),
        (("float32", "int64", "int32"), "float32"),
        (("int64", "int64", "float64"), "float64"),
        (("int32", "int32", "float16"), "float16"),
    ],
)
def test_operands_are_converted_first(dtypes, expected):
    rng = np.random.default_rng(6)
    shapes = (2, 3, 40), (4, 3, 5), (4,)
    most = 2**12 if expected == "float16" else 2**31
    arrays = [
        rng.integers(-most, most, shape).astype(dtype)
        if np.dtype(dtype).kind != "f"
        else rng.standard_normal(shape).astype(dtype)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    ]
    geometry = {"stride": (1,), "pairs": [(2, 2)], "dilation": (1,)}
    assert_same_bits(conv(*arrays, padding=2), exact_oracle.conv(*arrays, expected, **geometry))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layer", LAYERS)
def test_layers_of_mixed_dtypes(layer, dtype):
    rng = np.random.default_rng(seed_of(layer, dtype))
    geometry = LAYERS[layer]
    arrays = operands("normal", rng, geometry.shape, geometry.weight, dtype)
    assert_right(geometry, mixed(rng, arrays, dtype), dtype, rng, most=20)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("integers", ["uint8", "int64"])
def test_a_plane_of_integers_under_weights_that_cancel(integers, dtype):
    x = np.full((1, 1, 30, 20), 200, integers)
    weight = np.array([[[[0.1, 0, -0.1], [0.2, 0, -0.2], [0.1, 0, -0.1]]]], dtype)
    assert_same_bits(conv(x, weight), np.zeros((1, 1, 28, 18), dtype))


def test_a_number_as_bias():
    x, kernel, _ = hard_operands("float32")
    expected = conv(x, kernel, np.full(len(kernel), 0.1, np.float32))
    assert_same_bits(conv(x, kernel, 0.1), expected)


@pytest.mark.parametrize("dtype", FLOATS)
def test_no_samples(dtype):
    got = conv(np.zeros((0, 2, 5), dtype), np.ones((3, 2, 3), dtype))
    assert_same_bits(got, np.zeros((0, 3, 3), dtype))


def test_exact_is_the_default():
    arrays = hard_operands("float32")
    assert_same_bits(conv(*arrays), conv(*arrays, accumulate="exact"))
    assert np.any(conv(*arrays) != conv(*arrays, accumulate="fast"))


@pytest.mark.parametrize("accumulate", ["exact", "fast", "sequential", "fma"])
def test_integers_are_exact_in_every_mode(accumulate):
    x, kernel = np.array([[2**53 + 1, 1]]), np.array([[[1, 2]]])
    got = conv(x, kernel, accumulate=accumulate)
    assert (got.dtype, got.tolist()) == (np.int64, [[2**53 + 3]])


def test_a_mode_that_is_not_known_is_refused():
    reason = "accumulate 'exactly' is not one of exact, fast, sequential, fma"
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        conv(np.ones((1, 1)), np.ones((1, 1, 1)), accumulate="exactly")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layer", LAYERS)
def test_the_bytes_do_not_depend_on_threads(layer, dtype):
    geometry = LAYERS[layer]
    rng = np.random.default_rng(seed_of(layer, dtype, "threads"))
    kind = rng.choice(["normal", "cancelling", "picture", "special", "wide"])
    arrays = operands(kind, rng, geometry.shape, geometry.weight, dtype)
    results = []
    for threads in (1, 2, 3):
        with using_threads(threads):
            results.append(conv(*arrays, **geometry.options))
    assert_same_bits(results[1], results[0])
    assert_same_bits(results[2], results[0])


@pytest.mark.parametrize("dtype", FLOATS)
def test_parts_of_a_layer_give_the_same_bytes_as_the_whole(dtype):
    x, kernel, bias = hard_operands(dtype)
    whole = conv(x, kernel, bias, padding=1)
    for sample in range(len(x)):
        assert_same_bits(conv(x[sample], kernel, bias, padding=1), whole[sample])
    for filters in (slice(0, 1), slice(1, 6)):
        got = conv(x, kernel[filters], bias[filters], padding=1)
        assert_same_bits(got, np.ascontiguousarray(whole[:, filters]))
    inner = conv(x[:, :, 2:9, 3:8], kernel, bias)
    assert_same_bits(inner, np.ascontiguousarray(whole[:, :, 3:8, 4:7]))
    steps = conv(x, kernel, bias, padding=1, stride=(2, 3))
    assert_same_bits(steps, np.ascontiguousarray(whole[:, :, ::2, ::3]))


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_order_of_the_terms_does_not_matter(dtype):
    x, kernel, bias = hard_operands(dtype)
    whole = conv(x, kernel, bias)
    assert_same_bits(conv(x[:, ::-1], kernel[:, ::-1], bias), whole)
    assert_same_bits(conv(x[..., ::-1], kernel[..., ::-1], bias)[..., ::-1].copy(), whole)
    swapped = conv(np.swapaxes(x, 2, 3), np.swapaxes(kernel, 2, 3), bias)
    assert_same_bits(np.swapaxes(swapped, 2, 3).copy(), whole)
