"""The steps that pool the cells of a tile, as data: see `plan` for how they are chosen."""

from typing import NamedTuple, TypeAlias

Shape: TypeAlias = tuple[int, ...]

CELLS, RESULT = 0, 1
"""The first two arrays of every plan."""


class Along(NamedTuple):
    """What windows see along one axis of a block of cells.

    Attributes
    ----------
    length : int
        How many cells there are.
    first : int
        Where the first window's first tap stands, below 0 in the padding.
    windows, stride, taps, dilation : int
        Windows and their steps; taps of each and their steps.
    """

    length: int
    first: int
    windows: int
    stride: int
    taps: int
    dilation: int

    @property
    def reached(self) -> int:
        """Cells from the first tap to the last, padding included."""
        return (self.windows - 1) * self.stride + (self.taps - 1) * self.dilation + 1

    @property
    def is_done(self) -> bool:
        """Whether each cell is a window."""
        return self.reached == self.windows == self.length

    def seeing(self, tap: int) -> tuple[int, int]:
        """The first window with this tap among the cells, and the one behind the last."""
        start = self.first + tap * self.dilation
        begin = min(self.windows, max(0, -(start // self.stride)))
        return begin, max(begin, min(self.windows, (self.length - 1 - start) // self.stride + 1))

    @property
    def whole(self) -> tuple[int, int]:
        """The first window that sees cells only, and the one behind the last."""
        begin = self.seeing(0)[0]
        return begin, max(begin, self.seeing(self.taps - 1)[1])

    def clipped(self) -> list[int]:
        """The windows that reach into the padding."""
        begin, end = self.whole
        return [*range(begin), *range(end, self.windows)]

    def seen_by(self, window: int) -> range:
        """The taps of a window that are among the cells."""
        start = self.first + window * self.stride
        begin = max(0, -(start // self.dilation))
        return range(begin, min(self.taps, (self.length - 1 - start) // self.dilation + 1))

    def is_shifted(self, outer: int) -> bool:
        """Whether the windows of so many blocks are their first taps, moved all alike."""
        return self.stride == 1 and (outer == 1 or self.windows == self.length)

    @property
    def is_flat(self) -> bool:
        """Whether rows end where a stride does, so that many are taken as one."""
        return self.windows * self.stride == self.length

    @property
    def central(self) -> int | None:
        """A tap that no window has in the padding, if there is one."""
        taps = range(self.taps)
        return next((tap for tap in taps if self.seeing(tap) == (0, self.windows)), None)


class Place(NamedTuple):
    """Cells of an array: a slice is of its flat view."""

    array: int
    part: slice | tuple[slice, ...]


class Step(NamedTuple):
    """Write the larger of two cells, or a copy of one; and at how many positions' distance.

    Attributes
    ----------
    earlier, later : Place
        In row-major order of each window. No later one: a copy.
    target : Place
    earlier_offset, later_offset : int
        To be added to what is known of the two.
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
    shapes : tuple of tuple of int
        By array; `CELLS` and `RESULT` are given.
    uses : tuple of str
        What each array is kept as.
    margins : tuple of (int, int), or None
        By axis: around what is written to the array that is kept as padded.
    steps : tuple of Step
    """

    shapes: tuple[Shape, ...]
    uses: tuple[str, ...]
    margins: tuple[tuple[int, int], ...] | None
    steps: tuple[Step, ...]
