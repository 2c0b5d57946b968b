"""What an array holds, in a few words."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array, is_floating
from cnnops_cli.slabs import elements
from cnnops_cli.text.numbers import short_text

_NOISE = 1e-12
_PIECE = 1 << 16
"""Values that are looked at together: few enough for copies to be small."""
_MOST_PIECES = 1 << 18
"""What is kept of each piece stays small."""


class Statistics(NamedTuple):
    """The number of finite values, their statistics, and the numbers of the others.

    The variance is divided by `finite`; where that is 0, so are the statistics.
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
        """The numbers of values that are not finite, in words."""
        counts = {"nan": self.nan, "inf": self.inf, "-inf": self.negative_inf}
        return [f"{count} {what}!" for what, count in counts.items() if count]


def measure(array: Array) -> Statistics:
    """Compute the statistics of an array, a piece at a time."""
    tests: tuple[Any, ...] = (np.isnan, np.isposinf, np.isneginf)
    others = [0, 0, 0]
    low, high, count = math.inf, -math.inf, 0
    for piece in _pieces(array):
        finite = _finite(piece)
        if finite.size:
            low = min(low, finite.min().item())
            high = max(high, finite.max().item())
            count += finite.size
        if finite.size < piece.size:
            others = [n + int(test(piece).sum()) for n, test in zip(others, tests, strict=True)]
    if not count:
        return Statistics(0, 0, 0, 0, 0, *others)
    return Statistics(count, low, high, *_moments(array, count, low, high), *others)


def summarise(
    array: Array,
    precision: int | None = None,
    statistics: Statistics | None = None,
    shape: str = "",
) -> list[str]:
    """Return shape, dtype, extremes, mean, standard deviation and what is not finite, in words.

    Numbers have six digits without `precision`; `shape` is the text of a shape whose axes have
    names.

    Examples
    --------
    >>> summarise(np.array([[1, 2], [3, 4]]))
    ['(2, 2)', 'int64', 'min 1', 'max 4', 'mean 2.5', 'std 1.11803']
    """
    parts = [shape or str(array.shape), array.dtype.name]
    known = measure(array) if statistics is None else statistics
    if known.finite:
        said = {"min": known.low, "max": known.high, "mean": known.mean, "std": known.std}
        parts += [f"{name} {short_text(value, precision)}" for name, value in said.items()]
    else:
        parts.append("no finite values" if array.size else "no values")
    return parts + known.loud


def _moments(array: Array, count: int, low: float, high: float) -> tuple[float, float]:
    """Return mean and standard deviation; a mean of only rounding errors is zero."""
    largest, exponent = math.frexp(max(abs(float(low)), abs(float(high))))
    shares, sizes, means, spreads = [], [], [], []
    for piece in _pieces(array):
        # Multiplied by a power of two, which is exact, so that no square overflows.
        values = np.ldexp(_finite(piece).astype(np.float64), -exponent)
        if values.size:
            shares.append(float((values / count).sum()))
            sizes.append(values.size)
            means.append(float(values.mean()))
            spreads.append(float(np.square(values - means[-1]).sum()))
    mean = math.fsum(shares)
    if abs(mean) < _NOISE * largest:
        mean = 0.0
    mean = math.ldexp(min(max(mean, -largest), largest), exponent)
    if low == high:
        return mean, 0.0
    centre = math.fsum(n * m for n, m in zip(sizes, means, strict=True)) / count
    between = math.fsum(n * (m - centre) ** 2 for n, m in zip(sizes, means, strict=True))
    return mean, math.ldexp(math.sqrt((math.fsum(spreads) + between) / count), exponent)


def _finite(piece: Array) -> Array:
    if not is_floating(piece):
        return piece
    finite = np.isfinite(piece)
    return piece if finite.all() else piece[finite]


def _pieces(array: Array) -> Iterator[Array]:
    """Yield the values in row-major order."""
    count = max(_PIECE, array.size // _MOST_PIECES)
    for start in range(0, array.size, count):
        yield elements(array, slice(start, start + count))
