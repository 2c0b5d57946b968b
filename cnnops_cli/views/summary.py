"""What an array holds, in a few words."""

import math
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array

_NOISE = 1e-12
_PIECE = 1 << 16
"""Values that are looked at together; copies of so few are no burden."""


def summarise(array: Array, precision: int | None = None) -> list[str]:
    """Tell shape, dtype, minimum, maximum and mean of the finite values, and count the others.

    Parameters
    ----------
    array : numpy.ndarray
    precision : int, optional
        Decimals; without it six digits are shown.

    Examples
    --------
    >>> summarise(np.array([[1, 2], [3, 4]]))
    ['(2, 2)', 'int64', 'min 1', 'max 4', 'mean 2.5']
    """
    parts = [str(array.shape), array.dtype.name]
    counts = {"nan": 0, "inf": 0, "-inf": 0}
    lows, highs, finite_count = [], [], 0
    for piece in _pieces(array):
        finite = piece[np.isfinite(piece)]
        if finite.size:
            lows.append(finite.min().item())
            highs.append(finite.max().item())
            finite_count += finite.size
        if finite.size < piece.size:
            counts["nan"] += int(np.isnan(piece).sum())
            counts["inf"] += int(np.isposinf(piece).sum())
            counts["-inf"] += int(np.isneginf(piece).sum())
    if finite_count:
        digits = ".6g" if precision is None else f".{precision}f"
        kind = "d" if array.dtype.kind in "iu" else digits
        low, high = min(lows), max(highs)
        mean = _mean(array, finite_count, max(abs(float(low)), abs(float(high))))
        parts += [f"min {low:{kind}}", f"max {high:{kind}}", f"mean {mean:{digits}}"]
    else:
        parts.append("no finite values" if array.size else "no values")
    return parts + [f"{count} {what}" for what, count in counts.items() if count]


def _mean(array: Array, count: int, largest: float) -> float:
    """Average without overflow, and without the rounding errors that are left around zero."""
    sums = []
    for piece in _pieces(array):
        values = piece[np.isfinite(piece)].astype(np.float64)
        sums.append(float((values / count).sum()))
    mean = math.fsum(sums)
    return 0.0 if abs(mean) < _NOISE * largest else mean


def _pieces(array: Array) -> Any:
    """Iterate over the values in row-major order; a piece is overwritten by the next."""
    return np.nditer(
        array, ["external_loop", "buffered", "zerosize_ok"], order="C", buffersize=_PIECE
    )
