"""Cells with a margin around them that is written once."""

import threading
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.scratch import scratch


class _Margins(threading.local):
    def __init__(self) -> None:
        self.kept: dict[str, tuple[Any, int]] = {}


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
        By axis; none along the first.
    fill : scalar

    Returns
    -------
    numpy.ndarray
    """
    array = scratch(use, shape, dtype)
    layout = (array.__array_interface__["data"][0], shape[1:], dtype, pads, fill)
    kept, planes = _margins.kept.get(use, (None, 0))
    if layout != kept or planes < len(array):
        _margins.kept.pop(use, None)  # an interrupt may leave the margins half written
        array.fill(fill)
        _margins.kept[use] = layout, len(array)
    return array
