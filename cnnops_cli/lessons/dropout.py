"""The page about dropout."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnops_cli.dtypes import Array, as_array
from cnnops_cli.explain.dropout import Dropped, dropout_explainer, scale_of
from cnnops_cli.explain.explanation import Explainer
from cnnops_cli.lessons.grids import Axes, Grid, NameAxes, Palette, shape_alone, spatial_axes
from cnnops_cli.lessons.lesson_plan import LessonPlan
from cnnops_cli.lessons.limits import PageSize, Shape, check_size
from cnnops_cli.lessons.page import Lesson
from cnnops_cli.lessons.pytorch_lines import dropout_lines
from cnnops_cli.ops.dropout import check_chance, draw_bits, draw_mask, keep, mask_shape
from cnnops_cli.ops.seeds import fresh_seed
from cnnops_cli.text.numbers import Decimals

_VALUES_OF_BITS = 1 << 16


class DropoutLesson(LessonPlan):
    """The page about dropout, from its input and what returns the `mask` that was used.

    Without a `seed`, the mask was given.
    """

    operator, kind, reads = "dropout", "dropped", "same"

    def __init__(
        self,
        input: Array,
        mask: Callable[[], Array],
        axes: NameAxes,
        p: float,
        *,
        training: bool,
        seed: int | None,
        channelwise: bool,
    ) -> None:
        self._p, self._training, self._seed = p, training, seed
        self._channelwise = channelwise
        names, of_user = axes(input)
        rows, columns = [None, None, *names][-2:]
        self.input = Grid("input", input, names, of_user, rows, columns)
        self.result = self.input._replace(name="result", values=shape_alone(input.shape))

        def size_of(shape: Shape) -> PageSize:
            return PageSize(3 * math.prod(shape), math.prod(shape))

        check_size(self.input, size_of, [names[:-2], names[-2:]], "take fewer elements")
        kept = np.broadcast_to(mask() != 0, input.shape).view(np.uint8)
        self._mask = self.input._replace(name="mask", values=kept)
        self._bits = None
        if seed is not None:
            bits = draw_bits(mask_shape(input.shape, channelwise), seed)
            self._bits = np.broadcast_to(bits, input.shape)

    def facts(
        self, precision: int | None, palette: Palette, result: Array, explain: Explainer
    ) -> dict[str, Any]:
        """Return the mask and PyTorch's lines."""
        return {
            "about": ", ".join(self._about(result.dtype, Decimals(precision, exact=False))),
            "notes": [self._note()],
            "kernel": self._mask.record(precision, palette),
            "sizes": [],
            "pytorch": dropout_lines(
                self.input, self._mask, self._p, training=self._training, dtype=result.dtype
            ),
        }

    def _about(self, dtype: np.dtype[Any], numbers: Decimals) -> list[str]:
        if not self._training:
            return ["evaluation"]
        scale = scale_of(self._p, dtype)
        said = [f"p {numbers.setting(self._p)}"]
        said += [] if scale is None else [f"scale {numbers.text(scale)}"]
        said += ["channelwise"] * self._channelwise
        return said + ([] if self._seed is None else [f"seed {self._seed}"])

    def _note(self) -> str:
        if not self._training:
            return "In evaluation nothing is dropped."
        if self._p == 1:
            return "Every value is dropped."
        p, what = Decimals().setting(self._p), "A channel" if self._channelwise else "A value"
        note = f"{what} is dropped with probability {p}."
        if self._seed is None:
            note = "The mask was given: what is 0 there is dropped."
        return f"{note} What is kept is multiplied by 1 / (1 - {p})."

    def step(self, explanation: Dropped, numbers: Decimals) -> dict[str, Any]:
        """Return a sentence, what becomes of the value, and the bits that decided."""
        formula, sign = explanation.change(numbers)
        return {
            "words": self._words(explanation, numbers),
            "formulas": formula,
            "sign": sign,
            "lines": [] if self._bits is None else [self._decision(explanation, numbers)],
        }

    def _words(self, explanation: Dropped, numbers: Decimals) -> str:
        value = numbers.text(explanation.input)
        if not self._training:
            return f"In evaluation nothing is dropped: {value} stays as it is."
        if not explanation.kept:
            return f"{value} is dropped: it becomes 0."
        return f"{value} is kept, and multiplied by 1 / (1 - {numbers.setting(self._p)})."

    def _decision(self, explanation: Dropped, numbers: Decimals) -> str:
        """Say how 16 random bits compare with the chance."""
        assert self._bits is not None
        bits, threshold = int(self._bits[explanation.at]), math.floor(self._p * _VALUES_OF_BITS)
        limit = f"floor({numbers.setting(self._p)} * {_VALUES_OF_BITS}) = {threshold}"
        outcome = "kept" if explanation.kept else "dropped"
        whose = "its channel's" if self._channelwise else "its"
        if bits == threshold and self._p * _VALUES_OF_BITS > threshold:
            return f"{whose} random bits {bits} are equal to {limit}, and 53 more decide: {outcome}"
        relation = "less than" if bits < threshold else "not less than"
        return f"{whose} random bits {bits} are {relation} {limit}: {outcome}"


def _numbered(array: Array) -> Axes:
    names = list(map(str, range(array.ndim)))
    return names, names


def lesson_of_dropout(
    input: npt.ArrayLike,
    p: float = 0.5,
    *,
    precision: int | None = None,
    training: bool = True,
    seed: int | None = None,
    channelwise: bool = False,
) -> Lesson:
    """Return the page about a call of `dropout`."""
    image = as_array(input, "input")
    check_chance(p)
    seed = None if not training else fresh_seed() if seed is None else seed
    mask = np.ones((), bool)
    if seed is not None:
        mask = draw_mask(image.shape, p, seed, channelwise)
    plan = DropoutLesson(
        image,
        lambda: mask,
        spatial_axes(image.ndim - 2) if channelwise else _numbered,
        p,
        training=training,
        seed=seed,
        channelwise=channelwise,
    )
    result = keep(image, mask, p) if training else image
    explain = dropout_explainer(image, result, mask, p, training=training, seed=seed)
    return plan.lesson(result, explain, precision)
