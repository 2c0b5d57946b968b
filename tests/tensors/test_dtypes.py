"""What a dtype that is not supported is called, and which numbers a dtype holds."""

import math
import re
import sys
from fractions import Fraction

import numpy as np
import pytest

from cnnops_cli.dtypes import as_array, check_supported, fits
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.tensor import Tensor, convert


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        ("V2", "void (raw bytes, which bfloat16 is stored as)"),
        ("V1", "void (raw bytes)"),
        ("V16", "void (raw bytes)"),
        ([("a", "i4"), ("b", "f8")], "structured"),
        ([], "structured"),
        ((np.record, [("a", "i4")]), "structured"),
        (("f4", (2, 3)), "subarray, float32 (2, 3)"),
        (([("a", "i4")], (2,)), "subarray, structured (2,)"),
        ("M8[D]", "datetime64[D]"),
        ("M8", "datetime64"),
        ("m8[s]", "timedelta64[s]"),
        ("c8", "complex64"),
        ("c16", "complex128"),
        ("S3", "bytes"),
        ("U3", "string"),
        (np.dtypes.StringDType(), "string"),
        ("O", "object"),
        ("g", np.dtype("g").name),
    ],
    ids=str,
)
def test_each_kind_is_named_rightly(dtype, name):
    accepted = "float16, float32, float64, bool and all sizes of int and uint"
    reason = re.escape(f"x has dtype {name}; accepted are {accepted}")
    with pytest.raises(CnnopsError, match=f"^{reason}$"):
        check_supported(np.dtype(dtype), "x")


def test_strings_and_bytes_given_to_an_operator():
    for value, name in ((["a"], "string"), ([b"a"], "bytes"), ([None], "object")):
        with pytest.raises(CnnopsError, match=f"^input has dtype {name}; accepted are "):
            as_array(value, "input")


INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32"]
HALF_BEYOND = {"float16": 65520.0, "float32": (2 - 2.0**-24) * 2.0**127}
"""The least number that is rounded to infinity."""


def converted(number, source, dtype):
    return convert(Tensor(np.array([[number]], source), "x", weak=False), np.dtype(dtype))


def check_held(number, source, dtype, value):
    got = converted(number, source, dtype)
    assert (got.shape, got.dtype) == ((1, 1), dtype)
    assert got.item() == value


def check_refused(number, source, dtype):
    limits = np.finfo(dtype) if dtype in FLOATS else np.iinfo(dtype)
    held = np.array([number], source)[0]
    reason = f"x holds {held}, which {dtype} cannot: it takes {limits.min} to {limits.max}"
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        converted(number, source, dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_are_held_up_to_the_limits(dtype):
    limits = np.iinfo(dtype)
    for wide in ("int64", "uint64"):
        source = np.iinfo(wide)
        for inside, outside in ((limits.min, limits.min - 1), (limits.max, limits.max + 1)):
            if source.min <= inside <= source.max:
                check_held(inside, wide, dtype, inside)
            if source.min <= outside <= source.max:
                check_refused(outside, wide, dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_fractions_are_cut_off_up_to_the_limits(dtype):
    limits = np.iinfo(dtype)
    below, above = float(limits.min), float(limits.max + 1)
    last = np.nextafter(above, 0)  # with a fraction, but in 64 bits
    check_held(last, "float64", dtype, int(last))
    check_held(below, "float64", dtype, limits.min)
    check_refused(above, "float64", dtype)
    outside = np.nextafter(below - 1, 0) if limits.bits < 64 or below == 0 else below
    check_held(outside, "float64", dtype, limits.min)
    check_refused(min(below - 1, np.nextafter(below, -np.inf)), "float64", dtype)
    for number in (np.nan, np.inf, -np.inf):
        check_refused(number, "float64", dtype)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "uint64"])
def test_float32_is_held_up_to_the_limits(dtype):
    above = np.float32(2.0 ** np.iinfo(dtype).bits / (2 if dtype[0] == "i" else 1))
    last = np.nextafter(above, np.float32(0))
    check_held(last, "float32", dtype, int(last))
    check_refused(above, "float32", dtype)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_are_held_until_they_are_rounded_to_infinity(dtype, sign):
    least = HALF_BEYOND[dtype]
    largest = float(np.finfo(dtype).max)
    check_held(sign * largest, "float64", dtype, sign * largest)
    check_held(sign * np.nextafter(least, 0), "float64", dtype, sign * largest)
    check_refused(sign * least, "float64", dtype)
    check_held(sign * np.inf, "float64", dtype, sign * np.inf)


def test_integers_that_float16_rounds_to_infinity_are_refused():
    check_held(65519, "int64", "float16", 65504)
    check_refused(65520, "int64", "float16")


def held_by_python(value, dtype):
    """Whether a dtype holds a number, by exact arithmetic; floats may round it."""
    if np.dtype(dtype).kind == "f":
        if isinstance(value, int):
            return abs(value) < OVERFLOWS[dtype]
        return not math.isfinite(value) or abs(Fraction(value)) < OVERFLOWS[dtype]
    limits = np.iinfo(dtype)
    return math.isfinite(value) and limits.min <= math.trunc(value) <= limits.max


OVERFLOWS = {"float16": 65520, "float32": 2**128 - 2**103, "float64": 2**1024 - 2**970}
EVERY = {
    **{name: np.arange(2**8).astype("uint8").view(name) for name in ("int8", "uint8")},
    **{name: np.arange(2**16).astype("uint16").view(name) for name in ("int16", "uint16")},
    "float16": np.arange(2**16).astype("uint16").view("float16"),
}
"""Every number of the small dtypes."""


def near_the_limits(dtype):
    """Numbers of a large dtype next to every limit of every other, and some in between."""
    kind = np.dtype(dtype).kind
    edges = [0, 1, 2, 3, 255, 65504, 65519, 65520, 2**24, 2**53, *OVERFLOWS.values()]
    edges += [limit for name in INTEGERS for limit in (np.iinfo(name).min, np.iinfo(name).max)]
    around = {sign * edge + step for edge in edges for step in range(-2, 3) for sign in (1, -1)}
    if kind != "f":
        limits = np.iinfo(dtype)
        return np.array([n for n in sorted(around) if limits.min <= n <= limits.max], dtype)
    with np.errstate(over="ignore"):
        exact = np.array([float(n) for n in around if abs(n) <= sys.float_info.max]).astype(dtype)
    beyond = [np.nextafter(exact, dtype(0)), np.nextafter(exact, np.inf, dtype=dtype)]
    halves = exact[np.abs(exact) < 2**20] + dtype(0.5)
    return np.concatenate([exact, *beyond, halves, np.array([np.nan, np.inf, -np.inf], dtype)])


NEAR = {
    name: near_the_limits(getattr(np, name))
    for name in ("int32", "uint32", "int64", "uint64", "float32", "float64")
}


@pytest.mark.parametrize("dtype", [*INTEGERS, "float16", "float32", "float64"])
@pytest.mark.parametrize("source", [*EVERY, *NEAR])
def test_each_number_is_held_where_python_says_so(source, dtype):
    values = (EVERY | NEAR)[source]
    with np.errstate(all="ignore"):
        held = fits(values, values.astype(dtype))
    assert held.shape == values.shape
    assert held.dtype == bool
    assert held.tolist() == [held_by_python(value, dtype) for value in values.tolist()]
