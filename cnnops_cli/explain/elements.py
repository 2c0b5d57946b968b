"""Elements of arrays, as the arithmetic takes them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array, working_dtype


def element_of(array: Array, index: tuple[int, ...]) -> Any:
    """Return one element of an array: a NumPy number of its dtype, or a letter."""
    element = array[index]
    return element[()] if isinstance(element, np.ndarray) else element


def as_computed(dtype: np.dtype[Any]) -> Callable[[Any], Any]:
    """Return what converts an operand's number as the operator does for a result of a dtype."""
    if dtype.kind != "f":
        return lambda number: number
    work = working_dtype(dtype).type
    return lambda number: work(number) if isinstance(number, np.floating) else int(work(number))
