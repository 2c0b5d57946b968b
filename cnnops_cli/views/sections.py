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
_FEWEST_ROWS, _FEWEST_OF_A_MAP = 4, 6
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

    @property
    def is_numbers(self) -> bool:
        """Whether there is little to see but numbers."""
        return self._panels is None or self._panels.tiny

    def least(self, room: Room) -> int:
        """Tell the fewest lines that are worth it where not all can be shown."""
        title = len(fold(self._parts, room.width, DIM))
        if self._panels is None:
            return title
        fewest = _FEWEST_OF_A_MAP
        if self.is_numbers and self._panels.grids(room, 1):
            fewest = min(_FEWEST_ROWS, self._panels.height)
        return title + 2 * (self._panels.count > 1) + fewest

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
        return self._panels is None or not self.is_numbers or bool(self._panels.grids(room, 1))


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
    """Set sections below each other, a blank line above each; cut numbers and scale maps down.

    Where not even that is enough, sections are left out: the first and the result go last.
    """
    shown = list(made)
    left_out: list[str] = []
    lines: list[Line] = []
    while len(shown) > 1 and _height(shown, room) + len(lines) > room.height:
        left_out.insert(0, shown.pop(-2).name)
        lines = fold([f"{MORE} {', '.join(left_out)} left out"], room.width, DIM)
    spare = room.height - _height(shown, room) - len(lines)
    drawn = {}
    for number, block in enumerate(sorted(shown, key=lambda block: not block.is_numbers)):
        least = block.least(room)
        share = max(spare, 0) // (len(shown) - number)
        drawn[block] = block.lines(room._replace(height=least + share))
        spare -= len(drawn[block]) - least
    return lines + [line for block in shown for line in ([], *drawn[block])]


def _height(blocks: list[_Block], room: Room) -> int:
    """Tell how many lines blocks take at least, with the blank ones above them."""
    return sum(1 + block.least(room) for block in blocks)
