"""Random calls, good and bad, on both sides: the same shapes, dtypes, values and refusals.

The differences from PyTorch that the contract wants, and how each is met here:

conv
- an empty batch is checked as any other, where PyTorch passes over a dilation of 0 and an empty
  axis: it has to take one sample first;
- integers are summed in int64 and mixed dtypes promote: PyTorch gets the converted arrays;
- a size of padding is not negative, by which PyTorch crops in the modes that are not zeros;
- pairs, 'same-upper' and 'same-lower' are unknown to PyTorch, which gets a padded input;
- an infinity in the weight meets a zero of the padding as NaN, which PyTorch keeps to in float64
  alone; its float32 code passes the padding by for some shapes: weights are finite elsewhere.
maxpool
- a size of padding is at most half the dilated kernel; PyTorch's limit is half the bare kernel,
  so calls between the two limits are not compared;
- a window wholly in padding is refused, where PyTorch gives an index out of range;
- PyTorch pools 1-D integers only when asked for indices, so it always is.
batchnorm
- eval without running statistics takes (0, 1): PyTorch is given them;
- vectors of the wrong length are refused whatever the batch, by PyTorch not when it is empty;
- not drawn, since PyTorch takes them and the contract does not: momentum outside 0 to 1, a
  negative variance, six axes; nor what PyTorch gets wrong: a mean far larger than the spread.
"""

import warnings
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from cnnops_cli import batchnorm, conv, maxpool
from cnnops_cli.ops.initialisation import default_layer

torch = pytest.importorskip("torch")
torch_calls = pytest.importorskip("torch_calls")

pytestmark = [
    pytest.mark.live,
    pytest.mark.filterwarnings("ignore:Using padding='same'"),
    pytest.mark.filterwarnings("ignore:Initializing zero-element"),
]

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("int8", "uint8", "int32", "int64")
TORCH_REFUSALS = (RuntimeError, ValueError, IndexError)


def their_result_or_none(call):
    """What a call returns; None where PyTorch refuses it."""
    try:
        return call()
    except TORCH_REFUSALS:
        return None


@contextmanager
def without_onednn():
    """Have PyTorch compute by its own code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the flags are for on other devices
        with torch_calls.torch.backends.mkldnn.flags(enabled=False):
            yield


def our_result_or_none(call):
    """What a call returns; None where we refuse it. A bare ValueError is NumPy's and no refusal."""
    try:
        return call()
    except ValueError as error:
        if type(error) is ValueError:
            raise
        return None


def both(ours, theirs):
    """The results of both sides, or None where both refuse; one alone is a failure."""
    our_result = our_result_or_none(ours)
    their_result = their_result_or_none(theirs)
    event("accepted" if their_result is not None else "refused")
    if (our_result is None) != (their_result is None):
        (ours if our_result is None else theirs)()
        raise AssertionError("refused the first time and taken the second")
    return None if our_result is None else (our_result, their_result)


def assert_within(got, expected, scale):
    """As the golden tests: two epsilons of the terms' magnitudes a side, half in float16."""
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    kind = np.finfo(expected.dtype)
    epsilons = 1 if expected.dtype == np.float16 else 4
    allowed = epsilons * float(kind.eps) * scale[finite] + float(kind.smallest_subnormal)
    error = np.abs(got[finite].astype(np.float64) - expected[finite].astype(np.float64))
    assert np.all(error <= allowed), f"off by up to {error.max()} of {allowed.max()} allowed"


def assert_equal(got, expected):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def sizes(draw, dims, usual, edge):
    """One size an axis, or one for all; now and then one that is on the edge or past it."""
    each = usual if draw(st.integers(0, 11)) else usual | edge
    return draw(each) if draw(st.booleans()) else tuple(draw(each) for _ in range(dims))


def values_of(draw, shape, dtype, *, finite=True):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if dtype in INTEGERS:
        info = np.iinfo(dtype)
        return rng.integers(max(info.min, -50), min(info.max, 50), shape, dtype, endpoint=True)
    x = rng.standard_normal(shape).astype(dtype)
    if not finite and x.size:
        special = np.array([np.nan, np.inf, -np.inf, 0], dtype)
        x.flat[rng.integers(x.size, size=2)] = rng.choice(special, 2)
    return x


