"""The dtypes that are supported, that operators compute in, and that they return."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.errors import CnnopsError
from cnnops_cli.words import DTYPES, shortened

Array = npt.NDArray[Any]

TWICE_ROUNDED = np.float32(7.0385307e-26)
"""The only positive float32 whose shortest text, rounded to float64 first, reads as its neighbour:
tests/benchmarks/float_text.py tries them all."""
SHORTEST, READS_BACK = b"7.038531e-26", b"7.0385307e-26"

EXACT_BELOW = ((2**24, "float32"), (2**53, "float64"), (2**63, "int64"))
"""The bounds below which sums of integers are exact in a dtype, the fastest first."""

_UNCHANGED = frozenset(np.dtype(name) for name in DTYPES if name != "bool")

_KINDS = {"O": "object", "S": "bytes", "U": "string", "T": "string"}


def as_array(value: npt.ArrayLike, name: str, other: np.dtype[Any] | None = None) -> Array:
    """Convert an argument to an array of a supported dtype, in native byte order; bool to uint8.

    A Python number takes the dtype of the other arrays if that is floating, as it would in NumPy.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise CnnopsError(f"{name} is not an array: its rows have different lengths") from error
    if array is value and array.dtype in _UNCHANGED:
        return array
    check_supported(array.dtype, name)
    if isinstance(value, (int, float)) and other is not None and other.kind == "f":
        return array.astype(other)
    taken = native(array.dtype)
    return array if array.dtype is taken else array.astype(taken, copy=False)


def check_supported(dtype: np.dtype[Any], name: str) -> None:
    """Refuse a dtype that no operator computes with."""
    if not _is_supported(dtype):
        raise CnnopsError(
            f"{name} has dtype {_kind(dtype)}; accepted are float16, float32, float64, bool and "
            "all sizes of int and uint"
        )


def _kind(dtype: np.dtype[Any]) -> str:
    if dtype.names is not None:
        return "structured"
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return f"subarray, {_kind(base)} {shortened(str(shape))}"
    if dtype.type is np.void:
        hint = ", which bfloat16 is stored as" if dtype.itemsize == 2 else ""
        return f"void (raw bytes{hint})"
    return _KINDS.get(dtype.kind, dtype.name)


@cache
def _is_supported(dtype: np.dtype[Any]) -> bool:
    return dtype.name in DTYPES


@cache
def native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a supported dtype in this machine's byte order; uint8 for bool."""
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")


def is_floating(array: Array) -> bool:
    """Return whether an array holds floating-point numbers."""
    return array.dtype.kind == "f"


def common_dtype(*arrays: Array) -> np.dtype[Any]:
    """Promote by category, as PyTorch does: floating arrays outweigh integer arrays of any size.

    int64 where NumPy would turn uint64 and signed integers into floats.

    Examples
    --------
    >>> common_dtype(np.zeros(2, np.int64), np.zeros(2, np.float32))
    dtype('float32')
    """
    return _promoted(*(array.dtype for array in arrays))


@cache
def _promoted(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    floating = [dtype for dtype in dtypes if dtype.kind == "f"]
    dtype = np.result_type(*(floating or dtypes))
    return dtype if floating or dtype.kind != "f" else np.dtype(np.int64)


def floating_dtype(*arrays: Array) -> np.dtype[Any]:
    """Promote as `common_dtype`, but integers alone become float64."""
    dtype = common_dtype(*arrays)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def working_dtype(dtype: np.dtype[Any], largest_sum: int | None = None) -> np.dtype[Any]:
    """Return what a result of a dtype is computed in.

    float16 is computed in float32 and rounded once, any other dtype in itself. Integers of which no
    sum, nor a part of one, exceeds `largest_sum` in magnitude are computed in the fastest dtype
    that is exact up to there; object is for Python's integers.

    Examples
    --------
    >>> working_dtype(np.dtype(np.float16)), working_dtype(np.dtype(np.int64), largest_sum=6521)
    (dtype('float32'), dtype('float32'))
    """
    if dtype.kind == "f" or largest_sum is None:
        return np.dtype(np.float32) if dtype == np.float16 else dtype
    for limit, work in EXACT_BELOW:
        if largest_sum < limit:
            return np.dtype(work)
    return np.dtype(object)


def fits(values: Array, converted: Array) -> Array:
    """Return which values a conversion preserves, apart from fractions that integers cut off."""
    dtype = converted.dtype
    if dtype.kind == "f":
        return np.isfinite(converted) | ~np.isfinite(values)
    if not is_floating(values):
        return np.asarray(converted == values)
    # The lower limit and the upper one plus 1 are powers of two, which float64 holds exactly.
    limits = np.iinfo(dtype)
    cut = np.trunc(values.astype(np.float64))
    return np.asarray((cut >= float(limits.min)) & (cut < float(int(limits.max) + 1)))
