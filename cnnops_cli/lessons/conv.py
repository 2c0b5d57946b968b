"""The page about a convolution."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array
from cnnops_cli.explain.arithmetic import shortened, signed_sum_words
from cnnops_cli.explain.conv import Sum, conv_explainer
from cnnops_cli.explain.explanation import Explainer
from cnnops_cli.explain.formulas import conv_formulas
from cnnops_cli.lessons.grids import Grid, NameAxes, Palette, shape_alone, spatial_axes
from cnnops_cli.lessons.lesson_plan import LessonPlan
from cnnops_cli.lessons.limits import PageSize, Shape, check_size
from cnnops_cli.lessons.numbers_or_letters import numbers_or_letters
from cnnops_cli.lessons.page import Lesson
from cnnops_cli.lessons.pytorch_lines import conv_lines
from cnnops_cli.lessons.window_maps import (
    covered,
    length_lines,
    options_in_words,
    padded_lengths,
    window_maps,
)
from cnnops_cli.ops.conv import conv, place_windows
from cnnops_cli.text.numbers import Decimals

_CONSTANT = "0"
_PADDING = {
    "zeros": "Padding holds zeros.",
    "reflect": "Padding repeats the input, mirrored at its first and last elements.",
    "replicate": "Padding repeats the first and last elements of the input.",
    "circular": "Padding goes on with the input from its other end.",
}
_ROUNDED = {
    "fast": "The sums are those of matrix products and transforms, and rounded on the way.",
    "sequential": "The sums are rounded after each product and each addition.",
    "fma": "The sums are rounded after each product and its addition together.",
}
_USUAL = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros"}


class ConvLesson(LessonPlan):
    """The page about a convolution, from its operands and the operator's options.

    `kernel_rank` is that of the kernel that the user gave, which may lack the first axes.
    """

    operator, kind, reads = "conv", "sum", "window"

    def __init__(
        self,
        input: Array,
        weight: Array,
        bias: Array | None,
        axes: NameAxes,
        kernel_rank: int,
        *,
        relu: bool,
        accumulate: str,
        **geometry: Any,
    ) -> None:
        shapes = (input.shape, weight.shape, None if bias is None else bias.shape)
        self._windows = windows = place_windows(*shapes, **geometry)
        self._relu, self._accumulate = relu, accumulate
        self._mode, self._groups = geometry["padding_mode"], geometry["groups"]
        shape = (*input.shape[: input.ndim - weight.ndim + 1], len(weight), *windows.output)
        plane: tuple[str | None, str] = ("H" if windows.dims > 1 else None, "W")
        depth = ["D"] if windows.dims == 3 else []
        result = shape_alone(shape)
        names = ["O", "I", *windows.axes]
        of_user = names[len(names) - kernel_rank :]
        self.input = Grid("input", input, *axes(input), *plane, ["C", *depth])
        self._kernel = Grid("kernel", weight, names, of_user, *plane, ["I", *depth])
        self.result = Grid("result", result, *axes(result), *plane)
        self._bias = None
        if bias is not None:
            names = ["O"][: bias.ndim]
            self._bias = Grid("bias", bias, names, names, None, None)

        def size_of(shape: Shape) -> PageSize:
            placed = place_windows(shape, weight.shape, **geometry)
            lead = shape[: -placed.dims]
            results = math.prod(lead[:-1]) * len(weight) * math.prod(placed.output)
            drawn = math.prod(lead) * math.prod(padded_lengths(placed))
            return PageSize(drawn + weight.size + results, results * math.prod(weight.shape[1:]))

        check_size(
            self.input,
            size_of,
            [self.input.axes[: -1 - windows.dims], windows.axes],
            "take fewer channels and filters, a larger stride or less padding",
        )

    def facts(
        self, precision: int | None, palette: Palette, result: Array, explain: Explainer
    ) -> dict[str, Any]:
        """Return the kernel, the windows, the lengths and PyTorch's lines."""
        weight = self._kernel.values
        words = options_in_words(self._windows, (1,) * self._windows.dims)
        words += [self._mode] * (self._mode != "zeros" and any(map(any, self._windows.padding)))
        if self._groups > 1:
            is_depthwise = self._kernel.values.shape[1] == 1
            words.append("depthwise" if is_depthwise else f"{self._groups} groups")
        is_rounded_once = self._accumulate == "exact" or result.dtype.kind != "f"
        words += [] if is_rounded_once else [f"accumulate {self._accumulate}"]
        words += ["ReLU"] * self._relu
        groups = {"channels": weight.shape[1], "filters": len(weight) // self._groups}
        return {
            "kernel": self._kernel.record(precision, palette),
            "windows": window_maps(self._windows, self._mode, _CONSTANT) | groups,
            "about": ", ".join(words),
            "notes": self._notes(result.dtype),
            "sizes": length_lines(self._windows),
            "pytorch": conv_lines(
                self.input,
                self._kernel,
                self._bias,
                self.result,
                self._windows,
                groups=self._groups,
                padding_mode=self._mode,
                dtype=result.dtype,
                relu=self._relu,
            ),
        }

    def _notes(self, dtype: np.dtype[Any]) -> list[str]:
        notes = []
        weight = self._kernel.values
        filters, depth = len(weight) // self._groups, weight.shape[1]
        if self._groups > 1:
            some = "filter 0 sees" if filters == 1 else f"filters 0 to {filters - 1} see"
            seen = "channel 0" if depth == 1 else f"channels 0 to {depth - 1}"
            notes.append(f"Each filter sees its group's channels alone: {some} {seen}, and so on.")
        if any(map(any, self._windows.padding)):
            notes.append(_PADDING[self._mode])
        if dtype.kind == "f" and self._accumulate in _ROUNDED:
            notes.append(_ROUNDED[self._accumulate])
        return notes

    def step(self, explanation: Sum, numbers: Decimals) -> dict[str, Any]:
        """Return a sentence, and the subtotals of several channels."""
        said = {"words": self._words(explanation, numbers)}
        if len(explanation.channels) < 2 or explanation.has_letters:
            return said
        subtotals = list(map(numbers.text, explanation.subtotals))
        bias = [] if explanation.bias is None else [numbers.text(explanation.bias)]
        words = signed_sum_words([*subtotals, *bias])
        total = [*shortened(words[: len(subtotals)]), *words[len(subtotals) :]]
        return {**said, "subtotals": subtotals, "totals": " ".join(total)}

    def of_all_steps(self, explain: Explainer, numbers: Decimals) -> dict[str, Any]:
        """Return the bias of each filter."""
        bias = None
        if self._bias is not None:
            filters = len(self._kernel.values)
            bias = list(map(numbers.text, np.broadcast_to(self._bias.values, filters)))
        return {"bias": bias, "relu": self._relu}

    def _words(self, explanation: Sum, numbers: Decimals) -> str:
        terms, channels = explanation.terms, explanation.channels
        where = covered(self._windows, explanation.at[-self._windows.dims :])
        if len(channels) * self._groups > 1:
            first, last = channels[0], channels[-1]
            where += f" of channel{f's {first} to {last}' if last > first else f' {first}'}"
        count = len(terms)
        what = f"{count} products" if count > 1 else "product"
        if count > 1 or explanation.bias is not None:
            what = f"sum of its {what}" + ("" if explanation.bias is None else " and the bias")
        said = f"the {what} is {numbers.result(explanation.value)}"
        if explanation.has_letters:
            said = f"the result is the {what}"
        words = [f"The window covers {where}; {said}."]
        if explanation.has_letters and any(term.is_zero for term in terms):
            words.append("Products that are 0 are left out.")
        if self._relu and explanation.has_letters:
            words.append("ReLU makes it 0 where it is negative.")
        elif self._relu and explanation.value < 0:
            words.append("That is negative, so ReLU makes it 0.")
        padded = sum(term.padded for term in terms)
        if padded == count:
            words.append("All that it covers is padding.")
        elif padded:
            words.append(
                f"{padded} of its {count} elements {'is' if padded == 1 else 'are'} padding."
            )
        return " ".join(words)


def lesson_of_conv(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    precision: int | None = None,
    accumulate: str = "exact",
    **options: Any,
) -> Lesson:
    """Return the page about a call of `conv`."""
    image, kernel = numbers_or_letters(input, "input"), numbers_or_letters(weight, "kernel")
    operands = [image, kernel]
    if bias is not None:
        operands.append(numbers_or_letters(bias, "bias", image.dtype))
    geometry: dict[str, Any] = _USUAL | options
    offset = operands[2] if len(operands) > 2 else None
    axes = spatial_axes(kernel.ndim - 2)
    plan = ConvLesson(
        image, kernel, offset, axes, kernel.ndim, relu=False, accumulate=accumulate, **geometry
    )
    if any(array.dtype.hasobject for array in operands):
        formulas = conv_formulas(image, kernel, offset, precision, **geometry)
        return plan.lesson(formulas.stand_in(), formulas.explain, precision)
    result = conv(image, kernel, offset, accumulate=accumulate, **geometry)
    explain = conv_explainer(image, kernel, offset, result, **geometry)
    return plan.lesson(result, explain, precision)
