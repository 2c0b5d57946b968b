"""The steps along each axis of a tile, collected one after the other: see `plan`."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from cnnops_cli.ops.pooling.steps import CELLS, RESULT, Along, Place, Plan, Shape, Step

_FOUND = ("found 1", "found 2", "found 3")


class _LongStep(NamedTuple):
    """How many cells are compared with those so far behind them, and at how many positions."""

    cells: int
    apart: int
    offset: int


class _Found(NamedTuple):
    """The part of an array where the results of all windows go."""

    array: int
    axis: int
    part: tuple[slice, ...]

    def windows(self, begin: int, end: int) -> Place:
        """Some of them, along the axis."""
        index = list(self.part)
        first = index[self.axis].start
        index[self.axis] = slice(first + begin, first + end)
        return Place(self.array, tuple(index))


class Builder:
    """Collects steps; `at` is the array that holds what was found so far."""

    def __init__(
        self,
        lead: int,
        piece: Sequence[Along],
        pitches: Sequence[int] | None,
        contiguous: bool,
    ) -> None:
        self.contiguous = contiguous
        self.piece = list(piece)
        self.pitches = [0] * len(piece) if pitches is None else list(pitches)
        cells = (lead, *(along.length for along in piece))
        result = (lead, *(along.windows for along in piece))
        self.shapes: list[Shape] = [cells, result]
        self.uses = ["cells", "result"]
        self.margins: tuple[tuple[int, int], ...] | None = None
        self.steps: list[Step] = []
        self.at = CELLS

    def plan(self) -> Plan:
        """All steps so far."""
        return Plan(tuple(self.shapes), tuple(self.uses), self.margins, tuple(self.steps))

    def margins_of(self, axes: Sequence[int]) -> list[tuple[int, int]]:
        """What has to be around the cells along each axis; the first is that of the planes."""
        margins = [(0, 0)] * (len(self.piece) + 1)
        for axis in axes:
            along = self.piece[axis - 1]
            margins[axis] = (-along.first, along.first + along.reached - along.length)
        return margins

    def new(self, shape: Shape, beside: int = CELLS) -> int:
        """Another array than that one, and than the one that holds what was found."""
        taken = (self.uses[self.at], self.uses[beside])
        return self._append(shape, next(use for use in _FOUND if use not in taken))

    def _append(self, shape: Shape, use: str) -> int:
        self.shapes.append(shape)
        self.uses.append(use)
        return len(self.shapes) - 1

    def with_margins(self, shape: Shape, margins: Sequence[tuple[int, int]]) -> int:
        """Another array with room around so many cells, in which the next axes go on."""
        grown = tuple(size + sum(pads) for size, pads in zip(shape, margins, strict=True))
        for axis, (begin, _) in enumerate(margins[1:], 1):
            along = self.piece[axis - 1]
            if any(margins[axis]):
                self.piece[axis - 1] = along._replace(first=along.first + begin, length=grown[axis])
        if not any(map(any, margins)):
            return self.new(grown)
        self.margins = tuple(margins)
        return self._append(grown, "padded")

    def copy_with(self, margins: Sequence[tuple[int, int]]) -> None:
        """Begin with a contiguous copy of the cells, with margins around them."""
        shape = self.shapes[CELLS]
        target = self.with_margins(shape, margins)
        inner = tuple(
            slice(begin, begin + size) for size, (begin, _) in zip(shape, margins, strict=True)
        )
        whole = (slice(None),) * len(shape)
        self.steps.append(Step(Place(CELLS, whole), None, Place(target, inner)))
        self.at = target

    def go_along(
        self,
        axis: int,
        covered: int,
        is_final: bool,
        margins: Sequence[tuple[int, int]] | None,
    ) -> None:
        """Pool along an axis, and keep room for margins around what is found."""
        along, cells = self.piece[axis - 1], self.at
        steps = self._long_steps(axis, covered)
        takes_whole = covered == along.taps > 1
        for step in steps[:-1] if takes_whole else steps:
            self._long_step(step, self.new(self.shapes[cells], beside=cells))
        if takes_whole:
            self._take_whole(axis, cells, steps[-1], is_final, margins)
        else:
            source = self.at
            found = self._found(axis, is_final, margins)
            starts = [*range(0, along.taps - covered, covered), along.taps - covered]
            self._clip(axis, starts, source, found)
        self.piece[axis - 1] = Along(along.windows, 0, along.windows, 1, 1, 1)

    def _found(
        self,
        axis: int,
        is_final: bool,
        margins: Sequence[tuple[int, int]] | None,
        beside: int = CELLS,
    ) -> _Found:
        """Go on to an array of windows along an axis, which may have margins."""
        shape = self.shapes[self.at]
        counted = (*shape[:axis], self.piece[axis - 1].windows, *shape[axis + 1 :])
        begins = [0] * len(shape)
        if margins is not None:
            begins = [begin for begin, _ in margins]
            self.at = self.with_margins(counted, margins)
        else:
            self.at = RESULT if is_final else self.new(counted, beside)
        part = (slice(low, low + size) for low, size in zip(begins, counted, strict=True))
        return _Found(self.at, axis, tuple(part))

    def _seen(self, array: int, axis: int, start: int, count: int, stride: int = 1) -> Place:
        """So many cells along an axis, and all along the others."""
        index = [slice(None)] * len(self.shapes[array])
        index[axis] = slice(start, start + (count - 1) * stride + 1, stride)
        return Place(array, tuple(index))

    def _long_steps(self, axis: int, covered: int) -> list[_LongStep]:
        """Plan how the maximum of one tap grows to that of so many."""
        along, shape = self.piece[axis - 1], self.shapes[self.at]
        pitch = along.dilation * math.prod(shape[axis + 1 :])
        position = along.dilation * self.pitches[axis - 1]
        steps, have, cells = [], 1, math.prod(shape)
        while have < covered:
            more = min(have, covered - have)
            cells -= more * pitch
            steps.append(_LongStep(cells, more * pitch, more * position))
            have += more
        return steps

    def _long_step(self, step: _LongStep, target: int, moved: int = 0) -> None:
        """Write the larger of cells and others behind them, moved on by so many cells."""
        earlier = Place(self.at, slice(0, step.cells))
        later = Place(self.at, slice(step.apart, step.apart + step.cells))
        into = Place(target, slice(moved, moved + step.cells))
        self.steps.append(Step(earlier, later, into, 0, step.offset))
        self.at = target

    def _take_whole(
        self,
        axis: int,
        cells: int,
        last: _LongStep,
        is_final: bool,
        margins: Sequence[tuple[int, int]] | None,
    ) -> None:
        """Take windows out of long steps that cover them; those at the padding are pooled alone."""
        along, shape = self.piece[axis - 1], self.shapes[cells]
        is_row = margins is None and (self.contiguous or not is_final)
        if is_row and along.is_shifted(math.prod(shape[:axis])):
            source = self.at
            found = self._found(axis, is_final, margins, beside=cells)
            self.at = source
            self._long_step(last, found.array, -along.first * math.prod(shape[axis + 1 :]))
        else:
            self._long_step(last, self.new(shape, beside=cells))
            source = self.at
            found = self._found(axis, is_final, margins, beside=cells)
            if is_row and along.is_flat and axis == len(shape) - 1:
                self._pick_row(along, source, found)
            else:
                begin, end = along.whole
                first = along.first + begin * along.stride
                picked = self._seen(source, axis, first, end - begin, along.stride)
                self.steps.append(Step(picked, None, found.windows(begin, end)))
        for window in along.clipped():
            self._pool_alone(axis, window, cells, found)

    def _pick_row(self, along: Along, source: int, found: _Found) -> None:
        """Copy the windows of all rows as of one row; those at the padding hold anything."""
        begin = -(along.first // along.stride)
        end = math.prod(self.shapes[found.array])
        first = along.first + begin * along.stride
        last = along.first + (end - 1) * along.stride
        picked = Place(source, slice(first, last + 1, along.stride))
        self.steps.append(Step(picked, None, Place(found.array, slice(begin, end))))

    def _pool_alone(self, axis: int, window: int, cells: int, found: _Found) -> None:
        """Pool one window along an axis, of the taps that it sees."""
        along = self.piece[axis - 1]
        offset = along.dilation * self.pitches[axis - 1]
        into = found.windows(window, window + 1)
        start = along.first + window * along.stride
        taps = [
            (self._seen(cells, axis, start + tap * along.dilation, 1), tap * offset)
            for tap in along.seen_by(window)
        ]
        (best, at_best), *others = taps
        if not others:
            self.steps.append(Step(best, None, into, at_best))
        for place, at_place in others:
            self.steps.append(Step(best, place, into, at_best, at_place))
            best, at_best = into, 0

    def _clip(self, axis: int, starts: Sequence[int], source: int, results: _Found) -> None:
        """Begin with a tap that every window has; then the taps behind it and those before it.

        So the taps that were compared are neighbours, and the earlier of equal ones is known.
        """
        along = self.piece[axis - 1]
        offset = along.dilation * self.pitches[axis - 1]

        def taken(tap: int, begin: int, end: int) -> Place:
            start = along.first + tap * along.dilation + begin * along.stride
            return self._seen(source, axis, start, end - begin, along.stride)

        into = results.windows
        seen = {tap: along.seeing(tap) for tap in starts}
        whole = (0, along.windows)
        central = next(tap for tap in starts if seen[tap] == whole)
        later = [tap for tap in starts if tap > central]
        earlier = [tap for tap in reversed(starts) if tap < central]
        is_up = bool(later) and (not earlier or seen[later[0]] == whole)
        order = later + earlier if is_up else earlier + later
        begin, end = seen[order[0]] if order else (0, 0)
        for low, high in ((0, begin), (end, along.windows)):
            if low < high:
                copied = taken(central, low, high)
                self.steps.append(Step(copied, None, into(low, high), central * offset))
        for tap in order:
            begin, end = seen[tap]
            if begin == end:
                continue
            known = (into(begin, end), 0)
            if tap == order[0]:
                known = (taken(central, begin, end), central * offset)
            found = (taken(tap, begin, end), tap * offset)
            (one, at_one), (two, at_two) = (known, found) if tap > central else (found, known)
            self.steps.append(Step(one, two, into(begin, end), at_one, at_two))
