"""Every algorithm of conv, on tiles cut along every axis, compared with plain loops."""

from itertools import product

import numpy as np
import oracle
import pytest
from comparing import assert_close, assert_exact
from forcing import ALGORITHMS, forced, layer_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_conv_against_oracle import (
    FLOATS,
    INTEGERS,
    MODES,
    assert_exact_with_nan,
    call_unbatched_or_not,
    conv_calls,
    integers_of,
)

from cnnops_cli import conv
from cnnops_cli.ops.convolution.costs import BANDS, COLUMNS, FOURIER
from cnnops_cli.ops.convolution.plan import plan_convolution
from cnnops_cli.ops.parallel import using_threads

forcings = st.fixed_dictionaries(
    {
        "algorithm": st.sampled_from(ALGORITHMS),
        "band": st.integers(1, 5),
        "is_split": st.booleans(),
        "tile_bytes": st.sampled_from((1, 100, 400, 2000, 1 << 22)),
        "tiles": st.sampled_from((1, 2, 5, 16)),
        "share_filters": st.booleans(),
    }
)

# Input, kernel, options. Each has a cut, an edge or a way through memory that the others have not.
LAYERS = {
    "a line of many bands": ((2, 1, 61), (2, 1, 7), {"padding": 3}),
    "a kernel longer than a band": ((1, 2, 40), (1, 2, 19), {}),
    "a long kernel in steps": ((1, 2, 190), (2, 1, 66), {"groups": 2, "stride": 3, "dilation": 2}),
    "a kernel as long as the line": ((1, 1, 23), (3, 1, 23), {}),
    "a kernel that sees padding alone": ((1, 1, 2), (2, 1, 2), {"padding": 5}),
    "steps wider than the kernel": ((2, 2, 30), (2, 2, 2), {"stride": 5}),
    "steps and gaps that share a factor": ((1, 1, 50), (2, 1, 5), {"stride": 4, "dilation": 6}),
    "a kernel without overlap, as it lies": ((1, 2, 10), (3, 2, 2), {"dilation": 5}),
    "one cell": ((3, 2, 1), (2, 2, 1), {}),
    "as it lies": ((3, 3, 4, 6), (4, 3, 1, 1), {}),
    "as it lies, padded": ((1, 3, 4, 6), (4, 3, 1, 1), {"padding": (1, 0)}),
    "rows that see one another": ((1, 2, 17, 5), (2, 2, 7, 2), {"padding": (3, 1)}),
    "rows of several phases": ((2, 1, 19, 8), (2, 1, 5, 3), {"stride": (3, 2), "padding": 2}),
    "rows that are passed over": ((1, 2, 16, 5), (2, 2, 2, 2), {"stride": (5, 3)}),
    "gaps between rows": ((1, 1, 21, 9), (2, 1, 4, 3), {"dilation": (4, 3), "stride": (2, 1)}),
    "long rows": ((1, 1, 3, 150), (2, 1, 3, 5), {"padding": ((1, 1), (0, 4))}),
    "lopsided padding": ((2, 1, 6, 7), (2, 1, 3, 3), {"padding": ((4, 0), (0, 5))}),
    "depthwise": ((2, 7, 9, 10), (7, 1, 3, 3), {"groups": 7, "padding": 1}),
    "depthwise, two filters a channel": ((1, 5, 8, 11), (10, 1, 3, 2), {"groups": 5, "stride": 2}),
    "groups": ((2, 6, 7, 9), (9, 2, 3, 3), {"groups": 3, "padding": (0, 1)}),
    "many filters": ((1, 1, 5, 3), (512, 1, 2, 2), {}),
    "many filters of a line": ((1, 1, 4), (515, 1, 2), {"padding": 1}),
    "lines that run on": ((3, 2, 9, 6), (4, 2, 3, 3), {"padding": 1}),
    "lines that run on, uncut": ((3, 2, 2, 140), (2, 2, 1, 3), {"padding": (0, 1)}),
    "lines that run on, lopsided": ((2, 2, 7, 4), (3, 2, 2, 5), {"padding": ((0, 2), (4, 0))}),
    "gaps wider than a line that runs on": (
        *((2, 2, 4, 3), (2, 2, 2, 3)),
        {"dilation": (1, 6), "padding": (0, 6)},
    ),
    "three axes that run on": ((2, 2, 4, 3, 5), (4, 1, 2, 3, 3), {"padding": 1, "groups": 2}),
    "three axes": ((2, 2, 6, 5, 9), (3, 2, 3, 2, 3), {"padding": 1, "stride": (1, 2, 1)}),
    "three axes, depthwise": ((1, 3, 5, 6, 7), (3, 1, 2, 3, 3), {"groups": 3, "dilation": 2}),
}
CUTS = (
    {"tile_bytes": 1},
    {"tile_bytes": 300, "tiles": 3},
    {"tile_bytes": 1500, "tiles": 16},
    {},
    {"tiles": 2},
    {"tiles": 2, "share_filters": True},
    {"tiles": 16},
)


