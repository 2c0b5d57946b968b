"""Arrays that tests map, and whether they are."""

import mmap

import numpy as np

FLOAT = np.dtype(np.float32)


def is_mapped(array):
    """Whether an array's memory is a file's."""
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array.obj if isinstance(array, memoryview) else array, mmap.mmap)


def values(count, dtype=FLOAT):
    return np.random.default_rng(count).integers(0, 100, count).astype(dtype)
