"""Terms of elements, for random geometry, against loops that know the contract alone."""

import json
import math
import random

import numpy as np
import pytest
from terms_oracle import conv_terms, maxpool_terms

MODES = ("zeros", "reflect", "replicate", "circular")


def sizes(numbers):
    return ",".join(map(str, numbers))


def values_for(rng, shape, dtype):
    """Distinct values, so that a wrong element shows."""
    count = math.prod(shape)
    values = np.array(rng.sample(range(-count, 2 * count), count), dtype).reshape(shape)
    return values if np.dtype(dtype).kind == "i" else values / np.dtype(dtype).type(8)


def draw(rng, *, pooling):
    """A random call: its geometry, and the shape of INPUT as the user has it."""
    dims = rng.choice((1, 2, 2, 3))
    kernel = [rng.randint(1, 3) for _ in range(dims)]
    dilation = [rng.randint(1, 2 if dims == 3 else 3) for _ in range(dims)]
    extents = [gap * (size - 1) + 1 for gap, size in zip(dilation, kernel, strict=True)]
    lengths = [extent + rng.randint(0, 3) for extent in extents]
    stride = [rng.randint(1, 3) for _ in range(dims)]
    words = ["valid", "same-upper", "same-lower", *(["same"] if set(stride) == {1} else [])]
    mode = "zeros" if pooling else rng.choice(MODES)
    most = [min(length - 1, extent - 1) for length, extent in zip(lengths, extents, strict=True)]
    pairs = [f"{rng.randint(0, size)}:{rng.randint(0, size)}" for size in most]
    padding = rng.choice([*words, ",".join(pairs), ",".join(pairs), "0"])
    return dims, kernel, dilation, lengths, stride, padding, mode


def shape_for(rng, rank, channels, lengths, layout):
    shape = [channels, *lengths] if rank else list(lengths)
    if rank and layout == "channels-last":
        shape = [*lengths, channels]
    return [rng.randint(1, 2), *shape] if rank == 2 else shape


def check_value(explained, result):
    """The value is the element of the real result."""
    for record in explained:
        cell = result
        for number in record["at"]:
            cell = cell[number]
        assert record["value"] == cell


@pytest.mark.parametrize("seed", range(60))
def test_conv(call, records, saved, seed):
    rng = random.Random(seed)
    dims, kernel, dilation, lengths, stride, padding, mode = draw(rng, pooling=False)
    layout = rng.choice(("channels-first", "channels-last"))
    rank, groups = rng.choice((0, 1, 2)), rng.choice((1, 1, 2))
    groups = groups if rank else 1
    depth, filters = (rng.randint(1, 2) if rank else 1), groups * rng.randint(1, 2)
    dtype = rng.choice(("int64", "float32", "float64", "float16", "int8"))
    x = values_for(rng, shape_for(rng, rank, depth * groups, lengths, layout), dtype)
    weight = values_for(rng, (filters, depth, *kernel), dtype)
    bias = rng.choice((None, [rng.randint(-9, 9) for _ in range(filters)]))
    arguments = [
        *("conv", "-k", saved("k", weight), "-s", sizes(stride), "-p", padding),
        *("--padding-mode", mode, "-d", sizes(dilation), "-g", groups, "--layout", layout),
        *("--dims", dims, *([] if bias is None else ["-b", json.dumps(bias)]), saved("x", x)),
    ]
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "layout": layout}
    expected = conv_terms(x, weight, dims=dims, groups=groups, mode=mode, **geometry)
    picked = rng.sample(sorted(expected), min(len(expected), 15))
    at = [word for place in picked for word in ("--at", sizes(place))]

    explained = records(*arguments, "--explain", *at)
    assert [tuple(record["at"]) for record in explained] == picked
    for record, place in zip(explained, picked, strict=True):
        terms = [
            (None if t["input_at"] is None else tuple(t["input_at"]), t["input"], t["weight"])
            for t in record["terms"]
        ]
        assert terms == expected[place]
        bare = rank == 0 and filters == 1
        axis = -1 if layout == "channels-last" else (1 if rank == 2 else 0)
        offset = None if bias is None else bias[0 if bare else place[axis]]
        assert record["bias"] == offset
        assert record["value"] == pytest.approx(arithmetic(record["formula"]), rel=2e-3, abs=0.6)
        if dtype.startswith("int"):
            assert record["value"] == arithmetic(record["formula"])
    check_value(explained, json.loads(call(*arguments)))


