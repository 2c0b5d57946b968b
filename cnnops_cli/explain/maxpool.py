"""The comparison behind an element of max pooling."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.explain.elements import element_of
from cnnops_cli.explain.explanation import Explainer, Explanation, Index, Page, Place
from cnnops_cli.explain.windows import (
    Shown,
    aligned,
    dilation_lines,
    grid_lines,
    seen_by,
    span_lines,
    window_grid,
)
from cnnops_cli.ops.geometry import Size, Windows
from cnnops_cli.ops.maxpool import place_windows
from cnnops_cli.text.colours import Scale
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import DIM, INDENT, Line, fold_text

_PAD = "-"
"""Padding, which holds nothing."""


@dataclass(frozen=True, kw_only=True)
class Maximum(Explanation):
    """The largest of the candidates, which are the window's elements in row-major order.

    Its index is `max_at`, unknown with letters; `scale` returns the colours of the whole input.
    """

    candidates: list[Shown]
    max_at: Index | None
    windows: Windows
    scale: Callable[[], Scale | None]

    def _operands(self, place: Place, numbers: Decimals) -> dict[str, Any]:
        terms = [each.record(place, numbers) for each in self.candidates]
        return {"terms": terms, "max_at": None if self.max_at is None else place(self.max_at)}

    def _arithmetic(self, numbers: Decimals) -> list[str]:
        counted = (each.input for each in self.candidates if not each.padded)
        return f"max({', '.join(map(numbers.text, counted))})".split()

    def lines(self, place: Place, page: Page) -> list[Line]:
        """Draw the window with its maximum in brackets, and write the comparison."""
        windows = self.windows
        lines = span_lines(windows, self.at[-windows.dims :], page.width)
        rows, columns = (1, *windows.kernel)[-2:]
        scale = self.scale() if page.color else None
        grids = []
        for start in range(0, len(self.candidates), rows * columns):
            plane = self.candidates[start : start + rows * columns]
            wins = [not each.padded and each.input_at == self.max_at for each in plane]
            spans = [
                each.span(page, scale, _PAD, bold=is_won)
                for each, is_won in zip(plane, wins, strict=True)
            ]
            marked = [] if self.max_at is None else wins
            grids.append(window_grid(spans, columns, (1, *windows.dilation)[-2:], marked, "[]"))
        for step, grid in enumerate(aligned(grids)):
            if windows.dims == 3:
                lines.append([(f"{INDENT}D + {step * windows.dilation[0]}", DIM)])
            lines += grid_lines(grid, page)
        if any(each.padded for each in self.candidates):
            lines += fold_text(f"({_PAD}: padding, never the maximum)", page.width, DIM)
        lines += dilation_lines(windows, page.width)
        note = "" if self.max_at is None else f"at {list(place(self.max_at))} of the input"
        return lines + self._formula_lines(page, note)


def maxpool_explainer(
    input: Array, kernel_size: Size, result: Array, indices: Array | None, **geometry: Any
) -> Explainer:
    """Explain max pooling, from its input and options and what it returned: letters no indices."""
    windows = place_windows(input.shape, kernel_size, **geometry)
    scale = cache(lambda: Scale.of(input))

    def explain(at: Index) -> Maximum:
        lead = at[: -windows.dims]
        candidates = []
        for place, padded in seen_by(windows, at[-windows.dims :]):
            source = None if place is None else (*lead, *place)
            value = None if source is None else element_of(input, source)
            candidates.append(Shown(source, value, padded))
        winner = None
        if indices is not None:
            winner = (*lead, *map(int, np.unravel_index(int(indices[at]), windows.lengths)))
        return Maximum(
            at=at,
            value=element_of(result, at),
            candidates=candidates,
            max_at=winner,
            windows=windows,
            scale=scale,
        )

    return explain
