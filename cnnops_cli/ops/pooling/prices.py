"""Which steps are the least work, by what NumPy takes for cells and rows."""

import math
from collections.abc import Sequence

from cnnops_cli.ops.pooling.steps import Along

_LONG_CELL = 0.11
_ROW_CELL, _ROW = 0.15, 12.0
_STRIDED_CELL = 0.37
_COPIED_CELL, _COPIED_ROW = 0.09, 4.0
"""What NumPy takes, in ns: for a cell in one long row, in many short ones, at a stride, copied."""

_LONG_ROW = 512
"""From how many cells on a row is worth a start of its own."""


def has_flat_rows(piece: Sequence[Along], lead: int) -> bool:
    """Whether the rows of the last axis, made as long as so many strides, become one row."""
    along = piece[-1]
    rows = lead * math.prod(other.windows for other in piece[:-1])
    return along.stride > 1 and rows > 1 and along.length <= _LONG_ROW


def covered_taps(piece: Sequence[Along], axis: int) -> int:
    """How many taps long steps cover before the windows are taken, at their stride."""
    along = piece[axis - 1]
    inner = math.prod(other.length for other in piece[axis:])
    is_last = axis == len(piece)
    if is_last:
        cell = _STRIDED_CELL if along.stride > 1 else _ROW_CELL
        row = 30.0 if along.length > _LONG_ROW else _ROW * (along.stride == 1)
        copied_cell = {1: _COPIED_CELL, 2: 0.14}.get(along.stride, 0.3)
    else:
        cell, row, copied_cell = _ROW_CELL, _ROW, _COPIED_CELL

    def price(covered: int) -> float:
        steps = (covered - 1).bit_length()
        taken = -(-along.taps // covered) - 1
        windows = along.windows if not is_last else 1
        cells = along.windows * inner
        total = steps * along.reached * inner * _LONG_CELL
        total += taken * (cells * cell + windows * row)
        if not taken:
            total += cells * copied_cell + windows * _COPIED_ROW
        if steps and along.reached != along.length:
            total += along.length * inner * _COPIED_CELL + windows * _COPIED_ROW
        return total

    return min([*(1 << power for power in range(along.taps.bit_length())), along.taps], key=price)
