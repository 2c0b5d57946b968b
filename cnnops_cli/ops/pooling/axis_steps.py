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

    `first` is the index of the first window's first tap, below 0 in the padding.
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

    `earlier` and `later` are in row-major order of each window. An offset is how many positions
    further the first tap of their windows is than that of the target.
    """

    earlier: Place
    later: Place | None
    target: Place
    earlier_offset: int = 0
    later_offset: int = 0


class Plan(NamedTuple):
    """Steps, and the use and shape of each array after `RESULT` that they write.

    `furthest` is how many positions a window's last tap is from its first.
    """

    steps: tuple[Step, ...]
    arrays: tuple[tuple[str, Shape], ...]
    furthest: int


@lru_cache(maxsize=128)
def plan_steps(planes: int, axes: tuple[Axis, ...], pitches: tuple[int, ...] | None) -> Plan:
    """Plan the steps that pool a contiguous array (planes, *lengths).

    `pitches` are how many positions neighbours along each axis are apart. Where they are given,
    the steps find the first of equal elements in row-major order.
    """
    planner = _Planner(planes, axes, pitches)
    work = [axis for axis, along in enumerate(axes, 1) if not along.is_done]
    if pitches is not None:
        work.reverse()
    for axis in work:
        planner.pool_along(axis, is_final=axis == work[-1])
    if not work:
        whole = (slice(None),)
        planner.steps.append(Step(Place(CELLS, whole), None, Place(RESULT, whole)))
    furthest = sum((along.taps - 1) * planner.gap(axis) for axis, along in enumerate(axes, 1))
    return Plan(tuple(planner.steps), tuple(planner.arrays[2:]), furthest)


class _Planner:
    def __init__(self, planes: int, axes: Sequence[Axis], pitches: Sequence[int] | None) -> None:
        self.steps: list[Step] = []
        self.arrays: list[tuple[str, Shape]] = [
            ("", (planes, *(along.length for along in axes))),
            ("", (planes, *(along.windows for along in axes))),
        ]
        self._axes = axes
        self._pitches = [0] * len(axes) if pitches is None else pitches
        self._long_run = _LONG_RUN if pitches is None else _LONG_RUN_WITH_OFFSETS
        self._at = CELLS

    def pool_along(self, axis: int, *, is_final: bool) -> None:
        """Pool what was found so far along an axis."""
        along, source = self._axes[axis - 1], self._at
        shape = list(self._shape(source))
        covered = self._covered(along, math.prod(shape[axis + 1 :]), math.prod(shape))
        found = self._double(axis, covered)
        shape[axis] = along.windows
        self._at = RESULT if is_final else self._new(tuple(shape), source, found)
        starts = [*range(0, along.taps - covered, covered), along.taps - covered]
        self._take_in_turn(axis, range(*along.whole), starts, found)
        for window in along.clipped:
            self._take_in_turn(axis, range(window, window + 1), along.taps_of(window), source)

    def gap(self, axis: int) -> int:
        """How many positions neighbouring taps are apart."""
        return self._axes[axis - 1].dilation * self._pitches[axis - 1]

    def _covered(self, along: Axis, inner: int, size: int) -> int:
        """Choose how many taps are pooled before the windows are taken."""
        start, stop = along.whole
        run = inner * (stop - start if along.stride == 1 else 1)
        is_long = run >= self._long_run or size // along.length * along.windows <= _FEW
        if along.taps <= _MOST_IN_TURN and along.stride >= along.taps * (1 if is_long else 8):
            return 1
        return 1 << max(0, (along.taps - 1).bit_length() - 1) if is_long else along.taps

    def _double(self, axis: int, covered: int) -> int:
        """Let maxima of one tap grow to those of several, over the whole array as one row."""
        source = found = self._at
        shape = self._shape(source)
        pitch = self._axes[axis - 1].dilation * math.prod(shape[axis + 1 :])
        count, have = math.prod(shape), 1
        while have < covered:
            more = min(have, covered - have)
            count -= more * pitch
            earlier = Place(found, slice(count))
            later = Place(found, slice(more * pitch, more * pitch + count))
            found = self._new(shape, source, found)
            target = Place(found, slice(count))
            self.steps.append(Step(earlier, later, target, 0, more * self.gap(axis)))
            have += more
        return found

    def _take_in_turn(self, axis: int, windows: range, taps: Sequence[int], source: int) -> None:
        """Take some taps of windows, at their stride, one after the other."""
        along, count = self._axes[axis - 1], len(windows)
        into = self._part(self._at, axis, windows.start, count)
        first = along.first + windows.start * along.stride
        places = [
            self._part(source, axis, first + tap * along.dilation, count, along.stride)
            for tap in taps
        ]
        offsets = [tap * self.gap(axis) for tap in taps]
        best, offset = places[0], offsets[0]
        if len(taps) == 1:
            self.steps.append(Step(best, None, into, offset))
        for place, further in zip(places[1:], offsets[1:], strict=True):
            self.steps.append(Step(best, place, into, offset, further))
            best, offset = into, 0

    def _part(self, array: int, axis: int, start: int, count: int, step: int = 1) -> Place:
        part = [slice(None)] * len(self._shape(array))
        part[axis] = slice(start, start + (count - 1) * step + 1, step)
        return Place(array, tuple(part))

    def _shape(self, array: int) -> Shape:
        return self.arrays[array][1]

    def _new(self, shape: Shape, *taken: int) -> int:
        """Add an array other than those that are read."""
        used = {self.arrays[array][0] for array in taken}
        self.arrays.append((next(use for use in _USES if use not in used), shape))
        return len(self.arrays) - 1
