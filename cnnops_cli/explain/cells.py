"""A cell of a result, explained: what all operators have in common."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, TypeAlias

import numpy as np

from cnnops_cli.dtypes import Array, working_dtype
from cnnops_cli.errors import CnnopsError
from cnnops_cli.explain.numbers import Decimals

Index: TypeAlias = tuple[int, ...]
Place: TypeAlias = Callable[[Index], Index]
"""From where a cell is in an operator's array to where the user has it."""

FIRST_CELLS = 12
"""So many cells are explained where none are picked."""


@dataclass(frozen=True)
class Explanation:
    """How the value of one cell comes about.

    Attributes
    ----------
    at : tuple of int
        Where the operator has the cell in its result, channels first.
    value : number
        The cell itself.
    """

    at: Index
    value: Any

    def record(self, at: Index, place: Place, numbers: Decimals) -> dict[str, Any]:
        """Return everything by name, as JSON has it.

        Parameters
        ----------
        at : tuple of int
            Where the user has the cell.
        place : callable
            Where the user has the cells of the input.
        numbers : Decimals
        """
        raise NotImplementedError

    def lines(self, place: Place, numbers: Decimals, width: int) -> list[str]:
        """Write it for people, in lines of at most `width` where the numbers allow it."""
        raise NotImplementedError


Cells: TypeAlias = Callable[[Index], Explanation]
"""Explains a cell of an operator's result."""


def indices_of(shape: Sequence[int], picked: Sequence[Index] | None) -> list[Index]:
    """Return which cells of a result are explained: those picked, or the first dozen.

    Parameters
    ----------
    shape : sequence of int
        The result's.
    picked : sequence of tuple of int, optional
        Negative numbers count from the end.

    Raises
    ------
    CnnopsError
        If the result has no such cell.

    Examples
    --------
    >>> indices_of((2, 3), [(0, -1)])
    [(0, 2)]
    """
    if picked is None:
        return list(islice(product(*map(range, shape)), FIRST_CELLS))
    return [_checked(index, shape) for index in picked]


def _checked(index: Index, shape: Sequence[int]) -> Index:
    text = ",".join(map(str, index))
    if len(index) != len(shape):
        raise CnnopsError(
            f"--at {text} has {len(index)} number{'s' * (len(index) != 1)}, but the result has "
            f"{len(shape)} ax{'is' if len(shape) == 1 else 'es'}: shape {tuple(shape)}"
        )
    for axis, (number, length) in enumerate(zip(index, shape, strict=True)):
        if not -length <= number < length:
            takes = f"takes {-length} to {length - 1}" if length else "is empty"
            raise CnnopsError(
                f"--at {text} is outside of the result, shape {tuple(shape)}: axis {axis} {takes}, "
                f"not {number}"
            )
    return tuple(number % length for number, length in zip(index, shape, strict=True))


def cell_of(array: Array, index: Index) -> Any:
    """Take one cell out of an array: a NumPy number, which has its dtype, or a name."""
    cell = array[index]
    return cell[()] if isinstance(cell, np.ndarray) else cell


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


def taps_of(kernel: Sequence[int]) -> Iterator[Index]:
    """Go through the cells of a window in row-major order."""
    return product(*map(range, kernel))
