"""The planes of an array side by side: as numbers where they fit, else as heat maps."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.text.colours import Scale
from cnnops_cli.text.numbers import short_text
from cnnops_cli.text.styled_lines import DIM, MORE, PLAIN, Line, fold_parts, side_by_side, width_of
from cnnops_cli.views.grid import (
    Numbers,
    corner_lines,
    grid_lines,
    numbers_per_line,
    pick_rows,
    width_of_grid,
    wrapped_lines,
)
from cnnops_cli.views.heat import Extent, extent_of, heat_map, shrink
from cnnops_cli.views.legend import OWN_SCALES, legend_lines
from cnnops_cli.views.marks import Marks
from cnnops_cli.views.room import Room
from cnnops_cli.views.scales import scales_of
from cnnops_cli.views.strips import strip_lines

_GAP = 3
"""Blank columns between planes."""
_ENOUGH_GRIDS = 4
"""Numbers of this many planes are worth more than heat maps of all of them."""
_TINY = 64
"""Planes of at most this many values are numbers even where few of the planes fit."""
_SLIM = 16
"""A heat map of a plane with fewer columns would not be a picture."""
_SMALLEST_MAP, _SMALLEST_PICTURE = (6, 16), (3, 6)
"""Lines and columns; of a map, a plane may need fewer."""
_CORNERS, _CORNERS_FROM = 2, 5
"""Lines for the numbers of a heat map's corners, and the fewest lines of a map with them."""
_FEWEST_ROWS = 4
_COLOUR_LEGEND, _SHADE_LEGEND = 85, 115
"""The usual length of a legend."""


