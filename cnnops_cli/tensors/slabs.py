"""Large arrays cut into slabs, so that converting one does not take a second array."""

from collections.abc import Iterator

from cnnops_cli.dtypes import Array
from cnnops_cli.spans import spans

_MOST_BYTES = 1 << 18
"""A slab stays in a core's cache."""


def slabs(array: Array) -> Iterator[Array]:
    """Cut an array of any memory order into views that follow each other in row-major order.

    Examples
    --------
    >>> import numpy as np
    >>> [slab.shape for slab in slabs(np.zeros((3, 2, 20_000)))]
    [(1, 20000), (1, 20000), (1, 20000), (1, 20000), (1, 20000), (1, 20000)]
    """
    if array.nbytes <= _MOST_BYTES:
        yield array
        return
    length = _MOST_BYTES * len(array) // array.nbytes
    for part in spans(len(array), length):
        if length:
            yield array[part]
        else:
            yield from slabs(array[part.start])
