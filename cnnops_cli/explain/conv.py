"""The sum of products behind a cell of a convolution."""

from dataclasses import dataclass
from itertools import product
from typing import Any

from cnnops_cli.dtypes import Array
from cnnops_cli.explain.cells import (
    Cells,
    Explanation,
    Index,
    Place,
    as_computed,
    cell_of,
    taps_of,
)
from cnnops_cli.explain.layout import (
    fold_formula,
    fold_text,
    legend_of_gaps,
    mark,
    side_by_side,
    span_of,
    spread,
)
from cnnops_cli.explain.numbers import Decimals
from cnnops_cli.explain.windows import seen_by
from cnnops_cli.ops.conv import place_windows
from cnnops_cli.ops.geometry import Padding, Size, Windows

_MOST_PLANES = 6
"""Planes of a filter (input channels, steps along D) that are drawn for one cell."""


@dataclass(frozen=True)
class Term:
    """One product: a weight times what the input shows below it.

    Attributes
    ----------
    input_at : tuple of int, optional
        The cell of the input; None where padding holds a zero.
    input, weight : number or str
    padded : bool
        Whether the window reaches into the padding there.
    """

    input_at: Index | None
    input: Any
    weight: Any
    padded: bool

    def text(self, numbers: Decimals) -> str:
        """Write the product, the weight first."""
        return f"{numbers.text(self.weight)}*{numbers.operand(self.input)}"


@dataclass(frozen=True)
class Sum(Explanation):
    """A sum of products, in the order of the filter's weights.

    Attributes
    ----------
    terms : list of Term
    bias : number or str, optional
    windows : Windows
    mode : str
        What padding holds.
    channels : range
        The input channels that the filter sees.
    groups : int
    """

    terms: list[Term]
    bias: Any
    windows: Windows
    mode: str
    channels: range
    groups: int

    def record(self, at: Index, place: Place, numbers: Decimals) -> dict[str, Any]:
        """Return everything by name, as JSON has it."""
        return {
            "at": at,
            "terms": [
                {
                    "input_at": None if term.input_at is None else place(term.input_at),
                    "input": numbers.value(term.input),
                    "weight": numbers.value(term.weight),
                }
                for term in self.terms
            ],
            "bias": None if self.bias is None else numbers.value(self.bias),
            "formula": " + ".join(self._parts(numbers)),
            "value": numbers.value(self.value),
        }

    def lines(self, place: Place, numbers: Decimals, width: int) -> list[str]:
        """Draw the window beside the weights, plane by plane, and write the sum."""
        lines = fold_text(span_of(self.windows, self.at[-self.windows.dims :]), width)
        if self.groups > 1:
            depth = len(self.channels)
            first, last = self.channels[0], self.channels[-1]
            sees = f"channel {first}" if depth == 1 else f"channels {first} to {last}"
            group = f"group {first // depth} of {self.groups} sees {sees} of the input"
            lines += fold_text(group, width)
        lines += self._planes(numbers, width)
        lines += self._legend(numbers, width)
        parts = [f"{part} +" for part in self._parts(numbers)]
        parts[-1] = parts[-1].removesuffix(" +")
        return lines + fold_formula(parts, "", numbers.text(self.value), width)

    def _parts(self, numbers: Decimals) -> list[str]:
        bias = [] if self.bias is None else [numbers.text(self.bias)]
        return [term.text(numbers) for term in self.terms] + bias

    def _planes(self, numbers: Decimals, width: int) -> list[str]:
        """Draw what the input shows beside the weights, a pair of grids for each plane."""
        *steps, columns = (1, *self.windows.kernel)[-3:]
        depth = self.windows.kernel[0] if self.windows.dims == 3 else 1
        cells = columns * steps[-1]
        planes = list(product(self.channels, range(depth)))
        lines = []
        for number, (channel, step) in enumerate(planes[:_MOST_PLANES]):
            names = [f"channel {channel}"] if len(self.channels) * self.groups > 1 else []
            names += [f"D + {step * self.windows.dilation[0]}"] if depth > 1 else []
            lines += [f"  {', '.join(names)}"] if names else []
            terms = self.terms[number * cells : (number + 1) * cells]
            inputs = [numbers.text(term.input) for term in terms]
            shown = mark(inputs, [term.padded for term in terms], "()")
            seen = spread(shown, columns, (1, *self.windows.dilation)[-2:])
            weights = spread([numbers.text(term.weight) for term in terms], columns)
            lines += side_by_side(seen, "×", weights, width)
        if len(planes) > _MOST_PLANES:
            lines.append(f"  … {len(planes) - _MOST_PLANES} more planes, as these")
        return lines

    def _legend(self, numbers: Decimals, width: int) -> list[str]:
        """Say what is not plain about the grids."""
        lines = []
        if any(term.padded for term in self.terms):
            holds = "zeros" if self.mode == "zeros" else f"{self.mode}, cells of the input again"
            lines += fold_text(f"(in parentheses: padding, {holds})", width)
        lines += legend_of_gaps(self.windows, width)
        return lines if self.bias is None else [*lines, f"  bias {numbers.text(self.bias)}"]


def conv_cells(
    input: Array,
    weight: Array,
    bias: Array | None,
    result: Array,
    *,
    stride: Size,
    padding: Padding,
    dilation: Size,
    groups: int,
    padding_mode: str,
) -> Cells:
    """Explain the cells of a convolution.

    Parameters
    ----------
    input, weight, bias : numpy.ndarray
        As `cnnops_cli.conv` took them, with the options that it had.
    result : numpy.ndarray
        What it gave.

    Returns
    -------
    callable
        From a cell of the result to its `Sum`.

    Examples
    --------
    >>> import numpy as np
    >>> image, weight = np.arange(1, 13).reshape(1, 3, 4), np.array([[[[1, 10], [100, 1000]]]])
    >>> plain = {"padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros"}
    >>> explain = conv_cells(image, weight, None, np.array([[[6521]]]), stride=(1, 2), **plain)
    >>> explain((0, 0, 0)).record((0, 0), lambda place: place[1:], Decimals())["formula"]
    '1*1 + 10*2 + 100*5 + 1000*6'
    """
    windows = place_windows(
        input.shape,
        weight.shape,
        None if bias is None else bias.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        padding_mode=padding_mode,
    )
    filters, depth = len(weight) // groups, weight.shape[1]
    taps = list(taps_of(windows.kernel))
    computed = as_computed(result.dtype)

    def explain(at: Index) -> Sum:
        *lead, number = at[: -windows.dims]
        cell = at[-windows.dims :]
        first = number // filters * depth
        seen = seen_by(windows, cell, padding_mode)
        terms = []
        for channel in range(depth):
            for tap, (place, padded) in zip(taps, seen, strict=True):
                source = None if place is None else (*lead, first + channel, *place)
                value = 0 if source is None else computed(cell_of(input, source))
                factor = computed(cell_of(weight, (number, channel, *tap)))
                terms.append(Term(source, value, factor, padded))
        offset = None
        if bias is not None:
            offset = computed(cell_of(bias, (number,) if bias.ndim else ()))
        channels = range(first, first + depth)
        value = cell_of(result, at)
        return Sum(at, value, terms, offset, windows, padding_mode, channels, groups)

    return explain
