"""A tensor that was read, and the dtypes that the tensors of a call are converted to."""

from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array, common_dtype, fits, is_floating, native
from cnnops_cli.errors import CnnopsError
from cnnops_cli.large_arrays import empty, is_large
from cnnops_cli.slabs import copy_blocks, elements
from cnnops_cli.spans import spans
from cnnops_cli.words import DTYPES, check_word

_PIECE = 1 << 16
"""Values that are converted and checked at a time."""


class Tensor(NamedTuple):
    """An array, and where it came from."""

    array: Array
    name: str  # the file's or the argument's
    weak: bool  # JSON text, which takes the dtype of the array files of the call
    picture: bool = False  # (C, H, W), whatever the layout of array files
    bias: "Tensor | None" = None  # of a layer in an archive, next to its weight


def unify(tensors: dict[str, Tensor], dtype: str | None) -> dict[str, Array]:
    """Convert the tensors of one call to the dtypes that they are computed in.

    That is `dtype`; without it, weak tensors take the widest floating dtype of the others, which
    stay as they are, but for their order in memory. If letters stand for numbers, nothing is
    converted.
    """
    tensors = {key: _plain(tensor) for key, tensor in tensors.items()}
    arrays = {key: tensor.array for key, tensor in tensors.items()}
    if any(map(has_letters, tensors.values())):
        return arrays
    if dtype is not None:
        check_word("dtype", dtype, DTYPES)
        if dtype == "bool":
            return {key: truth(array) for key, array in arrays.items()}
        return {key: convert(tensor, native(np.dtype(dtype))) for key, tensor in tensors.items()}
    firm = [t.array for t in tensors.values() if not t.weak and is_floating(t.array)]
    if firm:
        common = common_dtype(*firm)
        arrays |= {key: convert(t, common) for key, t in tensors.items() if t.weak}
    return arrays


def has_letters(tensor: Tensor) -> bool:
    """Return whether letters stand for some of the numbers."""
    return tensor.array.dtype.kind == "O"


def _plain(tensor: Tensor) -> Tensor:
    """Bring an array to this machine's byte order, and to row-major order if it is large."""
    array = tensor.array
    is_plain = array.flags.c_contiguous or not is_large(array.nbytes) or is_stand_in(array)
    if array.dtype.isnative and is_plain:
        return tensor
    plain = empty("converted", array.shape, native(array.dtype))
    copy_blocks(array, plain)
    return tensor._replace(array=plain)


def convert(tensor: Tensor, dtype: np.dtype[Any]) -> Array:
    """Convert a tensor; integers cut fractions off.

    A value that the dtype cannot hold is refused: NaN or infinity for integers, or a finite number
    that would become infinite.
    """
    array = tensor.array
    if array.dtype == dtype:
        return array
    if is_stand_in(array):
        one = tensor._replace(array=np.asarray(array[(0,) * array.ndim]))
        return np.broadcast_to(convert(one, dtype), array.shape)
    converted = empty("converted", array.shape, dtype)
    target = converted.reshape(-1)
    for piece in spans(array.size, _PIECE):
        source = elements(array, piece)
        with np.errstate(over="ignore", invalid="ignore"):
            target[piece] = source
        held = fits(source, target[piece])
        if not held.all():
            takes = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
            raise CnnopsError(
                f"{tensor.name} holds {source[~held][0]}, which {dtype} cannot: "
                f"it takes {takes.min} to {takes.max}"
            )
    return converted


def is_stand_in(array: Array) -> bool:
    """Return whether all elements are one value in memory, since only a header was read."""
    return array.size > 1 and not any(array.strides)


def truth(array: Array) -> Array:
    """Return 1 where an array is not 0, as uint8."""
    if is_stand_in(array):
        return np.broadcast_to(np.zeros((), np.uint8), array.shape)
    converted = empty("converted", array.shape, np.dtype(np.uint8))
    target = converted.reshape(-1)
    for piece in spans(array.size, _PIECE):
        np.not_equal(elements(array, piece), 0, out=target[piece].view(bool))
    return converted
