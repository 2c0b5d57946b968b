"""Random arrays: what torch.testing.assert_close takes, the check takes, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnops_cli.checks.comparison import compare
from cnnops_cli.checks.tolerance import tolerance_of

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.live

DTYPES = ("float16", "float32", "float64", "int8", "uint8", "int32", "int64")
SPECIAL = (0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, 2.0)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(DTYPES),
    st.integers(0, 2**32),
    st.sampled_from([0, 1e-8, 1e-6, 1e-4, 1e-2, 1.0]),
    st.sampled_from([None, (0.0, 0.0), (1e-3, 0.0), (0.0, 1e-3), (0.5, 1e-6)]),
    st.booleans(),
)
def test_equal_and_unequal_are_assert_closes(dtype, seed, noise, tolerance, equal_nan):
    generator = np.random.default_rng(seed)
    shape = tuple(generator.integers(0, 4, generator.integers(0, 4)))
    values = generator.choice([*SPECIAL, 100.0], shape) * generator.choice([1.0, 1e-3], shape)
    if np.dtype(dtype).kind in "iu":
        values = generator.integers(0, 100, shape)
    # The noise is about a power of ten, where no limit lies: near one, rounding may decide.
    changed = values * (1 + noise * generator.choice([0, 0.7], shape))
    with np.errstate(invalid="ignore"):
        ours, theirs = np.asarray(values).astype(dtype), np.asarray(changed).astype(dtype)
    rtol, atol = tolerance or (None, None)
    found = compare(
        ours,
        theirs,
        tolerance=lambda *dtypes: tolerance_of(*dtypes, rtol=rtol, atol=atol, equal_nan=equal_nan),
    )
    try:
        torch.testing.assert_close(
            torch.from_numpy(ours.copy()),
            torch.from_numpy(theirs.copy()),
            rtol=rtol,
            atol=atol,
            equal_nan=equal_nan,
        )
        expected = True
    except AssertionError:
        expected = False
    assert found.equal == expected