@pytest.mark.parametrize(
    ("input_dtype", "weight_dtype", "rounding"),
    [
        ("float16", "float64", 1e-15),
        ("float32", "float64", 1e-15),
        ("float64", "float32", 1e-15),
        ("float16", "float32", 1e-6),
        ("int64", "float32", 1e-6),
        ("float32", "float32", 1e-6),
        ("float16", "float16", 1e-3),
    ],
)
def test_operands_are_shown_as_they_are_computed_with(
    records, saved, input_dtype, weight_dtype, rounding
):
    tenths = np.array([[0.1, 0.7], [1 / 3, 3e-3]])
    image = tenths if input_dtype != "int64" else np.array([[2**24 + 1, 3], [2**30 + 1, 7]])
    x, weight = saved("x", image.astype(input_dtype)), saved("w", tenths.astype(weight_dtype))
    (record,) = records("conv", "-k", weight, x, "--explain")
    assert record["value"] == pytest.approx(arithmetic(record["formula"]), rel=rounding, abs=0)
    if input_dtype == weight_dtype:
        exact = np.float64(image.astype(input_dtype)).ravel() @ tenths.astype(weight_dtype).ravel()
        assert arithmetic(record["formula"]) == pytest.approx(exact, rel=1e-7, abs=0)


@pytest.mark.parametrize("mode", ["--train", "--eval"])
@pytest.mark.parametrize(
    ("input_dtype", "weight_dtype", "rounding"),
    [
        ("float32", "float32", 1e-6),
        ("float16", "float16", 1e-3),
        ("float16", "float64", 1e-12),
        ("float32", "float64", 1e-12),
    ],
)
def test_values_far_from_zero_are_shown_as_they_are_normalised(
    records, saved, mode, input_dtype, weight_dtype, rounding
):
    x = saved("x", np.array([[1677.71, -33.3], [1677.72, -33.1]], input_dtype))
    weight = saved("w", np.array([0.1, 0.3], weight_dtype))
    mean = saved("m", np.array([1677.7, -33.2], weight_dtype))
    call = ["batchnorm", mode, x, "--weight", weight, "--running-mean", mean, "--eps", "1e-9"]
    for record in records(*call, "--explain"):
        value = eval(record["formula"], {"sqrt": math.sqrt})
        assert record["value"] == pytest.approx(value, rel=rounding, abs=0)


def test_dropout_shows_integers_as_they_are_scaled(records):
    (record,) = records("dropout", "-p", "0", "[9007199254740993]", "--explain")
    assert (record["input"], record["value"]) == (2**53, 2**53)
    (record,) = records("dropout", "--eval", "[9007199254740993]", "--explain")
    assert (record["input"], record["value"]) == (2**53 + 1, 2**53 + 1)


def arithmetic(formula):
    """Add up products: all that a formula may hold."""
    total = 0
    for part in formula.split(" + "):
        product = 1
        for factor in part.split("*"):
            digits = factor.strip("()")
            product *= int(digits) if digits.lstrip("-").isdigit() else float(digits)
        total += product
    return total


@pytest.mark.parametrize("seed", range(60))
def test_maxpool(call, records, refused, saved, seed):
    rng = random.Random(1000 + seed)
    dims, kernel, dilation, lengths, stride, padding, _ = draw(rng, pooling=True)
    layout = rng.choice(("channels-first", "channels-last"))
    rank, ceil_mode = rng.choice((0, 1, 2)), rng.random() < 0.5
    x = values_for(rng, shape_for(rng, rank, rng.randint(1, 2), lengths, layout), "float32")
    if rng.random() < 0.3:
        x.ravel()[rng.randrange(x.size)] = np.nan
    arguments = [
        *("maxpool", "-k", sizes(kernel), "-s", sizes(stride), "-p", padding, "--dims", dims),
        *("-d", sizes(dilation), "--layout", layout, saved("x", x)),
        *(["--ceil-mode"] if ceil_mode else []),
    ]
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "layout": layout}
    expected = maxpool_terms(x, kernel, dims=dims, ceil_mode=ceil_mode, **geometry)
    if any(best is None for _, best in expected.values()):
        assert "lies wholly in padding" in refused(*arguments, "--explain")
        return
    picked = rng.sample(sorted(expected), min(len(expected), 15))
    at = [word for place in picked for word in ("--at", sizes(place))]

    explained = records(*arguments, "--explain", *at)
    for record, place in zip(explained, picked, strict=True):
        terms, (max_at, maximum) = expected[place]
        assert tuple(record["at"]) == place
        seen = [
            (None if t["input_at"] is None else tuple(t["input_at"]), t["input"])
            for t in record["terms"]
        ]
        assert [at for at, _ in seen] == [at for at, _ in terms]
        assert repr([value for _, value in seen]) == repr([value for _, value in terms])
        assert tuple(record["max_at"]) == max_at
        assert repr(record["value"]) == repr(maximum)
        inside = [value for at, value in terms if at is not None]
        assert record["formula"] == f"max({', '.join(map(written, inside))})"


