"""The normalisations of the fixtures: what is called, and with what arrays."""

from itertools import chain, product

import numpy as np
import torch
import torch_calls
from torch_calls import make_sure_torch_refuses

SHAPES = ((5, 3), (3, 3, 4), (2, 3, 2, 3), (2, 3, 2, 1, 3))
VECTORS = ("running_mean", "running_var", "weight", "bias")


def normal(seed, shape, dtype="float32", mean=1.0):
    return (np.random.default_rng(seed).standard_normal(shape) * 2 + mean).astype(dtype)


def vectors(names, dtype="float32", channels=3):
    every = {
        name: normal(seed, (channels,), dtype, mean=0.5)
        for seed, name in enumerate(("weight", "bias", "running_mean"), 20)
    }
    every["running_var"] = np.abs(normal(23, (channels,), dtype)) + np.asarray(0.25, dtype)
    return {name: every[name] for name in names}


def spelled(options):
    return " ".join(f"{name}={value}" for name, value in options.items())


AFFINE = ((), ("weight",), ("bias",), ("weight", "bias"))
RUNNING = ("running_mean", "running_var")


def plain_grid():
    for shape, training, affine, running in product(SHAPES, (True, False), AFFINE, ((), RUNNING)):
        arrays = {"input": normal(1, shape), **vectors(affine + running)}
        yield f"{len(shape)} axes {' '.join(affine + running)}", arrays, {"training": training}


def numbers():
    for training, eps, momentum in product((True, False), (1e-5, 1e-3, 1.0), (0.0, 0.25, 1.0)):
        arrays = {"input": normal(2, (4, 3, 2)), **vectors(VECTORS)}
        yield "numbers", arrays, {"training": training, "eps": eps, "momentum": momentum}
    arrays = {"input": normal(2, (4, 3, 2)), **vectors(VECTORS)}
    yield "no eps", arrays, {"training": False, "eps": 0.0}
    arrays = {"input": np.full((4, 3, 2), 2, np.float32), **vectors(VECTORS)}
    yield "no variance", arrays, {"training": True}
    arrays = {"input": normal(2, (2, 3)), **vectors(VECTORS)}
    yield "two values a channel", arrays, {"training": True}
    arrays = {"input": normal(2, (1, 3, 2)), **vectors(VECTORS)}
    yield "batch of one", arrays, {"training": True}


def dtypes():
    for shape, dtype, training in product(SHAPES, ("float64", "float16"), (True, False)):
        arrays = {"input": normal(3, shape, dtype), **vectors(VECTORS, dtype)}
        yield f"{len(shape)} axes {dtype}", arrays, {"training": training}


def empty():
    for shape, training in product(((0, 3), (0, 3, 4), (2, 3, 0), (0, 3, 2, 2)), (True, False)):
        arrays = {"input": normal(4, shape), **vectors(VECTORS)}
        yield f"empty {shape}", arrays, {"training": training}
    arrays = {"input": normal(4, (3, 0)), **vectors(RUNNING, channels=0)}
    yield "no channels", arrays, {"training": True}


def not_finite():
    for value, training in product((np.nan, np.inf, -np.inf), (True, False)):
        arrays = {"input": normal(5, (4, 3, 2)), **vectors(VECTORS)}
        arrays["input"][1, 1, 0] = value
        yield f"{value} in the input", arrays, {"training": training}
    for name in VECTORS:
        arrays = {"input": normal(5, (4, 3)), **vectors(VECTORS)}
        arrays[name][2] = np.nan
        if name != "running_var":
            yield f"nan in {name}", arrays, {"training": name == "bias"}


def refusals():
    two, three = np.ones(2, np.float32), vectors(VECTORS)
    columns = {"input": normal(6, (4, 3))}
    for name, arrays, options, match in (
        ("weight of two", columns | {"weight": two}, {}, "weight"),
        ("weight of one", columns | {"weight": two[:1]}, {}, "weight"),
        ("bias of two", columns | {"bias": two}, {}, "bias"),
        ("running mean of two", columns | three | {"running_mean": two}, {}, "running.mean"),
        ("running var of two", columns | three | {"running_var": two}, {}, "running.var"),
        ("one value a channel", {"input": normal(6, (1, 3))}, {}, "(per|a|each) channel"),
        (
            "one value a channel, 3 axes",
            {"input": normal(6, (1, 3, 1))},
            {},
            "(per|a|each) channel",
        ),
        ("no eps", columns, {"eps": 0.0}, "eps"),
        ("negative eps", columns, {"eps": -1.0}, "eps"),
        ("one axis", {"input": normal(6, (3,))}, {}, "rank|axes"),
    ):
        yield f"refused {name}", arrays, {"training": True} | options, match
    yield "refused negative eps in eval", columns | three, {"training": False, "eps": -1.0}, "eps"


