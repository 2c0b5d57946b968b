"""What an array holds, in a few words."""

import math
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.views.numbers import kind_of_decimals

_NOISE = 1e-12
_PIECE = 1 << 16
"""Values that are looked at together; copies of so few are no burden."""


class Statistics(NamedTuple):
    """Of the finite values of an array; how many there are, and how many others.

    Attributes
    ----------
    finite : int
        Finite values; where there are none, the next four are 0.
    low, high : int or float
        The least and the greatest.
    mean, std : float
        Of a population: the divisor of the variance is `finite`.
    nan, inf, negative_inf : int
        How many.
    """

    finite: int
    low: float
    high: float
    mean: float
    std: float
    nan: int
    inf: int
    negative_inf: int

    @property
    def loud(self) -> list[str]:
        """Say how many values are not finite."""
        counts = {"nan": self.nan, "inf": self.inf, "-inf": self.negative_inf}
        return [f"{count} {what}!" for what, count in counts.items() if count]


def measure(array: Array) -> Statistics:
    """Look at every value, a piece at a time.

    Examples
    --------
    >>> measure(np.array([1.0, 3.0, math.nan]))
    Statistics(finite=2, low=1.0, high=3.0, mean=2.0, std=1.0, nan=1, inf=0, negative_inf=0)
    """
    counts = [0, 0, 0]
    lows, highs, finite_count = [], [], 0
    for piece in _pieces(array):
        finite = _finite(piece)
        if finite.size:
            lows.append(finite.min().item())
            highs.append(finite.max().item())
            finite_count += finite.size
        if finite.size < piece.size:
            counts[0] += int(np.isnan(piece).sum())
            counts[1] += int(np.isposinf(piece).sum())
            counts[2] += int(np.isneginf(piece).sum())
    if not finite_count:
        return Statistics(0, 0, 0, 0, 0, *counts)
    low, high = min(lows), max(highs)
    return Statistics(finite_count, low, high, *_moments(array, finite_count, low, high), *counts)


def summarise(
    array: Array,
    precision: int | None = None,
    statistics: Statistics | None = None,
    shape: str = "",
) -> list[str]:
    """Return shape, dtype, extremes, mean and standard deviation, and count what is not finite.

    Parameters
    ----------
    array : numpy.ndarray
    precision : int, optional
        Decimals; without it six digits are shown.
    statistics : Statistics, optional
        Of the array, where they are known.
    shape : str
        How its shape is written, where its axes have names.

    Examples
    --------
    >>> summarise(np.array([[1, 2], [3, 4]]))
    ['(2, 2)', 'int64', 'min 1', 'max 4', 'mean 2.5', 'std 1.11803']
    """
    parts = [shape or str(array.shape), array.dtype.name]
    known = measure(array) if statistics is None else statistics
    if known.finite:
        said = {"min": known.low, "max": known.high, "mean": known.mean, "std": known.std}
        parts += [f"{name} {_number(value, precision)}" for name, value in said.items()]
    else:
        parts.append("no finite values" if array.size else "no values")
    return parts + known.loud


def _number(value: float, precision: int | None) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value:{'.6g' if precision is None else kind_of_decimals(value, precision)}}"


def _moments(array: Array, count: int, low: float, high: float) -> tuple[float, float]:
    """Average and spread, without overflow or the rounding errors that are left around zero."""
    largest = max(abs(float(low)), abs(float(high)))
    exponent = math.frexp(largest)[1]  # units that round nothing, in which no square overflows
    shares, sizes, means, spreads = [], [], [], []
    for piece in _pieces(array):
        values = _finite(piece).astype(np.float64)
        if values.size:
            shares.append(float((values / count).sum()))
            scaled = np.ldexp(values, -exponent)
            sizes.append(values.size)
            means.append(float(scaled.mean()))
            spreads.append(float(np.square(scaled - means[-1]).sum()))
    mean = math.fsum(shares)
    if abs(mean) < _NOISE * largest:
        mean = 0.0
    if low == high:
        return mean, 0.0
    centre = math.fsum(n * m for n, m in zip(sizes, means, strict=True)) / count
    between = math.fsum(n * (m - centre) ** 2 for n, m in zip(sizes, means, strict=True))
    return mean, math.ldexp(math.sqrt((math.fsum(spreads) + between) / count), exponent)


def _finite(piece: Array) -> Array:
    if piece.dtype.kind != "f":
        return piece
    finite = np.isfinite(piece)
    return piece if finite.all() else piece[finite]


def _pieces(array: Array) -> Any:
    """Iterate over the values in row-major order; a piece is overwritten by the next."""
    return np.nditer(
        array, ["external_loop", "buffered", "zerosize_ok"], order="C", buffersize=_PIECE
    )
