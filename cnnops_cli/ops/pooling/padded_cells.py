"""Elements with padding around them that is written once."""

import threading
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.scratch import scratch


class _Kept(threading.local):
    """Whose padding the thread's array holds, and that of how many planes."""

    layout: Any = None
    planes = 0


_kept = _Kept()


def padded(cells: Array, pads: tuple[tuple[int, int], ...], fill: Any) -> Array:
    """Copy planes to an array of this thread's, with padding around each.

    Parameters
    ----------
    cells : numpy.ndarray, shape (P, *spatial)
    pads : tuple of (start, end)
        One per spatial axis.
    fill : scalar
        What the padding holds.
    """
    sizes = zip(cells.shape[1:], pads, strict=True)
    shape = (len(cells), *(start + size + end for size, (start, end) in sizes))
    array = scratch("padded", shape, cells.dtype)
    layout = (array.__array_interface__["data"][0], shape[1:], cells.dtype, pads, fill)
    if layout != _kept.layout or _kept.planes < len(array):
        _kept.layout = None  # an interrupt may leave the padding half written
        array.fill(fill)
        _kept.planes, _kept.layout = len(array), layout
    inside = (
        slice(start, start + size) for size, (start, _) in zip(cells.shape[1:], pads, strict=True)
    )
    np.copyto(array[(slice(None), *inside)], cells)
    return array