class Panels:
    """The planes of one array, which is not empty, to be laid out in a room.

    Rows and columns are the last two axes; the others number the planes.
    """

    def __init__(
        self,
        planes: Array,
        scale: Scale | None,
        precision: int | None,
        marks: Marks | None = None,
    ) -> None:
        self._array = planes.reshape((1,) * (2 - planes.ndim) + planes.shape)
        *lead, self._height, self._width = self._array.shape
        self.count = math.prod(lead)
        self._lead = tuple(lead) if self.count > 1 else ()
        self._label = int(self.count > 1)  # lines above each plane
        self._precision = precision
        self._scale = scale or Scale(0, 0)
        self._marks = marks

    def width_of_one(self, room: Room) -> int:
        """Return the width of the numbers of one plane."""
        widest = self._numbers_of(1, range(self._height), room).widest
        return width_of_grid(self._width, widest, int(room.draws))

    @property
    def tiny(self) -> bool:
        """Whether planes have too few values for a heat map."""
        return self._height * self._width <= _TINY

    def low(self, room: Room) -> int:
        """Return the fewest lines that are worthwhile where not all can be shown."""
        fewest = _FEWEST_ROWS + (0 if self.tiny else _usual_legend(room))
        return fewest + 2 * self._label

    def lines(self, room: Room) -> list[Line]:
        """Lay the planes out in the width of a room, and in its height if that shows anything."""
        return (
            self.grids(room, 1 if self.tiny else _ENOUGH_GRIDS)
            or (self._signal(room) if self.count == self._height == 1 else None)
            or self._slim_grids(room)
            or _with_legend(self._maps_and_legend, room)
        )

    def grids(self, room: Room, fewest: int) -> list[Line] | None:
        """Show whole planes as numbers; None where fewer of them fit."""
        return self._numbers(room, range(self._height), min(self.count, fewest))

    def _slim_grids(self, room: Room) -> list[Line] | None:
        """Show the first and last rows of planes with few columns; None where there are many."""
        height, width = self._height, self._width
        if not self.tiny and (width >= _SLIM or height <= width):
            return None
        may_have_notes = self._marks is not None or (self.count > 1 and room.color)
        most = room.height - 2 * self._label - may_have_notes
        return self._numbers(room, pick_rows(height, most), 1)

    def _numbers(self, room: Room, rows: Sequence[int], fewest: int) -> list[Line] | None:
        """Show some rows of each plane as numbers; None where fewer planes would be shown."""
        left_out = self._height - len(rows)
        height = len(rows) + 2 * (left_out > 0)
        _, most = self._pack(width_of_grid(self._width, 1, int(room.draws)), height, room)
        if most < fewest:
            return None
        numbers = self._numbers_of(most, rows, room)
        grids = [grid_lines(numbers, index, left_out) for index in range(most)]
        notes = self._notes(numbers, room)
        room = room._replace(height=room.height - len(notes))
        per_row, shown = self._pack(width_of(grids[0]), height, room)
        if shown < fewest:
            return None
        return self._flow(grids[: min(shown, most)], per_row) + notes

    def _notes(self, numbers: Numbers, room: Room) -> list[Line]:
        """Explain what numbers alone do not."""
        parts: list[str | Line] = []
        if self._marks is not None and (numbers.colours == self._marks.colour).any():
            parts.append(self._marks.key)
        if numbers.scales > 1 and room.color:
            parts.append(OWN_SCALES)
        return fold_parts(parts, room.width, DIM)

    def _signal(self, room: Room) -> list[Line]:
        """Show one long row: its numbers in several lines, or as strips of colour."""
        length = self._width
        if length <= room.width * room.height:
            numbers = self._numbers_of(1, [0], room)
            per_line = numbers_per_line(length, numbers.widest, room.width - numbers.margin)
            notes = self._notes(numbers, room)
            if length <= per_line * (room.height - len(notes)):
                return wrapped_lines(numbers, room.width) + notes
        return _with_legend(self._strips_and_legend, room)

    def _strips_and_legend(self, room: Room, reserved: int) -> tuple[list[Line], list[Line]]:
        low = room._replace(height=room.height - reserved)
        lines, cells = strip_lines(self._plane(0), self._scale, low)
        return lines, self._legend(cells[np.newaxis], [Scale.of(cells)], room)

    def _maps_and_legend(self, room: Room, reserved: int) -> tuple[list[Line], list[Line]]:
        """Draw heat maps of the most planes that are large enough, as large as there is room."""
        low = room._replace(height=max(room.height - reserved, 1))
        per_row, shown, extent = self._layout_of_maps(low)
        rows, columns, lines, width, _ = extent
        largest = self._scale.largest
        cells = np.empty((shown, rows, columns))
        for index in range(shown):
            cells[index] = shrink(self._plane(index), rows, columns, largest)
        common = Scale.of(cells)
        scales = scales_of(cells, common or self._scale)
        absent = self._absent(cells)
        drawn = [
            heat_map(plane, scale, extent, room, holes)
            for plane, scale, holes in zip(cells, scales, absent, strict=True)
        ]
        if shown == 1 and low.height - lines - 2 * self._label >= _CORNERS:
            corners = corner_lines(self._plane(0), width, self._precision)
            drawn = [[*corners[:1], *drawn[0], *corners[1:]]]
        legend = self._legend(cells, scales if common else [None] * shown, room, absent)
        return self._flow(drawn, per_row), legend

    def _absent(self, cells: Array) -> Array:
        """Return which cells of maps stand for a value that is absent."""
        shown, rows, columns = cells.shape
        if self._marks is None or (rows, columns) != (self._height, self._width):
            return np.zeros(cells.shape, bool)
        return self._marked(shown, range(rows))

    def _layout_of_maps(self, room: Room) -> tuple[int, int, Extent]:
        """Return how many planes are in a row, how many are shown, and how large each is."""
        best: tuple[float, ...] = (0, 0)
        layout = (1, 1, self._extent(room.width, max(room.height - self._label, 1), 1, room))
        least_down, least_across = self._smallest_map(room)
        for abreast in range(1, self.count + 1):
            across = (room.width + _GAP) // abreast - _GAP
            if abreast > 1 and across < least_across:
                break
            for bands in range(1, -(-self.count // abreast) + 1):
                is_all = abreast * bands >= self.count
                down = (room.height - (not is_all) + 1) // bands - 1 - self._label
                if down < (1 if bands == 1 else least_down):
                    break
                planes = min(abreast * bands, self.count)
                extent = self._extent(across, down, planes, room)
                per_row, shown = self._pack(extent.width, extent.lines, room)
                if room.draws:
                    per_row, shown = min(per_row, abreast), min(shown, planes)
                # In files as large as can be, but so that no row is nearly empty.
                filled = shown / (per_row * max(-(-shown // per_row), 1))
                size = min(extent.cell) * filled**2
                worth = shown, extent.rows * extent.columns, size, abreast * room.draws
                if worth > best:
                    best, layout = worth, (per_row, shown, extent)
        return layout

    def _smallest_map(self, room: Room) -> tuple[int, int]:
        """Return the fewest lines and columns that are worthwhile for a heat map."""
        if room.draws:
            return _SMALLEST_PICTURE
        lines, columns = _SMALLEST_MAP
        return min(-(-self._height // 2), lines), min(self._width, columns)

    def _extent(self, across: int, down: int, planes: int, room: Room) -> Extent:
        if self.count == 1 and down >= _CORNERS_FROM:
            down -= _CORNERS
        room = room._replace(width=across, height=down)
        return extent_of((self._height, self._width), planes, room)

    def _legend(
        self,
        cells: Array,
        scales: Sequence[Scale | None],
        room: Room,
        absent: Array | None = None,
    ) -> list[Line]:
        pairs = zip((self._height, self._width), cells.shape[1:], strict=True)
        height, width = (short_text(values / shown, digits=4) for values, shown in pairs)
        count = width if self._height == 1 else f"{height} × {width}"
        each = f"a cell is the mean of {count} values"
        if (height, width) == ("1", "1"):
            each = "a cell is one value"
        parts: list[str | Line] = [each]
        if self._marks is not None and absent is not None and absent.any():
            parts.append(self._marks.key)
        loud = not np.isfinite(cells).all()
        names = [self._name(index) for index in range(len(cells))] if self._lead else [""]
        return legend_lines(
            dict(zip(names, scales, strict=True)), parts, room, self._precision, loud=loud
        )

    def _plane(self, index: int) -> Array:
        plane: Array = self._array[np.unravel_index(index, self._array.shape[:-2])]
        return plane

    def _numbers_of(self, planes: int, rows: Sequence[int], room: Room) -> Numbers:
        """Write some rows of the first planes."""
        shown = np.stack([self._plane(index)[list(rows)] for index in range(planes)])
        numbers = self._written(shown, room)
        if self._marks is None:
            return numbers
        return numbers.with_marks(self._marked(planes, rows), self._marks)

    def _marked(self, planes: int, rows: Sequence[int]) -> Array:
        """Return which values are shown in another way, in some rows of the first planes."""
        assert self._marks is not None
        is_whole = len(rows) == self._height
        starts = [0] if is_whole else [p * self._height + r for p in range(planes) for r in rows]
        length = (planes * self._height if is_whole else 1) * self._width
        parts = (slice(row * self._width, row * self._width + length) for row in starts)
        marked = np.concatenate([self._marks.at(part) for part in parts])
        return marked.reshape(planes, len(rows), self._width)

    def _written(self, shown: Array, room: Room) -> Numbers:
        scales = scales_of(shown, self._scale)
        return Numbers.of(shown, scales, self._precision, int(room.draws))

    def _pack(self, width: int, height: int, room: Room) -> tuple[int, int]:
        """Return how many panels of a size fit next to each other, and how many in all.

        Each has a line for its index where there are several, and all that are left out have one.
        """
        width = max(width, len(self._name(self.count - 1)) if self._lead else 0)
        if width > room.width:
            return 1, 0
        per_row = (room.width + _GAP) // (width + _GAP)
        each = height + self._label + 1  # and a blank line between
        if -(-self.count // per_row) * each - 1 <= room.height:
            return per_row, self.count
        return per_row, min(per_row * (room.height // each), self.count)

    def _name(self, index: int) -> str:
        return str([int(axis) for axis in np.unravel_index(index, self._lead)])

    def _flow(self, drawn: list[list[Line]], per_row: int) -> list[Line]:
        """Set planes side by side under their indices, in as many bands as they need."""
        if self._lead:
            drawn = [[[(self._name(i), DIM)], *lines] for i, lines in enumerate(drawn)]
        widest = max(map(width_of, drawn))
        lines: list[Line] = []
        for start in range(0, len(drawn), per_row):
            padded = [[*block, [(" " * widest, PLAIN)]] for block in drawn[start : start + per_row]]
            band = side_by_side(padded, _GAP)[:-1]
            lines += [[], *band] if lines else band
        left_out = self.count - len(drawn)
        if left_out:
            lines.append([(f"{MORE} {left_out} more plane{'s' * (left_out > 1)}", DIM)])
        return lines


def _usual_legend(room: Room) -> int:
    """Return how many lines a legend has, about."""
    return 1 + (_COLOUR_LEGEND if room.color else _SHADE_LEGEND) // room.width


def _with_legend(
    draw: Callable[[Room, int], tuple[list[Line], list[Line]]], room: Room
) -> list[Line]:
    """Draw something above its legend, whose length is only known once it is drawn."""
    reserved = _usual_legend(room)
    above: list[Line] = [[]] if room.draws else []
    while True:
        lines, legend = draw(room, reserved + len(above))
        if len(legend) <= reserved:
            return lines + above + legend
        reserved = len(legend)
