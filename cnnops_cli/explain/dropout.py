"""What dropout did with a value."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array, working_dtype
from cnnops_cli.explain.cells import Cells, Explanation, Index, Place, as_computed, cell_of
from cnnops_cli.explain.layout import fold_text
from cnnops_cli.explain.numbers import Decimals


@dataclass(frozen=True)
class Dropped(Explanation):
    """A value that is kept and scaled, or dropped.

    Attributes
    ----------
    input : number
    p : float
        The chance that a value is dropped.
    kept, training : bool
    scale : float, optional
        What a kept value is multiplied by; at p = 1, where nothing is kept, there is none.
    seed : int, optional
        Where the mask was drawn.
    """

    input: Any
    p: float
    kept: bool
    training: bool
    scale: float | None
    seed: int | None

    def formula(self, numbers: Decimals) -> str:
        """Write the product, or the zero of a dropped value."""
        if not self.training:
            return numbers.text(self.input)
        if not self.kept:
            return "0"
        return f"{numbers.text(self.input)} * 1 / (1 - {numbers.setting(self.p)})"

    def record(self, at: Index, place: Place, numbers: Decimals) -> dict[str, Any]:
        """Return everything by name, as JSON has it."""
        return {
            "at": at,
            "input": numbers.value(self.input),
            "p": self.p,
            "seed": self.seed,
            "kept": self.kept,
            "scale": None if self.scale is None else numbers.value(self.scale),
            "formula": self.formula(numbers),
            "value": numbers.value(self.value),
        }

    def lines(self, place: Place, numbers: Decimals, width: int) -> list[str]:
        """Say what became of the value."""
        shown, value = numbers.text(self.input), numbers.text(self.value)
        if not self.training:
            return fold_text(f"evaluation: {shown} stays {value}", width)
        if not self.kept:
            return fold_text(f"dropped: {shown} becomes {value}", width)
        scale = "" if self.scale is None else f", scale {numbers.text(self.scale)}"
        return fold_text(f"kept{scale}: {self.formula(numbers)} = {value}", width)


def dropout_cells(
    input: Array, result: Array, mask: Array, p: float, *, training: bool, seed: int | None
) -> Cells:
    """Explain the cells of dropout.

    Parameters
    ----------
    input, result : numpy.ndarray
        What it took and gave.
    mask : numpy.ndarray of bool
        What it kept, in a shape that broadcasts to the input's.
    p : float
    training : bool
    seed : int, optional
        What the mask was drawn with.

    Returns
    -------
    callable
        From a cell of the result to what was `Dropped` there.
    """
    kept = np.broadcast_to(mask, input.shape)
    computed = as_computed(result.dtype)
    scale: Any = 1.0
    if training:
        work = working_dtype(result.dtype).type
        scale = None if p == 1 else work(1) / work(1 - p)

    def explain(at: Index) -> Dropped:
        stays = not training or (bool(kept[at]) and p < 1)
        value, source = cell_of(result, at), computed(cell_of(input, at))
        return Dropped(at, value, source, p, stays, training, scale, seed)

    return explain
