"""One line that sums an array up."""

import numpy as np

from cnnops_cli.dtypes import Array


def summarise(array: Array, note: str = "") -> str:
    """Tell shape, dtype, minimum, maximum and mean of the finite values, and count the others.

    Parameters
    ----------
    array : numpy.ndarray
    note : str
        Added at the end.

    Examples
    --------
    >>> summarise(np.array([[1, 2], [3, 4]]))
    'shape (2, 2)  dtype int64  min 1  max 4  mean 2.5'
    """
    parts = [f"shape {array.shape}", f"dtype {array.dtype}"]
    finite = array[np.isfinite(array)]
    if finite.size:
        low, high = (
            str(value) if array.dtype.kind in "iu" else f"{value:.6g}"
            for value in (finite.min(), finite.max())
        )
        # Divided first, because a sum of large values may overflow where their mean does not.
        mean = (finite.astype(np.float64) / finite.size).sum()
        parts += [f"min {low}", f"max {high}", f"mean {mean:.6g}"]
    else:
        parts.append("no finite values" if array.size else "no values")
    for what, count in (
        ("nan", np.isnan(array).sum()),
        ("inf", np.isposinf(array).sum()),
        ("-inf", np.isneginf(array).sum()),
    ):
        if count:
            parts.append(f"{count} {what}")
    return "  ".join([*parts, note] if note else parts)
