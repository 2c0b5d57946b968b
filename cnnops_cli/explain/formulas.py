"""Results as formulas, where letters stand for numbers."""

import math
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.explain.conv import conv_explainer
from cnnops_cli.explain.explanation import Explainer, Explanation, Index, with_relu
from cnnops_cli.explain.maxpool import maxpool_explainer
from cnnops_cli.ops.conv import place_windows as windows_of_conv
from cnnops_cli.ops.geometry import Size
from cnnops_cli.ops.maxpool import place_windows as windows_of_maxpool
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import BOLD, INDENT, MORE, PLAIN, Line, fold, fold_parts

_MOST_TERMS = 1_000_000
_MOST_LINES = 100


class Formulas(NamedTuple):
    """The formulas of a result, of at most `terms` terms each, written when they are asked for."""

    shape: Index
    terms: int
    explainer: Explainer
    precision: int | None

    def with_relu(self) -> "Formulas":
        """Write max(0, …) around each formula."""
        return self._replace(explainer=with_relu(self.explainer))

    def explain(self, at: Index) -> Explanation:
        """Explain an element, whose value is its formula."""
        element = self.explainer(at)
        return replace(element, value=element.short_formula(Decimals(self.precision)))

    def result(self) -> Array:
        """Return all of them in an array of str, or refuse to where they have too many terms."""
        count = math.prod(self.shape) * self.terms
        if count > _MOST_TERMS:
            raise CnnopsError(
                f"formulas would have {count} terms in all; letters take at most {_MOST_TERMS}, "
                "or --explain with --at for some elements"
            )
        result = np.empty(self.shape, object)
        for at in product(*map(range, self.shape)):
            result[at] = self.explain(at).result
        return result

    def stand_in(self) -> Array:
        """Return an array of the result's shape with nothing in it."""
        return _nothing(self.shape)


def _nothing(shape: Index) -> Array:
    return np.broadcast_to(np.array(None), shape)


def conv_formulas(
    input: Array, weight: Array, bias: Array | None, precision: int | None, **geometry: Any
) -> Formulas:
    """Return the sums of a convolution; operands with letters have dtype object.

    A term is a weight times what the input shows below it. Zeros of padding are left out, and so is
    a term with a factor that is known to be 0 and none that is infinite or NaN. The formula is 0
    where nothing is left.

    Examples
    --------
    >>> image = np.arange(1, 13).reshape(1, 3, 4)
    >>> weight = np.array([[[["a", "b"], ["c", "d"]]]], object)
    >>> plain = {"padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros"}
    >>> formulas = conv_formulas(image, weight, None, None, stride=(1, 2), **plain)
    >>> formulas.result()[0, 0, 1]
    'a*3 + b*4 + c*7 + d*8'
    >>> formulas.with_relu().result()[0, 0, 1]
    'max(0, a*3 + b*4 + c*7 + d*8)'
    """
    shapes = (input.shape, weight.shape, None if bias is None else bias.shape)
    windows = windows_of_conv(*shapes, **geometry)
    lead = input.shape[: input.ndim - weight.ndim + 1]
    shape = (*lead, len(weight), *windows.output)
    explainer = conv_explainer(input, weight, bias, _nothing(shape), **geometry)
    return Formulas(shape, math.prod(weight.shape[1:]), explainer, precision)


def maxpool_formulas(
    input: Array, kernel_size: Size, precision: int | None, **geometry: Any
) -> Formulas:
    """Return the comparisons of max pooling, like `conv_formulas`; padding is left out.

    Examples
    --------
    >>> plain = {"padding": 0, "dilation": 1, "ceil_mode": False}
    >>> image = np.array([["a", "b", 3]], object)
    >>> maxpool_formulas(image, (2,), None, stride=1, **plain).result()
    array([['max(a, b)', 'max(b, 3)']], dtype=object)
    """
    windows = windows_of_maxpool(input.shape, kernel_size, **geometry)
    shape = (*input.shape[: -windows.dims], *windows.output)
    explainer = maxpool_explainer(input, kernel_size, _nothing(shape), None, **geometry)
    return Formulas(shape, math.prod(windows.kernel), explainer, precision)


def formula_lines(head: list[str], planes: Array, output: Array, width: int) -> list[Line]:
    """Write formulas for people: aligned grids where they fit the width, else a list.

    `output` is in the user's layout; `planes` is the same with rows and columns as the last axes.
    """
    lines = fold_parts(head, width, BOLD)
    grids = planes.reshape(-1, *(1,) * (2 - planes.ndim), *planes.shape[-2:])
    widest = max((len(text) for text in planes.ravel()), default=0)
    if grids.shape[-1] * (widest + 2) <= width:
        for number, grid in enumerate(grids):
            if planes.ndim > 2:
                place = np.unravel_index(number, planes.shape[:-2])
                lines += [[], [(str([int(axis) for axis in place]), PLAIN)]]
            rows = ["  ".join(text.ljust(widest) for text in row) for row in grid.tolist()]
            lines += [[(f"{INDENT}{row}", PLAIN)] for row in rows]
    else:
        for at in product(*map(range, output.shape)):
            words = f"{list(at)}  {output[at]}".split(" ")
            lines += fold([[(word, PLAIN)] for word in words], width, " ", INDENT)
    if left_out := len(lines[_MOST_LINES:]):
        what = f"line{'s' * (left_out > 1)}; JSON has them all (-f json)"
        lines = [*lines[:_MOST_LINES], [(f"{MORE} {left_out} more {what}", PLAIN)]]
    return lines
