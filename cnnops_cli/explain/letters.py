"""Results as formulas, where letters stand for numbers."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.explain.cells import Cells, Explanation, Index
from cnnops_cli.explain.conv import Term, conv_cells
from cnnops_cli.explain.layout import align, fold
from cnnops_cli.explain.maxpool import maxpool_cells
from cnnops_cli.explain.numbers import Decimals
from cnnops_cli.explain.report import head_lines
from cnnops_cli.ops.conv import place_windows as windows_of_conv
from cnnops_cli.ops.geometry import Size
from cnnops_cli.ops.maxpool import place_windows as windows_of_maxpool

_MOST_TERMS = 1_000_000
_MOST_LINES = 100


class Formulas:
    """The formulas of a result, each written when it is asked for.

    Parameters
    ----------
    shape : tuple of int
        The result's.
    terms : int
        Of each formula, at most.
    cells : callable
        Explains a cell.
    write : callable
        From what explains it to its formula.
    """

    def __init__(self, shape: Index, terms: int, cells: Cells, write: Callable[[Any], str]) -> None:
        self._shape = shape
        self._terms = terms
        self._cells = cells
        self._write = write

    def cells(self, at: Index) -> Explanation:
        """Explain a cell, whose value is its formula."""
        cell = self._cells(at)
        return replace(cell, value=self._write(cell))

    def result(self) -> Array:
        """Write all of them, as an array of str.

        Raises
        ------
        CnnopsError
            If there would be too many terms to read.
        """
        count = math.prod(self._shape) * self._terms
        if count > _MOST_TERMS:
            raise CnnopsError(
                f"formulas would have {count} terms in all; letters take at most {_MOST_TERMS}, "
                "or --explain with --at for some cells"
            )
        result = np.empty(self._shape, object)
        for at in product(*map(range, self._shape)):
            result[at] = self._write(self._cells(at))
        return result

    def stand_in(self) -> Array:
        """Make an array of the result's shape with nothing in it."""
        return _nothing(self._shape)


def _nothing(shape: Index) -> Array:
    return np.broadcast_to(np.array(None), shape)


def conv_formulas(
    input: Array, weight: Array, bias: Array | None, precision: int | None, **geometry: Any
) -> Formulas:
    """Return the sums of a convolution.

    Parameters
    ----------
    input, weight, bias : numpy.ndarray
        Of object where they hold letters.
    precision : int, optional
        Decimals of the numbers in the formulas.
    **geometry
        The options of `cnnops_cli.conv`.

    Returns
    -------
    Formulas
        A term is a weight times what the input shows below it; one with a factor that is known
        to be 0, and no factor that is infinite or NaN, is left out, as are zeros of padding. Where
        nothing is left stands 0.

    Raises
    ------
    CnnopsError
        If the operands do not fit.

    Examples
    --------
    >>> image = np.arange(1, 13).reshape(1, 3, 4)
    >>> weight = np.array([[[["a", "b"], ["c", "d"]]]], object)
    >>> plain = {"padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros"}
    >>> conv_formulas(image, weight, None, None, stride=(1, 2), **plain).result()[0, 0, 1]
    'a*3 + b*4 + c*7 + d*8'
    """
    shapes = (input.shape, weight.shape, None if bias is None else bias.shape)
    windows = windows_of_conv(*shapes, **geometry)
    lead = input.shape[: input.ndim - weight.ndim + 1]
    shape = (*lead, len(weight), *windows.output)
    numbers = Decimals(precision)

    def write(cell: Any) -> str:
        parts = [term.text(numbers) for term in cell.terms if not _is_zero(term)]
        if cell.bias is not None and (isinstance(cell.bias, str) or cell.bias != 0):
            parts.append(numbers.text(cell.bias))
        return " + ".join(parts) or "0"

    cells = conv_cells(input, weight, bias, _nothing(shape), **geometry)
    return Formulas(shape, math.prod(weight.shape[1:]), cells, write)


def maxpool_formulas(
    input: Array, kernel_size: Size, precision: int | None, **geometry: Any
) -> Formulas:
    """Return the comparisons of max pooling, as `conv_formulas`; padding is left out.

    Examples
    --------
    >>> plain = {"padding": 0, "dilation": 1, "ceil_mode": False}
    >>> image = np.array([["a", "b", 3]], object)
    >>> maxpool_formulas(image, (2,), None, stride=1, **plain).result()
    array([['max(a, b)', 'max(b, 3)']], dtype=object)
    """
    windows = windows_of_maxpool(input.shape, kernel_size, **geometry)
    shape = (*input.shape[: -windows.dims], *windows.output)
    numbers = Decimals(precision)

    def write(cell: Any) -> str:
        parts = [numbers.text(one.input) for one in cell.candidates if one.input_at is not None]
        return f"max({', '.join(parts)})"

    cells = maxpool_cells(input, kernel_size, _nothing(shape), None, **geometry)
    return Formulas(shape, math.prod(windows.kernel), cells, write)


def _is_zero(term: Term) -> bool:
    """Return whether a product is known to be 0: infinity times 0 is NaN."""
    known = [side for side in (term.weight, term.input) if not isinstance(side, str)]
    return any(side == 0 for side in known) and all(map(math.isfinite, known))


def formula_lines(head: list[str], planes: Array, output: Array, width: int) -> list[str]:
    """Write formulas for people: aligned grids where they fit the width, else a list.

    Parameters
    ----------
    head : list of str
        Parts of the header.
    planes : numpy.ndarray of object
        The formulas with rows and columns as the last two axes.
    output : numpy.ndarray of object
        The same as the user has them.
    width : int
    """
    lines = head_lines(head, width)
    grids = planes.reshape(-1, *(1,) * (2 - planes.ndim), *planes.shape[-2:])
    widest = max((len(text) for text in planes.ravel()), default=0)
    if grids.shape[-1] * (widest + 2) <= width:
        for number, grid in enumerate(grids):
            if planes.ndim > 2:
                place = np.unravel_index(number, planes.shape[:-2])
                lines += ["", str([int(axis) for axis in place])]
            rows = [[text.ljust(widest) for text in row] for row in grid.tolist()]
            lines += [line.rstrip() for line in align(rows, width)]
    else:
        for at in product(*map(range, output.shape)):
            lines += fold(f"{list(at)}  {output[at]}".split(" "), width)
    if len(lines) > _MOST_LINES:
        left_out = len(lines) - _MOST_LINES
        lines = [*lines[:_MOST_LINES], f"… {left_out} more lines; JSON has them all (-f json)"]
    return lines
