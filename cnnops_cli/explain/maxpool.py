"""The comparison behind a cell of max pooling."""

from dataclasses import dataclass
from typing import Any

from cnnops_cli.dtypes import Array
from cnnops_cli.explain.cells import Cells, Explanation, Index, Place, cell_of
from cnnops_cli.explain.layout import (
    PAD,
    align,
    fold_formula,
    fold_text,
    legend_of_gaps,
    mark,
    span_of,
    spread,
)
from cnnops_cli.explain.numbers import Decimals
from cnnops_cli.explain.windows import seen_by
from cnnops_cli.ops.geometry import Padding, Size, Windows
from cnnops_cli.ops.maxpool import place_windows


@dataclass(frozen=True)
class Candidate:
    """One cell of a window; of padding, nothing is known and nothing counts."""

    input_at: Index | None
    input: Any


@dataclass(frozen=True)
class Maximum(Explanation):
    """The largest value of a window.

    Attributes
    ----------
    candidates : list of Candidate
        The cells of the window in row-major order, padding among them.
    max_at : tuple of int, optional
        The cell of the input that counts as the maximum; None where letters leave it open.
    windows : Windows
    """

    candidates: list[Candidate]
    max_at: Index | None
    windows: Windows

    def record(self, at: Index, place: Place, numbers: Decimals) -> dict[str, Any]:
        """Return everything by name, as JSON has it."""
        return {
            "at": at,
            "terms": [
                {"input_at": None, "input": None}
                if cell.input_at is None
                else {"input_at": place(cell.input_at), "input": numbers.value(cell.input)}
                for cell in self.candidates
            ],
            "max_at": None if self.max_at is None else place(self.max_at),
            "formula": f"max({', '.join(self._parts(numbers))})",
            "value": numbers.value(self.value),
        }

    def lines(self, place: Place, numbers: Decimals, width: int) -> list[str]:
        """Draw the window with its winner, and write the comparison."""
        dims, kernel = self.windows.dims, self.windows.kernel
        lines = fold_text(span_of(self.windows, self.at[-dims:]), width)
        cells = kernel[-1] * (1, *kernel)[-2]
        dilation = (1, *self.windows.dilation)[-2:]
        for start in range(0, len(self.candidates), cells):
            if dims == 3:
                lines.append(f"  D + {start // cells * self.windows.dilation[0]}")
            shown = self._shown(self.candidates[start : start + cells], numbers)
            lines += align(spread(shown, kernel[-1], dilation), width)
        if any(cell.input_at is None for cell in self.candidates):
            lines += fold_text(f"({PAD}: padding, never the maximum)", width)
        lines += legend_of_gaps(self.windows, width)
        value = numbers.text(self.value)
        if self.max_at is not None:
            value += f", at {list(place(self.max_at))} of the input"
        return lines + fold_formula(self._parts(numbers), ",", value, width, begin="max(", end=")")

    def _parts(self, numbers: Decimals) -> list[str]:
        return [numbers.text(cell.input) for cell in self.candidates if cell.input_at is not None]

    def _shown(self, cells: list[Candidate], numbers: Decimals) -> list[str]:
        """What the window shows, the winner in brackets."""
        texts = [PAD if one.input_at is None else numbers.text(one.input) for one in cells]
        wins = [one.input_at is not None and one.input_at == self.max_at for one in cells]
        return mark(texts, wins, "[]")


def maxpool_cells(
    input: Array,
    kernel_size: Size,
    result: Array,
    indices: Array | None,
    *,
    stride: Size | None,
    padding: Padding,
    dilation: Size,
    ceil_mode: bool,
) -> Cells:
    """Explain the cells of max pooling.

    Parameters
    ----------
    input : numpy.ndarray
        As `cnnops_cli.maxpool` took it, with the options that it had.
    result, indices : numpy.ndarray
        What it gave; letters have no indices.

    Returns
    -------
    callable
        From a cell of the result to its `Maximum`.
    """
    windows = place_windows(
        input.shape,
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )

    def explain(at: Index) -> Maximum:
        lead = at[: -windows.dims]
        candidates = []
        for place, _ in seen_by(windows, at[-windows.dims :]):
            source = None if place is None else (*lead, *place)
            candidates.append(Candidate(source, None if source is None else cell_of(input, source)))
        winner = None
        if indices is not None:
            winner = (*lead, *_unravelled(int(indices[at]), windows.lengths))
        return Maximum(at, cell_of(result, at), candidates, winner, windows)

    return explain


def _unravelled(position: int, lengths: Index) -> Index:
    """Turn a flat position in a plane into one per axis."""
    place: list[int] = []
    for length in reversed(lengths):
        position, along = divmod(position, length)
        place.insert(0, along)
    return tuple(place)
