"""The poolings of the fixtures: what is called, and with what arrays."""

from itertools import chain, product

import numpy as np
import torch_calls
from torch_calls import make_sure_torch_refuses

LENGTHS = {1: (9,), 2: (6, 7), 3: (5, 5, 5)}
SPECIAL = np.array([np.nan, np.inf, -np.inf, -np.inf, 0.0, -0.0, 1, 1, 2, -3])


def with_ties(seed, shape, dtype="float32"):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.choice(np.array([info.min, info.min, info.min + 1, info.max], dtype), shape)
    return rng.integers(-9, 3, shape).astype(dtype)


def spelled(options):
    return " ".join(f"{name}={value}" for name, value in options.items()).replace("'", "")


def plain_grid():
    """Kernel, stride, padding, dilation and ceil mode against each other."""
    for dims, k in product((1, 2, 3), (2, 3)):
        x = with_ties(dims, (1, 2, *LENGTHS[dims]))
        options = product((None, 1, 2), (0, 1), (1, 2), (False, True))
        for stride, padding, dilation, ceil_mode in options:
            yield (
                f"{dims}d",
                x,
                {
                    "kernel_size": (k,) * dims,
                    "stride": stride,
                    "padding": padding,
                    "dilation": dilation,
                    "ceil_mode": ceil_mode,
                },
            )


def unequal_axes():
    for ceil_mode in (False, True):
        for options in (
            {"kernel_size": (3, 1), "stride": (2, 3)},
            {"kernel_size": (2, 4), "padding": (1, 2), "stride": (3, 1)},
            {"kernel_size": (2, 3), "dilation": (3, 1), "padding": (0, 1)},
            {"kernel_size": (1, 1), "stride": (4, 5)},
            {"kernel_size": (5, 2), "padding": (2, 1), "dilation": (1, 4)},
            {"kernel_size": 2},
            {"kernel_size": 3, "stride": (1, 2), "padding": 1},
        ):
            yield "2d", with_ties(2, (2, 2, 6, 7)), options | {"ceil_mode": ceil_mode}
        for options in (
            {"kernel_size": (1, 2, 3), "stride": (2, 1, 3)},
            {"kernel_size": (3, 2, 2), "padding": (1, 0, 1), "dilation": (1, 2, 1)},
            {"kernel_size": (2, 2, 1), "stride": (3, 3, 2), "padding": (1, 1, 0)},
        ):
            yield "3d", with_ties(3, (2, 1, 5, 4, 5)), options | {"ceil_mode": ceil_mode}
    for length, k, stride, padding in product((2, 5, 6, 7), (1, 2, 3), (2, 3, 4), (0, 1)):
        if padding > k // 2:
            continue
        options = {"kernel_size": (k,), "stride": stride, "padding": padding, "ceil_mode": True}
        yield f"1d L={length}", with_ties(1, (1, 1, length)), options


def kernels_beyond_the_input():
    """Ceil mode takes a window that reaches past the padded input, as long as one starts inside."""
    for lengths, options in (
        ((2,), {"kernel_size": (3,)}),
        ((2,), {"kernel_size": (2,), "dilation": 2, "stride": 3}),
        ((1,), {"kernel_size": (2,)}),
        ((2, 2), {"kernel_size": 3}),
        ((5, 2), {"kernel_size": 3, "stride": 2}),
        ((3, 2), {"kernel_size": (2, 4), "padding": (0, 0), "stride": (1, 3)}),
        ((2, 1, 3), {"kernel_size": (2, 2, 2)}),
    ):
        yield f"L={lengths} beyond", with_ties(1, (1, 2, *lengths)), options | {"ceil_mode": True}


def values_of_every_kind():
    for dims, dtype in product((1, 2, 3), ("float16", "float32", "float64")):
        x = np.random.default_rng(dims).choice(SPECIAL, (2, 2, *LENGTHS[dims])).astype(dtype)
        for options in ({}, {"padding": 1, "stride": 1}, {"dilation": 2, "ceil_mode": True}):
            yield f"{dims}d special {dtype}", x, {"kernel_size": (3,) * dims} | options
    for dims, dtype in product((1, 2, 3), ("int8", "uint8", "int16", "int32", "int64")):
        x = with_ties(dims, (2, 2, *LENGTHS[dims]), dtype)
        for options in ({}, {"padding": 1, "stride": 1, "ceil_mode": True}):
            yield f"{dims}d {dtype}", x, {"kernel_size": (2,) * dims} | options
    for dims in (1, 2, 3):
        options = {"kernel_size": (3,) * dims, "padding": 1, "stride": 2}
        for value in (-np.inf, np.nan, -0.0):
            x = np.full((1, 1, *LENGTHS[dims]), value, np.float32)
            yield f"{dims}d all {value}", x, options


