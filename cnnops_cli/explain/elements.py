"""Elements of arrays as the arithmetic has them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array, working_dtype


def element_of(array: Array, index: tuple[int, ...]) -> Any:
    """Return one element of an array: a NumPy number, which has its dtype, or a letter."""
    element = array[index]
    return element[()] if isinstance(element, np.ndarray) else element


def as_computed(dtype: np.dtype[Any]) -> Callable[[Any], Any]:
    """Make a function from an operand's number to what it is in the arithmetic of a result's dtype.

    Examples
    --------
    >>> as_computed(np.dtype(np.float16))(np.float16(0.1)), as_computed(np.dtype(int))(np.int8(7))
    (np.float32(0.099975586), np.int8(7))
    """
    if dtype.kind != "f":
        return lambda number: number
    work = working_dtype(dtype).type
    return lambda number: work(number) if isinstance(number, np.floating) else int(work(number))
