"""The convolutions of the fixtures: what is called, and with what arrays."""

from itertools import chain, product

import numpy as np
import torch_calls
from torch_calls import make_sure_torch_refuses

MODES = ("zeros", "reflect", "replicate", "circular")
LENGTHS = {1: (9,), 2: (6, 5), 3: (4, 3, 4)}
KERNELS = {1: (3,), 2: (3, 2), 3: (2, 3, 2)}


def normal(seed, shape, dtype="float32"):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(max(info.min, -99), min(info.max, 99), shape, dtype, endpoint=True)
    return rng.standard_normal(shape).astype(dtype)


def arrays_of(dims, *, batch=1, channels=2, filters=2, groups=1, dtype="float32", **shapes):
    """Input, weight and bias of the usual shapes; a batch of None is a (C, *spatial) input."""
    lead = () if batch is None else (batch,)
    lengths, kernel = shapes.get("lengths", LENGTHS[dims]), shapes.get("kernel", KERNELS[dims])
    return {
        "input": normal(1, (*lead, channels, *lengths), dtype),
        "weight": normal(2, (filters, channels // groups, *kernel), dtype),
        "bias": normal(3, (filters,), dtype),
    }


def spelled(options):
    return (
        " ".join(f"{name}={value}" for name, value in options.items()).replace("'", "") or "plain"
    )


def plain_grid():
    """Stride, zero padding, dilation and groups against each other."""
    for dims in (1, 2, 3):
        strides, paddings = (1, 2, (1, 3, 2)[:dims]), (0, 1, (2, 0, 1)[:dims], "same", "valid")
        for stride, padding, dilation, groups in product(strides, paddings, (1, 2), (1, 2)):
            if padding == "same" and stride != 1:
                continue
            lengths = tuple(max(n, 5) if dilation == 2 else n for n in LENGTHS[dims])
            arrays = arrays_of(dims, groups=groups, lengths=lengths)
            if (dilation + groups) % 2:
                del arrays["bias"]
            options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
            yield f"{dims}d {spelled(options)}", arrays, options


def padding_modes():
    for dims, mode in product((1, 2, 3), MODES[1:]):
        lengths = LENGTHS[dims]
        limit = tuple(n + {"reflect": -1, "circular": 0, "replicate": 3}[mode] for n in lengths)
        if dims == 3:
            limit = (1, 1, limit[2])
        pairs = ((0, 2), (2, 1), (1, 0))[:dims]
        for padding in (1, (2, 0, 1)[:dims], "same", "valid", limit, pairs, "same-lower"):
            for stride in (1, 2):
                if stride == 2 and padding in ("same", "valid", limit):
                    continue
                options = {"padding": padding, "padding_mode": mode, "stride": stride}
                yield f"{dims}d {spelled(options)}", arrays_of(dims), options
        options = {"padding": 1, "padding_mode": mode, "dilation": 2, "groups": 2}
        lengths = tuple(max(n, 5) for n in lengths)
        yield f"{dims}d {spelled(options)}", arrays_of(dims, groups=2, lengths=lengths), options


def onnx_words():
    for dims, word, stride in product((1, 2, 3), ("same-upper", "same-lower"), (1, 2, 3)):
        for kernel, dilation in (((2, 3, 2)[:dims], 1), ((1, 2, 1)[:dims], 2)):
            options = {"padding": word, "stride": stride, "dilation": dilation}
            yield f"{dims}d k={kernel} {spelled(options)}", arrays_of(dims, kernel=kernel), options


def pairs():
    for dims in (1, 2, 3):
        for given in (((0, 1), (2, 2), (1, 0)), ((3, 0), (0, 4), (0, 0)), ((5, 5), (1, 2), (3, 1))):
            for stride in (1, 2):
                options = {"padding": given[:dims], "stride": stride}
                yield f"{dims}d {spelled(options)}", arrays_of(dims), options


def ranks_and_batches():
    for dims, mode, batch in product((1, 2, 3), MODES, (None, 0, 3)):
        options = {"padding": 1, "padding_mode": mode}
        name = f"{dims}d batch={batch} {spelled(options)}"
        yield name, arrays_of(dims, batch=batch), options


def channels_and_kernels():
    for dims, kernel, multiple in product((1, 2, 3), (1, 2), (1, 2)):
        arrays = arrays_of(
            dims, channels=3, filters=3 * multiple, groups=3, kernel=(kernel,) * dims
        )
        name = f"{dims}d depthwise k={kernel} multiple={multiple}"
        yield name, arrays, {"groups": 3, "padding": 1}
    for dims in (1, 2, 3):
        arrays = arrays_of(dims, channels=5, filters=3, kernel=(1,) * dims)
        yield f"{dims}d pointwise", arrays, {}
        yield f"{dims}d pointwise stride=2", arrays, {"stride": 2}
        yield f"{dims}d kernel as large as the input", arrays_of(dims, kernel=LENGTHS[dims]), {}
        arrays = arrays_of(dims, channels=6, filters=4, groups=2)
        yield f"{dims}d groups=2 of three channels", arrays, {"groups": 2, "stride": 2}
    for k in (4, 5):
        for padding in ("same", 2, 3):
            options = {"padding": padding}
            yield f"1d k={k} {spelled(options)}", arrays_of(1, kernel=(k,), lengths=(4,)), options


def dtypes():
    for dims, dtype in product((1, 2, 3), ("float64", "float16")):
        for mode, groups in product(MODES, (1, 2)):
            options = {"padding": 1, "padding_mode": mode, "groups": groups}
            yield (
                f"{dims}d {dtype} {spelled(options)}",
                arrays_of(dims, dtype=dtype, groups=groups),
                options,
            )
    for dims, dtype in product((1, 2, 3), ("int64", "int32", "int8", "uint8")):
        options = {"padding": 1, "stride": 2}
        yield f"{dims}d {dtype} {spelled(options)}", arrays_of(dims, dtype=dtype), options
    for mixed in (
        ("float16", "float32"),
        ("float32", "float64"),
        ("int8", "float32"),
        ("int64", "uint8"),
    ):
        arrays = arrays_of(1, dtype=mixed[0]) | {"weight": normal(2, (2, 2, 3), mixed[1])}
        yield f"1d {mixed[0]} input and {mixed[1]} weight", arrays, {}


def not_finite():
    """A zero of the padding times an infinity is NaN. PyTorch keeps to that in float64; its
    float32 code passes the padding by for some shapes, so there only the input has infinities.
    """
    wheres = (("input", "float32"), ("weight", "float64"))
    for dims, (where, dtype), value in product((1, 2, 3), wheres, (np.nan, np.inf, -np.inf)):
        for options in ({}, {"padding": 1}, {"padding": 2, "padding_mode": "replicate"}):
            arrays = arrays_of(dims, dtype=dtype)
            arrays[where].flat[-1] = value
            yield f"{dims}d {dtype} {value} in {where} {spelled(options)}", arrays, options
    for groups in (1, 2):
        arrays = arrays_of(2, dtype="float64", groups=groups)
        arrays["weight"][0, 0, 0, 0] = np.inf
        yield f"2d inf in one of {groups} groups", arrays, {"groups": groups, "padding": 1}
    arrays = arrays_of(1, dtype="float64")
    arrays["input"][0, :, 4], arrays["weight"][0, :, 0] = (np.inf, -np.inf), 1
    yield "1d infinities of both signs", arrays, {"padding": "same"}


def refusals():
    """Calls that PyTorch refuses, with what our error has to speak of."""
    two, three = arrays_of(2), arrays_of(3)
    kernel = "kernel.*{} .*{}".format
    for options, match in (
        ({"stride": 0}, "stride.*0"),
        ({"stride": (1, -1)}, "stride.*-1"),
        ({"stride": (1, 1, 1)}, "stride.*3"),
        ({"dilation": 0}, "dilation.*0"),
        ({"dilation": (3, 1)}, kernel(7, 6)),
        ({"padding": -1}, "padding.*-1"),
        ({"padding": "sme"}, "padding.*sme"),
        ({"padding": "same", "stride": 2}, "same.*stride|stride.*same"),
        ({"padding": (6, 0), "padding_mode": "reflect"}, "(?=.*reflect)padding.*6"),
        ({"padding": (0, 5), "padding_mode": "reflect"}, "(?=.*reflect)padding.*5"),
        ({"padding": (7, 0), "padding_mode": "circular"}, "(?=.*circular)padding.*7"),
        ({"padding": (0, 6), "padding_mode": "circular"}, "(?=.*circular)padding.*6"),
        ({"padding": 1, "padding_mode": "mirror"}, "mode.*mirror"),
        ({"groups": 0}, "groups.*0"),
        ({"groups": 2}, "channels"),
    ):
        yield f"2d refused {spelled(options)}", two, options, match
    for name, arrays, options, match in (
        ("channels", two | {"input": normal(1, (1, 3, 6, 5))}, {}, "channels"),
        ("rank 2", two | {"input": normal(1, (6, 5))}, {}, "rank|axes|channel"),
        ("rank 5", two | {"input": normal(1, (1, 1, 2, 6, 5))}, {}, "rank|axes|channel"),
        ("kernel too high", two | {"input": normal(1, (1, 2, 2, 5))}, {}, kernel(3, 2)),
        ("kernel too wide", two | {"input": normal(1, (1, 2, 6, 1))}, {}, kernel(2, 1)),
        ("no batch, kernel too high", two | {"input": normal(1, (0, 2, 2, 5))}, {}, kernel(3, 2)),
        ("3d kernel too deep", three | {"input": normal(1, (1, 2, 1, 3, 4))}, {}, kernel(2, 1)),
        ("empty axis", two | {"input": normal(1, (1, 2, 0, 5))}, {"padding": 2}, "empty|0"),
        ("empty kernel", two | {"weight": normal(1, (2, 2, 0, 2))}, {}, "(kernel|weight).*0"),
        (
            "no filters",
            {"input": two["input"], "weight": normal(1, (0, 2, 3, 2))},
            {},
            "(kernel|weight).*0",
        ),
        ("bias of one", two | {"bias": normal(1, (1,))}, {}, "bias"),
        ("bias of three", two | {"bias": normal(1, (3,))}, {}, "bias"),
        ("bias of two axes", two | {"bias": normal(1, (1, 2))}, {}, "bias"),
        (
            "filters in groups",
            arrays_of(2, channels=4, filters=3, groups=2),
            {"groups": 2},
            "groups",
        ),
    ):
        yield f"refused {name}", arrays, options, match


FAMILIES = (
    plain_grid,
    padding_modes,
    onnx_words,
    pairs,
    ranks_and_batches,
    channels_and_kernels,
    dtypes,
    not_finite,
)


def by_torch(arrays, options):
    operands = {"x" if name == "input" else name: array for name, array in arrays.items()}
    return torch_calls.conv(**operands, **options).numpy()


def magnitudes(arrays, options):
    """The sum of the terms' magnitudes, conv(|x|, |weight|) + |bias|, in float64."""
    finite = {
        name: np.where(np.isfinite(array), np.abs(array), 0).astype("float64")
        for name, array in arrays.items()
    }
    return by_torch(finite, options)


def conv_cases():
    """Every case, with PyTorch's answer."""
    for name, arrays, options in chain.from_iterable(make() for make in FAMILIES):
        output = by_torch(arrays, options)
        case = {
            "name": name,
            "arrays": arrays,
            "arguments": options,
            "expected": {"output": output},
        }
        if output.dtype.kind == "f":
            case["scales"] = {"output": magnitudes(arrays, options).astype("float32")}
        yield case
    for name, arrays, options, match in refusals():
        make_sure_torch_refuses(by_torch, arrays, options)
        yield {"name": name, "arrays": arrays, "arguments": options, "refused": match}
