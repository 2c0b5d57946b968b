"""Cells with a margin around them that is written once."""

import threading
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.scratch import scratch


class _Margins(threading.local):
    def __init__(self) -> None:
        self.kept: dict[str, tuple[Any, ...]] = {}


_margins = _Margins()


def with_margins(
    use: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    pads: tuple[tuple[int, int], ...],
    fill: Any,
) -> Array:
    """Give an array of this thread's whose first and last cells along the axes hold one value.

    Parameters
    ----------
    use : str
        As `scratch`. The margins stay from call to call, so nobody may write to them.
    shape : tuple of int
        Margins included.
    dtype : numpy.dtype
    pads : tuple of (int, int)
        By axis.
    fill : scalar

    Returns
    -------
    numpy.ndarray
    """
    array = scratch(use, shape, dtype)
    margins = (array.ctypes.data, shape, dtype, pads, fill)
    if margins != _margins.kept.get(use):
        array.fill(fill)
        _margins.kept[use] = margins
    return array
