"""The view: one line that sums the array up, then its values, a grid for each plane."""

import io
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.text import Text

from cnnops_cli.dtypes import Array
from cnnops_cli.views.numbers import format_numbers
from cnnops_cli.views.summary import summarise
from cnnops_cli.views.terminal import Terminal

_GAP = 2
_MOST_PLANES = 6
_FEWEST_ROWS = 2
_LINES_AROUND = 4
"""A plane's own lines beside its rows: a blank one, its number, and two for what is left out."""
_MORE = "…"


def render(
    operator: str,
    array: Array,
    *,
    planes: Array,
    note: str,
    precision: int | None,
    terminal: Terminal,
) -> str:
    """Write an array as a person reads it.

    Parameters
    ----------
    operator : str
        What made it.
    array : numpy.ndarray
        What the header is about.
    planes : numpy.ndarray
        The same values, with rows and columns as the last two axes; the others number the planes.
    note : str
        Added to the header, as a seed that was drawn.
    precision : int, optional
        Decimals; see `format_numbers`.
    terminal : Terminal

    Returns
    -------
    str
        Lines of at most the terminal's width. What does not fit is left out in the middle, and it
        is said how much.
    """
    console = Console(
        file=io.StringIO(),
        width=terminal.width,
        force_terminal=terminal.color,
        color_system="standard" if terminal.color else None,
        no_color=not terminal.color,
        legacy_windows=False,
        _environ={},
    )

    parts = [operator, *summarise(array, precision), *([note] if note else [])]
    lines = [(line, "bold cyan") for line in _fold(parts, terminal.width)]
    if array.size:
        lines += _body(planes, precision, terminal)
    for line, style in lines:
        text = Text(line, style)
        text.highlight_regex(r"-?\b(nan|inf)\b", "bold red")
        console.print(text, soft_wrap=True)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def _fold(parts: list[str], width: int) -> list[str]:
    """Join parts to lines that keep to a width, but for a part that is longer by itself."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = f"{lines[-1]}  {part}"
        if len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


def _body(array: Array, precision: int | None, terminal: Terminal) -> list[tuple[str, str]]:
    planes = array.reshape(-1, *(1,) * (2 - array.ndim), *array.shape[-2:])
    lead = array.shape[:-2]
    shown = min(len(planes), _MOST_PLANES)
    most_rows = max(_FEWEST_ROWS, (terminal.height - 2) // shown - _LINES_AROUND)
    lines: list[tuple[str, str]] = []
    for number in _ends(len(planes), _MOST_PLANES):
        if number is None:
            lines += [("", ""), (f"… {len(planes) - _MOST_PLANES} more planes", "dim")]
            continue
        if lead:
            place = ", ".join(str(int(index)) for index in np.unravel_index(number, lead))
            lines += [("", ""), (f"[{place}]", "dim")]
        grid = _grid(planes[number], precision, most_rows, terminal.width)
        lines += [(line, "") for line in grid]
    return lines


def _grid(plane: Array, precision: int | None, most_rows: int, terminal_width: int) -> list[str]:
    """Align the values of one plane in columns, as many as fit."""
    height, width = plane.shape
    most_columns = min(width, (terminal_width + _GAP) // (1 + _GAP))
    while True:
        cells = _cells(plane, _ends(height, most_rows), _ends(width, most_columns), precision)
        widest = max(len(cell) for row in cells for cell in row)
        lines = [
            (" " * _GAP).join(cell if cell == _MORE else cell.rjust(widest) for cell in row)
            for row in cells
        ]
        if len(lines[0]) <= terminal_width or most_columns == 1:
            break
        most_columns -= 1
    left_out = [
        f"{length - most} more {what}"
        for length, most, what in ((height, most_rows, "rows"), (width, most_columns, "columns"))
        if length > most
    ]
    return [*lines, f"… {', '.join(left_out)}"] if left_out else lines


def _cells(
    plane: Array, rows: Sequence[int | None], columns: Sequence[int | None], precision: int | None
) -> list[list[str]]:
    shown = plane[np.ix_([r for r in rows if r is not None], [c for c in columns if c is not None])]
    texts = iter(format_numbers(shown.ravel().tolist(), precision))
    return [
        [_MORE if column is None else "⋮" if row is None else next(texts) for column in columns]
        for row in rows
    ]


def _ends(length: int, most: int) -> list[int | None]:
    """Pick the first and last of a range, with None for those left out between them."""
    if length <= most:
        return list(range(length))
    first = -(-most // 2)
    return [*range(first), None, *range(length - most + first, length)]
