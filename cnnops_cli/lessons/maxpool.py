"""The page about max pooling."""

import math
from typing import Any

import numpy.typing as npt

from cnnops_cli.dtypes import Array
from cnnops_cli.explain.explanation import Explainer
from cnnops_cli.explain.formulas import maxpool_formulas
from cnnops_cli.explain.maxpool import Maximum, maxpool_explainer
from cnnops_cli.lessons.grids import Grid, NameAxes, Palette, shape_alone, spatial_axes
from cnnops_cli.lessons.lesson_plan import LessonPlan
from cnnops_cli.lessons.limits import PageSize, Shape, check_size
from cnnops_cli.lessons.numbers_or_letters import numbers_or_letters
from cnnops_cli.lessons.page import Lesson
from cnnops_cli.lessons.pytorch_lines import maxpool_lines
from cnnops_cli.lessons.window_maps import (
    covered,
    length_lines,
    options_in_words,
    padded_lengths,
    window_maps,
)
from cnnops_cli.ops.geometry import Size
from cnnops_cli.ops.maxpool import maxpool, place_windows
from cnnops_cli.text.numbers import Decimals

_CONSTANT = "-"
"""Padding, which holds nothing."""
_USUAL = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False}


class MaxpoolLesson(LessonPlan):
    """The page about max pooling, from its input and the operator's options."""

    operator, kind, reads = "maxpool", "maximum", "window"

    def __init__(
        self,
        input: Array,
        kernel_size: Size,
        axes: NameAxes,
        *,
        relu: bool,
        **geometry: Any,
    ) -> None:
        self._windows = windows = place_windows(input.shape, kernel_size, **geometry)
        self._relu, self._ceil_mode = relu, geometry["ceil_mode"]
        lead = input.shape[: -windows.dims]
        plane: tuple[str | None, str] = ("H" if windows.dims > 1 else None, "W")
        depth = ["D"] if windows.dims == 3 else []
        window, result = shape_alone(windows.kernel), shape_alone([*lead, *windows.output])
        self.input = Grid("input", input, *axes(input), *plane, depth)
        self._window = Grid("window", window, windows.axes, windows.axes, *plane, depth)
        self.result = Grid("result", result, *axes(result), *plane)

        def size_of(shape: Shape) -> PageSize:
            placed = place_windows(shape, kernel_size, **geometry)
            planes = math.prod(shape[: -placed.dims])
            results = planes * math.prod(placed.output)
            drawn = planes * math.prod(padded_lengths(placed))
            return PageSize(drawn + window.size + results, results * window.size)

        check_size(
            self.input,
            size_of,
            [self.input.axes[: -1 - windows.dims], windows.axes, ["C"]],
            "take a smaller window, a larger stride or less padding",
        )

    def facts(
        self, precision: int | None, palette: Palette, result: Array, explain: Explainer
    ) -> dict[str, Any]:
        """Return the windows, the lengths and PyTorch's lines."""
        windows = self._windows
        words = options_in_words(windows, windows.kernel)
        words += ["ceil mode"] * self._ceil_mode + ["ReLU"] * self._relu
        is_padded = any(map(any, windows.padding))
        return {
            "about": ", ".join(words),
            "notes": ["Padding holds nothing: it is never the largest."] * is_padded,
            "kernel": self._window.record(precision, palette) | {"texts": None},
            "windows": window_maps(self._windows, "zeros", _CONSTANT) | {"mode": "none"},
            "sizes": length_lines(windows, ceil_mode=self._ceil_mode),
            "pytorch": maxpool_lines(
                self.input,
                self.result,
                self._windows,
                ceil_mode=self._ceil_mode,
                relu=self._relu,
            ),
        }

    def step(self, explanation: Maximum, numbers: Decimals) -> dict[str, Any]:
        """Return a sentence, and which element of the window is the largest."""
        winner = None
        if explanation.max_at is not None:
            places = [None if each.padded else each.input_at for each in explanation.candidates]
            winner = places.index(explanation.max_at)
        return {"words": self._words(explanation, numbers), "winners": winner}

    def of_all_steps(self, explain: Explainer, numbers: Decimals) -> dict[str, Any]:
        """Return whether negative maxima become 0."""
        return {"relu": self._relu}

    def _words(self, explanation: Maximum, numbers: Decimals) -> str:
        where = covered(self._windows, explanation.at[-self._windows.dims :])
        counted = [each for each in explanation.candidates if not each.padded]
        words = f"The window covers {where}"
        if explanation.max_at is None:
            words += "; its largest element is the result."
            return words + " ReLU makes it 0 where it is negative." * self._relu
        place = list(self.input.user_index(explanation.max_at))
        words += f"; its largest element is {numbers.result(explanation.value)}, at {place}."
        if explanation.value != explanation.value:
            words += " NaN wins over every number."
        elif sum(each.input == explanation.value for each in counted) > 1:
            words += " Of equal elements the first counts."
        if self._relu and explanation.value < 0:
            words += " That is negative, so ReLU makes it 0."
        if len(counted) < len(explanation.candidates):
            words += " Padding is never the largest."
        return words


def lesson_of_maxpool(
    input: npt.ArrayLike,
    kernel_size: Size,
    *,
    precision: int | None = None,
    return_indices: bool = False,
    **options: Any,
) -> Lesson:
    """Return the page about a call of `maxpool`, whose indices it shows in any case."""
    image = numbers_or_letters(input, "input")
    geometry: dict[str, Any] = _USUAL | options
    windows = place_windows(image.shape, kernel_size, **geometry)
    axes = spatial_axes(windows.dims)
    plan = MaxpoolLesson(image, kernel_size, axes, relu=False, **geometry)
    if image.dtype.hasobject:
        formulas = maxpool_formulas(image, kernel_size, precision, **geometry)
        return plan.lesson(formulas.stand_in(), formulas.explain, precision)
    result, indices = maxpool(image, kernel_size, return_indices=True, **geometry)
    explain = maxpool_explainer(image, kernel_size, result, indices, **geometry)
    return plan.lesson(result, explain, precision)
