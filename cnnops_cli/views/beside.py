"""An operator's input, its kernel and its result, next to each other where the width allows."""

from collections.abc import Sequence
from typing import NamedTuple

from cnnops_cli.dtypes import Array
from cnnops_cli.views.grid import MORE
from cnnops_cli.views.lines import DIM, Line, beside, fold, width_of
from cnnops_cli.views.panels import Panels, Room
from cnnops_cli.views.summary import measure

_GAP = 4
_NARROWEST = 24
"""A section that has to be scaled down keeps this width, or the sections stand below each other."""
_FEWEST_ROWS, _FEWEST_OF_A_MAP = 4, 7
"""Lines that numbers, and a map with its legend, keep at least."""
_TITLE = 16
"""What stands above narrow numbers is folded beyond this."""


class Section(NamedTuple):
    """What an operator took or gave.

    Attributes
    ----------
    name : str
    said : list of str
        Its shape, or what else there is to say.
    planes : numpy.ndarray, optional
        Rows and columns are the last two axes.
    """

    name: str
    said: list[str]
    planes: Array | None = None


class _Block:
    """A section, to be laid out in a room."""

    def __init__(self, section: Section, precision: int | None) -> None:
        self.name = section.name
        self._parts = [section.name, *section.said]
        self._panels = None
        if section.planes is not None and section.planes.size:
            self._panels = Panels(section.planes, measure(section.planes), precision)

    def least(self, width: int) -> int:
        """Tell the fewest lines that are worth it where not all can be shown."""
        title = len(fold(self._parts, width, DIM))
        if self._panels is None:
            return title
        labels = 2 * (self._panels.count > 1)
        return title + labels + (_FEWEST_ROWS if self._panels.tiny else _FEWEST_OF_A_MAP)

    def lines(self, room: Room) -> list[Line]:
        """Lay out in a room."""
        title = fold(self._parts, room.width, DIM)
        if self._panels is None:
            return title
        return title + self._panels.lines(room._replace(height=max(room.height - len(title), 1)))

    def whole(self, room: Room) -> list[Line] | None:
        """Lay out as numbers, nothing left out; None where they do not fit."""
        title = fold(self._parts, min(_TITLE, room.width), DIM)
        if self._panels is None:
            return title
        body = self._panels.whole(room._replace(height=room.height - len(title)))
        return body and fold(self._parts, max(width_of(body), _TITLE), DIM) + body

    def is_clear(self, room: Room) -> bool:
        """Tell whether a room is wide enough for numbers, if they are what there is to see."""
        return self._panels is None or not self._panels.tiny or bool(self._panels.grids(room, 1))


def sections_lines(sections: Sequence[Section], precision: int | None, room: Room) -> list[Line]:
    """Lay sections out side by side as far as the width allows it, else below each other."""
    made = [_Block(section, precision) for section in sections]
    return (
        _rows_of_numbers(made, room)
        or _next_to_each_other(made, room)
        or _below_each_other(made, room)
    )


def _rows_of_numbers(made: list[_Block], room: Room) -> list[Line] | None:
    """Set sections in rows, a blank line above each; None where one would have to be cut."""
    rows: list[list[list[Line]]] = []
    for block in made:
        drawn = block.whole(room)
        if not drawn:
            return None
        widths = [width_of(each) for each in (*rows[-1], drawn)] if rows else [room.width + 1]
        if sum(widths) + _GAP * (len(widths) - 1) <= room.width:
            rows[-1].append(drawn)
        else:
            rows.append([drawn])
    lines = [line for row in rows for line in ([], *beside(row, _GAP))]
    return lines if len(lines) <= room.height else None


def _next_to_each_other(made: list[_Block], room: Room) -> list[Line] | None:
    """Set sections side by side, large ones scaled down; None where one would be too narrow."""
    room = room._replace(height=room.height - 1)
    across = room.width - _GAP * (len(made) - 1)
    blocks = [block.whole(room) for block in made]
    small = [b if b and width_of(b) <= across // len(made) else None for b in blocks]
    left = across - sum(width_of(block) for block in small if block)
    narrow = room._replace(width=left // max(small.count(None), 1))
    if narrow.width < _NARROWEST or not all(
        drawn or block.is_clear(narrow) for drawn, block in zip(small, made, strict=True)
    ):
        return None
    drawn = [whole or block.lines(narrow) for whole, block in zip(small, made, strict=True)]
    return [[], *beside(drawn, _GAP)]


def _below_each_other(made: list[_Block], room: Room) -> list[Line]:
    """Set sections below each other, a blank line above each; the result is the last to go."""
    height = room.height - len(made)
    blocks = [block.whole(room._replace(height=height // len(made))) for block in made]
    cut = [block for drawn, block in zip(blocks, made, strict=True) if not drawn]
    left = height - sum(len(block) for block in blocks if block)
    spare = left - sum(block.least(room.width) for block in cut)
    if spare < 0 and len(made) > 1:
        left_out = [(f"{MORE} {made[0].name} left out", DIM)]
        return [left_out, *_below_each_other(made[1:], room._replace(height=room.height - 1))]
    lines = []
    for drawn, block in zip(blocks, made, strict=True):
        low = room._replace(height=block.least(room.width) + spare // max(len(cut), 1))
        lines += [[], *(drawn or block.lines(low))]
    return lines
