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
_SHORTEST = 8
"""Lines that a section keeps, or the first ones are left out."""
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
    """Lay sections out side by side; where the width does not allow it, below each other."""
    made = [_Block(section, precision) for section in sections]
    return _next_to_each_other(made, room) or _below_each_other(made, room)


def _next_to_each_other(made: list[_Block], room: Room) -> list[Line] | None:
    """Set sections side by side; None where one would be too narrow."""
    room = room._replace(height=room.height - 1)
    across = room.width - _GAP * (len(made) - 1)
    blocks = [block.whole(room) for block in made]
    if None in blocks or sum(width_of(block or []) for block in blocks) > across:
        small = [b if b and width_of(b) <= across // len(made) else None for b in blocks]
        left = across - sum(width_of(block) for block in small if block)
        narrow = room._replace(width=left // max(small.count(None), 1))
        if narrow.width < _NARROWEST or not all(
            drawn or block.is_clear(narrow) for drawn, block in zip(small, made, strict=True)
        ):
            return None
        blocks = [drawn or block.lines(narrow) for drawn, block in zip(small, made, strict=True)]
    return [[], *beside([block or [] for block in blocks], _GAP)]


def _below_each_other(made: list[_Block], room: Room) -> list[Line]:
    """Set sections below each other, a blank line above each; the result is the last to go."""
    height = room.height - len(made)
    blocks = [block.whole(room._replace(height=height)) for block in made]
    if None in blocks or sum(len(block or []) for block in blocks) > height:
        blocks = [b if b and len(b) <= height // len(made) else None for b in blocks]
        left = height - sum(len(block) for block in blocks if block)
        low = room._replace(height=left // max(blocks.count(None), 1))
        if low.height < _SHORTEST and len(made) > 1:
            left_out = [(f"{MORE} {made[0].name} left out", DIM)]
            return [left_out, *_below_each_other(made[1:], room._replace(height=room.height - 1))]
        blocks = [drawn or block.lines(low) for drawn, block in zip(blocks, made, strict=True)]
    return [line for block in blocks for line in ([], *(block or []))]
