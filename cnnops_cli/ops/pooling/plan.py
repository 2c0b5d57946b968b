"""How the cells of a tile are pooled, one axis after the other: by the shapes alone.

Along an axis there are two ways. Long steps: the maximum of two neighbours, of two such pairs, and
so on, over a contiguous array as over one row; what they compare across the end of a row belongs
to no window, and is left behind. Taken steps: one tap of all windows against another, at their
stride, where those windows that have this tap in the padding are left out.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from cnnops_cli.ops.pooling.prices import covered_taps, has_flat_rows
from cnnops_cli.ops.pooling.steps import CELLS, RESULT, Along, Place, Plan, Shape, Step


@lru_cache(maxsize=128)
def plan_steps(
    lead: int,
    piece: tuple[Along, ...],
    pitches: tuple[int, ...] | None,
    contiguous: bool,
) -> Plan:
    """Plan the steps that pool planes (P, *spatial).

    Parameters
    ----------
    lead : int
        How many planes there are.
    piece : tuple of Along
        By axis.
    pitches : tuple of int, or None
        By axis: how many positions apart neighbours are. Where they are given, the last axis comes
        first and each step has the earlier cells first, so that the first of equal cells in
        row-major order can be kept.
    contiguous : bool
        Whether the cells are, and the results.
    """
    work = [axis for axis, along in enumerate(piece, 1) if not along.is_done]
    builder = _Builder(lead, piece, pitches, contiguous)
    covered = {axis: covered_taps(piece, axis) for axis in work}
    last = len(piece)
    is_flat = has_flat_rows(piece, lead)
    clipped = [
        axis
        for axis in work
        if covered[axis] == 1
        and piece[axis - 1].central is not None
        and not (axis == last and is_flat)
    ]
    margins = builder.margins_of([axis for axis in work if axis not in clipped], is_flat)
    if pitches is None:
        early = [axis for axis in clipped if axis < last]
        order = early + [axis for axis in work if axis not in early]
    else:
        early, order = [], work[::-1]
    has_margins = any(map(any, margins))
    has_long_rows = contiguous or clipped == work
    if work and not early and (has_margins or not has_long_rows):
        builder.copy_with(margins)
    for axis in order:
        is_final = axis == order[-1]
        around = margins if has_margins and early[-1:] == [axis] else None
        builder.go_along(axis, covered[axis], is_final, around, is_flat and axis == last)
    if not work:
        whole = (slice(None),) * (last + 1)
        builder.steps.append(Step(Place(CELLS, whole), None, Place(RESULT, whole)))
    return builder.plan()


class _Builder:
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
        self.columns = slice(None)

    def plan(self) -> Plan:
        return Plan(tuple(self.shapes), tuple(self.uses), self.margins, tuple(self.steps))

    def margins_of(self, axes: Sequence[int], is_flat: bool) -> list[tuple[int, int]]:
        """What has to be around the cells along each axis; the first is that of the planes."""
        margins = [(0, 0)] * (len(self.piece) + 1)
        for axis in axes:
            along = self.piece[axis - 1]
            reached = along.reached
            if is_flat and axis == len(self.piece):
                reached = -(-reached // along.stride) * along.stride
            begin = -along.first
            margins[axis] = (begin, max(0, reached - begin - along.length))
        return margins

    def new(self, shape: Shape, margins: Sequence[tuple[int, int]] | None = None) -> int:
        """Another array than the one that holds what was found."""
        if margins is not None and any(map(any, margins)):
            use = "padded"
            self.margins = tuple(margins)
        else:
            use = "found 2" if self.uses[self.at] == "found 1" else "found 1"
        self.shapes.append(shape)
        self.uses.append(use)
        return len(self.shapes) - 1

    def with_margins(self, shape: Shape, margins: Sequence[tuple[int, int]]) -> int:
        grown = tuple(size + sum(pads) for size, pads in zip(shape, margins, strict=True))
        for axis, (begin, _) in enumerate(margins[1:], 1):
            along = self.piece[axis - 1]
            if any(margins[axis]):
                self.piece[axis - 1] = along._replace(first=along.first + begin, length=grown[axis])
        return self.new(grown, margins)

    def copy_with(self, margins: Sequence[tuple[int, int]]) -> None:
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
        is_flat: bool,
    ) -> None:
        self._cover(axis, covered)
        along = self.piece[axis - 1]
        starts = [*range(0, along.taps - covered, covered), along.taps - covered]
        if is_flat:
            self._take_flat(along, starts, is_final)
        else:
            self._take(axis, starts, is_final, margins)
        self.piece[axis - 1] = Along(along.windows, 0, along.windows, 1, 1, 1)

    def _cover(self, axis: int, covered: int) -> None:
        """Take the maximum of so many taps, in long steps."""
        along, shape = self.piece[axis - 1], self.shapes[self.at]
        pitch, size = math.prod(shape[axis + 1 :]), math.prod(shape)
        have = 1
        while have < covered:
            more = min(have, covered - have)
            shift = more * along.dilation * pitch
            target = self.new(shape)
            before, behind = slice(0, size - shift), slice(shift, size)
            self.steps.append(
                Step(
                    Place(self.at, before),
                    Place(self.at, behind),
                    Place(target, before),
                    0,
                    more * along.dilation * self.pitches[axis - 1],
                )
            )
            self.at = target
            have += more

    def _take_flat(self, along: Along, starts: Sequence[int], is_final: bool) -> None:
        """Take taps along the last axis, whose rows are one row of so many strides."""
        shape = self.shapes[self.at]
        columns = shape[-1] // along.stride
        rows = math.prod(shape[:-1])
        size = (rows - 1) * columns + along.windows
        is_direct = is_final and columns == along.windows and self.contiguous
        target = RESULT if is_direct else self.new((*shape[:-1], columns))

        def taken(start: int) -> Place:
            first = along.first + start * along.dilation
            index = slice(first, first + (size - 1) * along.stride + 1, along.stride)
            return Place(self.at, index)

        into = Place(target, slice(0, size))
        self._combine(
            [(start, taken(start), into) for start in starts],
            along.dilation * self.pitches[-1],
        )
        self.at = target
        if columns != along.windows:
            self.columns = slice(0, along.windows)
        if is_final and not is_direct:
            kept = (*(slice(None),) * (len(shape) - 1), slice(0, along.windows))
            whole = (slice(None),) * len(shape)
            self.steps.append(Step(Place(target, kept), None, Place(RESULT, whole)))

    def _combine(self, taken: Sequence[tuple[int, Place, Place]], offset: int) -> None:
        """Keep the larger of taps in their order, each of which every window has."""
        (first, best, _), *others = taken
        if not others:
            self.steps.append(Step(best, None, taken[0][2], first * offset))
        base = first * offset
        for start, place, into in others:
            self.steps.append(Step(best, place, into, base, start * offset))
            best, base = into, 0

    def _take(
        self,
        axis: int,
        starts: Sequence[int],
        is_final: bool,
        margins: Sequence[tuple[int, int]] | None,
    ) -> None:
        """Take taps of all windows along an axis, but where they stand in the padding."""
        along, shape = self.piece[axis - 1], self.shapes[self.at]
        counted = (*shape[:axis], along.windows, *shape[axis + 1 :])
        begins = [0] * len(shape)
        columns = slice(None) if axis == len(shape) - 1 else self.columns
        source = self.at
        if margins is not None:
            begins = [begin for begin, _ in margins]
            target = self.with_margins(counted, margins)
        else:
            target = RESULT if is_final else self.new(counted)

        def taken(tap: int, begin: int, end: int) -> Place:
            start = along.first + tap * along.dilation + begin * along.stride
            index = [slice(None)] * (len(shape) - 1) + [columns]
            index[axis] = slice(start, start + (end - begin - 1) * along.stride + 1, along.stride)
            return Place(source, tuple(index))

        def into(begin: int, end: int) -> Place:
            index = [slice(low, low + size) for low, size in zip(begins, counted, strict=True)]
            if columns.stop is not None:
                index[-1] = slice(0, columns.stop)
            index[axis] = slice(begins[axis] + begin, begins[axis] + end)
            return Place(target, tuple(index))

        self._clip(along, starts, along.dilation * self.pitches[axis - 1], taken, into)
        self.at = target

    def _clip(
        self,
        along: Along,
        starts: Sequence[int],
        offset: int,
        taken: Callable[[int, int, int], Place],
        into: Callable[[int, int], Place],
    ) -> None:
        """Begin with a tap that every window has; then the taps behind it and those before it.

        So the taps that were compared are neighbours, and the earlier of equal ones is known.
        """
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
