"""The sizes of a convolution, and the tiles that its result is computed in."""

from collections.abc import Sequence
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.ops.geometry import Windows
from cnnops_cli.spans import spans


class Layer(NamedTuple):
    """The sizes of a convolution, the dtype to compute in, and how it is summed."""

    items: int
    groups: int
    channels: int  # of one group
    filters: int  # of one group
    windows: Windows
    dtype: np.dtype[Any]
    accumulate: str = "fast"

    @property
    def tile(self) -> "Tile":
        """The tile that is the whole result."""
        sizes = (self.items, self.groups, self.filters, *self.windows.output)
        items, groups, filters, *box = (slice(0, size) for size in sizes)
        return Tile(items, groups, filters, tuple(box))


class Tile(NamedTuple):
    """A part of the result: samples, groups, filters of each group, and outputs by axis."""

    items: slice
    groups: slice
    filters: slice
    box: tuple[slice, ...]

    @property
    def place(self) -> tuple[slice, ...]:
        """Its place in the result (N, G, O, *output)."""
        return (self.items, self.groups, self.filters, *self.box)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, (n, g, o, *sizes)."""
        return tuple([span.stop - span.start for span in self.place])

    def within(self, whole: "Tile") -> tuple[slice, ...]:
        """Its place in the part of the result that a larger tile is."""
        return tuple(
            slice(span.start - outer.start, span.stop - outer.start)
            for span, outer in zip(self.place, whole.place, strict=True)
        )

    def channels(self, of_group: int) -> slice:
        """The channels of the input that its groups see."""
        return slice(self.groups.start * of_group, self.groups.stop * of_group)


class Tiles(Sequence[Tile]):
    """A part of the result, cut along every axis; made when the first tile is asked for.

    `most` is the largest shape of a tile. Outputs along the first spatial axis are in multiples of
    a number, in all tiles but the last.
    """

    def __init__(self, part: Tile, most: tuple[int, ...], multiple: int = 1) -> None:
        self.part = part
        self.most = most
        self.multiple = multiple

    @property
    def _multiples(self) -> tuple[int, ...]:
        return (1, 1, 1, self.multiple, *(1,) * len(self.most[4:]))

    def __len__(self) -> int:
        return self._count

    @cached_property
    def _count(self) -> int:
        count = 1
        axes = zip(self.part.shape, self.most, self._multiples, strict=True)
        for size, most, multiple in axes:
            length = -(-size // -(-size // most))
            count *= -(-size // (-(-length // multiple) * multiple))
        return count

    def __getitem__(self, number: Any) -> Any:
        return self._made[number]

    @cached_property
    def _made(self) -> tuple[Tile, ...]:
        axes = map(spans, self.part.place, self.most, self._multiples)
        return tuple(
            Tile(items, groups, filters, tuple(box))
            for items, groups, filters, *box in product(*axes)
        )