@np.errstate(invalid="ignore")
def magnitudes(arrays, options):
    """Sizes of the terms of each result, for an error measured in epsilons of them.

    PyTorch computes x * scale + shift, so the mean counts by itself there.
    """
    x, shape = arrays["input"].astype(np.float64), arrays["input"].shape
    channels, axes = shape[1], (0, *range(2, len(shape)))
    weight, bias, mean, var = (
        arrays.get(name, np.full(channels, default)).astype(np.float64)
        for name, default in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1))
    )
    count = x.size // max(1, channels)
    scales = {}
    training, momentum = options["training"], options.get("momentum", 0.1)
    if training and count:
        kept, squares = 1 - momentum, (x**2).sum(axes) / (count - 1)
        if "running_mean" in arrays:
            scales["running_mean"] = kept * np.abs(mean) + momentum * np.abs(x).mean(axes)
            scales["running_var"] = kept * var + momentum * squares
        mean, var = np.abs(x).mean(axes), x.var(axes)
    column = (-1, *(1,) * (len(shape) - 2))
    weight, bias, mean, var = (v.reshape(column) for v in (weight, bias, mean, var))
    spread = np.abs(weight) / np.sqrt(var + options.get("eps", 1e-5))
    scales["output"] = 2 * (np.abs(x) + np.abs(mean)) * spread + np.abs(bias)
    return {name: scale.astype(np.float32) for name, scale in scales.items()}


def by_torch(arrays, options):
    """PyTorch's result and statistics; where the contract takes (0, 1) in eval, so given."""
    defaults = {"running_mean": np.zeros, "running_var": np.ones}
    x = arrays["input"]
    given = {name: arrays[name].copy() if name in arrays else None for name in VECTORS}
    if not options["training"]:
        for name, fill in defaults.items():
            if given[name] is None:
                given[name] = fill(x.shape[1], x.dtype)
    output = torch_calls.batchnorm(x, *given.values(), **options).numpy()
    return {"output": output} | {name: given[name] for name in RUNNING if name in arrays}


def layer_of(dims, momentum, dtype):
    layer = getattr(torch.nn, f"BatchNorm{dims}d")(3, momentum=momentum, dtype=dtype)
    with torch.no_grad():
        for name, value in vectors(("weight", "bias")).items():
            getattr(layer, name).copy_(torch.from_numpy(value))
    return layer


def sequences():
    """Batches in a row through a torch.nn layer, which counts them; the last one in eval."""
    for dims, momentum, dtype in product((1, 2, 3), (0.1, 0.5, None), ("float32", "float64")):
        layer = layer_of(dims, momentum, getattr(torch, dtype))
        steps = []
        for batch in range(4):
            x = normal(30 + batch, (2 + batch, 3, *(2,) * dims), dtype, mean=batch)
            layer.train(batch < 3)
            arrays = {"input": x}
            arrays |= {name: value.numpy().copy() for name, value in layer.named_buffers()}
            tracked = int(arrays.pop("num_batches_tracked"))
            factor = 1 / (tracked + 1) if momentum is None else momentum
            arrays |= {n: v.detach().numpy().copy() for n, v in layer.named_parameters()}
            options = {"training": layer.training, "momentum": factor}
            expected = {"output": layer(torch.from_numpy(x)).detach().numpy()}
            expected |= {name: getattr(layer, name).numpy().copy() for name in RUNNING}
            steps.append(
                {
                    "input": x,
                    "arguments": options,
                    "expected": expected,
                    "scales": magnitudes(arrays, options),
                    "num_batches_tracked": int(layer.num_batches_tracked),
                }
            )
        yield {
            "name": f"batches in a row {dims}d momentum={momentum} {dtype}",
            "arrays": {n: v.detach().numpy().copy() for n, v in layer.named_parameters()},
            "steps": steps,
        }


FAMILIES = (plain_grid, numbers, dtypes, empty, not_finite)


def batchnorm_cases():
    """Every case, with PyTorch's answer."""
    for family, arrays, options in chain.from_iterable(make() for make in FAMILIES):
        yield {
            "name": f"{family} {spelled(options)}",
            "arrays": arrays,
            "arguments": options,
            "expected": by_torch(arrays, options),
            "scales": magnitudes(arrays, options),
        }
    yield from sequences()
    for name, arrays, options, match in refusals():
        given = [arrays.get(vector) for vector in VECTORS]
        make_sure_torch_refuses(torch_calls.batchnorm, arrays["input"], *given, **options)
        yield {"name": name, "arrays": arrays, "arguments": options, "refused": match}
