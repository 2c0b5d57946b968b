"""Random calls of the command on the same values in memory and in blocks, which are compared.

They are told apart by nothing but how blocks are computed, which `both` says: see `InBoth`.
"""

import numpy as np
from random_geometry import random_padding, random_sizes, random_values
from stores import assert_same_bytes, load, store

KINDS = ("plain", "version 2", "shards", "big-endian")
DTYPES = ("f2", "f4", "f8", "i1", "u2", "i4", "u8")
FLOATS = ("f2", "f4", "f8")


def chunks_for(rng, shape):
    return tuple(int(rng.integers(1, length + 2)) for length in shape)


def pick(rng, words):
    return words[rng.integers(len(words))]


def options_of_both(both, rng, result_rank, dtypes=("float32", "float64")):
    """Options that every operator has, and those of Zarr arrays alone."""
    threads = ["--threads", rng.integers(1, 4)]
    options = [] if both.where else threads
    if rng.random() < 0.2:
        options += ["--dtype", pick(rng, dtypes)]
    chunks = ",".join(str(size) for size in rng.integers(1, 7, result_rank))
    return options, (["--output-chunks", chunks] if rng.random() < 0.5 else [])


def image(rng, lead, lengths, dtype, options):
    """An INPUT for samples and channels, with the channels last now and then."""
    values = random_values(rng, (*lead, *lengths), dtype)
    if lead and rng.random() < 0.4:
        values = np.ascontiguousarray(np.moveaxis(values, len(lead) - 1, -1))
        options += ["--layout", "channels-last"]
    return values


def joined(numbers):
    pairs = [":".join(map(str, n)) if isinstance(n, list) else str(n) for n in numbers]
    return ",".join(pairs)


def convolution(both, rng):
    dims = int(rng.integers(1, 4))
    lengths, kernel, stride, dilation = random_sizes(rng, dims)
    mode = pick(rng, ("zeros", "zeros", "reflect", "replicate", "circular"))
    padding = random_padding(rng, lengths, kernel, dilation, stride, mode)
    groups, depth, filters = (int(n) for n in rng.integers(1, 4, 3))
    dtype = pick(rng, DTYPES)
    rank = pick(rng, (0, 1, 2))
    lead = (int(rng.integers(1, 4)), groups * depth)[2 - rank :]
    if rank == 0:
        groups = depth = 1
    options = ["--groups", groups, "--padding-mode", mode, "--stride", joined(stride)]
    options += ["--dilation", joined(dilation), "--dims", dims]
    options += ["--padding", padding if isinstance(padding, str) else joined(padding)]
    result_rank = dims + (1 if rank == 0 and filters > 1 else rank)
    shared, in_blocks = options_of_both(both, rng, result_rank)
    values = image(rng, lead, lengths, dtype, options)
    both.input(values, chunks_for(rng, values.shape), pick(rng, KINDS))
    weight = (groups * filters, depth, *kernel)
    np.save(both.folder / "k.npy", rng.integers(-4, 5, weight).astype(pick(rng, ("f4", dtype))))
    if rng.random() < 0.5:
        np.save(both.folder / "b.npy", rng.integers(-9, 9, groups * filters).astype(dtype))
        options += ["--bias", "b.npy"]
    options += ["--relu"] * bool(rng.random() < 0.3)
    if both.run("conv", "-k", "k.npy", *options, *shared, in_blocks=in_blocks):
        both.compare()


