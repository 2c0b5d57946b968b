"""A tensor that was read, and the dtype that several of them meet in."""

from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array, common_dtype, fits, is_floating, native
from cnnops_cli.errors import CnnopsError
from cnnops_cli.spans import spans
from cnnops_cli.words import DTYPES, check_word

_PIECE = 1 << 16
"""Values that are checked at a time."""


class Tensor(NamedTuple):
    """An array, where it came from, and how firm its dtype is.

    Attributes
    ----------
    array : numpy.ndarray
    name : str
        What the user calls it: a file's name, or the argument's.
    weak : bool
        Whether the numbers were JSON text, and so take the dtype of the array files they meet.
    picture : bool
        Whether it is the (C, H, W) of a picture, whatever the layout of array files.
    bias : Tensor, optional
        What an archive that is a layer holds next to this weight.
    """

    array: Array
    name: str
    weak: bool
    picture: bool = False
    bias: "Tensor | None" = None


def unify(tensors: dict[str, Tensor], dtype: str | None) -> dict[str, Array]:
    """Give the tensors of one call the dtypes that they are computed in.

    All are converted to `dtype`; without it, weak tensors take the widest floating dtype among the
    others, and everything else stays as it is. So does all where there are letters.
    """
    arrays = {key: tensor.array for key, tensor in tensors.items()}
    if any(map(has_letters, tensors.values())):
        return arrays
    if dtype is not None:
        check_word("dtype", dtype, DTYPES)
        if dtype == "bool":
            return {key: _truth(array) for key, array in arrays.items()}
        return {key: convert(tensor, native(np.dtype(dtype))) for key, tensor in tensors.items()}
    firm = [t.array for t in tensors.values() if not t.weak and is_floating(t.array)]
    if firm:
        common = common_dtype(*firm)
        arrays |= {key: convert(t, common) for key, t in tensors.items() if t.weak}
    return arrays


def has_letters(tensor: Tensor) -> bool:
    """Return whether letters stand for some of the numbers."""
    return tensor.array.dtype.kind == "O"


def convert(tensor: Tensor, dtype: np.dtype[Any]) -> Array:
    """Convert a tensor, cutting fractions off where integers are asked for.

    A value that the dtype cannot hold is refused: NaN and infinity in integers, or a finite number
    that would become infinite.
    """
    array = tensor.array
    if array.dtype == dtype:
        return array
    if is_stand_in(array):
        one = tensor._replace(array=np.asarray(array[(0,) * array.ndim]))
        return np.broadcast_to(convert(one, dtype), array.shape)
    converted = np.empty(array.shape, dtype)
    source, target = array.reshape(-1), converted.reshape(-1)
    for piece in spans(array.size, _PIECE):
        with np.errstate(over="ignore", invalid="ignore"):
            target[piece] = source[piece]
        held = fits(source[piece], target[piece])
        if not held.all():
            takes = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
            raise CnnopsError(
                f"{tensor.name} holds {source[piece][~held][0]}, which {dtype} cannot: "
                f"it takes {takes.min} to {takes.max}"
            )
    return converted


def is_stand_in(array: Array) -> bool:
    """Return whether one value in memory stands for all, of which only a header was read."""
    return array.size > 1 and not any(array.strides)


def _truth(array: Array) -> Array:
    """Turn numbers into 0 and 1."""
    if is_stand_in(array):
        return np.broadcast_to(np.zeros((), np.uint8), array.shape)
    return np.asarray(array != 0).view(np.uint8)
