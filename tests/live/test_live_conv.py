"""Every algorithm of conv beside PyTorch: on random calls, and how far each is from the truth."""

import numpy as np
import pytest
from forcing import ALGORITHMS, forced
from hypothesis import event, given, settings
from hypothesis import strategies as st
from test_live import assert_equal, assert_within, conv_magnitudes

from cnnops_cli import conv

torch_calls = pytest.importorskip("torch_calls")

pytestmark = pytest.mark.live

EPS = float(np.finfo(np.float32).eps)


@st.composite
def conv_calls(draw):
    """Calls that both sides take, larger than the random calls of `test_live`."""
    dims = draw(st.integers(1, 3))

    def one_an_axis(smallest, largest):
        return tuple(draw(st.integers(smallest, largest)) for _ in range(dims))

    kernel = one_an_axis(1, (12, 7, 3)[dims - 1])
    stride, dilation, padding = one_an_axis(1, 4), one_an_axis(1, 3), one_an_axis(0, 4)
    lengths = tuple(
        max(1, gap * (taps - 1) + 1 - 2 * pad) + extra
        for gap, taps, pad, extra in zip(
            dilation, kernel, padding, one_an_axis(0, (90, 25, 9)[dims - 1]), strict=True
        )
    )
    mode = draw(st.sampled_from(("zeros", "zeros", "reflect", "replicate", "circular")))
    if mode in ("reflect", "circular"):
        padding = tuple(min(pad, length - 1) for pad, length in zip(padding, lengths, strict=True))
        lengths = tuple(
            max(length, gap * (taps - 1) + 1)
            for length, gap, taps in zip(lengths, dilation, kernel, strict=True)
        )
    groups = draw(st.sampled_from((1, 1, 2, 3, 5)))
    per_group, filters = draw(st.integers(1, 4)), groups * draw(st.integers(1, 4))
    dtype = draw(st.sampled_from(("float16", "float32", "float64", "int32")))
    mode = "zeros" if dtype == "int32" else mode
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shapes = [
        (draw(st.integers(1, 3)), groups * per_group, *lengths),
        (filters, per_group, *kernel),
    ]
    arrays = [(8 * rng.standard_normal(shape)).astype(dtype) for shape in (*shapes, (filters,))]
    options = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "padding_mode": mode,
    }
    return (*arrays[:2], arrays[2] if draw(st.booleans()) else None), options


@given(
    conv_calls(),
    st.sampled_from((1, 2, 5, 8, 16, None)),
    st.sampled_from((1, 1000, 1 << 13, 1 << 22)),
    st.sampled_from((1, 2, 7)),
)
@settings(deadline=None, max_examples=300)
def test_every_algorithm_gives_what_pytorch_gives(call, band, tile_bytes, tiles):
    arrays, options = call
    expected = torch_calls.conv(*arrays, **options).numpy()
    magnitudes = None
    for algorithm in ALGORITHMS:
        with forced(algorithm, band=band, tile_bytes=tile_bytes, tiles=tiles):
            got = conv(*arrays, **options)
        if got.dtype.kind == "i":
            assert_equal(got, expected)
            continue
        if magnitudes is None:
            magnitudes = conv_magnitudes(arrays, options)
        assert_within(got, expected, magnitudes)
    event(f"{expected.ndim - 2} axes")


