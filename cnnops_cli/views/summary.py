"""What an array holds, in a few words."""

import numpy as np

from cnnops_cli.dtypes import Array

_NOISE = 1e-12


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
    finite = array[np.isfinite(array)]
    if finite.size:
        digits = ".6g" if precision is None else f".{precision}f"
        kind = "d" if array.dtype.kind in "iu" else digits
        mean = _mean(finite.astype(np.float64))
        parts += [
            f"min {finite.min().item():{kind}}",
            f"max {finite.max().item():{kind}}",
            f"mean {mean:{digits}}",
        ]
    else:
        parts.append("no finite values" if array.size else "no values")
    for what, count in (
        ("nan", np.isnan(array).sum()),
        ("inf", np.isposinf(array).sum()),
        ("-inf", np.isneginf(array).sum()),
    ):
        if count:
            parts.append(f"{count} {what}")
    return parts


def _mean(values: Array) -> float:
    """Average without overflow, and without the rounding errors that are left around zero."""
    mean = float((values / values.size).sum())
    return 0.0 if abs(mean) < _NOISE * np.abs(values).max() else mean