def geometry_of(shape, weight, stride=1, padding=0, dilation=1, groups=1, padding_mode="zeros"):
    """The oracle's arguments for a call's."""
    dims = len(shape) - 2
    stride, dilation = (
        (size,) * dims if isinstance(size, int) else size for size in (stride, dilation)
    )
    return {
        "stride": stride,
        "pairs": oracle.pad_pairs(padding, shape[2:], weight[2:], stride, dilation),
        "dilation": dilation,
        "groups": groups,
        "mode": padding_mode,
    }


SUMS = ("exact", "fast")


def whole_numbers(layer, dtype="float32", seed=0):
    """An input, a kernel and a bias whose sums no order of summation rounds."""
    shape, weight, options = LAYERS[layer]
    rng = np.random.default_rng(seed)
    arrays = [rng.integers(-4, 5, size).astype(dtype) for size in (shape, weight, weight[:1])]
    return arrays, options


sums_of_floats = st.sampled_from(SUMS)


@given(
    conv_calls(),
    forcings,
    sums_of_floats,
    st.sampled_from(FLOATS),
    st.booleans(),
    st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=250)
def test_floats(call, forcing, accumulate, dtype, with_bias, seed):
    (input_shape, weight_shape), options, geometry, unbatched = call
    rng = np.random.default_rng(seed)
    x, weight = (rng.standard_normal(s).astype(dtype) for s in (input_shape, weight_shape))
    bias = rng.standard_normal(weight_shape[0]).astype(dtype) if with_bias else None
    options = options | {"accumulate": accumulate}
    with forced(**forcing):
        got = call_unbatched_or_not(x, weight, bias, options, unbatched)
    assert_close(got, np.dtype(dtype), *oracle.conv(x, weight, bias, **geometry))


