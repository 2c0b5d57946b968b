"""An operator's input, its kernel and its result, next to each other where the width allows."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from cnnops_cli.dtypes import Array
from cnnops_cli.text.colours import Scale
from cnnops_cli.text.styled_lines import DIM, MORE, Line, fold_parts, side_by_side, width_of
from cnnops_cli.views.formula_panels import panels_of
from cnnops_cli.views.marks import Marks
from cnnops_cli.views.panels import Panels
from cnnops_cli.views.room import Room

Item = TypeVar("Item")

_GAP = 4
"""Blank columns between sections."""
_NARROWEST = 24
"""A section that has to be scaled down keeps this width, or is set below the others."""
_TITLE = 20
"""The width of the title of narrow numbers."""


class Section(NamedTuple):
    """An operand or the result: its name, what is said of it, and perhaps its planes.

    `padded` has padding around them, and is shown in its place where it is whole, as numbers.
    """

    name: str
    said: list[str]
    planes: Array | None = None
    marks: Marks | None = None
    padded: "Section | None" = None


class _Block:
    """A section, to be laid out in a room: with padding where it is whole, if at all."""

    def __init__(
        self, section: Section, precision: int | None, *, shows_padding: bool = False
    ) -> None:
        shown, self.unpadded = section, None
        if shows_padding and section.padded:
            shown, self.unpadded = section.padded, _Block(section, precision)
        self.name = shown.name
        self._parts = [shown.name, *shown.said]
        self._wide_title = max(_TITLE, len("  ".join(self._parts[:2])))
        self._panels: Panels | None = None
        if shown.planes is not None and section.planes is not None and section.planes.size:
            scale = Scale.of(section.planes)
            self._panels = panels_of(shown.planes, scale, precision, shown.marks)

    def can_grow(self, room: Room) -> bool:
        """Return whether it shows more where it is wider than need be."""
        if self._panels is None:
            return False
        return self.whole(room._replace(width=self.narrowest(room))) is None

    def narrowest(self, room: Room) -> int:
        """Return the least width that is worthwhile."""
        if self.unpadded:
            return max(self.unpadded.narrowest(room), width_of(self.whole(room) or []))
        if self._panels is None:
            return width_of(self.lines(room._replace(width=min(_TITLE, room.width))))
        if not self._panels.tiny:
            return min(_NARROWEST, room.width)
        return min(max(self._wide_title, self._panels.width_of_one(room)), room.width)

    def low(self, room: Room) -> int:
        """Return the fewest lines that are worthwhile where not all can be shown."""
        if self.unpadded:
            return self.unpadded.low(room)
        title = len(fold_parts(self._parts, room.width, DIM))
        return title if self._panels is None else title + self._panels.low(room)

    def lines(self, room: Room) -> list[Line]:
        """Lay out in a room."""
        if self.unpadded:
            return self.unpadded.lines(room)
        title = fold_parts(self._parts, room.width, DIM)
        if self._panels is None:
            return title
        return title + self._panels.lines(room._replace(height=max(room.height - len(title), 1)))

    def whole(self, room: Room, *, is_wide: bool = False) -> list[Line] | None:
        """Lay out as numbers, nothing left out; None where they do not fit.

        It is as wide as its numbers, or, `is_wide`, as its name and shape.
        """
        narrow = min(self._wide_title if is_wide else _TITLE, room.width)
        title = fold_parts(self._parts, narrow, DIM)
        if self._panels is None:
            return title
        shorter = room._replace(height=room.height - len(title))
        body = self._panels.grids(shorter, self._panels.count)
        return body and fold_parts(self._parts, max(width_of(body), narrow), DIM) + body


def sections_lines(sections: Sequence[Section], precision: int | None, room: Room) -> list[Line]:
    """Lay sections out side by side as far as the width allows it, else below each other."""
    result = sections[-1].planes
    is_formulas = result is not None and result.dtype.hasobject
    padded = [_Block(section, precision, shows_padding=True) for section in sections]
    lines = _rows_of_numbers(padded, room)
    if not lines and not is_formulas:  # which are folded, so that the others are whole
        lines = _rows_of_numbers([_Block(section, precision) for section in sections], room)
    return lines or _rows_that_fit(padded, room)


def _rows_of_numbers(made: list[_Block], room: Room) -> list[Line] | None:
    """Set whole sections in rows, wide ones if that takes no more lines; None if one is not whole.

    There is a blank line above each row.
    """
    laid_out = [_rows_of_whole(made, room, is_wide=is_wide) for is_wide in (True, False)]
    return min(filter(None, laid_out), key=len, default=None)


def _rows_of_whole(made: list[_Block], room: Room, *, is_wide: bool) -> list[Line] | None:
    drawn = []
    for block in made:
        whole = block.whole(room, is_wide=is_wide)
        if not whole:
            return None
        drawn.append(whole)
    rows = _in_rows(drawn, list(map(width_of, drawn)), room.width)
    lines = [line for row in rows for line in ([], *side_by_side(row, _GAP))]
    return lines if len(lines) <= room.height else None


def _in_rows(items: list[Item], widths: list[int], most: int) -> list[list[Item]]:
    """Fill rows with as many items as their width holds."""
    rows: list[list[Item]] = []
    left = 0
    for item, width in zip(items, widths, strict=True):
        if rows and _GAP + width <= left:
            rows[-1].append(item)
            left -= _GAP + width
        else:
            rows.append([item])
            left = most - width
    return rows


def _rows_that_fit(made: list[_Block], room: Room) -> list[Line]:
    """Set sections in rows, numbers cut and maps scaled down, a blank line above each row.

    Where not even that is enough, padding is left out, and then sections: the first and the result
    go last.
    """
    shown = list(made)
    left_out: list[str] = []
    head: list[Line] = []
    while True:
        narrowest = [block.narrowest(room) for block in shown]
        rows = [_Row(row, _rooms(row, room)) for row in _in_rows(shown, narrowest, room.width)]
        drawn = [row.lines(row.low) for row in rows]
        spare = room.height - len(head) - sum(1 + len(each) for each in drawn)
        if spare >= 0 or len(shown) == 1:
            break
        if any(block.unpadded for block in shown):
            shown = [block.unpadded or block for block in shown]
            continue
        left_out.insert(0, shown.pop(-2).name)
        head = fold_parts([f"{MORE} {', '.join(left_out)} left out"], room.width, DIM)
    if spare < 0:
        drawn = [rows[0].lines(room.height - len(head) - 1)]
    else:
        _use_spare_lines(rows, drawn, spare)
    return head + [line for each in drawn for line in ([], *each)]


def _use_spare_lines(rows: list["_Row"], drawn: list[list[Line]], spare: int) -> None:
    """Draw rows taller: in the first pass by equal shares, in the second as far as one can be."""
    for is_shared in (True, False):
        for number, row in enumerate(rows):
            share = spare // (len(rows) - number) if is_shared else spare
            taller = row.lines(len(drawn[number]) + share)
            used = len(taller) - len(drawn[number])
            if 0 < used <= share:
                drawn[number] = taller
                spare -= used


class _Row(NamedTuple):
    """Blocks next to each other, and the room that each has."""

    blocks: list[_Block]
    rooms: list[Room]

    @property
    def low(self) -> int:
        """The fewest lines that are worthwhile where not all can be shown."""
        return max(block.low(room) for block, room in zip(self.blocks, self.rooms, strict=True))

    def lines(self, height: int) -> list[Line]:
        """Lay out in a number of lines."""
        rooms = [room._replace(height=height) for room in self.rooms]
        pairs = list(zip(self.blocks, rooms, strict=True))
        return side_by_side([block.whole(room) or block.lines(room) for block, room in pairs], _GAP)


def _rooms(row: list[_Block], room: Room) -> list[Room]:
    """Give each block of a row the width that it needs, and share the rest among planes."""
    widths = [block.narrowest(room) for block in row]
    left = room.width - sum(widths) - _GAP * (len(row) - 1)
    growing = [block.can_grow(room) for block in row]
    rooms = []
    for place, width in enumerate(widths):
        share = left // sum(growing[place:]) if growing[place] else 0
        rooms.append(room._replace(width=width + share))
        left -= share
    return rooms