def written(value):
    return "NaN" if value != value else repr(value).removesuffix(".0")


@pytest.mark.parametrize("layout", ["channels-first", "channels-last"])
@pytest.mark.parametrize("training", [True, False])
def test_batchnorm(call, records, saved, layout, training):
    rng = np.random.default_rng(5)
    x = rng.normal(3, 2, (4, 3, 5)).astype(np.float32)
    mean, var = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]
    weight, bias = [1.0, -2.0, 0.5], [0.0, 1.0, -1.0]
    mine = np.moveaxis(x, 1, -1) if layout == "channels-last" else x
    arguments = [
        *("batchnorm", "--layout", layout, "--weight", weight, "--bias", bias, saved("x", mine)),
        *("--running-mean", mean, "--running-var", var, "--train" if training else "--eval"),
        *("--momentum", "0.25", "--eps", "0.001"),
    ]
    explained = records(*arguments, "--explain", "--at", "0,1,2", "--at", "-1,-1,-1")
    for record, (n, c, s) in zip(
        explained,
        [(0, 2, 1), (3, 2, 4)] if layout == "channels-last" else [(0, 1, 2), (3, 2, 4)],
        strict=True,
    ):
        assert record["channel"] == c
        assert record["input"] == x[n, c, s].item()
        values = [v.item() for v in x[:, c].ravel()]
        batch_mean = math.fsum(values) / len(values)
        batch_var = math.fsum((v - batch_mean) ** 2 for v in values) / len(values)
        used = (batch_mean, batch_var) if training else (mean[c], var[c])
        assert (record["mean"], record["var"]) == pytest.approx(used, rel=1e-12)
        assert record["statistics"] == ("batch" if training else "running")
        assert (record["weight"], record["bias"], record["eps"]) == (weight[c], bias[c], 0.001)
        value = (x[n, c, s].item() - used[0]) / math.sqrt(used[1] + 0.001) * weight[c] + bias[c]
        assert record["value"] == pytest.approx(value, rel=1e-5)
        if not training:
            assert record["running"] is record["count"] is record["unbiased_var"] is None
            continue
        unbiased = batch_var * len(values) / (len(values) - 1)
        assert record["count"] == len(values)
        assert record["unbiased_var"] == pytest.approx(unbiased, rel=1e-12)
        for name, before, batch in (
            ("running_mean", mean[c], batch_mean),
            ("running_var", var[c], unbiased),
        ):
            update = record["running"][name]
            assert (update["before"], update["momentum"]) == (before, 0.25)
            assert update["batch"] == pytest.approx(batch, rel=1e-12)
            assert update["after"] == pytest.approx(0.75 * before + 0.25 * batch, rel=1e-6)
    check_value(explained, json.loads(call(*arguments)))


@pytest.mark.parametrize("options", [[], ["--channelwise"], ["--layout", "channels-last"]])
def test_dropout(call, records, saved, tmp_path, options):
    x = saved("x", np.arange(1, 25, dtype=np.float32).reshape(2, 3, 4))
    arguments = ["dropout", "-p", "0.25", "--seed", "3", *options, x]
    mask_file = tmp_path / "mask.json"
    result = json.loads(call(*arguments, "--mask-output", mask_file))
    mask = json.loads(mask_file.read_text())
    places = [(n, c, s) for n in range(2) for c in range(3) for s in range(4)]
    at = [word for place in places for word in ("--at", sizes(place))]
    explained = records(*arguments, "--explain", *at)
    assert {record["kept"] for record in explained} == {True, False}
    for record, (n, c, s) in zip(explained, places, strict=True):
        assert tuple(record["at"]) == (n, c, s)
        assert record["input"] == 12 * n + 4 * c + s + 1
        assert record["kept"] == bool(mask[n][c][s])
        assert record["scale"] == pytest.approx(4 / 3)
        assert record["seed"] == 3
        whole = record["input"]
        assert record["formula"] == (f"{whole:.0f} * 1 / (1 - 0.25)" if record["kept"] else "0")
    check_value(explained, result)
