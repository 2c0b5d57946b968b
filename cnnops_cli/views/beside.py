"""An operator's input, its kernel and its result, next to each other where the width allows."""

from collections.abc import Mapping

from cnnops_cli.dtypes import Array
from cnnops_cli.views.lines import DIM, Line, beside, fold, width_of
from cnnops_cli.views.panels import Panels, Room
from cnnops_cli.views.summary import measure

_GAP = 4
_NARROWEST = 24
"""A section that has to be scaled down keeps this width, or the sections stand below each other."""
_SHORTEST = 12
_TITLE = 16
"""What stands above narrow numbers is folded beyond this."""


class _Section:
    """One array under its name and shape, or words in its place."""

    def __init__(self, name: str, held: Array | list[str], precision: int | None) -> None:
        said = held if isinstance(held, list) else [str(held.shape)]
        self.parts = [name, *said]
        self.panels = None
        if not isinstance(held, list) and held.size:
            self.panels = Panels(held, measure(held), precision)

    def lines(self, room: Room) -> list[Line]:
        """Lay out in a room."""
        title = fold(self.parts, room.width, DIM)
        if self.panels is None:
            return title
        return title + self.panels.lines(room._replace(height=max(room.height - len(title), 1)))

    def whole(self, room: Room) -> list[Line] | None:
        """Lay out as numbers, nothing left out; None where they do not fit."""
        if self.panels is None:
            return fold(self.parts, _TITLE, DIM)
        body = self.panels.whole(room._replace(height=max(room.height - 2, 1)))
        return body and fold(self.parts, max(width_of(body), _TITLE), DIM) + body

    def is_clear(self, room: Room) -> bool:
        """Tell whether a room is wide enough for numbers, if they are what there is to see."""
        return self.panels is None or not self.panels.tiny or bool(self.panels.grids(room, 1))


def sections_lines(
    sections: Mapping[str, Array | list[str]], precision: int | None, room: Room
) -> list[Line]:
    """Lay sections out side by side; where the width does not allow it, below each other."""
    made = [_Section(name, held, precision) for name, held in sections.items()]
    across = room.width - _GAP * (len(made) - 1)
    blocks = [section.whole(room) for section in made]
    if None in blocks or sum(width_of(block or []) for block in blocks) > across:
        small = [b if b and width_of(b) <= across // len(made) else None for b in blocks]
        left = across - sum(width_of(block) for block in small if block)
        share = left // max(small.count(None), 1)
        narrow = room._replace(width=share)
        if share < _NARROWEST or not all(
            block or section.is_clear(narrow) for block, section in zip(small, made, strict=True)
        ):
            low = room._replace(height=max(room.height // len(made) - 1, _SHORTEST))
            blocks = [section.whole(room) or section.lines(low) for section in made]
            return [line for block in blocks for line in ([], *(block or []))]
        blocks = [
            block or section.lines(narrow) for block, section in zip(small, made, strict=True)
        ]
    return [[], *beside([block or [] for block in blocks], _GAP)]
