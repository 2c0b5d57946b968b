"""The operands of a call in Python, in which names may take the place of numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array
from cnnops_cli.errors import CnnopsError


def numbers_or_letters(
    value: npt.ArrayLike, name: str, other: np.dtype[Any] | None = None
) -> Array:
    """Return an argument as an array of numbers; of objects where there are names among them.

    Examples
    --------
    >>> numbers_or_letters([["a", 1]], "kernel")
    array([['a', 1]], dtype=object)
    """
    if not _has_objects(value):
        return as_array(value, name, other)
    array = np.array(value, object)
    for element in array.ravel():
        if not isinstance(element, (int, float, np.number)) and not _is_name(element):
            raise CnnopsError(f"{name} holds {element!r}, neither a number nor a name for one")
    return array


def _has_objects(value: npt.ArrayLike) -> bool:
    try:
        return np.asarray(value).dtype.kind in "OU"
    except ValueError:  # of rows that differ in length, which `as_array` says better
        return False


def _is_name(element: Any) -> bool:
    return isinstance(element, str) and element.isidentifier()
