"""Large arrays, a part at a time, so that none of the work takes a second array."""

from collections.abc import Iterator

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.spans import spans

_MOST_BYTES = 1 << 18
"""A slab stays in a core's cache, and so does a block."""


def slabs(array: Array) -> Iterator[Array]:
    """Cut an array of any memory order into views that follow each other in row-major order.

    Examples
    --------
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


def elements(array: Array, part: slice) -> Array:
    """Return a range of an array's elements in row-major order, as a view where that can be.

    Examples
    --------
    >>> elements(np.arange(12).reshape(3, 4).T, slice(2, 6))
    array([8, 1, 5, 9])
    """
    if array.flags.c_contiguous:
        return array.reshape(-1)[part]
    stop = min(part.stop, array.size)
    found = np.empty(stop - part.start, array.dtype)
    flags = ["external_loop", "buffered", "ranged"]
    pieces = np.nditer(array, flags, order="C", buffersize=len(found))  # type: ignore[call-overload]
    pieces.iterrange = part.start, stop
    filled = 0
    for piece in pieces:
        found[filled : filled + piece.size] = piece
        filled += piece.size
    return found


def copy_blocks(source: Array, target: Array) -> None:
    """Copy an array to one of another memory order, in blocks that reach few pages of either.

    NumPy copies in the order of the target alone, which takes up to five times as long.

    Examples
    --------
    >>> target = np.empty((2, 3))
    >>> copy_blocks(np.arange(6, dtype=">i4").reshape(3, 2).T, target)
    >>> target
    array([[0., 2., 4.],
           [1., 3., 5.]])
    """
    if target.nbytes <= _MOST_BYTES:
        np.copyto(target, source)
        return
    axis = max(range(target.ndim), key=target.shape.__getitem__)
    middle = target.shape[axis] // 2
    for half in (slice(middle), slice(middle, None)):
        place = (*(slice(None),) * axis, half)
        copy_blocks(source[place], target[place])
