"""Plain loops in C that sum the terms of a convolution, and the layers that they are run on.

    python tests/ops/plain_loops.py > tests/ops/running_sums.json

writes down what they make of `LAYERS`, for machines that have no compiler.
"""

import ctypes
import json
import shutil
import subprocess
import tempfile
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

MODES = {"sequential": ("float16", "float32", "float64"), "fma": ("float16", "float32")}
"""The modes of `conv` that are plain loops, and the dtypes of their results."""

LAYERS = {
    "a padded line, dilated": ((1, 2, 9), (2, 2, 5), {"padding": (2,), "dilation": (2,)}),
    "strided planes, reflected": (
        *((2, 3, 5, 4), (2, 3, 3, 2)),
        {"padding": (1, 1), "stride": (3, 2), "padding_mode": "reflect"},
    ),
    "groups of volumes": ((1, 4, 3, 2, 3), (4, 2, 2, 2, 3), {"groups": 2}),
    "two hundred channels": ((1, 200, 3), (3, 200, 1), {}),
}
"""Shapes of an input and a kernel, and options with one number per axis."""

_PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
_SOURCE = Path(__file__).with_name("plain_loop.c")


def compiler():
    """The path of a C compiler, if there is one."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


@cache
def _library():
    with tempfile.TemporaryDirectory() as folder:
        made = str(Path(folder) / "plain_loop.so")
        options = ["-O2", "-ffp-contract=off", "-shared", "-fPIC", "-o", made]
        subprocess.run([compiler(), *options, str(_SOURCE), "-lm"], check=True)
        return ctypes.CDLL(made)


def conv(mode, x, weight, bias, *, stride, pairs, dilation, groups=1, padding_mode="zeros"):
    """What the loop of a mode gives for arrays of one dtype; float16 is summed in float32.

    NaN is the positive quiet one without payload: which one C gives depends on the compiler.
    """
    dims, kernel = weight.ndim - 2, weight.shape[2:]
    working = np.promote_types(x.dtype, np.float32)
    padded = np.pad(x, [(0, 0), (0, 0), *pairs], _PAD_MODES[padding_mode])
    axes = zip(padded.shape[2:], kernel, dilation, stride, strict=True)
    output = [(length - step * (size - 1) - 1) // pace + 1 for length, size, step, pace in axes]
    sizes = [len(x), groups, weight.shape[1], len(weight) // groups]
    for numbers in (padded.shape[2:], kernel, stride, dilation, output):
        sizes += [*(1,) * (3 - dims), *numbers]
    y = np.empty((len(x), len(weight), *output), working)
    arrays = [
        None if a is None else np.ascontiguousarray(a, working) for a in (padded, weight, bias)
    ]
    arrays = [np.array(sizes, np.int64), *arrays, y]
    pointers = [None if a is None else a.ctypes.data_as(ctypes.c_void_p) for a in arrays]
    getattr(_library(), f"{mode}_{working.name}")(*pointers)
    with np.errstate(all="ignore"):
        y = y.astype(x.dtype)
    y[np.isnan(y)] = np.nan
    return y


def geometry_of(shape, weight, *, stride=None, padding=None, dilation=None, **others):
    """The arguments of `conv` above for the options of a layer."""
    once = (1,) * (len(shape) - 2)
    padding = padding or (0,) * len(once)
    pairs = [(size, size) for size in padding]
    return {"stride": stride or once, "pairs": pairs, "dilation": dilation or once, **others}


def _noise(count, seed):
    """64 bits for each number, the same with every version of NumPy (splitmix64)."""
    bits = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed << 32)
    bits *= np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _fractions(count, dtype, seed):
    return ((_noise(count, seed) >> np.uint64(11)) * 2.0**-53 - 0.5).astype(dtype)


def _magnitudes(count, dtype, seed):
    """Values whose products have every exponent of the dtype."""
    most = np.finfo(dtype).maxexp // 2
    exponents = _noise(count, seed + 1) % np.uint64(2 * most)
    return np.ldexp(_fractions(count, np.float64, seed), exponents.astype(int) - most).astype(dtype)


def _choice(values, count, dtype, seed):
    return np.array(values, dtype)[_noise(count, seed) % np.uint64(len(values))]


def _tiny(count, dtype, seed):
    """Zeros of both signs, subnormals, and numbers whose products are subnormal or zero."""
    least, normal = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).tiny
    root = np.sqrt(normal)
    sizes = [0, least, 5 * least, normal, normal * dtype.type(1.5), root, root / 3, root * 3]
    sizes += [1 - np.finfo(dtype).epsneg]
    return _choice([*sizes, *np.negative(np.array(sizes, dtype))], count, dtype, seed)


def _large(count, dtype, seed):
    """Now and then a number whose product with another one, or the sum of two, overflows."""
    most = np.finfo(dtype).max
    root = np.sqrt(most)
    often = [0.0, -0.0, 1, -1, 0.25, 3, 2.0**-10] * 4
    return _choice([most, -most, root, -root, *often], count, dtype, seed)


def _few_specials(count, dtype, seed):
    """Small whole numbers, and now and then NaN or infinity."""
    often = [0.0, -0.0, 1, 2, -3, 5] * 16
    return _choice([np.nan, np.inf, -np.inf, *often], count, dtype, seed)


def _ties(count, dtype, seed):
    """Products a little off the middle between two neighbours of a sum."""
    if dtype == np.float16:  # which is summed in float32
        values = [2.0**6, 2.0**6 + 2.0**-4, -(2.0**6), 1, -1, 1 + 2.0**-10, 1 - 2.0**-11, 2.0**-12]
    else:
        digits = np.finfo(dtype).nmant + 1
        large, little = 2.0 ** (digits // 2), 2.0 ** -(digits - 4)
        values = [large, large + 1, -large, 1, -1, 1 + little, 1 - little, 1 / large]
    return _choice(values, count, dtype, seed)


VALUES = {
    "fractions": _fractions,
    "all magnitudes": _magnitudes,
    "tiny": _tiny,
    "large": _large,
    "few specials": _few_specials,
    "ties": _ties,
}
"""What makes values: takes how many, of which dtype, and a seed."""


def operands(shape, weight, values, dtype, seed=0):
    """An input, a kernel and a bias."""
    dtype = np.dtype(dtype)
    return [
        VALUES[values](int(np.prod(size)), dtype, 3 * seed + number).reshape(size)
        for number, size in enumerate((shape, weight, weight[:1]))
    ]


def digits_of(result):
    """The bytes of a result in hexadecimal digits."""
    return result.astype(result.dtype.newbyteorder("<")).tobytes().hex()


CASES = [case for mode, dtypes in MODES.items() for case in product([mode], dtypes, VALUES, LAYERS)]


def main():
    """Print the results, in hexadecimal digits of their bytes."""
    made = {}
    for mode, dtype, values, layer in CASES:
        shape, weight, options = LAYERS[layer]
        result = conv(
            mode, *operands(shape, weight, values, dtype), **geometry_of(shape, weight, **options)
        )
        made[f"{mode}, {dtype}, {values}, {layer}"] = digits_of(result)
    print(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