@given(conv_calls(), forcings, st.sampled_from(INTEGERS), st.booleans(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_integers(call, forcing, dtype, with_bias, seed):
    (input_shape, weight_shape), options, geometry, unbatched = call
    rng = np.random.default_rng(seed)
    x, weight, bias = (
        integers_of(rng, dtype, s) for s in (input_shape, weight_shape, weight_shape[:1])
    )
    bias = bias if with_bias else None
    with forced(**forcing):
        got = call_unbatched_or_not(x, weight, bias, options, unbatched)
    assert_exact(got, np.int64, oracle.conv(x, weight, bias, **geometry)[0])


@given(conv_calls(), forcings, sums_of_floats, st.sampled_from(FLOATS), st.integers(0, 2**32))
@settings(deadline=None, max_examples=200)
def test_a_few_infinities_and_nans(call, forcing, accumulate, dtype, seed):
    """Whole numbers elsewhere: what no special value reaches is exact."""
    (input_shape, weight_shape), options, geometry, unbatched = call
    rng = np.random.default_rng(seed)
    x, weight = (rng.integers(-3, 4, s).astype(dtype) for s in (input_shape, weight_shape))
    for array in (x, x, weight) if seed % 3 == 0 else (x,):
        if array.size:
            array.flat[rng.integers(array.size)] = rng.choice([np.inf, -np.inf, np.nan])
    options = options | {"accumulate": accumulate}
    with forced(**forcing):
        got = call_unbatched_or_not(x, weight, None, options, unbatched)
    assert_exact_with_nan(got, np.dtype(dtype), oracle.conv(x, weight, None, **geometry)[0])


@pytest.fixture(scope="module", params=LAYERS)
def layer_and_sums(request):
    (x, weight, bias), options = whole_numbers(request.param)
    geometry = geometry_of(x.shape, weight.shape, **options)
    sums, _ = oracle.conv(x, weight, bias, **geometry)
    plain, _ = oracle.conv(x, weight, None, **geometry)
    return (x, weight, bias), options, (sums, plain)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_layers_on_tiles_of_every_kind(layer_and_sums, algorithm):
    (x, weight, bias), options, (sums, plain) = layer_and_sums
    for cut in CUTS:
        bands = product((1, 2, 5, 16), (True, False)) if algorithm == BANDS else [(None, True)]
        for band, is_split in bands:
            with forced(algorithm, band=band, is_split=is_split, **cut):
                for dtype, accumulate in product(FLOATS, SUMS):
                    arrays = [array.astype(dtype) for array in (x, weight, bias)]
                    assert_exact(conv(*arrays, accumulate=accumulate, **options), dtype, sums)
                assert_exact(conv(x, weight, **options), np.float32, plain)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_layers_are_cut_along_every_axis(algorithm):
    """That the cases above cut items, groups, filters and each of three spatial axes."""
    seen = set()
    for shape, weight, options in LAYERS.values():
        for cut in CUTS:
            with forced(algorithm, band=2, **cut):
                layer = layer_of(shape, weight, **options)
                plan = plan_convolution(layer)
            can_be = algorithm != BANDS or layer.windows.stride[-1] == 1 or layer.channels == 1
            assert (plan.algorithm == algorithm) == can_be or layer.windows.dims == 1
            places = zip(*(tile.place for tile in plan.tiles), strict=True)
            seen |= {
                (layer.windows.dims, axis)
                for axis, spans in enumerate(places)
                if len({(span.start, span.stop) for span in spans}) > 1
            }
    assert {(dims, 3 + axis) for dims in (1, 2, 3) for axis in range(dims)} <= seen
    items, groups, filters = range(3)
    shared = {(2, filters)} if algorithm != FOURIER else set()
    assert {(2, items), (2, groups)} | shared <= seen


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_padding_modes_where_tiles_meet_the_border(algorithm, mode):
    rng = np.random.default_rng(7)
    x, weight = (rng.integers(-9, 9, s) for s in ((2, 2, 6, 7), (4, 1, 3, 4)))
    options = {"padding": ((5, 1), (0, 6)), "padding_mode": mode, "groups": 2, "stride": (1, 2)}
    sums, _ = oracle.conv(x, weight, None, **geometry_of(x.shape, weight.shape, **options))
    for cut in CUTS:
        with forced(algorithm, band=3, **cut):
            assert_exact(conv(x, weight, **options), np.int64, sums)


@pytest.mark.parametrize("reach", [1, 2**9, 2**24, 2**27], ids=["f4", "f8", "i8", "object"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_integers_of_every_size(algorithm, reach):
    """Each size has its own dtype to compute in: float32, float64, int64, Python's integers."""
    rng = np.random.default_rng(3)
    x, weight = (reach * rng.integers(-9, 10, s) for s in ((2, 4, 9, 8), (4, 2, 3, 2)))
    options = {"groups": 2, "padding": 1, "stride": (2, 1)}
    sums, _ = oracle.conv(x, weight, x[0, :, 0, 0], **geometry_of(x.shape, weight.shape, **options))
    for cut in CUTS:
        with forced(algorithm, band=3, **cut):
            assert_exact(conv(x, weight, x[0, :, 0, 0], **options), np.int64, sums)


def layouts(x):
    """The same values, each time in another place in memory."""
    packed = np.empty(x.size * x.itemsize + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    records = np.zeros(x.shape, [("before", np.uint8), ("value", x.dtype), ("after", np.int16)])
    packed[...] = x
    records["value"] = x
    spaced = np.zeros((*x.shape[:-1], 3 * x.shape[-1]), x.dtype)
    spaced[..., ::3] = x
    wide = np.zeros((*x.shape[:-1], x.shape[-1] + 3), x.dtype)
    wide[..., 2:-1] = x
    return {
        "channels-last": np.ascontiguousarray(np.moveaxis(x, 1, -1)).swapaxes(1, -1).swapaxes(2, -1)
        if x.ndim == 4
        else np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2),
        "Fortran order": np.asfortranarray(x),
        "backwards": np.ascontiguousarray(x[..., ::-1, ::-1])[..., ::-1, ::-1],
        "channels backwards": np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
        "spaced": spaced[..., ::3],
        "part of a wider one": wide[..., 2:-1],
        "unaligned": packed,
        "field of records": records["value"],
        "big-endian": x.astype(x.dtype.newbyteorder(">")),
    }


@pytest.mark.parametrize(
    "layer", ["a line of many bands", "as it lies", "groups", "rows of several phases"]
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_inputs_and_kernels_of_every_layout(algorithm, layer):
    for dtype in ("float32", "float64"):
        (x, weight, bias), options = whole_numbers(layer, dtype)
        sums, _ = oracle.conv(x, weight, bias, **geometry_of(x.shape, weight.shape, **options))
        for cut in CUTS[1:4]:
            with forced(algorithm, band=4, **cut):
                for name, array in layouts(x).items():
                    kernel = layouts(weight)[name]
                    assert_exact(conv(array, weight, bias, **options), dtype, sums)
                    assert_exact(conv(x, kernel, bias, **options), dtype, sums)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_input_whose_values_are_all_one_cell(algorithm):
    x = np.broadcast_to(np.float32(3), (2, 2, 6, 20))
    weight = np.broadcast_to(np.float32(2), (2, 2, 3, 3))
    for cut in CUTS:
        with forced(algorithm, band=7, **cut):
            assert np.all(conv(x, weight) == 3 * 2 * 18)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("layer", ["a line of many bands", "groups", "rows of several phases"])
@pytest.mark.parametrize("is_split", [True, False], ids=["split", "whole"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_special_value_reaches_its_windows_alone(algorithm, is_split, layer, special):
    """Near each border and in the middle; 1e30 is finite, but its square is not."""
    (x, weight, bias), options = whole_numbers(layer)
    geometry = geometry_of(x.shape, weight.shape, **options)
    for place in (0, x.size // 2, x.size - 1):
        spoilt = x.copy()
        spoilt.flat[place] = special
        sums, _ = oracle.conv(spoilt, weight, bias, **geometry)
        plain, _ = oracle.conv(x, weight, bias, **geometry)
        for cut, accumulate in product(CUTS[1:4], SUMS):
            with forced(algorithm, band=5, is_split=is_split, **cut):
                got = conv(spoilt, weight, bias, accumulate=accumulate, **options)
            seen = sums != plain
            np.testing.assert_array_equal(got[~seen], plain[~seen].astype(np.float32))
            if np.isfinite(special):
                np.testing.assert_allclose(got[seen], sums[seen].astype(float), rtol=1e-6)
            else:
                np.testing.assert_array_equal(got, sums.astype(np.float32))


@pytest.mark.parametrize("layer", ["a line of many bands", "groups", "three axes", "many filters"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_bits_on_any_number_of_threads(algorithm, layer):
    shape, weight_shape, options = LAYERS[layer]
    rng = np.random.default_rng(11)
    x, weight = (rng.standard_normal(s).astype("float32") for s in (shape, weight_shape))
    with forced(algorithm, band=4, tiles=16):
        results = []
        for count in (1, 2, 5, 2, 5):
            with using_threads(count):
                results.append(conv(x, weight, accumulate="fast", **options).tobytes())
    assert len(set(results)) == 1


def test_every_algorithm_is_known_here():
    """A new one needs a look at its accuracy and at what it does with integers and infinities."""
    assert set(ALGORITHMS) == {COLUMNS, BANDS, FOURIER}
