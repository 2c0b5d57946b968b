"""The copy that a stride of 2 comes to."""

import numpy as np

from cnnops_cli.dtypes import Array


def copy_every_second(source: Array, into: Array) -> None:
    """Copy the elements 0, 2, 4, … of each row.

    Pairs of elements are copied as one integer each, cut to the half that is first in memory: this
    takes less than half the time of a copy that steps over elements.

    Parameters
    ----------
    source : numpy.ndarray, shape (..., 2 * count - 1) or (..., 2 * count)
    into : numpy.ndarray, shape (..., count)
        May have another dtype.
    """
    size = into.itemsize
    are_runs = source.strides[-1] == into.strides[-1] == size < 8
    if not are_runs or source.dtype != into.dtype or not np.little_endian:
        np.copyto(into, source[..., ::2], casting="unsafe")
        return
    pairs = source.shape[-1] // 2
    halves = source[..., : 2 * pairs].view(f"u{2 * size}")
    np.copyto(into[..., :pairs].view(f"u{size}"), halves, casting="unsafe")
    if pairs < into.shape[-1]:
        into[..., pairs] = source[..., -1]
