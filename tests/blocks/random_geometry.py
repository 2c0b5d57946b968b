"""Random sizes of windows, and values that tell apart what is read from where."""

import numpy as np


def random_sizes(rng, dims):
    """Lengths, kernel, stride and dilation, one number per axis."""
    most = {1: 30, 2: 12, 3: 7}[dims]
    lengths = rng.integers(1, most + 1, dims).tolist()
    kernel = rng.integers(1, 5, dims).tolist()
    stride = rng.integers(1, 4, dims).tolist()
    dilation = rng.integers(1, 4, dims).tolist()
    return lengths, kernel, stride, dilation


def random_padding(rng, lengths, kernel, dilation, stride, mode="zeros"):
    """A word, a number per axis, or pairs; enough for the kernel to fit more often than not."""
    form = rng.random()
    if form < 0.15:
        return "same" if set(stride) == {1} else "same-upper"
    if form < 0.25:
        return "same-lower"
    reach = [step * (size - 1) + 1 for size, step in zip(kernel, dilation, strict=True)]
    pairs = []
    for length, extent in zip(lengths, reach, strict=True):
        limit = {"reflect": length - 1, "circular": length}.get(mode, 2 * extent + 6)
        need = max(0, extent - length)
        pairs.append([min(limit, int(rng.integers(0, extent + 2)) + need) for _ in range(2)])
    if form < 0.4:
        return [pair[0] for pair in pairs]
    if form < 0.7 and mode == "zeros":
        return [
            [start + int(rng.integers(12)), end + int(rng.integers(12))] for start, end in pairs
        ]
    return pairs


def random_values(rng, shape, dtype):
    """Integers of the whole dtype, 30 bits at most; or fractions, NaNs, infinities and zeros."""
    kind = np.dtype(dtype)
    if kind.kind != "f":
        limits = np.iinfo(kind)
        low, high = max(limits.min, -(2**29)), min(limits.max, 2**29)
        return rng.integers(low, high, shape, dtype=kind, endpoint=True)
    form = rng.random()
    if form < 0.1:  # any bits: NaNs with payloads, subnormals
        return np.frombuffer(rng.bytes(int(np.prod(shape)) * kind.itemsize), kind).reshape(shape)
    values = np.asarray(rng.standard_normal(shape)).astype(kind)
    if form < 0.4:
        special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], kind)
        values = np.where(rng.random(shape) < 0.1, rng.choice(special, shape), values)
    return np.asarray(values)
