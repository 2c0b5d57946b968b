"""How far batchnorm's float32 results are from the truth, beside PyTorch's own error."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cnnops_cli import batchnorm

torch_calls = pytest.importorskip("torch_calls")

pytestmark = pytest.mark.live

EPS = float(np.finfo(np.float32).eps)
LAYOUTS = {
    "folded rows": (st.integers(2, 900), st.integers(1, 40), st.just(())),
    "rows": (st.integers(2, 40), st.integers(200, 3000), st.just(())),
    "rows of short runs": (st.integers(1, 20), st.integers(1, 300), st.tuples(st.integers(2, 90))),
    "planes": (st.integers(1, 4), st.integers(1, 20), st.tuples(*[st.integers(23, 60)] * 2)),
}
DRAWS = {
    "normal": np.random.Generator.standard_normal,
    "rectified": lambda rng, shape: np.maximum(rng.standard_normal(shape), 0),
    "uniform": np.random.Generator.random,
    "many magnitudes": lambda rng, shape: (
        rng.standard_normal(shape) * 10.0 ** rng.integers(-4, 4, shape)
    ),
}
MEANS = (0, 0.3, -0.9, 1.1, -3, 30, 1000)
"""In deviations, before the rectified and the uniform add their own."""


@st.composite
def calls(draw):
    """Input, running statistics that are those of the input, weight, bias; and whether to train."""
    samples, channels, spatial = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))]
    shape = (draw(samples), draw(channels), *draw(spatial))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = DRAWS[draw(st.sampled_from(sorted(DRAWS)))](rng, shape) + draw(st.sampled_from(MEANS))
    x = (x * 10.0 ** draw(st.integers(-3, 3))).astype(np.float32)
    vectors = rng.standard_normal((2, shape[1])).astype(np.float32)
    weight, bias = (vector if draw(st.booleans()) else None for vector in vectors)
    return x, weight, bias, draw(st.booleans())


def normalised(x, mean, variance, weight, bias):
    """The result in float64, and the size of its largest term.

    A mean of at most half a deviation is a term of its own, as every mean is in PyTorch.
    """
    mean, variance = mean.astype(np.float64), variance.astype(np.float64)
    deviation = np.sqrt(variance + 1e-5)
    scale = (1 if weight is None else weight.astype(np.float64)) / deviation
    shift = np.zeros_like(mean) if bias is None else bias.astype(np.float64)
    column = (-1, *(1,) * (x.ndim - 2))
    scaled = (x.astype(np.float64) - mean.reshape(column)) * scale.reshape(column)
    others = np.abs(shift) + np.where(np.abs(mean) <= deviation / 2, np.abs(mean * scale), 0)
    return scaled + shift.reshape(column), np.max(np.abs(scaled) + others.reshape(column))


@given(calls())
@example((np.array([[[0.00192389, 0.00124463]]], np.float32), None, None, False))
@settings(deadline=None, max_examples=600)
def test_errors_are_at_most_twice_those_of_pytorch(call):
    """Or an epsilon and a half of the largest term, which is three roundings of it.

    PyTorch's last two steps are one rounding, a multiply-add; few channels can have luck in all.
    """
    x, weight, bias, training = call
    axes = (0, *range(2, x.ndim))
    precise = x.astype(np.float64)
    mean, variance = precise.mean(axes), precise.var(axes)
    running = [mean.astype(np.float32), variance.astype(np.float32)]
    if not training:
        mean, variance = running
    truth, size = normalised(x, mean, variance, weight, bias)

    def largest_error(operator):
        copies = (array.copy() for array in running)
        return np.abs(
            np.asarray(operator(x, *copies, weight, bias, training=training)) - truth
        ).max()

    ours, theirs = largest_error(batchnorm), largest_error(torch_calls.batchnorm)
    assert ours <= max(2 * theirs, 1.5 * EPS * size)
