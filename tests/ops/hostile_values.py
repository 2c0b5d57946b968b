"""Values whose exact sums are hard to find.

A kind makes an input, a kernel and a bias of a dtype from a random generator. `terms` is the number
of products in a sum.
"""

import math

import numpy as np
from exact_oracle import FORMATS


def signs(rng, shape):
    return rng.choice([1.0, -1.0], shape)


def exponents(rng, shape, low, high):
    """Powers of two, from 2**low on and below 2**high."""
    return np.ldexp(1.0, rng.integers(low, high, shape))


def any_bits(rng, shape, dtype):
    """Every pattern of bits alike: all exponents, subnormals, infinities and NaNs."""
    size = np.dtype(dtype).itemsize
    count = math.prod(shape) * size
    return np.frombuffer(rng.bytes(count), dtype).reshape(shape)


def normal(rng, shapes, dtype):
    return [rng.standard_normal(shape) for shape in shapes]


def cancelling(rng, shapes, dtype):
    """Neighbours that are x and -x, or -x * (1 + epsilon), below equal weights."""
    x, weight, bias = normal(rng, shapes, dtype)
    axis = 1 if weight.shape[1] > 1 else -1
    x, weight = (np.moveaxis(array.astype(dtype), axis, -1) for array in (x, weight))
    pairs = x[..., 1::2].shape[-1]
    ones = rng.integers(0, 2, x[..., 1::2].shape) * np.finfo(dtype).eps
    x[..., 1::2] = -(x[..., : 2 * pairs : 2] * (1 + ones))
    weight[..., 1::2] = weight[..., : 2 * (weight.shape[-1] // 2) : 2]
    return np.moveaxis(x, -1, axis), np.moveaxis(weight, -1, axis), bias * (rng.random() < 0.5)


def midpoints(rng, shapes, dtype, terms):
    """Values of full precision, halves of their unit, and what is far smaller and decides."""
    precision, least, limit = FORMATS[dtype]
    shape, kernel, filters = shapes
    unit = int(rng.choice([0, least, limit - precision]))  # of ones, subnormals and the largest
    largest = [1, 2, 3, 4] if unit == least else [2**precision - 1, 2**precision - 2]
    whole = np.ldexp(rng.choice([*largest, 2 ** (precision - 1)], shape), unit)
    half = np.ldexp(signs(rng, shape), max(unit - 1, least))
    far = signs(rng, shape) * exponents(rng, shape, least, max(unit - precision // 2, least + 1))
    chance = min(0.6, 3 / terms) / 3
    drawn = rng.choice(4, shape, p=[1 - 3 * chance, chance, chance, chance])
    x = np.choose(drawn, [np.zeros(shape), whole, half, far])
    epsilon = float(np.finfo(dtype).eps)
    weight = rng.choice([1, 1, 1, -1, 0.5, 0.25, 1 + epsilon, 2.0**least], kernel)
    return x, weight, np.ldexp(rng.choice([0, 0, 1, 2, -2], filters), max(unit - 1, least))


def decided(rng, shapes, dtype):
    """Sums that are a midpoint of two values, but for one far smaller term.

    The kernel holds a value of full precision, half its unit and the far term, which are in the
    bias where there is no room; some kernels also hold pairs v and -v. The input is one power of
    two per channel, the smallest where the far term is.
    """
    precision, least, limit = FORMATS[dtype]
    shape, (filters, depth, *taps), _ = shapes
    shifts = np.sort(rng.integers(least, limit // 2, depth))
    if depth > 1 and rng.random() < 0.5:
        shifts[0] = least
    low, high = int(shifts[0]), int(shifts[-1])
    top = limit - precision - max(high, 0)
    unit = int(rng.integers(least + 1 - min(high, 0), top + 1)) if rng.random() < 0.7 else top
    far = int(rng.integers(least, max(least + 1, min(unit - 2 + high - low, limit))))
    far = least if rng.random() < 0.3 else far

    weight, bias = np.zeros((filters, depth, math.prod(taps))), np.zeros(filters)
    first, *others = rng.permutation(weight.shape[2])
    significands = rng.integers(2 ** (precision - 1), 2**precision, filters)
    if rng.random() < 0.3:
        significands[:] = 2**precision - 1
    weight[:, -1, first] = np.ldexp(significands.astype(float), unit)
    halves = signs(rng, filters) * np.ldexp(1.0, unit - 1)
    if others:
        weight[:, -1, others.pop()] = halves
    else:
        bias = np.ldexp(halves, high)
    if depth > 1 or others:
        weight[:, 0, others.pop() if depth == 1 else first] = signs(rng, filters) * 2.0**far
    elif math.prod(taps) > 1:
        bias = signs(rng, filters) * 2.0 ** max(far, least)
    has_pairs = rng.random() < 0.5
    if has_pairs:
        pairs = len(others) // 2
        values = np.ldexp(rng.standard_normal((filters, pairs)), min(unit + 8, limit - 4))
        weight[:, -1, others[:pairs]], weight[:, -1, others[pairs : 2 * pairs]] = values, -values
    x = np.ones(shape) if has_pairs else signs(rng, shape)
    scale = np.ldexp(1.0, np.tile(shifts, shape[1] // depth))
    return x * scale.reshape(-1, *[1] * len(taps)), weight.reshape(filters, depth, *taps), bias


def wide(rng, shapes, dtype):
    """1e30 next to 1e-30."""
    low, high = {"float16": (-12, 8)}.get(dtype, (-100, 100))
    return [signs(rng, s) * rng.random(s) * exponents(rng, s, low, high) for s in shapes]


def finite_bits(rng, shapes, dtype):
    return [np.nan_to_num(any_bits(rng, s, dtype), nan=1, posinf=-1, neginf=0) for s in shapes]


def every_bits(rng, shapes, dtype):
    return [any_bits(rng, shape, dtype) for shape in shapes]


def near_the_largest(rng, shapes, dtype):
    """Sums on both sides of the largest finite value."""
    largest = float(np.finfo(dtype).max)
    x, weight, bias = (signs(rng, shape) for shape in shapes)
    x *= rng.choice([1, 1, 0.5, 0.25, 2.0 ** -FORMATS[dtype][0]], x.shape)
    weight *= rng.choice([1, 1, 0.5, 2.0**-12], weight.shape)
    return x * largest, weight, bias * rng.choice([0, largest])


def too_large_products(rng, shapes, dtype):
    """Products that overflow the dtype, and sums of them that often do not."""
    root = math.sqrt(np.finfo(dtype).max)
    x, weight, bias = cancelling(rng, shapes, dtype)
    return x * x.dtype.type(root), weight * x.dtype.type(2 * root), bias


def too_small_products(rng, shapes, dtype):
    """Products around the least subnormal, and below it."""
    half = FORMATS[dtype][1] // 2
    reach = {"float16": 5, "float32": 14, "float64": 30}[dtype]
    scales = [exponents(rng, shape, half - reach, half + reach) for shape in shapes[:2]]
    x, weight = (rng.standard_normal(scale.shape) * scale for scale in scales)
    return x, weight, np.ldexp(rng.integers(-1, 2, shapes[2]).astype(float), 2 * half)


def subnormals(rng, shapes, dtype):
    least = float(np.finfo(dtype).smallest_subnormal)
    x, weight, bias = normal(rng, shapes, dtype)
    many = 2.0 ** rng.integers(1, FORMATS[dtype][0])
    return np.rint(x * many) * least, weight, np.rint(bias * many) * least


def zeros(rng, shapes, dtype):
    """Zeros of both signs, and now and then the least subnormal."""
    least = float(np.finfo(dtype).smallest_subnormal)
    values = [0.0, 0.0, 0.0, least, 1.0]
    return [signs(rng, shape) * rng.choice(values, shape) for shape in shapes]


def special(rng, shapes, dtype, share=0.05):
    """Infinities, and NaNs of several payloads and both signs."""
    arrays = [array.astype(dtype) for array in normal(rng, shapes, dtype)]
    unsigned = np.dtype(f"u{arrays[0].itemsize}")
    precision = FORMATS[dtype][0]
    infinity = int(np.array(np.inf, dtype).view(unsigned))
    top = 1 << (8 * arrays[0].itemsize - 1)
    payloads = [0, 0, 1, 1 << (precision - 2), 3 << (precision - 3)]
    patterns = [infinity | payload | sign for payload in payloads for sign in (0, top)]
    for array in arrays[: int(rng.integers(1, 4))]:
        chosen = rng.random(array.shape) < share
        array.view(unsigned)[chosen] = rng.choice(np.array(patterns, unsigned), chosen.sum())
    arrays[0][rng.random(arrays[0].shape) < 0.1] = 0
    return arrays


def tenth_nan(rng, shapes, dtype):
    x, weight, bias = normal(rng, shapes, dtype)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, weight, bias


def bright_pixel(rng, shapes, dtype):
    x, weight, bias = normal(rng, shapes, dtype)
    x *= 1e-4
    if x.size:
        x.flat[rng.integers(x.size)] = {"float16": 6e4, "float32": 1e30, "float64": 1e30}[dtype]
    return x, weight, bias * 0


def edges(rng, shape):
    """Whole weights that sum to zero, as those of Sobel and Laplace."""
    weight = rng.integers(-3, 4, shape)
    flat = weight.reshape(len(weight), -1)
    flat[:, 0] -= flat.sum(1)
    return weight


def constant_plane(rng, shapes, dtype):
    shape, kernel, filters = shapes
    return np.full(shape, rng.choice([0.1, 1 / 3, 200.0])), edges(rng, kernel), np.zeros(filters)


def picture(rng, shapes, dtype):
    """Bytes divided by 255, smooth or not."""
    shape, kernel, filters = shapes
    steps = rng.integers(-3, 4, shape) if rng.random() < 0.7 else rng.integers(0, 256, shape)
    values = np.clip(np.cumsum(steps, axis=-1) + 128, 0, 255)
    x = values.astype(dtype) / np.array(255, dtype)
    taps = math.prod(kernel[2:])
    weight = edges(rng, kernel) if rng.random() < 0.5 else np.full(kernel, 1 / taps)
    return x, weight, np.zeros(filters)


def whole(rng, shapes, dtype):
    full = 2 ** FORMATS[dtype][0]
    low, high = [(-9, 10), (0, 256), (-2048, 2049), (1 - full, full)][rng.integers(4)]
    return [rng.integers(low, high, shape).astype(float) for shape in shapes]


def almost_whole(rng, shapes, dtype):
    """Whole numbers, but for one value with a fraction, large or tiny."""
    arrays = whole(rng, shapes, dtype)
    chosen = arrays[rng.integers(3)]
    chosen.flat[rng.integers(chosen.size)] = rng.choice([0.1, 0.5, 6e4, 2.0**-20, 2.0**-24])
    return arrays


def half_zeros(rng, shapes, dtype):
    x, weight, bias = normal(rng, shapes, dtype)
    return np.maximum(x, 0), weight, bias


def dyadic(rng, shapes, dtype):
    """Few bits and few exponents, so that many sums are midpoints."""
    step = FORMATS[dtype][0] // 2
    return [rng.integers(-3, 4, s) * exponents(rng, s, -step, step) for s in shapes]


def far_bias(rng, shapes, dtype):
    x, weight, bias = normal(rng, shapes, dtype)
    scale = int(rng.choice([-14, 12] if dtype == "float16" else [-100, -60, 60]))
    return x, weight, np.ldexp(bias, scale)


KINDS = {
    kind.__name__: kind
    for kind in (
        normal,
        cancelling,
        midpoints,
        decided,
        wide,
        finite_bits,
        every_bits,
        near_the_largest,
        too_large_products,
        too_small_products,
        subnormals,
        zeros,
        special,
        tenth_nan,
        bright_pixel,
        constant_plane,
        picture,
        whole,
        almost_whole,
        half_zeros,
        dyadic,
        far_bias,
    )
}


QUICK = (
    "normal",
    "cancelling",
    "special",
    "tenth_nan",
    "bright_pixel",
    "constant_plane",
    "picture",
    "whole",
    "half_zeros",
    "far_bias",
)
"""Kinds of which few sums are so hard that they have to be taken apart one by one."""


def operands(kind, rng, shape, weight, dtype):
    """An input, a kernel and a bias of a kind, now and then times powers of two."""
    shapes = (shape, weight, weight[:1])
    options = {"terms": math.prod(weight[1:])} if kind == "midpoints" else {}
    with np.errstate(all="ignore"):
        arrays = [np.asarray(array) for array in KINDS[kind](rng, shapes, dtype, **options)]
        if rng.random() < 0.25:
            _, least, limit = FORMATS[dtype]
            powers = rng.integers(least // 2, limit // 2, 2).tolist()
            arrays = map(np.ldexp, arrays, [*powers, sum(powers)])
        return [array.astype(dtype) for array in arrays]


def mixed(rng, arrays, dtype):
    """Give the input or the kernel another dtype, that of integers or a narrower one of floats."""
    arrays = list(arrays)
    chosen = rng.integers(2)
    other = str(rng.choice(["uint8", "int8", "int64", "float16"]))
    if other != "float16":
        low, high = (0, 256) if other == "uint8" else (-128, 128)
        high = 2**31 if other == "int64" and dtype != "float16" else high
        arrays[chosen] = rng.integers(low, high, arrays[chosen].shape).astype(other)
    else:
        with np.errstate(all="ignore"):
            arrays[chosen] = arrays[chosen].astype(other)
    return arrays