LAYERS = {
    "7x7/2": ((1, 3, 50, 50), (16, 3, 7, 7), {"stride": 2, "padding": 3}),
    "3x3, 64 channels": ((1, 64, 14, 14), (64, 64, 3, 3), {"padding": 1}),
    "3x3, 256 channels": ((1, 256, 7, 7), (64, 256, 3, 3), {"padding": 1}),
    "3x3/2": ((1, 64, 15, 15), (64, 64, 3, 3), {"stride": 2, "padding": 1}),
    "1x1": ((2, 256, 7, 7), (64, 256, 1, 1), {}),
    "1x1/2": ((1, 128, 14, 14), (64, 128, 1, 1), {"stride": 2}),
    "depthwise 3x3": ((2, 32, 28, 28), (32, 1, 3, 3), {"padding": 1, "groups": 32}),
    "depthwise 3x3/2": ((1, 32, 28, 28), (32, 1, 3, 3), {"stride": 2, "padding": 1, "groups": 32}),
    "depthwise 5x5": ((1, 32, 28, 28), (32, 1, 5, 5), {"padding": 2, "groups": 32}),
    "8 groups": ((1, 32, 20, 20), (32, 4, 3, 3), {"padding": 1, "groups": 8}),
    "dilation 2": ((1, 32, 20, 20), (32, 32, 3, 3), {"padding": 2, "dilation": 2}),
    "dilation 12": ((1, 32, 33, 33), (32, 32, 3, 3), {"padding": 12, "dilation": 12}),
    "15x15": ((1, 16, 24, 24), (16, 16, 15, 15), {"padding": 7}),
    "photograph 3x3": ((1, 1, 96, 128), (1, 1, 3, 3), {"padding": 1}),
    "photograph 11x11": ((1, 1, 96, 128), (1, 1, 11, 11), {"padding": 5}),
    "photograph 31x31": ((1, 1, 96, 128), (1, 1, 31, 31), {"padding": 15}),
    "photograph 11x11, RGB": ((1, 3, 64, 96), (3, 3, 11, 11), {"padding": 5}),
    "audio 3": ((1, 64, 1000), (64, 64, 3), {"padding": 1}),
    "audio 400/160": ((1, 1, 16000), (64, 1, 400), {"stride": 160}),
    "audio 400": ((1, 1, 8000), (1, 1, 400), {}),
    "audio 1025": ((1, 1, 8000), (1, 1, 1025), {}),
    "3x3x3": ((1, 3, 8, 28, 28), (16, 3, 3, 3, 3), {"padding": 1}),
}


def wide(rng, shape):
    return rng.choice((-1, 1), shape) * 10 ** rng.uniform(-6, 6, shape)


def mostly_zeros(rng, shape):
    """Half of the last axis is zero throughout, and most of the rest."""
    x = rng.standard_normal(shape) * (rng.random(shape) < 0.05)
    x[..., shape[-1] // 2 :] = 0
    return x


def one_huge(rng, shape):
    x = rng.standard_normal(shape)
    x.flat[x.size // 3] = 1e20
    return x


REGIMES = {
    "normal": np.random.Generator.standard_normal,
    "positive": np.random.Generator.random,
    "wide": wide,
    "mostly zeros": mostly_zeros,
    "one huge": one_huge,
}


def largest_error(got, truth, magnitudes):
    """In epsilons of what the terms add up to without their signs; where that is 0, so is `got`."""
    assert np.all(got[magnitudes == 0] == 0)
    some = magnitudes > 0
    return (np.abs(got[some] - truth[some]) / magnitudes[some]).max() / EPS


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("name", LAYERS)
def test_errors_are_at_most_twice_those_of_pytorch(name, regime):
    """An algorithm that is not meant for a layer may be off by more."""
    shape, weight_shape, options = LAYERS[name]
    rng = np.random.default_rng(1)
    x = REGIMES[regime](rng, shape).astype(np.float32)
    weight = (wide if regime == "wide" else np.random.Generator.standard_normal)(rng, weight_shape)
    weight = weight.astype(np.float32)
    precise = x.astype(np.float64), weight.astype(np.float64)
    truth = torch_calls.conv(*precise, **options).numpy()
    magnitudes = conv_magnitudes((x, weight, None), options)

    theirs = torch_calls.conv(x, weight, **options).numpy()
    allowed = 2 * largest_error(theirs, truth, magnitudes)
    ours = largest_error(conv(x, weight, **options), truth, magnitudes)
    assert ours <= allowed, "in epsilons of the terms' magnitudes"
    for algorithm in ALGORITHMS:
        with forced(algorithm):
            ours = largest_error(conv(x, weight, **options), truth, magnitudes)
        assert ours <= 1.5 * allowed, algorithm
