"""Tables in plain text, printed row by row as the figures come in."""

import sys
from collections.abc import Sequence


class Table:
    """A heading, then one line a row.

    Parameters
    ----------
    columns : sequence of (str, int)
        Heading and width of each. A cell that is wider than its column is kept whole.
    left : int
        How many columns are set to the left; the others are set to the right.
    markdown : bool
        Print Markdown; notes go to standard error.
    """

    def __init__(self, *columns: tuple[str, int], left: int = 1, markdown: bool = False) -> None:
        self._left = left
        self._markdown = markdown
        self._widths = [max(width, len(heading)) for heading, width in columns]
        self.row(*(heading for heading, _ in columns))
        rule = "-" * (sum(self._widths) + 2 * len(columns) - 2)
        print("|---" * len(columns) + "|" if markdown else rule, flush=True)

    def row(self, *cells: str, notes: Sequence[str] = ()) -> None:
        """Print one row, and behind it the notes that say anything."""
        note = "; ".join(filter(None, notes))
        if self._markdown:
            print(f"| {' | '.join(cells)} |", flush=True)
            print(f"{cells[0]}: {note}\n" * bool(note), end="", file=sys.stderr)
            return
        set_cells = [
            cell.ljust(width) if column < self._left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, self._widths, strict=True))
        ]
        print("  ".join([*set_cells, note]).rstrip(), flush=True)

    def skipped(self, name: str, missing: Sequence[str]) -> None:
        """Say in one line that a row's peer is not installed."""
        if not self._markdown:
            print(f"{name.ljust(self._widths[0])}  skipped: no {', no '.join(missing)}", flush=True)


def milliseconds(seconds: float) -> str:
    """A time, to as many decimals as say something."""
    decimals = 3 if seconds < 0.01 else 1 if seconds < 1 else 0
    return f"{seconds * 1e3:.{decimals}f} ms"


def spread(low: float, high: float) -> str:
    """The least and the greatest."""
    return f"({low:.2f} to {high:.2f})"
