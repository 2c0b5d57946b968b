"""How pooling is cut into tiles that fit a core's cache: by the shapes alone."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from cnnops_cli.ops.geometry import Windows, extents
from cnnops_cli.ops.pooling.axis_steps import Axis, Plan, plan_steps
from cnnops_cli.spans import spans

_ALONE = 1 << 21
"""Up to this many elements one thread is as fast as two, which wait for each other."""

_PARTS = 2
"""How many parts more elements than that are cut into at least."""


class Reach(NamedTuple):
    """What some taps of some windows see along one axis.

    `first` is the position of the first window's first tap, below 0 in the padding. The positions
    `inside` are taken in, `pads` is how much padding is put around them, and `axis` is what the
    windows see of all this.
    """

    windows: slice
    first: int
    inside: slice
    pads: tuple[int, int]
    axis: Axis


@dataclass(frozen=True)
class Tile:
    """Some windows of some planes, and the pieces of the kernel that are pooled one by one.

    A piece has a reach for each axis. All have the same windows, and see the input.
    """

    planes: slice
    pieces: tuple[tuple[Reach, ...], ...]

    @cached_property
    def regions(self) -> tuple[tuple[slice, ...], ...]:
        """What each piece sees of the input."""
        return tuple((self.planes, *(reach.inside for reach in piece)) for piece in self.pieces)

    @cached_property
    def pads(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """The padding of each piece along each axis; empty where it has none."""
        every = (tuple(reach.pads for reach in piece) for piece in self.pieces)
        return tuple(pads if any(map(any, pads)) else () for pads in every)

    @cached_property
    def plans(self) -> tuple[Plan, ...]:
        """The steps that pool each piece, without positions."""
        return tuple(self.plan(piece, None) for piece in self.pieces)

    def plan(self, piece: tuple[Reach, ...], pitches: tuple[int, ...] | None) -> Plan:
        """Plan the steps that pool a piece."""
        planes = self.planes.stop - self.planes.start
        return plan_steps(planes, tuple(reach.axis for reach in piece), pitches)

    @cached_property
    def place(self) -> tuple[slice, ...]:
        """Where the results go."""
        return (self.planes, *(reach.windows for reach in self.pieces[0]))


@lru_cache(maxsize=16)
def cut_tiles(planes: int, windows: Windows, most: int) -> tuple[tuple[Tile, ...], ...]:
    """Cut pooling into tiles, and share these out to what a thread takes at once.

    A piece of a tile sees about as many elements, padding included, as `most` says. Each window
    has to see an element of the input.
    """
    alone = planes * math.prod(_reached(windows)) <= min(_ALONE, 4 * most)
    lengths = _lengths_of_pieces(windows, most)
    axes = [list(_cut_axis(windows, axis, length)) for axis, length in enumerate(lengths)]
    tiles = []
    for place in itertools.product(*axes):
        pieces = tuple(itertools.product(*place))
        seen = max(math.prod(reach.axis.length for reach in piece) for piece in pieces)
        group = min(max(1, most // seen), -(-planes // (1 if alone else _PARTS)))
        tiles += [Tile(span, pieces) for span in spans(planes, group)]
    return (tuple(tiles),) if alone else tuple((tile,) for tile in tiles)


def _reached(windows: Windows) -> list[int]:
    """How many elements all windows together see along each axis, padding included."""
    extent = extents(windows.kernel, windows.dilation)
    steps = zip(windows.output, windows.stride, extent, strict=True)
    return [(output - 1) * stride + last for output, stride, last in steps]


def _lengths_of_pieces(windows: Windows, most: int) -> list[int]:
    """How many elements a piece may see along each axis, most of them along the last.

    An axis that is cut keeps room for several times what neighbouring tiles both see.
    """
    fair = int(most ** (1 / windows.dims))
    whole = _reached(windows)
    extent = extents(windows.kernel, windows.dilation)
    least = [min(total, fair, 8 * each) for total, each in zip(whole, extent, strict=True)]
    lengths: list[int] = []
    for axis in reversed(range(windows.dims)):
        length = min(whole[axis], max(1, most // math.prod(least[:axis])))
        most = max(1, most // length)
        lengths.insert(0, length)
    return lengths


def _cut_axis(windows: Windows, axis: int, most: int) -> Iterator[list[Reach]]:
    """Cut the windows along an axis, and their taps where even few windows would see too much."""
    kernel, dilation, stride = windows.kernel[axis], windows.dilation[axis], windows.stride[axis]
    extent = dilation * (kernel - 1) + 1
    fits = extent <= most // 2 or (windows.output[axis] - 1) * stride + extent <= most
    taps = kernel if fits else max(1, (most // 2 - 1) // dilation + 1)
    count = (most - (taps - 1) * dilation - 1) // stride + 1
    for run in spans(windows.output[axis], count):
        reaches = [_reach(windows, axis, run, piece) for piece in spans(kernel, taps)]
        yield [reach for reach in reaches if reach is not None]


def _reach(windows: Windows, axis: int, run: slice, taps: slice) -> Reach | None:
    """Place some taps of some windows, if they see an element of the input."""
    stride, dilation, length = windows.stride[axis], windows.dilation[axis], windows.lengths[axis]
    first = run.start * stride - windows.padding[axis][0] + taps.start * dilation
    steps = run.stop - run.start, stride, taps.stop - taps.start, dilation
    seen = (steps[0] - 1) * stride + (steps[2] - 1) * dilation + 1
    start, stop = max(0, first), min(length, first + seen)
    if start >= stop:
        return None
    if run.stop == windows.output[axis] and length - stop <= seen // 4:
        stop = length  # so that the rows are next to each other where no tile cuts them
    along = Axis(stop - start, first - start, *steps)
    if not along.needs_padding:
        return Reach(run, first, slice(start, stop), (0, 0), along)
    pads = start - first, max(0, first + seen - stop)
    return Reach(run, first, slice(start, stop), pads, Axis(stop - start + sum(pads), 0, *steps))
