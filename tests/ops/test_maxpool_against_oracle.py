"""Maxpool compared with plain loops: maxima, positions, dtypes and refusals over every option."""

import numpy as np
import oracle
import pytest
from comparing import assert_identical
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnnops_cli import maxpool

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
SPECIAL = np.array([np.nan, np.inf, -np.inf, -np.inf, 0.0, -0.0, 1, 1, 2, -3])


@st.composite
def pool_calls(draw):
    """A call that may or may not fit: shape, keyword arguments, and what they mean to the oracle.

    A size of padding stays within half the dilated kernel; pairs may be larger.
    """
    dims = draw(st.integers(1, 3))

    def sizes(smallest, largest):
        return tuple(draw(st.integers(smallest, largest)) for _ in range(dims))

    lengths = sizes(1, 8 if dims < 3 else 4)
    kernel, dilation = sizes(1, 4 if dims < 3 else 3), sizes(1, 3)
    stride = sizes(1, 4)
    kind = draw(st.sampled_from(("size", "pairs", "valid", "same", "same-upper", "same-lower")))
    padding = kind
    if kind == "size":
        padding = tuple(
            draw(st.integers(0, (d * (k - 1) + 1) // 2))
            for d, k in zip(dilation, kernel, strict=True)
        )
    elif kind == "pairs":
        padding = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(dims))
    elif kind == "same":
        stride = (1,) * dims
    geometry = {
        "kernel": kernel,
        "stride": stride,
        "pairs": oracle.pad_pairs(padding, lengths, kernel, stride, dilation),
        "dilation": dilation,
        "ceil_mode": draw(st.booleans()),
    }
    options = {
        "kernel_size": kernel,
        "stride": None if stride == kernel else stride,
        "padding": padding,
        "dilation": dilation,
        "ceil_mode": geometry["ceil_mode"],
    }
    return (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *lengths), options, geometry


def axes_that_fail(shape, geometry):
    """For each spatial axis: None, 'kernel' where no window fits, 'padding' where one is empty."""
    ceil_mode = geometry["ceil_mode"]
    names = ("kernel", "stride", "pairs", "dilation")
    for axis, length in enumerate(shape[2:]):
        of_axis = {name: [geometry[name][axis]] for name in names}
        windows = oracle.pool_windows(length, *(geometry[name][axis] for name in names), ceil_mode)
        if windows < 1:
            yield "kernel"
            continue
        try:
            oracle.maxpool(np.zeros((1, 1, length)), **of_axis, ceil_mode=ceil_mode)
        except oracle.EmptyWindowError:
            yield "padding"


def pool_both_ways(x, options):
    """Values and positions; the values have to be the same with positions and without."""
    values, indices = maxpool(x, **options, return_indices=True)
    assert_identical(maxpool(x, **options), values)
    return values, indices


def agree_or_refuse(x, options, geometry):
    """The same maxima at the same places, or a refusal where a window has no cell at all."""
    failures = set(axes_that_fail(x.shape, geometry))
    assume(len(failures) < 2)
    if failures:
        with pytest.raises(ValueError, match=failures.pop()):
            maxpool(x, **options)
        return
    expected, positions = oracle.maxpool(x, **geometry)
    values, indices = pool_both_ways(x, options)
    assert_identical(values, expected)
    assert_identical(indices, positions)


@given(pool_calls(), st.sampled_from(FLOATS), st.integers(0, 2**32))
@settings(deadline=None, max_examples=200)
def test_floats_with_ties_nans_infinities_and_signed_zeros(call, dtype, seed):
    shape, options, geometry = call
    x = np.random.default_rng(seed).choice(SPECIAL, shape).astype(dtype)
    agree_or_refuse(x, options, geometry)


@given(pool_calls(), st.sampled_from(FLOATS), st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_floats(call, dtype, seed):
    shape, options, geometry = call
    agree_or_refuse(
        np.random.default_rng(seed).normal(-9, 3, shape).astype(dtype), options, geometry
    )


@given(pool_calls(), st.sampled_from(INTEGERS), st.integers(0, 2**32))
@settings(deadline=None, max_examples=200)
def test_integers_at_both_ends_of_their_range(call, dtype, seed):
    shape, options, geometry = call
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    ends = np.array([low, low, low + 1, high - 1, high], dtype)
    agree_or_refuse(np.random.default_rng(seed).choice(ends, shape), options, geometry)


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
def test_padding_never_wins_over_the_smallest_value(dtype):
    smallest = -np.inf if dtype in FLOATS else np.iinfo(dtype).min
    x = np.full((1, 3, 4), smallest, dtype)
    values, indices = pool_both_ways(
        x, {"kernel_size": 3, "padding": ((2, 2), (2, 2)), "stride": 1}
    )
    assert_identical(values, np.full((1, 5, 6), smallest, dtype))
    columns, rows = [0, 0, 0, 1, 2, 3], [0, 0, 0, 1, 2]
    assert indices.tolist() == [[[4 * row + column for column in columns] for row in rows]]


def test_bool_is_read_as_uint8():
    x = np.array([[False, False, True, False]])
    values, indices = pool_both_ways(x, {"kernel_size": (2,)})
    assert_identical(values, np.array([[0, 1]], np.uint8))
    assert indices.tolist() == [[0, 2]]


@given(pool_calls(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_commutes_with_every_increasing_map(call, seed):
    shape, options, geometry = call
    assume(not list(axes_that_fail(shape, geometry)))
    x = np.random.default_rng(seed).integers(-5, 6, shape)
    values, indices = pool_both_ways(x, options)
    mapped_values, mapped_indices = pool_both_ways(x**3 + 2 * x - 7, options)
    assert_identical(mapped_values, values**3 + 2 * values - 7)
    assert_identical(mapped_indices, indices)


@given(pool_calls(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_an_unbatched_input_is_a_batch_of_one(call, seed):
    shape, options, geometry = call
    assume(not list(axes_that_fail(shape, geometry)))
    x = np.random.default_rng(seed).standard_normal(shape)
    of_batch = pool_both_ways(x[:1], options)
    for alone, together in zip(pool_both_ways(x[0], options), of_batch, strict=True):
        assert_identical(alone, together[0])


def test_an_integer_kernel_has_two_dimensions():
    x = np.arange(24).reshape(2, 3, 4)
    assert_identical(maxpool(x, 2), maxpool(x, (2, 2)))
    assert_identical(maxpool(x, 2), np.array([[[5, 7]], [[17, 19]]]))


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_an_empty_batch_keeps_its_other_axes(dims, dtype):
    x = np.zeros((0, 3, *(5,) * dims), dtype)
    values, indices = pool_both_ways(x, {"kernel_size": (2,) * dims, "ceil_mode": True})
    assert_identical(values, np.zeros((0, 3, *(3,) * dims), dtype))
    assert_identical(indices, np.zeros((0, 3, *(3,) * dims), np.int64))


def test_strided_reversed_and_read_only_arrays():
    x = np.random.default_rng(4).choice(SPECIAL, (9, 8, 2, 2)).transpose(3, 2, 1, 0)
    x = x[:, ::-1, ::2, ::-1]
    before = x.copy()
    x.flags.writeable = False
    geometry = {"kernel": (2, 3), "stride": (1, 2), "pairs": [(1, 1)] * 2, "dilation": (1, 1)}
    options = {"kernel_size": (2, 3), "stride": (1, 2), "padding": 1}
    for got, expected in zip(
        pool_both_ways(x, options), oracle.maxpool(x, **geometry), strict=True
    ):
        assert_identical(got, expected)
    assert_identical(x, before)
