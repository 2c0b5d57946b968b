"""Fixed calls of conv, whose results in the exact mode are the same bytes everywhere.

    python tests/ops/fixed_convolutions.py

prints the SHA-256 of what the oracle says that each returns, which takes some minutes;
same_bytes.py prints that of what they return. The operands are whole numbers, shifted by powers of
two or divided by a whole number.
"""

import hashlib
import math

import numpy as np
from exact_layers import Geometry
from exact_oracle import FORMATS, Layer

LAYERS = {
    "3x3": Geometry((1, 64, 28, 28), (64, 64, 3, 3), {"padding": 1}),
    "1x1": Geometry((1, 64, 28, 28), (128, 64, 1, 1), {}),
    "depthwise": Geometry((1, 48, 40, 40), (48, 1, 3, 3), {"padding": 1, "groups": 48}),
    "stem": Geometry((1, 3, 112, 112), (32, 3, 7, 7), {"padding": 3, "stride": 2}),
    "dilation": Geometry((2, 16, 33, 33), (16, 16, 3, 3), {"padding": 4, "dilation": 4}),
    "31x31": Geometry((1, 1, 200, 240), (1, 1, 31, 31), {"padding": 15}),
    "audio": Geometry((1, 1, 16000), (16, 1, 80), {"stride": 4}),
    "3-D": Geometry((1, 8, 12, 14, 16), (8, 8, 3, 3, 3), {"padding": 1}),
    "photograph": Geometry(
        (1, 3, 300, 400), (3, 1, 5, 5), {"padding": 2, "groups": 3, "padding_mode": "reflect"}
    ),
}


def drawn(shape, seed, bits):
    """Whole numbers of `bits` bits and a sign, shifted by 0 to 7 bits."""
    raw = np.random.PCG64(seed).random_raw(math.prod(shape)).reshape(shape)
    whole = (raw >> np.uint64(64 - bits)).astype(np.int64)
    shift = (raw & np.uint64(7)).astype(np.int64)
    sign = 1 - 2 * ((raw >> np.uint64(3)) & np.uint64(1)).astype(np.int64)
    return np.ldexp((sign * whole).astype(np.float64), shift - bits - 4)


def operands(name, dtype):
    """The input, the kernel and the bias of a layer."""
    geometry, (precision, *_) = LAYERS[name], FORMATS[dtype]
    shapes = (geometry.shape, geometry.weight, geometry.weight[:1])
    x, weight, bias = (drawn(s, seed, precision).astype(dtype) for seed, s in enumerate(shapes))
    if name == "photograph":
        steps = np.floor(drawn(geometry.shape, 0, 4) * 16).astype(np.int64)
        pixels = np.clip(128 + steps.cumsum(-1) // 2, 0, 255)
        return pixels.astype(dtype) / np.array(255, dtype), np.full_like(weight, 1 / 25), bias * 0
    return x, weight, bias


def convolved(conv, name):
    """Yield the results of a layer in each dtype, by a function that takes them as `conv` does."""
    for dtype in FORMATS:
        yield conv(*operands(name, dtype), **LAYERS[name].options)


def main():
    for name, geometry in LAYERS.items():
        found = hashlib.sha256()
        for dtype in FORMATS:
            array = Layer(*operands(name, dtype), dtype, **geometry.for_oracle).all()
            found.update(f"{array.shape} {array.dtype.str}".encode())
            found.update(array.tobytes())
        print(f'    "conv {name}": "{found.hexdigest()}",', flush=True)


if __name__ == "__main__":
    main()
