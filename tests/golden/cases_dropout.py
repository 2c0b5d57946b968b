"""The dropouts of the fixtures: only those in which PyTorch's generator has no say."""

from itertools import product

import numpy as np
import torch_calls
from torch_calls import make_sure_torch_refuses

SHAPES = ((7,), (2, 3), (2, 3, 4), (2, 3, 2, 2), (2, 2, 2, 1, 3), (0, 3))


def normal(shape, dtype):
    return np.random.default_rng(1).standard_normal(shape).astype(dtype)


def dropout_cases():
    """Every case, with PyTorch's answer."""
    for shape, dtype in product(SHAPES, ("float32", "float64", "float16")):
        for p, training in ((0.0, True), (1.0, True), (0.5, False), (1.0, False)):
            options = {"p": p, "training": training}
            x = normal(shape, dtype)
            yield {
                "name": f"{shape} {dtype} p={p} training={training}",
                "arrays": {"input": x},
                "arguments": options,
                "expected": {"output": torch_calls.dropout(x, **options).numpy()},
            }
    for shape, (p, training) in product(SHAPES[2:5], ((0.0, True), (1.0, True), (0.5, False))):
        options = {"p": p, "training": training, "channelwise": True}
        x = normal(shape, "float32")
        yield {
            "name": f"channelwise {shape} p={p} training={training}",
            "arrays": {"input": x},
            "arguments": options,
            "expected": {"output": torch_calls.dropout(x, **options).numpy()},
        }
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 1], np.float32)
    for options in ({"p": 0.0}, {"p": 0.5, "training": False}):
        yield {
            "name": f"special {options['p']}",
            "arrays": {"input": special},
            "arguments": options,
            "expected": {"output": torch_calls.dropout(special, **options).numpy()},
        }
    for p, training in product((-0.1, 1.5), (True, False)):
        x, options = normal((3,), "float32"), {"p": p, "training": training}
        make_sure_torch_refuses(torch_calls.dropout, x, **options)
        yield {
            "name": f"refused p={p} training={training}",
            "arrays": {"input": x},
            "arguments": options,
            "refused": r"\bp\b",
        }