def ranks_and_batches():
    for dims, ceil_mode in product((1, 2, 3), (False, True)):
        options = {"kernel_size": (2,) * dims, "ceil_mode": ceil_mode}
        yield f"{dims}d unbatched", with_ties(1, (3, *LENGTHS[dims])), options
        yield f"{dims}d empty batch", with_ties(1, (0, 3, *LENGTHS[dims])), options
        yield f"{dims}d three", with_ties(1, (3, 2, *LENGTHS[dims])), options


def pairs_and_words():
    for dims in (1, 2, 3):
        x = with_ties(dims, (1, 2, *LENGTHS[dims]))
        for given in (((0, 1), (2, 1), (1, 0)), ((2, 0), (0, 2), (1, 1)), ((0, 0), (1, 2), (2, 2))):
            for stride in (1, 2):
                options = {"kernel_size": (3,) * dims, "stride": stride, "padding": given[:dims]}
                yield f"{dims}d", x, options
        for word, k, stride in product(("same-upper", "same-lower"), (2, 3), (1, 2, 3)):
            options = {"kernel_size": (k,) * dims, "stride": stride, "padding": word}
            yield f"{dims}d", x, options
        for word, dilation in (("same", 1), ("same", 2), ("valid", 1)):
            options = {"kernel_size": (2,) * dims, "stride": 1, "padding": word}
            yield f"{dims}d", x, options | {"dilation": dilation}


def refusals():
    """Calls that PyTorch refuses, with what our error has to speak of."""
    x = with_ties(2, (1, 2, 6, 7))
    for options, match in (
        ({"kernel_size": 0}, "kernel.*0"),
        ({"kernel_size": -1}, "kernel.*-1"),
        ({"kernel_size": (7, 1)}, "kernel.*7 .*6"),
        ({"kernel_size": (1, 8)}, "kernel.*8 .*7"),
        ({"kernel_size": (1, 5), "dilation": 2}, "kernel.*9 .*7"),
        ({"kernel_size": 8, "stride": 1, "ceil_mode": True}, "kernel.*8 .*[67]"),
        ({"kernel_size": 2, "stride": (1, 1, 1)}, "stride.*3"),
        ({"kernel_size": 2, "stride": 0}, "stride.*0"),
        ({"kernel_size": 2, "stride": (1, -1)}, "stride.*-1"),
        ({"kernel_size": 2, "dilation": 0}, "dilation.*0"),
        ({"kernel_size": 2, "padding": -1}, "padding.*-1"),
        ({"kernel_size": 2, "padding": 2}, "padding.*2.*half|half.*padding.*2"),
        ({"kernel_size": 3, "padding": (0, 2)}, "padding.*2.*half|half.*padding.*2"),
        ({"kernel_size": 3, "padding": (3, 0), "dilation": 2}, "padding.*3.*half|half.*padding.*3"),
    ):
        yield f"2d refused {spelled(options)}", x, options, match
    for shape, kernel_size, match in (
        ((6, 7), 2, "rank|axes|channel"),
        ((1, 1, 1, 6, 7), 2, "rank|axes|channel"),
        ((6,), (2,), "rank|axes|channel"),
        ((1, 1, 6, 7), (2,), "rank|axes|channel"),
        ((6, 7, 8), (2, 2, 2), "rank|axes|channel"),
        ((1, 1, 0, 7), (2, 2), "empty|0"),
        ((0, 1, 6, 0), (2, 2), "empty|0"),
        ((1, 1, 0), (1,), "empty|0"),
        ((0, 2, 1, 7), 2, "kernel.*2 .*1"),
    ):
        options = {"kernel_size": kernel_size}
        yield f"refused {shape} {spelled(options)}", with_ties(2, shape), options, match


FAMILIES = (
    plain_grid,
    unequal_axes,
    kernels_beyond_the_input,
    values_of_every_kind,
    ranks_and_batches,
    pairs_and_words,
)


def has_window_in_padding(x, values):
    """PyTorch gives minus infinity and a wild index there, the contract an error."""
    return x.dtype.kind == "f" and np.isneginf(values).any() and not np.isneginf(x).any()


def maxpool_cases():
    """Every case, with PyTorch's answer."""
    for family, x, options in chain.from_iterable(make() for make in FAMILIES):
        values, indices = (t.numpy() for t in torch_calls.maxpool(x, **options))
        case = {
            "name": f"{family} {spelled(options)}",
            "arrays": {"input": x},
            "arguments": options,
        }
        if has_window_in_padding(x, values):
            yield case | {"refused": "padding"}
        else:
            yield case | {"expected": {"values": values, "indices": indices}}
    for name, x, options, match in refusals():
        make_sure_torch_refuses(torch_calls.maxpool, x, **options)
        yield {"name": name, "arrays": {"input": x}, "arguments": options, "refused": match}
