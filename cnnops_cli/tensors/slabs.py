"""Large arrays piece by piece, so that what is done to one needs no second array."""

from collections.abc import Iterator

from cnnops_cli.dtypes import Array

_MOST_BYTES = 1 << 18


def slabs(array: Array) -> Iterator[Array]:
    """Cut an array into views that follow each other in row-major order.

    Parameters
    ----------
    array : numpy.ndarray
        Of any memory order.

    Yields
    ------
    numpy.ndarray
        At most 256 KiB, which stays in a core's cache.

    Examples
    --------
    >>> import numpy as np
    >>> [slab.shape for slab in slabs(np.zeros((3, 2, 20_000)))]
    [(1, 20000), (1, 20000), (1, 20000), (1, 20000), (1, 20000), (1, 20000)]
    """
    if array.nbytes <= _MOST_BYTES:
        yield array
        return
    items = _MOST_BYTES * len(array) // array.nbytes
    for start in range(0, len(array), max(items, 1)):
        if items:
            yield array[start : start + items]
        else:
            yield from slabs(array[start])