@st.composite
def conv_calls(draw):
    dims = draw(st.integers(1, 3))
    dtype = draw(st.sampled_from(FLOATS + INTEGERS))
    finite = draw(st.integers(0, 3)) > 0
    groups = draw(st.sampled_from((1, 1, 1, 2, 3, 0)))
    per_group, filters = draw(st.integers(1, 3)), max(1, groups) * draw(st.integers(1, 3))
    channels = max(1, groups) * per_group
    if not draw(st.integers(0, 11)):
        channels, filters = draw(st.integers(1, 6)), draw(st.integers(0, 6))
    lead = draw(st.sampled_from(((), (1,), (2,), (0,))))
    lengths = tuple(draw(st.integers(1 if draw(st.integers(0, 9)) else 0, 7)) for _ in range(dims))
    kernel = tuple(draw(st.integers(1 if draw(st.integers(0, 19)) else 0, 4)) for _ in range(dims))
    word = draw(st.sampled_from((None, None, "same", "valid", "same-upper", "same-lower", "pairs")))
    padding = word or sizes(draw, dims, st.integers(0, 3), st.integers(-1, 6))
    if word == "pairs":
        padding = tuple((draw(st.integers(0, 4)), draw(st.integers(0, 4))) for _ in range(dims))
    steps = st.just(1) if word == "same" else st.integers(1, 4)
    # Of integers PyTorch pads none but with zeros.
    modes = ("zeros", "reflect", "replicate", "circular") if dtype in FLOATS else ("zeros",)
    options = {
        "stride": sizes(draw, dims, steps, st.integers(-1, 5)),
        "padding": padding,
        "dilation": sizes(draw, dims, st.integers(1, 3), st.integers(0, 4)),
        "groups": groups,
        "padding_mode": draw(st.sampled_from(modes)),
    }
    x = values_of(draw, (*lead, channels, *lengths), dtype, finite=finite)
    finite_weight = finite or dtype != "float64"
    weight = values_of(draw, (filters, per_group, *kernel), dtype, finite=finite_weight)
    biases = draw(st.sampled_from((None, filters, filters, filters, 1)))
    bias = None if biases is None else values_of(draw, (biases,), dtype)
    return (x, weight, bias), options


def conv_magnitudes(arrays, options):
    """The sum of the terms' magnitudes in float64, for what is finite."""
    sizes_only = [
        a if a is None else np.where(np.isfinite(a), np.abs(a), 0).astype(np.float64)
        for a in arrays
    ]
    return torch_calls.conv(*sizes_only, **options).numpy()


def is_negative(padding):
    return not isinstance(padding, str) and np.min(padding) < 0


@given(conv_calls())
@settings(deadline=None, max_examples=2500)
def test_conv(call):
    arrays, options = call

    def theirs():
        if options["padding_mode"] != "zeros" and is_negative(options["padding"]):
            raise ValueError("PyTorch would crop")
        # The oneDNN of PyTorch 2.13 sometimes ends the process where it convolves float16.
        is_half = any(array is not None and array.dtype == np.float16 for array in arrays)
        with without_onednn() if is_half else nullcontext():
            if len(arrays[0]) == 0:
                one_sample = np.zeros((1, *arrays[0].shape[1:]), arrays[0].dtype)
                torch_calls.conv(one_sample, *arrays[1:], **options)
            return torch_calls.conv(*arrays, **options).numpy()

    results = both(lambda: conv(*arrays, **options), theirs)
    if results is None:
        return
    if results[0].dtype.kind == "i":
        assert_equal(*results)
    else:
        assert_within(*results, conv_magnitudes(arrays, options))


@st.composite
def pool_calls(draw):
    dims = draw(st.integers(1, 3))
    dtype = draw(st.sampled_from(FLOATS + INTEGERS))
    lead = draw(st.sampled_from(((2,), (1, 2), (3, 1), (0, 2))))
    lengths = tuple(draw(st.integers(1 if draw(st.integers(0, 9)) else 0, 9)) for _ in range(dims))
    kernel = sizes(draw, dims, st.integers(1, 4), st.integers(-1, 6))
    if isinstance(kernel, int) and dims != 2:
        kernel = (kernel,) * dims
    options = {
        "stride": sizes(draw, dims, st.integers(1, 4), st.integers(-1, 6)),
        "padding": sizes(draw, dims, st.integers(0, 1), st.integers(-1, 3)),
        "dilation": sizes(draw, dims, st.integers(1, 2), st.integers(0, 4)),
        "ceil_mode": draw(st.booleans()),
    }
    if draw(st.booleans()):
        options["stride"] = None
    return values_of(draw, (*lead, *lengths), dtype, finite=draw(st.booleans())), kernel, options