def max_pooling(both, rng):
    dims = int(rng.integers(1, 4))
    lengths, kernel, stride, dilation = random_sizes(rng, dims)
    reach = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
    pads = [int(rng.integers(0, extent // 2 + 1)) for extent in reach]
    rank = pick(rng, (0, 1, 2))
    lead = tuple(int(n) for n in rng.integers(1, 4, rank))
    options = ["-k", joined(kernel), "--dims", dims, "-s", joined(stride), "-p", joined(pads)]
    options += ["-d", joined(dilation), *["--ceil-mode"] * bool(rng.random() < 0.5)]
    shared, in_blocks = options_of_both(both, rng, dims + rank)
    values = image(rng, lead, lengths, pick(rng, DTYPES), options)
    both.input(values, chunks_for(rng, values.shape), pick(rng, KINDS))
    files = ["indices"] * bool(rng.random() < 0.6)
    options += ["--relu"] * bool(rng.random() < 0.3)
    if both.run("maxpool", *options, *shared, files=files, in_blocks=in_blocks):
        both.compare(*files)


def dropout(both, rng):
    shape = tuple(int(n) for n in rng.integers(1, 9, rng.integers(1, 5)))
    options = ["-p", pick(rng, (0, 0.25, 0.3, 0.7, 1)), *["--eval"] * bool(rng.random() < 0.1)]
    shared, in_blocks = options_of_both(both, rng, len(shape))
    values = random_values(rng, shape, pick(rng, DTYPES))
    options += ["--layout", "channels-last"] * bool(rng.random() < 0.3)
    form, in_memory = rng.random(), []
    if form < 0.3:
        mask = rng.integers(0, 3, shape).astype(pick(rng, DTYPES))
        order = pick(rng, "<>")
        np.save(both.folder / "m.npy", mask.astype(mask.dtype.newbyteorder(order)))
        store(both.folder / "m.zarr", mask, chunks_for(rng, shape), pick(rng, KINDS))
        in_memory = ["--mask", "m.npy"]
        in_blocks += ["--mask", pick(rng, ("m.npy", "m.zarr"))]
    else:
        options += ["--seed", rng.integers(2**40)]
        options += ["--channelwise"] * bool(form < 0.5)
    both.input(values, chunks_for(rng, shape), pick(rng, KINDS))
    files = ["mask-output"] * bool(rng.random() < 0.6)
    how = {"files": files, "in_memory": in_memory, "in_blocks": in_blocks}
    accepted = both.run("dropout", *options, *shared, **how)
    assert accepted or not in_memory
    if accepted:
        both.compare(*files)


def parameters(rng, channels):
    state = {
        "weight": rng.standard_normal(channels).astype("f4"),
        "bias": rng.standard_normal(channels).astype("f4"),
        "running_mean": rng.standard_normal(channels),
        "running_var": rng.uniform(0.1, 2, channels),
        "num_batches_tracked": np.int64(3),
    }
    return {name: array for name, array in state.items() if rng.random() < 0.7}


def normalization_by_running_statistics(both, rng):
    shape = tuple(int(n) for n in rng.integers(1, 8, rng.integers(2, 6)))
    np.savez(both.folder / "s.npz", **parameters(rng, shape[1]))
    options = ["--eval", "--state", "s.npz", *["--relu"] * bool(rng.random() < 0.3)]
    shared, in_blocks = options_of_both(both, rng, len(shape))
    values = image(rng, shape[:2], shape[2:], pick(rng, DTYPES), options)
    both.input(values, chunks_for(rng, values.shape), pick(rng, KINDS))
    if both.run("batchnorm", *options, *shared, in_blocks=in_blocks):
        both.compare()


class Truth:
    """What --train gives in long double, and the sizes of what is added up to it."""

    def __init__(self, values, options, state):
        axis = -1 if "channels-last" in options else 1
        x = np.moveaxis(values.astype(np.longdouble), axis, -1)
        axes = tuple(range(x.ndim - 1))
        mean, count = x.mean(axes), x.size // x.shape[-1]
        variance = np.square(x - mean).mean(axes)
        scale = state.get("weight", 1) / np.sqrt(variance + np.longdouble(1e-5))
        shift = state.get("bias", 0)
        terms = (np.abs(x) + np.abs(mean)) * np.abs(scale) + np.abs(shift)
        self.values, self.terms = (
            np.moveaxis(array, -1, axis) for array in ((x - mean) * scale + shift, terms)
        )
        old = state.get("running_mean", 0), state.get("running_var", 1)
        new = mean, variance * count / max(1, count - 1)
        self.running = [before * 0.9 + now * 0.1 for before, now in zip(old, new, strict=True)]


def normalization_by_this_batch(both, rng):
    """To the last digit of the terms, and the same bytes for any number of threads."""
    shape = tuple(int(n) for n in rng.integers(1, 8, rng.integers(2, 6)))
    before = parameters(rng, shape[1])
    np.savez(both.folder / "s.npz", **before)
    options = ["--state", "s.npz"]
    values = (rng.standard_normal(shape) * 3 + 5).astype(pick(rng, FLOATS))
    if len(shape) > 2 and rng.random() < 0.4:
        values = np.ascontiguousarray(np.moveaxis(values, 1, -1))
        options += ["--layout", "channels-last"]
    both.input(values, chunks_for(rng, values.shape), pick(rng, KINDS))
    if not both.run("batchnorm", *options, "--save-state", "both.npz"):
        return
    got, expected = load(both.folder / "y.zarr")[1], np.load(both.folder / "y.npy")
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    truth = Truth(values, options, before)
    assert np.max(np.abs(got - truth.values) / truth.terms) < 4 * np.finfo(got.dtype).eps
    for threads in (1, 3):
        both.call.text(
            *("batchnorm", *options, "x.zarr", "-o", f"{threads}.zarr", "--threads", threads),
            *("--save-state", f"{threads}.npz"),
        )
        assert_same_bytes(load(both.folder / f"{threads}.zarr")[1], got)
    both.call.text("batchnorm", *options, "x.npy", "-o", "y.npy", "--save-state", "memory.npz")
    memory, *others = (
        np.load(both.folder / f"{name}.npz") for name in ("memory", "both", "1", "3")
    )
    for name in memory:
        for state in others:
            assert_same_bytes(state[name], others[0][name])
        if not name.startswith("running"):
            assert_same_bytes(others[0][name], memory[name])
    for name, exact in zip(("running_mean", "running_var"), truth.running, strict=True):
        array = others[0][name]
        assert (array.shape, array.dtype) == (memory[name].shape, memory[name].dtype)
        unit = 4 * np.finfo(array.dtype).eps
        np.testing.assert_allclose(array, exact, rtol=unit, atol=unit)  # terms are about 1
