"""The steps that pool the elements of a tile, one axis after the other: by the shapes alone.

Along an axis the maximum of two neighbours is taken, then that of two such pairs, and so on, over
the whole array as over one row: what is compared across the end of a row belongs to no window.
Then the windows are taken out, at their stride; the few that reach into the padding are pooled by
themselves.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

Shape: TypeAlias = tuple[int, ...]

CELLS, RESULT = 0, 1
"""The first two arrays of every plan."""

_MOST_CLIPPED = 2
"""How many windows may reach into the padding along an axis where each is pooled by itself."""

_LONG_RUN = 96
_LONG_RUN_WITH_OFFSETS = 512
"""From this many elements next to each other on, the last step takes out the windows, too."""

_FEW = 1024
"""Up to this many results are not worth a copy of their own."""

_MOST_IN_TURN = 8
"""Up to this many taps are taken in turn where the windows do not overlap."""

_USES = ("maxima 1", "maxima 2", "maxima 3")


class Axis(NamedTuple):
    """What windows see along one axis of an array.

    Attributes
    ----------
    length : int
    first : int
        The index of the first window's first tap, below 0 in the padding.
    windows, stride, taps, dilation : int
    """

    length: int
    first: int
    windows: int
    stride: int
    taps: int
    dilation: int

    @property
    def whole(self) -> tuple[int, int]:
        """The first window that reaches into no padding, and the one after the last."""
        start = max(0, -(self.first // self.stride))
        last = self.first + (self.taps - 1) * self.dilation
        return start, max(start, min(self.windows, (self.length - 1 - last) // self.stride + 1))

    @property
    def clipped(self) -> list[int]:
        """The windows that reach into the padding."""
        start, stop = self.whole
        return [*range(start), *range(stop, self.windows)]

    def taps_of(self, window: int) -> range:
        """The taps of a window that are in the array."""
        first = self.first + window * self.stride
        start = max(0, -(first // self.dilation))
        return range(start, min(self.taps, (self.length - 1 - first) // self.dilation + 1))

    @property
    def is_done(self) -> bool:
        """Whether each element is a window."""
        return self == Axis(self.length, 0, self.length, 1, 1, 1)

    @property
    def needs_padding(self) -> bool:
        """Whether the padding has to be in the array."""
        start, stop = self.whole
        many = self.windows - (stop - start) > _MOST_CLIPPED
        return start == stop or many or not all(map(self.taps_of, self.clipped))


class Place(NamedTuple):
    """A part of an array; a slice is of its flat view."""

    array: int
    part: slice | tuple[slice, ...]


class Step(NamedTuple):
    """Write the larger of two values, or copy one where no later is given.

    Attributes
    ----------
    earlier, later : Place
        In row-major order of each window.
    target : Place
    earlier_offset, later_offset : int
        How many positions further their windows' first taps are than those of the target.
    """

    earlier: Place
    later: Place | None
    target: Place
    earlier_offset: int = 0
    later_offset: int = 0


class Plan(NamedTuple):
    """Steps, and the arrays that they write.

    Attributes
    ----------
    steps : tuple of Step
    shapes : tuple of tuple of int
        Of the arrays after `RESULT`.
    uses : tuple of str
        What each of these is kept as.
    furthest : int
        How many positions a window's last tap is from its first.
    """

    steps: tuple[Step, ...]
    shapes: tuple[Shape, ...]
    uses: tuple[str, ...]
    furthest: int


@lru_cache(maxsize=128)
def plan_steps(
    planes: int, axes: tuple[Axis, ...], pitches: tuple[int, ...] | None, contiguous: bool
) -> Plan:
    """Plan the steps that pool a contiguous array (planes, *lengths).

    Parameters
    ----------
    planes : int
    axes : tuple of Axis
    pitches : tuple of int, or None
        How many positions neighbours along each axis are apart. Where they are given, the steps
        find the first of equal elements in row-major order.
    contiguous : bool
        Whether the result is.
    """
    planner = _Planner(planes, axes, pitches, contiguous)
    work = [axis for axis, along in enumerate(axes, 1) if not along.is_done]
    if pitches is not None:
        work.reverse()
    for axis in work:
        planner.pool_along(axis, is_final=axis == work[-1])
    if not work:
        whole = (slice(None),)
        planner.steps.append(Step(Place(CELLS, whole), None, Place(RESULT, whole)))
    furthest = sum((along.taps - 1) * planner.gap(axis) for axis, along in enumerate(axes, 1))
    return Plan(tuple(planner.steps), tuple(planner.shapes[2:]), tuple(planner.uses[2:]), furthest)


class _Planner:
    def __init__(
        self,
        planes: int,
        axes: Sequence[Axis],
        pitches: Sequence[int] | None,
        contiguous: bool,
    ) -> None:
        self.steps: list[Step] = []
        self.shapes: list[Shape] = [
            (planes, *(along.length for along in axes)),
            (planes, *(along.windows for along in axes)),
        ]
        self.uses = ["", ""]
        self._axes = axes
        self._pitches = [0] * len(axes) if pitches is None else pitches
        self._long_run = _LONG_RUN if pitches is None else _LONG_RUN_WITH_OFFSETS
        self._contiguous = contiguous
        self._at = CELLS

    def pool_along(self, axis: int, *, is_final: bool) -> None:
        """Pool what was found so far along an axis."""
        along, source = self._axes[axis - 1], self._at
        start, stop = along.whole
        covered = self._covered(axis)
        is_moved = along.stride == 1 and along.windows == along.length and covered > 1
        is_moved = is_moved and covered == along.taps and (self._contiguous or not is_final)
        found = self._double(axis, covered, is_moved, is_final)
        if is_moved:
            self._at = found
        else:
            self._at = self._windows(axis, is_final, source, found)
            starts = [*range(0, along.taps - covered, covered), along.taps - covered]
            self._take_in_turn(axis, range(start, stop), starts, found)
        for window in along.clipped:
            self._take_in_turn(axis, range(window, window + 1), along.taps_of(window), source)

    def _covered(self, axis: int) -> int:
        """Choose how many taps are pooled before the windows are taken."""
        along, shape = self._axes[axis - 1], self.shapes[self._at]
        start, stop = along.whole
        run = math.prod(shape[axis + 1 :]) * (stop - start if along.stride == 1 else 1)
        results = math.prod(shape) // along.length * along.windows
        is_long = run >= self._long_run or results <= _FEW
        if along.taps <= _MOST_IN_TURN and along.stride >= along.taps * (1 if is_long else 8):
            return 1
        return 1 << (along.taps - 1).bit_length() - 1 if is_long else along.taps

    def _double(self, axis: int, covered: int, is_moved: bool, is_final: bool) -> int:
        """Let maxima of one tap grow to those of several, over the whole array as one row."""
        along, source = self._axes[axis - 1], self._at
        shape = self.shapes[source]
        inner = math.prod(shape[axis + 1 :])
        found, count, have = source, math.prod(shape), 1
        while have < covered:
            more = min(have, covered - have)
            have += more
            apart = more * along.dilation * inner
            count -= apart
            if is_moved and have == covered:
                target = self._windows(axis, is_final, source, found)
                into = slice(-along.first * inner, count - along.first * inner)
            else:
                target, into = self._new(shape, source, found), slice(count)
            earlier = Place(found, slice(count))
            later = Place(found, slice(apart, apart + count))
            self.steps.append(Step(earlier, later, Place(target, into), 0, more * self.gap(axis)))
            found = target
        return found

    def _take_in_turn(self, axis: int, windows: range, taps: Sequence[int], source: int) -> None:
        """Take some taps of windows, at their stride, one after the other."""
        along, count = self._axes[axis - 1], len(windows)
        into = self._part(self._at, axis, windows.start, count)
        first = along.first + windows.start * along.stride
        best, *others = (
            (
                self._part(source, axis, first + tap * along.dilation, count, along.stride),
                tap * self.gap(axis),
            )
            for tap in taps
        )
        if not others:
            self.steps.append(Step(best[0], None, into, best[1]))
        for place, offset in others:
            self.steps.append(Step(best[0], place, into, best[1], offset))
            best = into, 0

    def gap(self, axis: int) -> int:
        """How many positions neighbouring taps are apart."""
        return self._axes[axis - 1].dilation * self._pitches[axis - 1]

    def _part(self, array: int, axis: int, start: int, count: int, step: int = 1) -> Place:
        part = [slice(None)] * len(self.shapes[array])
        part[axis] = slice(start, start + (count - 1) * step + 1, step)
        return Place(array, tuple(part))

    def _windows(self, axis: int, is_final: bool, *taken: int) -> int:
        if is_final:
            return RESULT
        shape = list(self.shapes[self._at])
        shape[axis] = self._axes[axis - 1].windows
        return self._new(tuple(shape), *taken)

    def _new(self, shape: Shape, *taken: int) -> int:
        """Another array than those that are read."""
        uses = {self.uses[array] for array in taken}
        self.shapes.append(shape)
        self.uses.append(next(use for use in _USES if use not in uses))
        return len(self.shapes) - 1
