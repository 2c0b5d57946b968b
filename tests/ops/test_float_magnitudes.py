"""The largest magnitude of an array, and the powers of two that divide its values."""

import math
from fractions import Fraction

import numpy as np
import pytest

from cnnops_cli.ops import magnitudes as module
from cnnops_cli.ops.magnitudes import finest_grids, finite, grid_of, largest

FLOATS = ("float16", "float32", "float64")


def array_of(values, dtype):
    return np.array(values, dtype).reshape(1, 1, -1)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0], 0.0),
        ([-0.0, 0.0], 0.0),
        ([1.0, -2.0], 2.0),
        ([-1.0, -3.0, -2.0], 3.0),
        ([-0.5], 0.5),
        ([1.0, -math.inf], math.inf),
        ([math.inf, 5.0], math.inf),
        ([2.0, math.nan, math.inf], math.nan),
        ([2.0, -math.nan], math.nan),
    ],
)
def test_largest(values, expected, dtype):
    got = largest(array_of(values, dtype))
    assert type(got) is float
    np.testing.assert_equal(got, expected)


@pytest.mark.parametrize("dtype", FLOATS)
def test_largest_of_any_layout(dtype, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 8)
    rng = np.random.default_rng(0)
    for _ in range(50):
        shape = rng.integers(1, 6, 4)
        values = (rng.standard_normal(2 * shape) * rng.choice([1, -1, 1e-3])).astype(dtype)
        for view in (values, values[::2, ::-1, :, ::2], np.moveaxis(values, 1, 3)):
            assert largest(view) == np.abs(view).max()


@pytest.mark.parametrize("dtype", FLOATS)
def test_largest_at_the_ends_of_the_range(dtype):
    limits = np.finfo(dtype)
    assert largest(array_of([limits.smallest_subnormal, 0], dtype)) == limits.smallest_subnormal
    assert largest(array_of([1, limits.min], dtype)) == limits.max


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3), (2, 3, 0)])
@pytest.mark.parametrize("dtype", [*FLOATS, "int8"])
def test_largest_of_nothing(shape, dtype):
    assert largest(np.empty(shape, dtype)) == 0


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64"])
def test_largest_of_integers(dtype):
    limits = np.iinfo(dtype)
    assert largest(array_of([1, 3, 2], dtype)) == 3
    assert largest(array_of([0, limits.min], dtype)) == -limits.min
    assert largest(array_of([0, limits.max], dtype)) == float(limits.max)


@pytest.mark.parametrize("dtype", FLOATS)
def test_finite(dtype):
    values = array_of([1, np.nan, -np.inf, -0.0], dtype)
    got = finite(values)
    assert got.dtype == dtype
    assert got.ravel().tolist() == [1, 0, 0, 0]
    assert np.signbit(got[..., -1]).all()
    whole = array_of([1, 2], dtype)
    assert finite(whole) is whole


def grids_that_divide(values):
    """The largest power of two that divides a value, for each; infinity for zero."""
    for value in np.ravel(values).tolist():
        numerator, denominator = value.as_integer_ratio()
        yield Fraction(numerator & -numerator, denominator) if value else math.inf


@pytest.mark.parametrize("dtype", FLOATS)
def test_grids_of_one_value(dtype):
    limits = np.finfo(dtype)
    least = float(limits.smallest_subnormal)
    for value, expected in [
        (1, limits.eps),
        (1.5, limits.eps),
        (2 - limits.eps, limits.eps),
        (2, 2 * limits.eps),
        (limits.max, np.ldexp(1.0, int(limits.maxexp) - int(limits.nmant) - 1)),
        (limits.smallest_normal, least),
        (limits.smallest_normal - limits.smallest_subnormal, least),
        (3 * least, least),
        (least, least),
        (0, math.inf),
    ]:
        for sign in (1, -1):
            values = array_of([0, sign * value, limits.max if value else 0], dtype)
            assert grid_of(values, np.dtype(dtype)) == expected


@pytest.mark.parametrize(("kept", "dtype"), [("float16", "float32"), ("float32", "float64")])
def test_grids_of_values_that_lie_in_another_dtype(kept, dtype):
    """A part of the input is in the result's dtype, in a shorter one, or padded in float64."""
    rng = np.random.default_rng(1)
    reach = {"float16": 24, "float32": 149}[kept]
    for _ in range(200):
        values = np.ldexp(rng.standard_normal((1, 1, 5)), -rng.integers(0, reach)).astype(kept)
        least = min(grids_that_divide(values))
        longer = grid_of(values, np.dtype(dtype))
        own = grid_of(values.astype(np.float64), np.dtype(kept))
        assert own == grid_of(values, np.dtype(kept))
        assert longer <= own <= least
        assert math.frexp(own)[0] == math.frexp(longer)[0] == 0.5


def test_integers_are_multiples_of_1():
    assert grid_of(array_of([0, 4, 8], "uint8"), np.dtype(np.float16)) == 1


def test_finest_grids():
    rng = np.random.default_rng(2)
    values = np.ldexp(
        rng.integers(-(2**53) + 1, 2**53, (300, 4)).astype(float),
        rng.integers(-1074, 900, (300, 4)),
    )
    values[::3, 1:] = np.ldexp(1.0, rng.integers(-1074, 1000, (100, 3)))
    values[rng.random(values.shape) < 0.3] = 0
    values[0] = 0
    expected = [min(grids_that_divide(row)) for row in values]
    assert finest_grids(values).tolist() == expected
    assert finest_grids(values)[0] == math.inf