def is_between_the_limits(kernel, options, dims):
    """Whether a size of padding is over half the kernel, but not over half the dilated one."""
    k, d, p = (
        torch_calls.per_axis(size, dims)
        for size in (kernel, options["dilation"], options["padding"])
    )
    over = [size for size in zip(k, d, p, strict=True) if size[2] > size[0] // 2]
    return bool(over) and all(p <= (d * (k - 1) + 1) // 2 for k, d, p in over)


def has_window_in_padding(x, kernel, options, windows):
    """Whether, along an axis, all cells of some window are outside the input."""
    dims = len(windows)
    stride = kernel if options["stride"] is None else options["stride"]
    per_axis = (
        torch_calls.per_axis(size, dims)
        for size in (kernel, stride, options["dilation"], options["padding"])
    )
    for length, count, k, s, d, p in zip(x.shape[-dims:], windows, *per_axis, strict=True):
        for window in range(count):
            cells = [window * s - p + tap * d for tap in range(k)]
            if not any(0 <= cell < length for cell in cells):
                return True
    return False


@given(pool_calls())
@settings(deadline=None, max_examples=2500)
def test_maxpool(call):
    x, kernel, options = call
    dims = 2 if isinstance(kernel, int) else len(kernel)
    assume(not is_between_the_limits(kernel, options, dims))

    def theirs():
        values, indices = torch_calls.maxpool(x, kernel, **options)
        if has_window_in_padding(x, kernel, options, values.shape[-dims:]):
            raise ValueError("a window holds padding alone")
        return values.numpy(), indices.numpy()

    results = both(lambda: maxpool(x, kernel, **options, return_indices=True), theirs)
    if results is None:
        return
    for got, expected in zip(*results, strict=True):
        assert_equal(got, expected)
    assert_equal(maxpool(x, kernel, **options), results[1][0])


@st.composite
def batchnorm_calls(draw):
    shape = tuple(
        draw(st.lists(st.integers(0 if not draw(st.integers(0, 9)) else 1, 4), max_size=3))
    )
    channels = draw(st.integers(1, 3))
    shape = (draw(st.integers(0, 4)), channels, *shape)
    if not draw(st.integers(0, 19)):
        shape = (channels,)
    dtype = draw(st.sampled_from(FLOATS))
    wrong = draw(st.sampled_from((0,) * 12 + (1, 2, 3, 4))) if 0 not in shape else 0

    def vector(number, positive=False):
        values = values_of(draw, (channels + (wrong == number),), dtype)
        return np.abs(values) + np.asarray(0.25, dtype) if positive else values

    training = draw(st.booleans())
    running = (vector(1), vector(2, positive=True)) if draw(st.booleans()) else (None, None)
    weight, bias = (vector(n) if draw(st.booleans()) else None for n in (3, 4))
    options = {
        "training": training,
        "momentum": draw(st.sampled_from((0.0, 0.1, 0.5, 1.0))),
        "eps": draw(st.sampled_from((1e-5, 1e-5, 1e-3, 1.0, 0.0, -1e-5))),
    }
    x = values_of(draw, shape, dtype, finite=draw(st.booleans()))
    return x, (*running, weight, bias), options


@np.errstate(invalid="ignore")
def batchnorm_magnitudes(x, arrays, options):
    """Sizes of the terms of each result and of each statistic's update, by float64 formulas.

    PyTorch computes x * scale + shift, so the mean counts by itself in the result's terms.
    """
    channels, axes = x.shape[1], (0, *range(2, x.ndim))
    x = x.astype(np.float64)
    mean, var, weight, bias = (
        np.full(channels, default) if a is None else a.astype(np.float64)
        for a, default in zip(arrays, (0.0, 1.0, 1.0, 0.0), strict=True)
    )
    kept, momentum, count = 1 - options["momentum"], options["momentum"], x.size // channels
    new_mean, new_var = np.abs(mean), var
    if options["training"] and count:
        new_mean = kept * np.abs(mean) + momentum * np.abs(x).mean(axes)
        new_var = kept * var + momentum * (x**2).sum(axes) / (count - 1)
        mean, var = np.abs(x).mean(axes), x.var(axes)
    column = (-1, *(1,) * (x.ndim - 2))
    weight, bias, mean, var = (v.reshape(column) for v in (weight, bias, mean, var))
    spread = np.abs(weight) / np.sqrt(var + options["eps"])
    return 2 * (np.abs(x) + np.abs(mean)) * spread + np.abs(bias), new_mean, new_var


@given(batchnorm_calls())
@settings(deadline=None, max_examples=2000)
def test_batchnorm(call):
    x, arrays, options = call
    mine, theirs = ([a if a is None else a.copy() for a in arrays] for _ in range(2))
    if not options["training"] and theirs[0] is None and x.ndim > 1:
        theirs[:2] = np.zeros(x.shape[1], x.dtype), np.ones(x.shape[1], x.dtype)
    results = both(
        lambda: batchnorm(x, *mine, **options),
        lambda: torch_calls.batchnorm(x, *theirs, **options).numpy(),
    )
    if results is None:
        return
    scales = batchnorm_magnitudes(x, arrays, options)
    assert_within(*results, scales[0])
    if mine[0] is not None:
        assert_within(mine[0], theirs[0], scales[1])
        assert_within(mine[1], theirs[1], scales[2])


@given(
    st.integers(1, 20),
    st.integers(1, 5),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.integers(0, 2**64 - 1),
    st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_a_fresh_layer_holds_the_same_bits(filters, per_group, kernel, seed, with_bias):
    torch.manual_seed(seed)
    layer_class = getattr(torch.nn, f"Conv{len(kernel)}d")
    layer = layer_class(per_group, filters, tuple(kernel), bias=with_bias)
    weight, bias = default_layer(filters, per_group, tuple(kernel), seed=seed, bias=with_bias)
    assert_equal(weight, layer.weight.detach().numpy())
    if with_bias:
        assert_equal(bias, layer.bias.detach().numpy())
    else:
        assert bias is None
