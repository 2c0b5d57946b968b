"""What windows see of an input along one axis, where only some of the windows are computed."""

from collections.abc import Sequence

import numpy as np

from cnnops_cli.blocks.boxes import Box, Span
from cnnops_cli.blocks.operator import Read
from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.source import cells_shown
from cnnops_cli.ops.geometry import Pair, Windows


def reached(windows: Windows, axis: int, span: Span) -> Span:
    """Return the positions that a span of windows reaches over; padding is below 0 or at the end.

    Examples
    --------
    >>> reached(Windows((9,), (3,), (2,), (1,), ((1, 1),), (5,)), 0, (0, 2))
    (-1, 4)
    """
    before, stride = windows.padding[axis][0], windows.stride[axis]
    last = (span[1] - 1) * stride - before
    return span[0] * stride - before, last + windows.reach[axis]


def lengths_reached(windows: Windows, counts: Sequence[int]) -> list[int]:
    """Return the number of positions, with padding, that windows reach over along each axis."""
    axes = zip(counts, windows.stride, windows.reach, strict=True)
    return [(count - 1) * stride + reach for count, stride, reach in axes]


def seen_inside(windows: Windows, axis: int, span: Span) -> list[Span]:
    """Return which elements a span of windows reaches; none where all is padding."""
    first, stop = reached(windows, axis, span)
    first, stop = max(first, 0), min(stop, windows.lengths[axis])
    return [(first, stop)] if first < stop else []


def padding_left(windows: Windows, spans: Sequence[Span]) -> tuple[Pair, ...]:
    """Return the padding before and after what a span of windows per axis sees inside."""
    reaches = (reached(windows, axis, span) for axis, span in enumerate(spans))
    return tuple(
        (max(-first, 0), max(stop - length, 0))
        for (first, stop), length in zip(reaches, windows.lengths, strict=True)
    )


def seen_of_mode(windows: Windows, axis: int, span: Span, mode: str) -> tuple[list[Span], Array]:
    """Return which elements a span of windows is shown, and the place of each among them.

    Examples
    --------
    >>> seen_of_mode(Windows((9,), (3,), (1,), (1,), ((1, 1),), (9,)), 0, (0, 2), "circular")
    ([(0, 3), (8, 9)], array([3, 0, 1, 2]))
    """
    first, stop = reached(windows, axis, span)
    shown = cells_shown(first, stop - first, windows.lengths[axis], mode)
    needed, places = np.unique(shown, return_inverse=True)
    runs = np.split(needed, np.flatnonzero(np.diff(needed) > 1) + 1)
    return [(int(run[0]), int(run[-1]) + 1) for run in runs], places


def read_together(read: Read, spans: Sequence[Sequence[Span]]) -> Array:
    """Read every box with one of the spans of each axis, and put them next to each other."""

    def joined(axis: int, chosen: tuple[Span, ...]) -> Array:
        if axis == len(spans):
            return read(Box.of_spans(chosen))
        parts = [joined(axis + 1, (*chosen, span)) for span in spans[axis]]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis)

    return joined(0, ())
