"""Which steps are the least work, by what NumPy takes for cells, rows and calls."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cnnops_cli.ops.pooling.steps import Along


class _Prices(NamedTuple):
    """What NumPy takes for a step, in ns: a call, and in it a cell and a row.

    Attributes
    ----------
    call : float
    long : float
        A cell of one long row.
    cell, row, fresh : float
        In many rows; more for a row where no step before has brought it into the cache.
    strided, strided_row, column : float
        At a stride, and at that of a row.
    copied, copied_row, paired, picked : float
        Of copies; of every second cell, and of fewer.
    """

    call: float
    long: float
    cell: float
    row: float
    fresh: float
    strided: float
    strided_row: float
    column: float
    copied: float
    copied_row: float
    paired: float
    picked: float


_VALUES = _Prices(2000, 0.1, 0.2, 15, 150, 0.8, 20, 3, 0.1, 4, 0.19, 0.4)
_POSITIONS = _Prices(10000, 0.3, 0.5, 90, 150, 2.5, 120, 9, 0.15, 8, 0.3, 0.7)

_MOST_CLIPPED = 4
"""How many windows may reach into the padding where each is pooled by itself."""


class Way(NamedTuple):
    """How windows are pooled along one axis.

    Attributes
    ----------
    covered : int
        How many taps long steps cover before the windows are taken, at their stride.
    is_trimmed : bool
        Whether windows that reach into the padding are pooled without it; else it is put around
        the cells.
    """

    covered: int
    is_trimmed: bool


def choose_way(piece: Sequence[Along], axis: int, lead: int, has_positions: bool) -> Way:
    """Choose the way along an axis of planes (lead, *spatial)."""
    prices = _POSITIONS if has_positions else _VALUES
    along = piece[axis - 1]
    outer = lead * math.prod(other.windows for other in piece[: axis - 1])
    inner = math.prod(other.length for other in piece[axis:])
    is_last = axis == len(piece)

    def price(way: Way) -> float:
        length = along.length if way.is_trimmed else max(along.length, along.reached)
        long_steps = (way.covered - 1).bit_length()
        total = long_steps * (outer * length * inner * prices.long + prices.call)
        rows = outer * (1 if is_last else along.windows)
        cells = outer * along.windows * inner
        taken = -(-along.taps // way.covered) - 1
        if taken:
            cell, row = prices.cell, prices.row
            if is_last and along.stride > 1:
                cell, row = prices.strided, prices.strided_row
            elif way.covered == 1:
                total += rows * prices.fresh
            total += taken * (cells * cell + rows * row + prices.call)
        elif not (way.is_trimmed and along.is_shifted(outer)):
            cell, row = prices.copied, prices.copied_row
            if is_last:
                cell = {1: cell, 2: prices.paired}.get(along.stride, prices.picked)
                row *= not along.is_flat
            total += cells * cell + rows * row + prices.call
        if way.is_trimmed and way.covered > 1:
            edges = sum(len(along.seen_by(window)) - 1 for window in along.clipped())
            cell, row = (prices.column, 0.0) if is_last else (prices.cell, prices.row)
            total += edges * (outer * (inner * cell + row) + prices.call)
        elif not way.is_trimmed and along.reached != along.length:
            rows = outer * (1 if is_last else along.length)
            total += outer * length * inner * prices.copied + rows * prices.copied_row + prices.call
        return total

    return min(ways(along), key=price)


def ways(along: Along) -> Iterator[Way]:
    """All ways along an axis, cheap or not."""
    powers = [1 << power for power in range(along.taps.bit_length())]
    for covered in sorted({*powers, along.taps}):
        if _can_be_trimmed(along, covered):
            yield Way(covered, is_trimmed=True)
        yield Way(covered, is_trimmed=False)


def _can_be_trimmed(along: Along, covered: int) -> bool:
    if covered == 1:
        return along.central is not None
    begin, end = along.whole
    few = begin < end and begin + along.windows - end <= _MOST_CLIPPED
    return covered == along.taps and few and all(map(along.seen_by, along.clipped()))
