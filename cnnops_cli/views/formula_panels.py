"""Planes of letters and formulas, which are folded where a line does not hold them."""

import re
from bisect import bisect_left
from itertools import zip_longest

from cnnops_cli.dtypes import Array
from cnnops_cli.text.colours import Scale
from cnnops_cli.text.styled_lines import DIM, MORE, PLAIN, Line, fold, text_of, width_of
from cnnops_cli.views.grid import Numbers, line_of
from cnnops_cli.views.marks import Marks
from cnnops_cli.views.panels import Panels
from cnnops_cli.views.room import Room

_BREAKS = re.compile(r" (?=[+-] )|(?<=,) ")
"""Where a formula is folded: before an operator, after a comma."""
_BETWEEN = 2


def panels_of(
    planes: Array, scale: Scale | None, precision: int | None, marks: Marks | None = None
) -> Panels:
    """Return the planes of an array, of numbers on a scale or of letters."""
    if planes.dtype.hasobject:
        return FormulaPanels(planes, precision, marks)
    return Panels(planes, scale, precision, marks)


class FormulaPanels(Panels):
    """The planes of an array of letters or formulas, to be laid out in a room."""

    def __init__(self, planes: Array, precision: int | None, marks: Marks | None) -> None:
        super().__init__(planes, None, precision, marks)

    @property
    def tiny(self) -> bool:
        """Whether planes have too few values for a heat map, which letters never have."""
        return True

    def lines(self, room: Room) -> list[Line]:
        """Lay the planes out with a line for each row, or else with as many as formulas need."""
        return self.grids(room, self.count) or self._folded(room)

    def _written(self, shown: Array, room: Room) -> Numbers:
        return Numbers.of_letters(shown, self._precision, int(room.draws))

    def _folded(self, room: Room) -> list[Line]:
        """Fold the formulas to columns of equal width; what does not fit even so is counted."""
        written = self._numbers_of(self.count, range(self._height), room)
        texts = written.texts
        longest = max(len(part) for text in texts.ravel() for part in _BREAKS.split(text.rstrip()))
        fitting = room.width + 1 - written.margin
        columns = min(self._width, max(fitting // (longest + _BETWEEN), 1))
        width = _narrowest(
            texts[..., :columns], longest, max(fitting // columns - _BETWEEN, longest)
        )
        rows = [
            [
                _row_lines(texts[plane, row, :columns], written, (plane, row), width)
                for row in range(self._height)
            ]
            for plane in range(self.count)
        ]
        notes: list[Line] = [_more(self._width - columns, "column")] * (columns < self._width)
        drawn = [_joined(plane, room) + notes for plane in rows]
        per_row, shown = self._pack(width_of(drawn[0]), max(map(len, drawn)), room)
        if shown:
            return self._flow(drawn[:shown], per_row)
        fewer = room.height - 1 - self._label * 2 - len(notes)
        return self._flow([_cut(rows[0], fewer, room) + notes], 1)


def _narrowest(texts: Array, least: int, most: int) -> int:
    """Return the least width at which no formula takes more lines than at the most."""

    def lines_at(width: int) -> int:
        return max(len(_fold(text.rstrip(), width)) for text in texts.ravel())

    fewest = lines_at(most)
    return least + bisect_left(range(least, most), True, key=lambda w: lines_at(w) <= fewest)


def _row_lines(texts: Array, written: Numbers, place: tuple[int, int], width: int) -> list[Line]:
    """Fold the formulas of a row; the shorter ones are followed by blanks."""
    cells = [_fold(text.rstrip(), width) for text in texts]
    colours = written.colours[place][: len(cells)].tolist()
    return [
        line_of([text.ljust(width) for text in line], colours, written.margin)
        for line in zip_longest(*cells, fillvalue="")
    ]


def _fold(formula: str, width: int) -> list[str]:
    lines = fold(([(part, PLAIN)] for part in _BREAKS.split(formula)), width, " ")
    return [text_of(line) for line in lines]


def _joined(rows: list[list[Line]], room: Room) -> list[Line]:
    """Set rows below each other, apart where nothing else shows where one ends."""
    apart: list[Line] = [[]] * (not room.color and any(len(row) > 1 for row in rows))
    lines = [line for row in rows for line in (*apart, *row)]
    return lines[len(apart) :]


def _cut(rows: list[list[Line]], most: int, room: Room) -> list[Line]:
    """Leave out the last rows, so that at most some lines are left, or one row."""
    shown = len(rows)
    while shown > 1 and len(_joined(rows[:shown], room)) > most:
        shown -= 1
    return [*_joined(rows[:shown], room), _more(len(rows) - shown, "row")]


def _more(count: int, what: str) -> Line:
    return [(f"{MORE} {count} more {what}{'s' * (count > 1)}", DIM)]
