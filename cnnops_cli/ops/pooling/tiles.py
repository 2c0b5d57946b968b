"""How pooling is cut into tiles whose cells fit a core's cache: by the shapes alone."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from cnnops_cli.ops.geometry import Windows, extents
from cnnops_cli.ops.parallel import spans
from cnnops_cli.ops.pooling.steps import Along

_ALONE = 1 << 21
"""Up to so many cells one thread is as fast as two, which wait for each other."""


@dataclass(frozen=True)
class Reach:
    """What some taps of some windows see along one axis.

    Attributes
    ----------
    windows : slice
        Which windows.
    taps : int
        How many cells of each window, `dilation` apart.
    stride, dilation : int
        Steps between windows and between taps.
    first : int
        The position of the first window's first tap, below 0 in the padding.
    length : int
        The input's length.
    """

    windows: slice
    taps: int
    stride: int
    dilation: int
    first: int
    length: int

    @cached_property
    def count(self) -> int:
        """How many windows there are."""
        return int(self.windows.stop - self.windows.start)

    @cached_property
    def cells(self) -> int:
        """Cells from the first tap to the last, padding included."""
        return (self.count - 1) * self.stride + (self.taps - 1) * self.dilation + 1

    @cached_property
    def inside(self) -> slice:
        """The positions of the input among these cells; empty where all are padding."""
        return slice(max(0, self.first), max(0, min(self.length, self.first + self.cells)))

    @cached_property
    def pads(self) -> tuple[int, int]:
        """Cells of padding at the begin and at the end, where not all cells are padding."""
        return self.inside.start - self.first, self.first + self.cells - self.inside.stop

    @cached_property
    def along(self) -> Along:
        """What the windows see of the cells inside."""
        inside = self.inside
        return Along(
            inside.stop - inside.start,
            self.first - inside.start,
            self.count,
            self.stride,
            self.taps,
            self.dilation,
        )


@dataclass(frozen=True)
class Tile:
    """Some windows of some planes, and the pieces of the window that are pooled one by one.

    Attributes
    ----------
    planes : slice
    pieces : tuple of tuple of Reach
        By piece of the window, in row-major order: the reach along each axis. A piece has the
        same windows as every other, and sees a cell of the input.
    """

    planes: slice
    pieces: tuple[tuple[Reach, ...], ...]

    @cached_property
    def regions(self) -> tuple[tuple[slice, ...], ...]:
        """By piece: where the cells stand among all cells."""
        return tuple((self.planes, *(reach.inside for reach in piece)) for piece in self.pieces)

    @cached_property
    def along(self) -> tuple[tuple[Along, ...], ...]:
        """By piece: what the windows see of its cells along each axis."""
        return tuple(tuple(reach.along for reach in piece) for piece in self.pieces)

    @cached_property
    def has_padding(self) -> bool:
        """Whether a window reaches into the padding."""
        return any(any(reach.pads) for piece in self.pieces for reach in piece)

    @cached_property
    def place(self) -> tuple[slice, ...]:
        """Where the results of this tile stand among all results."""
        return (self.planes, *(reach.windows for reach in self.pieces[0]))


@lru_cache(maxsize=16)
def plan_tiles(planes: int, windows: Windows, cells: int) -> tuple[tuple[Tile, ...], ...]:
    """Cut a pooling into tiles, and share these out.

    Parameters
    ----------
    planes : int
        How many planes are pooled alike.
    windows : Windows
        Their geometry. Each window sees a cell of the input.
    cells : int
        The most cells, padding included, that a piece of a tile may see.

    Returns
    -------
    tuple of tuple of Tile
        What each thread takes at once. All together cover each window of each plane once.
    """
    alone = planes * math.prod(_reached(windows)) <= min(_ALONE, 4 * cells)
    lengths = _piece_lengths(windows, cells)
    axes = [list(_cut(windows, axis, length)) for axis, length in enumerate(lengths)]
    tiles = []
    for place in itertools.product(*axes):
        pieces = tuple(itertools.product(*place))
        seen = max(math.prod(reach.cells for reach in piece) for piece in pieces)
        most = max(1, min(cells // seen, math.ceil(planes / (1 if alone else 2))))
        tiles += [Tile(group, pieces) for group in spans(planes, _even(planes, most))]
    return (tuple(tiles),) if alone else tuple((tile,) for tile in tiles)


def _reached(windows: Windows) -> list[int]:
    """By axis: how many cells all windows together see, padding included."""
    return [
        (output - 1) * stride + extent
        for output, stride, extent in zip(
            windows.output, windows.stride, _extents(windows), strict=True
        )
    ]


def _piece_lengths(windows: Windows, cells: int) -> list[int]:
    """By axis: how many cells a piece may see, most of them along the last axis.

    An axis that is cut keeps room for several times what neighbouring tiles both see.
    """
    room = cells
    lengths: list[int] = []
    fair = int(cells ** (1 / windows.dims))
    whole = _reached(windows)
    least = [
        min(total, fair, 8 * extent) for total, extent in zip(whole, _extents(windows), strict=True)
    ]
    for axis in reversed(range(windows.dims)):
        length = min(whole[axis], max(1, room // math.prod(least[:axis])))
        room = max(1, room // length)
        lengths.insert(0, length)
    return lengths


def _extents(windows: Windows) -> tuple[int, ...]:
    return extents(windows.kernel, windows.dilation)


def _cut(windows: Windows, axis: int, length: int) -> Iterator[list[Reach]]:
    """Cut an axis into runs of windows, and these into pieces that see at most `length` cells."""
    stride, dilation = windows.stride[axis], windows.dilation[axis]
    kernel, output = windows.kernel[axis], windows.output[axis]
    extent = dilation * (kernel - 1) + 1
    fits = extent <= length // 2 or (output - 1) * stride + extent <= length
    taps = kernel if fits else max(1, (length // 2 - 1) // dilation + 1)
    count = max(1, (length - (taps - 1) * dilation - 1) // stride + 1)
    for run in spans(output, _even(output, count)):
        start = run.start * stride - windows.padding[axis][0]
        pieces = [
            Reach(
                run,
                span.stop - span.start,
                stride,
                dilation,
                start + span.start * dilation,
                windows.lengths[axis],
            )
            for span in spans(kernel, taps)
        ]
        yield [piece for piece in pieces if piece.inside.start < piece.inside.stop]


def _even(length: int, most: int) -> int:
    """The size of equal parts, of at most so many."""
    return math.ceil(length / max(1, math.ceil(length / most)))
