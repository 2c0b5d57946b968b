"""Boxes: parts of arrays that are a span of each axis."""

import math
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

Span = tuple[int, int]
"""Where a part of an axis starts and stops."""


class Box(NamedTuple):
    """A part of an array, with one start and one stop per axis."""

    starts: tuple[int, ...]
    stops: tuple[int, ...]

    @classmethod
    def of_spans(cls, spans: Sequence[Span]) -> "Box":
        """Return the box with one span per axis."""
        return cls(tuple(start for start, _ in spans), tuple(stop for _, stop in spans))

    @property
    def spans(self) -> tuple[Span, ...]:
        """The span of each axis."""
        return tuple(zip(self.starts, self.stops, strict=True))

    @property
    def shape(self) -> tuple[int, ...]:
        """Its length along each axis."""
        return tuple(stop - start for start, stop in self.spans)

    @property
    def size(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)

    @property
    def slices(self) -> tuple[slice, ...]:
        """Its place in the array."""
        return tuple(slice(start, stop) for start, stop in self.spans)


def boxes_of(spans: Sequence[Sequence[Span]]) -> list[Box]:
    """Return every box with one of the spans of each axis, in row-major order.

    Examples
    --------
    >>> boxes_of([[(0, 2)], [(0, 1), (4, 6)]])
    [Box(starts=(0, 0), stops=(2, 1)), Box(starts=(0, 4), stops=(2, 6))]
    """
    return [Box.of_spans(each) for each in product(*spans)]
