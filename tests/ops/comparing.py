"""Comparisons with the oracle: shape, then dtype, then values."""

import numpy as np
from exact_oracle import bits


def assert_identical(got, expected):
    """Equal in shape, dtype and every value, the sign of zero included; NaN equals NaN."""
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(np.signbit(got[got == 0]), np.signbit(expected[expected == 0]))


def assert_same_bits(got, expected):
    """Equal in shape, dtype and every bit, those of NaNs and zeros included."""
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    places = np.argwhere(bits(got) != bits(expected))
    first = tuple(places[0]) if len(places) else ()
    assert not len(places), (
        f"{len(places)} differ; at {first} {got[first]!r}, not {expected[first]!r}"
    )


def assert_exact(got, dtype, expected):
    """Equal to an object array of Python numbers, which no dtype has rounded."""
    assert got.shape == expected.shape
    assert got.dtype == dtype
    assert got.tolist() == expected.tolist()


def assert_close(got, dtype, truth, magnitudes, *, float64_magnitudes=0.0):
    """Within four epsilons of the terms' magnitudes; float16 is float32 arithmetic rounded once.

    Sums of up to some sixty terms, in any order, stay well inside four epsilons. What float64
    steps on the way may lose, in any dtype, is four epsilons of `float64_magnitudes`. Where the
    truth is not finite, the same infinity or NaN is wanted.
    """
    assert got.shape == truth.shape
    assert got.dtype == dtype
    truth, magnitudes = truth.astype(np.float64), magnitudes.astype(np.float64)
    finite = np.isfinite(truth)
    np.testing.assert_array_equal(got[~finite], truth[~finite].astype(dtype))
    allowed = 4 * np.finfo(np.promote_types(dtype, np.float32)).eps * magnitudes
    allowed = (allowed + 4 * np.finfo(np.float64).eps * float64_magnitudes)[finite]
    if dtype == np.float16:
        larger = np.maximum(np.abs(got[finite]), np.abs(truth[finite]).astype(np.float16))
        allowed += 0.5 * np.spacing(larger).astype(np.float64)
    error = np.abs(got[finite].astype(np.float64) - truth[finite])
    worst = np.argmax(error - allowed) if error.size else None
    assert np.all(error <= allowed), f"off by {error[worst]} where {allowed[worst]} is allowed"
