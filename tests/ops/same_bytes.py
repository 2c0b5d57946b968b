"""Compute fixed calls, and print the SHA-256 of what each group of them returns.

    python tests/ops/same_bytes.py

The operands are made of random integers, sums, products and quotients, which are the same on every
machine. What is printed is one JSON object for one thread and one for two.
"""

import hashlib
import json

import fixed_convolutions
import numpy as np

from cnnops_cli import batchnorm, conv
from cnnops_cli.ops import parallel

SHAPES = {
    "two values": (2, 1),
    "a short row": (50, 9),
    "folded samples": (4097, 7),
    "rows": (300, 1100),
    "short runs": (30, 70, 7, 7),
    "planes": (3, 5, 31, 33),
    "several threads": (2, 3, 500, 401),
}
"""Of an array that is normalised, each of another kind of sums."""

ORDERS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "channels last": lambda x: np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1),
    "every second": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "reversed": lambda x: x[..., ::-1].copy()[..., ::-1],
}
"""Memory that holds the same values in other places."""


def values(shape, dtype, mean=0.25, scale=3.0):
    """Random values around a mean, on a grid that float16 does not hold."""
    rng = np.random.Generator(np.random.PCG64(0))
    whole = rng.integers(-(1 << 20), 1 << 20, shape, np.int64)
    if np.dtype(dtype).kind in "iu":
        return (whole >> 14).astype(dtype)
    return ((whole / (1 << 20) + mean) * scale).astype(dtype)


def normalised(x, training, **options):
    """Yield the result of `batchnorm`, and, when training, the running statistics."""
    channels = x.shape[1]
    dtype = x.dtype if x.dtype.kind == "f" else np.float32
    mean, weight, bias = values((3, channels), dtype, 0.5, 1.25)
    variance = np.abs(mean) + weight * weight
    yield batchnorm(x, mean, variance, weight, bias, training=training, **options)
    if training:
        yield from (mean, variance)


def of_shapes(dtype, training):
    """Every shape, and all but the largest in every order of memory."""
    for shape in SHAPES.values():
        x = values(shape, dtype)
        for order in ORDERS.values() if x.size < 1 << 20 else (ORDERS["C"],):
            yield from normalised(order(x), training)


def of_ranges(training):
    """Means far from zero, squares that overflow and underflow, and channels of one value."""
    for shape in ((40, 6), (2, 3, 30, 31)):
        for dtype, scale in (("float32", 1e37), ("float32", 1e-41), ("float64", 1e-300)):
            yield from normalised(values(shape, dtype, 0.25, scale), training)
        for mean in (2.0, 1e5, 1e9):
            yield from normalised(values(shape, "float64", mean), training)
            yield from normalised(values(shape, "float32", mean), training)
        yield from normalised(values(shape, "float64", 0.25, 1e300), training)
        yield from normalised(np.full(shape, 0.1, "float32"), training)


def of_what_is_not_finite(training):
    """NaN and infinities, in the input and in parameters."""
    for shape in ((40, 6), (2, 6, 30, 31)):
        for dtype in ("float16", "float32", "float64"):
            for value in (np.nan, -np.nan, np.inf, -np.inf):
                x = values(shape, dtype)
                x[:, 2:4][x[:, 2:4] > 0] = value
                yield from normalised(x, training)
                weight, bias = np.ones(6, dtype), np.zeros(6, dtype)
                weight[2], weight[3], weight[4], bias[5] = 0, value, np.inf, value
                yield batchnorm(x, weight=weight, bias=bias, training=training)


GROUPS = {
    f"batchnorm {mode} {name}": (function, (*arguments, mode == "train"))
    for mode in ("train", "eval")
    for name, function, *arguments in (
        *((dtype, of_shapes, dtype) for dtype in ("float16", "float32", "float64", "int16")),
        ("ranges", of_ranges),
        ("NaN, inf", of_what_is_not_finite),
    )
} | {
    f"conv {layer}": (fixed_convolutions.convolved, (conv, layer))
    for layer in fixed_convolutions.LAYERS
}


def digest(arrays):
    """The SHA-256 of arrays: their shapes, dtypes and bytes in C order."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape} {array.dtype.str}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def main():
    for threads in (1, 2):
        with parallel.using_threads(threads):
            found = {name: digest(call(*given)) for name, (call, given) in GROUPS.items()}
        print(json.dumps(found))


if __name__ == "__main__":
    main()
