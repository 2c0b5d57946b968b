"""What dropout did with a value."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array, working_dtype
from cnnops_cli.explain.arithmetic import arithmetic_lines
from cnnops_cli.explain.elements import as_computed, element_of
from cnnops_cli.explain.explanation import Explainer, Explanation, Index, Page, Place
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import Line


@dataclass(frozen=True, kw_only=True)
class Dropped(Explanation):
    """A value that is kept and multiplied by `scale`, or dropped with the chance `p`.

    There is no scale where p is 1, and no `seed` where the mask was given.
    """

    input: Any
    p: float
    kept: bool
    training: bool
    scale: float | None
    seed: int | None

    def _arithmetic(self, numbers: Decimals) -> list[str]:
        if not self.training:
            return [numbers.text(self.input)]
        if not self.kept:
            return ["0"]
        return f"{numbers.text(self.input)} * 1 / (1 - {numbers.setting(self.p)})".split()

    def _operands(self, place: Place, numbers: Decimals) -> dict[str, Any]:
        return {
            "input": numbers.value(self.input),
            "p": self.p,
            "seed": self.seed,
            "kept": self.kept,
            "scale": numbers.value(self.scale),
        }

    def lines(self, place: Place, page: Page) -> list[Line]:
        """Say what became of the value."""
        numbers = page.numbers
        label = "evaluation"
        if self.training:
            scale = "" if self.scale is None else f", scale {numbers.text(self.scale)}"
            label = f"kept{scale}" if self.kept else "dropped"
        words, sign = self.change(numbers)
        value = numbers.result(self.value)
        return arithmetic_lines(words.split(), value, page.width, label=f"{label}:", sign=sign)

    def change(self, numbers: Decimals) -> tuple[str, str]:
        """Return what becomes the value, and the sign between them."""
        if not self.training:
            return numbers.text(self.input), "stays"
        if not self.kept:
            return numbers.text(self.input), "becomes"
        return self.formula(numbers), "="


def scale_of(p: float, dtype: np.dtype[Any]) -> Any:
    """Return by what kept values are multiplied for a result of a dtype; None where p is 1."""
    work = working_dtype(dtype).type
    return None if p == 1 else work(1) / work(1 - p)


def dropout_explainer(
    input: Array, result: Array, mask: Array, p: float, *, training: bool, seed: int | None
) -> Explainer:
    """Explain dropout; `mask` says what it kept, and broadcasts to the input's shape."""
    kept = np.broadcast_to(mask, input.shape)
    computed = as_computed(result.dtype)
    scale = scale_of(p, result.dtype) if training else 1.0

    def explain(at: Index) -> Dropped:
        return Dropped(
            at=at,
            value=element_of(result, at),
            input=computed(element_of(input, at)),
            p=p,
            kept=not training or (bool(kept[at]) and p < 1),
            training=training,
            scale=scale,
            seed=seed,
        )

    return explain
