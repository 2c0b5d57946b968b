"""The page about batch normalization."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array, floating_dtype, working_dtype
from cnnops_cli.errors import CnnopsError, naming_operands
from cnnops_cli.explain.batchnorm import Normalised, batchnorm_explainer
from cnnops_cli.explain.explanation import Explainer
from cnnops_cli.lessons.grids import Grid, NameAxes, Palette, shape_alone, spatial_axes
from cnnops_cli.lessons.lesson_plan import LessonPlan
from cnnops_cli.lessons.limits import PageSize, Shape, check_size
from cnnops_cli.lessons.page import Lesson
from cnnops_cli.lessons.pytorch_lines import batchnorm_lines
from cnnops_cli.ops.batchnorm import batchnorm, check_operands
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.shapes import named_shape

_DEFAULTS = {"running_mean": 0.0, "running_var": 1.0, "weight": 1.0, "bias": 0.0}
_STATISTICS = {"mean": "mean", "var": "variance", "weight": "weight", "bias": "bias"}
"""Attributes of an explanation, and what they are called."""


class BatchnormLesson(LessonPlan):
    """The page about batch normalization, from its input and the operator's options."""

    operator, kind = "batchnorm", "normalised"

    def __init__(
        self,
        input: Array,
        parameters: dict[str, Array],
        axes: NameAxes,
        *,
        relu: bool,
        training: bool,
        momentum: float,
        eps: float,
    ) -> None:
        self._relu = relu
        self._options: dict[str, Any] = {"training": training, "momentum": momentum, "eps": eps}
        with naming_operands(input=input.shape):
            check_operands(input, parameters, **self._options)
        self.reads = "channel" if training else "same"
        names, of_user = axes(input)
        rows, columns = ("N", names[-1]) if input.ndim < 4 else names[-2:]
        stacked = [axis for axis in names if axis not in ("C", rows, columns)]
        self.input = Grid("input", input, names, of_user, rows, columns, stacked)
        self.result = self.input._replace(name="result", values=shape_alone(input.shape))
        self._given = [
            Grid(name, parameters[name].copy(), ["C"], ["C"], None, None) for name in _DEFAULTS
        ]

        def size_of(shape: Shape) -> PageSize:
            if training and math.prod(shape) == shape[1]:
                raise CnnopsError("training needs more than one value per channel")
            return PageSize(2 * math.prod(shape) + shape[1] * len(_STATISTICS), math.prod(shape))

        check_size(
            self.input, size_of, [names[2:], ["N"], ["C"]], "take fewer samples and channels"
        )

    def facts(
        self, precision: int | None, palette: Palette, result: Array, explain: Explainer
    ) -> dict[str, Any]:
        """Return the statistics of each channel, and PyTorch's lines."""
        numbers, training = Decimals(precision, exact=False), self._options["training"]
        about = [f"eps {numbers.setting(self._options['eps'])}"]
        about += [f"momentum {numbers.setting(self._options['momentum'])}"] * training
        about += ["ReLU"] * self._relu
        note = "The statistics are the running ones: 0 and 1 where none were given."
        if training:
            note = "The statistics are those of this batch, over all its samples."
        return {
            "about": ", ".join(["training" if training else "evaluation", *about]),
            "notes": [note, "eps keeps the divisor from being 0."],
            "kernel": self._statistics(explain, precision, palette),
            "sizes": [],
            "pytorch": batchnorm_lines(
                self.input, self._given, dtype=result.dtype, relu=self._relu, **self._options
            ),
        }

    def _statistics(
        self, explain: Explainer, precision: int | None, palette: Palette
    ) -> dict[str, Any]:
        channels = self._channels(explain)
        values = np.array(
            [[getattr(each, name) for name in _STATISTICS] for each in channels], np.float64
        )
        grid = Grid("statistics", values, ["C", "S"], ["C", "S"], "S", None)
        running = "" if self._options["training"] else "running "
        names = [running * (name in ("mean", "var")) + said for name, said in _STATISTICS.items()]
        shape = named_shape("C", values.shape[:1])
        record = grid.record(precision, palette)
        return record | {"shape": shape, "rowNames": names, "colours": None}

    def step(self, explanation: Normalised, numbers: Decimals) -> dict[str, Any]:
        """Return a sentence and the formula."""
        return {
            "words": self._words(explanation, numbers),
            "formulas": explanation.formula(numbers),
            "sign": "=",
            "lines": [],
        }

    def of_all_steps(self, explain: Explainer, numbers: Decimals) -> dict[str, Any]:
        """Return how the statistics of each channel come about."""
        return {
            "channelLines": [
                [str(each) for each in (*known.statistics(numbers), *known.updates(numbers))]
                for known in self._channels(explain)
            ]
        }

    def _channels(self, explain: Explainer) -> list[Any]:
        """Explain the first element of each channel."""
        shape = self.input.values.shape
        rest = (0,) * (len(shape) - 2)
        return [explain((0, channel, *rest)) for channel in range(shape[1])]

    def _words(self, explanation: Normalised, numbers: Decimals) -> str:
        source = "running mean" if explanation.batch is None else "mean"
        words = (
            f"The {source} of channel {explanation.channel} is subtracted from "
            f"{numbers.text(explanation.input)}; the difference is divided by "
            f"sqrt(variance + eps), multiplied by the weight {numbers.text(explanation.weight)}, "
            f"and the bias {numbers.text(explanation.bias)} is added."
        )
        if self._relu and explanation.value < 0:
            words += " That is negative, so ReLU makes it 0."
        return words


def lesson_of_batchnorm(
    input: npt.ArrayLike,
    running_mean: npt.ArrayLike | None = None,
    running_var: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
    *,
    precision: int | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Lesson:
    """Return the page about a call of `batchnorm`; running statistics that are given stay."""
    image = as_array(input, "input")
    arguments = (running_mean, running_var, weight, bias)
    given = {
        name: as_array(_DEFAULTS[name] if value is None else value, name, image.dtype)
        for name, value in zip(_DEFAULTS, arguments, strict=True)
    }
    dtype = working_dtype(floating_dtype(image, *given.values()))
    parameters: dict[str, Any] = {
        name: np.array(np.broadcast_to(array, array.shape or image.shape[1:2]), dtype)
        for name, array in given.items()
    }
    before = [parameters[name].copy() for name in ("running_mean", "running_var")]
    options: dict[str, Any] = {"training": training, "momentum": momentum, "eps": eps}
    plan = BatchnormLesson(image, parameters, spatial_axes(image.ndim - 2), relu=False, **options)
    result = batchnorm(image, **parameters, **options)
    explain = batchnorm_explainer(image, result, before=before, **parameters, **options)
    return plan.lesson(result, explain, precision)
