"""The cells that windows see, laid out as the columns of a matrix."""

import math
import operator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.layer import Layer, Tile, length_of, runs_on
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.scratch import scratch

_LITTLE_ENDIAN = np.dtype("<i4").isnative


class Columns:
    """Lays out the windows of a layer.

    Parameters
    ----------
    layer : Layer
    stacked : bool
        Leave the first axis of the kernel out of the matrix. Its rows are then ordered by kernel
        cell and channel, else by channel and kernel cell, as the weights lie in memory.
    """

    def __init__(self, layer: Layer, *, stacked: bool) -> None:
        windows = layer.windows
        self._layer = layer
        self._windows = windows
        self._stacked = stacked
        self._kernel = (1, *windows.kernel[1:]) if stacked else windows.kernel
        self._pitches = [math.prod(windows.lengths[axis + 1 :]) for axis in range(windows.dims)]
        self._runs_on = runs_on(windows)
        self._in_pairs = windows.stride[-1] == 2 and layer.dtype.itemsize < 8 and _LITTLE_ENDIAN

    def lay_out(self, source: Source, tile: Tile, rows: int, phase: int = 0) -> Array:
        """Lay out what a tile of windows sees.

        Parameters
        ----------
        source : Source
        tile : Tile
        rows : int
            Lines of windows along the first spatial axis; more than the tile's where stacked.
        phase : int
            The first of them begins so many cells after the tile's.

        Returns
        -------
        numpy.ndarray, shape (g, depth, n, rows, *inner)
            In the dtype that is computed in: a view of the input where it lies so, else an array
            that the thread's next one overwrites.
        """
        channels = self._layer.channels
        of_groups = slice(tile.groups.start * channels, tile.groups.stop * channels)
        whole_lines = tile.sizes[1:] == self._windows.output[1:]
        if self._runs_on and whole_lines and source.is_flat:
            cells = self._copy_flat(source, tile, of_groups, rows)
        else:
            cells = self._copy_boxes(source, tile, of_groups, rows, phase)
        return cells.reshape(length_of(tile.groups), -1, tile.count, rows, *tile.sizes[1:])

    def _copy_boxes(
        self, source: Source, tile: Tile, channels: slice, rows: int, phase: int
    ) -> Array:
        windows = self._windows
        part = source.part(tile.items, channels, tile.box, beyond=int(self._in_pairs))[:, :, phase:]
        gaps = part.strides[2:]
        taps = list(map(operator.mul, windows.dilation, gaps))
        steps = list(map(operator.mul, windows.stride, gaps))
        sizes = (rows, *tile.sizes[1:])
        if part.dtype == self._layer.dtype and math.prod(self._kernel) == 1:
            seen = as_strided(part, (*part.shape[:2], *sizes), (*part.strides[:2], *steps))
            if seen[0, 0].flags.c_contiguous:
                return seen.swapaxes(0, 1)
        return self._copy(part, taps, sizes, steps)

    def _copy_flat(self, source: Source, tile: Tile, channels: slice, rows: int) -> Array:
        windows = self._windows
        begins = [begin for begin, _ in windows.padding]
        first = tile.box[0].start * self._pitches[0] - sum(map(operator.mul, begins, self._pitches))
        taps = list(map(operator.mul, windows.dilation, self._pitches))
        reach = sum((size - 1) * tap for size, tap in zip(self._kernel, taps, strict=True))
        count = rows * self._pitches[0]
        line = source.line(tile.items, channels, first, count + reach)
        gap = line.strides[-1]
        cells = self._copy(line, [gap * tap for tap in taps], (count,), [gap])
        boxes = cells.reshape(*cells.shape[:-1], rows, *windows.output[1:])
        for axis in range(1, windows.dims):
            self._clear_beyond(boxes, axis)
        return cells

    def _clear_beyond(self, boxes: Array, axis: int) -> None:
        """Make zero what lies before the first cell along an axis, or behind the last."""
        windows = self._windows
        length, gap, begin = windows.lengths[axis], windows.dilation[axis], windows.padding[axis][0]
        of_tap = axis + (1 if self._stacked else 2)
        for tap in range(windows.kernel[axis]):
            shift = tap * gap - begin
            beyond = slice(-shift) if shift < 0 else slice(max(0, length - shift), None)
            if shift:
                place: list[Any] = [slice(None)] * boxes.ndim
                place[of_tap], place[axis - windows.dims] = tap, beyond
                boxes[tuple(place)] = 0

    def _copy(
        self, part: Array, taps: list[int], sizes: tuple[int, ...], steps: list[int]
    ) -> Array:
        """Copy to (g, *depth, n, *sizes), by the strides from tap to tap and window to window."""
        of_item, of_channel = part.strides[:2]
        channels = self._layer.channels
        groups = part.shape[1] // channels
        depth, strides = (channels, *self._kernel), (of_channel, *taps)
        if self._stacked:
            depth, strides = (*depth[1:], channels), (*taps, of_channel)
        seen = as_strided(
            part,
            (groups, *depth, len(part), *sizes),
            (channels * of_channel, *strides, of_item, *steps),
        )
        cells = scratch("cells", seen.shape, self._layer.dtype)
        size = seen.itemsize
        if self._in_pairs and (part.dtype, part.strides[-1]) == (cells.dtype, size):
            # A pair of cells as one integer, cut to the half that is first in memory: this takes
            # half the time of a copy with gaps. The last pair ends in the cell beyond.
            pairs = as_strided(part[..., :2].view(f"u{2 * size}"), seen.shape, seen.strides)
            np.copyto(cells.view(f"u{size}"), pairs, casting="unsafe")
        else:
            np.copyto(cells, seen, casting="unsafe")
        return cells
