"""The sum of products behind an element of a convolution."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise, product
from typing import Any, NamedTuple

from cnnops_cli.dtypes import Array
from cnnops_cli.explain.arithmetic import (
    arithmetic_lines,
    product_sum_words,
    shortened,
    signed_sum_words,
)
from cnnops_cli.explain.elements import as_computed, element_of
from cnnops_cli.explain.explanation import Explainer, Explanation, Index, Page, Place
from cnnops_cli.explain.subtotals import subtotals_of
from cnnops_cli.explain.windows import (
    Shown,
    dilation_lines,
    pair_lines,
    seen_by,
    span_lines,
    window_grid,
)
from cnnops_cli.ops.conv import place_windows
from cnnops_cli.ops.geometry import Windows
from cnnops_cli.text.colours import Scale, number_span
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import DIM, INDENT, MORE, Line, fold_text

_MOST_PLANES = 6
"""Planes of a filter (input channels, steps along D) that are drawn for one element."""

_MOST_CHANNELS, _ENDS = 16, 3
"""Channels of which each has a line; of more, only some at both ends."""


@dataclass
class Term(Shown):
    """One product: a weight times what the input shows below it."""

    weight: Any

    def record(self, place: Place, numbers: Decimals) -> dict[str, Any]:
        """Return the factors by name, for JSON."""
        return {**super().record(place, numbers), "weight": numbers.value(self.weight)}

    @property
    def factors(self) -> tuple[Any, Any]:
        """The weight and what it is multiplied by."""
        return self.weight, self.input

    @property
    def is_zero(self) -> bool:
        """Whether the product is known to be 0, whatever letters are: infinity times 0 is NaN."""
        known = [side for side in self.factors if not isinstance(side, str)]
        return any(side == 0 for side in known) and all(map(math.isfinite, known))


class Part(NamedTuple):
    """What some channels of the input add to a sum; with letters there is no subtotal."""

    channels: range
    terms: list[Term]
    subtotal: Any


@dataclass(frozen=True, kw_only=True)
class Sum(Explanation):
    """A sum of products, in the order of the filter's weights, over these `channels` of the input.

    `mode` is the padding mode; `scales` returns the colours of the whole input and kernel.
    """

    terms: list[Term]
    bias: Any
    windows: Windows
    mode: str
    channels: range
    groups: int
    scales: Callable[[], list[Scale | None]]

    @cached_property
    def subtotals(self) -> list[Any]:
        """What each channel adds, without the bias; empty where there are letters.

        Each is the exact sum of its products, rounded once, whatever adds up the element itself.
        """
        return [] if self.has_letters else self._subtotals_of(self.terms, len(self.channels))

    @cached_property
    def parts(self) -> list[Part]:
        """The terms of each channel; where these are many, those in the middle are one part."""
        count = len(self.channels)
        cuts = [*range(count + 1)]
        if count > _MOST_CHANNELS:
            del cuts[_ENDS + 1 : -_ENDS - 1]
        return [self._part(start, stop) for start, stop in pairwise(cuts)]

    def _part(self, start: int, stop: int) -> Part:
        size, subtotal = len(self.terms) // len(self.channels), None
        terms = self.terms[start * size : stop * size]
        if self.subtotals:
            alone = stop - start == 1
            (subtotal,) = self.subtotals[start:stop] if alone else self._subtotals_of(terms, 1)
        return Part(self.channels[start:stop], terms, subtotal)

    def _subtotals_of(self, terms: list[Term], count: int) -> list[Any]:
        return subtotals_of([term.factors for term in terms], count, self.value.dtype)

    def total(self, numbers: Decimals) -> str:
        """Return the sum of what the parts add and the bias, as `-41.2 + 12.9 - 23 + 0.11`."""
        return " ".join(self._rectified(self._total(numbers)))

    def _total(self, numbers: Decimals) -> list[str]:
        bias = [] if self.bias is None else [self.bias]
        parts = [*(part.subtotal for part in self.parts), *bias]
        return signed_sum_words([numbers.text(part) for part in parts])

    def _operands(self, place: Place, numbers: Decimals) -> dict[str, Any]:
        operands: dict[str, Any] = {"terms": [term.record(place, numbers) for term in self.terms]}
        if len(self.channels) > 1 and self.subtotals:
            operands["subtotals"] = [numbers.value(subtotal) for subtotal in self.subtotals]
        return {**operands, "bias": numbers.value(self.bias)}

    def _arithmetic(self, numbers: Decimals) -> list[str]:
        bias = [] if self.bias is None else [(self.bias,)]
        return product_sum_words([*(term.factors for term in self.terms), *bias], numbers)

    def _short_arithmetic(self, numbers: Decimals) -> list[str]:
        products = [term.factors for term in self.terms if not term.is_zero]
        bias = self.bias
        has_bias = bias is not None and (isinstance(bias, str) or bias != 0)
        return product_sum_words([*products, *([(bias,)] if has_bias else [])], numbers) or ["0"]

    def lines(self, place: Place, page: Page) -> list[Line]:
        """Draw the window next to the weights, plane by plane, and write the sum."""
        lines = span_lines(self.windows, self.at[-self.windows.dims :], page.width)
        if self.groups > 1:
            depth, first = len(self.channels), self.channels[0]
            sees = f"channel {first}" if depth == 1 else f"channels {first} to {first + depth - 1}"
            group = f"group {first // depth} of {self.groups} sees {sees} of the input"
            lines += fold_text(group, page.width, DIM)
        lines += self._plane_lines(page)
        if any(term.padded for term in self.terms):
            holds = "zeros" if self.mode == "zeros" else f"{self.mode}, elements of the input again"
            lines += fold_text(f"(in parentheses: padding, {holds})", page.width, DIM)
        lines += dilation_lines(self.windows, page.width)
        if self.bias is not None:
            lines.append([(f"{INDENT}bias {page.numbers.text(self.bias)}", DIM)])
        if len(self.channels) == 1:
            return lines + self._formula_lines(page)
        return lines + self._channel_lines(page) + self._total_lines(page)

    def _channel_lines(self, page: Page) -> list[Line]:
        """Write what each channel adds."""
        lines: list[Line] = []
        for channels, terms, subtotal in self.parts:
            label = f"channel {channels[0]}:"
            words = shortened(product_sum_words([term.factors for term in terms], page.numbers))
            if len(channels) > 1:
                label = f"channels {channels[0]} to {channels[-1]}:"
                words = [f"{MORE} {len(terms)} products {MORE}"]
            result = "" if subtotal is None else page.numbers.text(subtotal)
            lines += arithmetic_lines(words, result, page.width, label=label)
        return lines

    def _total_lines(self, page: Page) -> list[Line]:
        """Write what the channels and the bias add up to; of letters, the terms that are left."""
        numbers, width = page.numbers, page.width
        if not self.has_letters:
            words = self._rectified(self._total(numbers))
            return arithmetic_lines(words, numbers.result(self.result), width)
        words = self._rectified(self._short_arithmetic(numbers))
        if words == product_sum_words([term.factors for term in self.terms], numbers):
            return []
        return arithmetic_lines(shortened(words), "", width)

    def _plane_lines(self, page: Page) -> list[Line]:
        """Draw what the input shows next to the weights, a pair of grids for each plane."""
        kernel, dilation = self.windows.kernel, self.windows.dilation
        rows, columns = (1, *kernel)[-2:]
        depth = kernel[0] if self.windows.dims == 3 else 1
        planes = list(product(self.channels, range(depth)))
        input_scale, weight_scale = self.scales() if page.color else (None, None)
        has_padding = any(term.padded for term in self.terms)
        headings, seen, factors = [], [], []
        for number, (channel, step) in enumerate(planes[:_MOST_PLANES]):
            names = [f"channel {channel}"] if len(self.channels) * self.groups > 1 else []
            names += [f"D + {step * dilation[0]}"] if depth > 1 else []
            headings.append([[(f"{INDENT}{', '.join(names)}", DIM)]] if names else [])
            terms = self.terms[number * rows * columns : (number + 1) * rows * columns]
            inputs = [term.span(page, input_scale, "0") for term in terms]
            weights = [number_span(term.weight, page.numbers, weight_scale) for term in terms]
            padded = [term.padded for term in terms] if has_padding else []
            seen.append(window_grid(inputs, columns, (1, *dilation)[-2:], padded))
            factors.append(window_grid(weights, columns))
        lines = []
        for heading, drawn in zip(headings, pair_lines(seen, factors, page), strict=True):
            lines += heading + drawn
        if left_out := len(planes[_MOST_PLANES:]):
            what = f"plane{'s' * (left_out > 1)}, as these"
            lines.append([(f"{INDENT}{MORE} {left_out} more {what}", DIM)])
        return lines


def conv_explainer(
    input: Array, weight: Array, bias: Array | None, result: Array, **geometry: Any
) -> Explainer:
    """Explain a convolution, from its operands and options and what it returned."""
    shapes = (input.shape, weight.shape, None if bias is None else bias.shape)
    windows = place_windows(*shapes, **geometry)
    mode, groups = geometry["padding_mode"], geometry["groups"]
    filters, depth = len(weight) // groups, weight.shape[1]
    taps = list(product(*map(range, windows.kernel)))
    computed = as_computed(result.dtype)
    scales = cache(lambda: [Scale.of(input), Scale.of(weight)])

    def explain(at: Index) -> Sum:
        *lead, number = at[: -windows.dims]
        first = number // filters * depth
        seen = seen_by(windows, at[-windows.dims :], mode)
        terms = []
        for channel, (tap, (place, padded)) in product(range(depth), zip(taps, seen, strict=True)):
            source = None if place is None else (*lead, first + channel, *place)
            value = 0 if source is None else computed(element_of(input, source))
            factor = computed(element_of(weight, (number, channel, *tap)))
            terms.append(Term(source, value, padded, factor))
        offset = None
        if bias is not None:
            offset = computed(element_of(bias, (number,) if bias.ndim else ()))
        return Sum(
            at=at,
            value=element_of(result, at),
            terms=terms,
            bias=offset,
            windows=windows,
            mode=mode,
            channels=range(first, first + depth),
            groups=groups,
            scales=scales,
        )

    return explain
