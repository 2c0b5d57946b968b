"""Which cells of an input a window shows."""

from itertools import product
from typing import NamedTuple

from cnnops_cli.explain.cells import Index
from cnnops_cli.ops.convolution.source import cells_shown
from cnnops_cli.ops.geometry import Windows, extents


class Seen(NamedTuple):
    """What stands below one cell of a window.

    Attributes
    ----------
    place : tuple of int, optional
        The input's cell along the spatial axes; None where nothing of the input is shown.
    padded : bool
        Whether it lies in the padding.
    """

    place: Index | None
    padded: bool


def seen_by(windows: Windows, cell: Index, mode: str = "zeros") -> list[Seen]:
    """Return what a window shows, in the row-major order of its cells.

    Parameters
    ----------
    windows : Windows
    cell : tuple of int
        The window's number along each spatial axis.
    mode : str
        What padding shows: a padding mode of `cnnops_cli.conv`.

    Examples
    --------
    >>> windows = Windows((3,), (3,), (1,), (1,), ((1, 1),), (3,))
    >>> seen_by(windows, (0,), "reflect")
    [Seen(place=(1,), padded=True), Seen(place=(0,), padded=False), Seen(place=(1,), padded=False)]
    """
    axes = []
    reach = extents(windows.kernel, windows.dilation)
    for axis, number in enumerate(cell):
        gap, length = windows.dilation[axis], windows.lengths[axis]
        start = number * windows.stride[axis] - windows.padding[axis][0]
        positions = range(start, start + reach[axis], gap)
        places = list(positions)
        if mode != "zeros":
            places = cells_shown(start, reach[axis], length, mode)[::gap].tolist()
        axes.append([
            (place, not 0 <= position < length)
            for place, position in zip(places, positions, strict=True)
        ])  # fmt: skip
    seen = []
    for taps in product(*axes):
        padded = any(outside for _, outside in taps)
        shown = mode != "zeros" or not padded
        seen.append(Seen(tuple(place for place, _ in taps) if shown else None, padded))
    return seen
