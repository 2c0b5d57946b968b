"""Calls of our operators on random data."""

from collections.abc import Callable

import numpy as np
from suite import Case

import cnnops_cli


def our_call(case: Case) -> Callable[[], object]:
    """Our function on random data, ready to be called."""
    operator = getattr(cnnops_cli, case.operator)
    operands = random_operands(case)
    arguments = {"seed": 1} if case.operator == "dropout" else {}
    return lambda: operator(*operands, **case.arguments, **arguments)


def random_operands(case: Case) -> list[np.ndarray]:
    """Input, and where the operator takes more: weight, or running mean and variance."""
    rng = np.random.default_rng(0)
    dtype = np.dtype(case.dtype)
    if dtype.kind in "iu":
        shapes = (case.shape, case.weight)
        return [rng.integers(0, 200, shape).astype(dtype) for shape in shapes]
    draw = rng.standard_normal
    if case.operator == "conv":
        return [draw(shape).astype(dtype) for shape in (case.shape, case.weight)]
    if case.operator == "batchnorm":
        channels = case.shape[1]
        statistics = [np.zeros(channels, dtype), np.ones(channels, dtype)]
        parameters = [draw(channels).astype(dtype) for _ in range(2)]
        return [draw(case.shape).astype(dtype), *statistics, *parameters]
    return [draw(case.shape).astype(dtype)]
