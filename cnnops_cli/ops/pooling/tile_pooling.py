"""Max pooling of one tile, and what has no plain order.

Maxima neither distinguish 0.0 from -0.0 nor one NaN from another. Where a tile's results hold a
NaN, or both zeros are there, those values are taken from where they are: without indices, what is
pooled once more is how early each zero is, or how late each NaN.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial, reduce
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array, is_floating
from cnnops_cli.ops.pooling.axis_maxima import largest, largest_and_offsets
from cnnops_cli.ops.pooling.tile_cuts import Tile
from cnnops_cli.ops.scratch import scratch
from cnnops_cli.spans import spans

_GATHERED = 1 << 14
"""How many values are taken from where they are at a time."""

_HALF_INFINITY, _HALF_NAN = 0x7C00, 0x7FFF
"""Keys of float16: the bits of infinity, and what stands for all NaNs."""


@dataclass
class Pooling:
    """Planes (P, *spatial), and where the values, and perhaps the indices, (P, *output), go."""

    planes: Array
    values: Array
    indices: Array | None = None

    def fill(self, tile: Tile) -> None:
        """Write the results of one tile."""
        if self.indices is None:
            self._fill_values(tile)
        else:
            self._fill_positions(tile, self.indices[tile.place])

    @cached_property
    def _has_keys(self) -> bool:
        """Whether float16, which NumPy is slow at, is pooled as integers in the same order."""
        return self.planes.dtype == np.float16

    @cached_property
    def _pitches(self) -> tuple[int, ...]:
        shape = self.planes.shape
        return tuple(math.prod(shape[axis + 1 :]) for axis in range(1, len(shape)))

    def _cells_of(self, tile: Tile, number: int) -> Array:
        """What a piece of the kernel sees, contiguous and with its padding."""
        cells = self.planes[tile.regions[number]]
        if self._has_keys:
            cells = _bits_to_keys(cells.view(np.int16))
        return _pad(cells, tile.pads[number])

    def _values_of(self, tile: Tile) -> Array:
        values = self.values[tile.place]
        return values.view(np.int16) if self._has_keys else values

    def _fill_values(self, tile: Tile) -> None:
        values = self._values_of(tile)
        _pool_pieces(tile, partial(self._cells_of, tile), values)
        for wanted in self._uncertain(tile, values):
            if wanted is _is_zero or not self._fill_nan(tile):
                self._gather(tile, self._pool_places(tile, wanted), wanted)

    def _fill_nan(self, tile: Tile) -> bool:
        """Write the NaN that all are, and return whether there is no other."""
        values, kind = self.values[tile.place], f"i{self.values.itemsize}"
        cells = self.planes[tile.regions[0]]
        nan = cells[np.unravel_index(np.isnan(cells).argmax(), cells.shape)]
        for region in tile.regions:
            cells = self.planes[region]
            is_other = scratch("is zero", cells.shape, np.dtype(np.bool_))
            np.not_equal(cells.view(kind), nan.view(kind), out=is_other)
            if np.logical_and(is_other, np.isnan(cells), out=is_other).any():
                return False
        np.copyto(values.view(kind), nan.view(kind), where=np.isnan(values))
        return True

    def _pool_places(self, tile: Tile, wanted: Callable[[Array], Array]) -> Array:
        """Return the positions of each window's first zero or last NaN, where there is one."""
        size = self._pitches[0] * self.planes.shape[1]
        kind = np.dtype(np.int32 if size < 1 << 31 else np.int64)
        sign, start = (-1, size) if wanted is _is_zero else (1, 1)

        def keys_of(number: int) -> Array:
            cells = self.planes[tile.regions[number]]
            starts = [np.array(start, kind)]
            for inside, pitch in zip(tile.regions[number][1:], self._pitches, strict=True):
                starts.append(np.arange(inside.start, inside.stop, dtype=kind) * (sign * pitch))
            rows = reduce(np.add.outer, starts[:-1])
            keys = np.add(rows[..., None], starts[-1], out=scratch("keys", cells.shape, kind))
            np.multiply(keys, wanted(cells).view(np.int8), out=keys)
            return _pad(keys, tile.pads[number])

        keys = scratch("positions", self.values[tile.place].shape, kind)
        _pool_pieces(tile, keys_of, keys)
        np.subtract(keys, start, out=keys)
        return np.multiply(keys, sign, out=keys)

    def _fill_positions(self, tile: Tile, positions: Array) -> None:
        values = self._values_of(tile)
        for number, piece in enumerate(tile.pieces):
            cells = self._cells_of(tile, number)
            found, places = values, positions
            if number:
                found = scratch("more", values.shape, values.dtype)
                places = scratch("more positions", values.shape, positions.dtype)
            plan = tile.plan(piece, self._pitches)
            offsets = largest_and_offsets(cells, plan, found)
            if self._has_nan(found):
                offsets = largest_and_offsets(cells, plan, found, _is_nan)
            axes = zip(piece, self._pitches, strict=True)
            starts = _starts(tuple((reach.first, *reach.axis[2:4], pitch) for reach, pitch in axes))
            np.add(offsets, starts, out=places, casting="unsafe")
            if number:
                self._merge((values, positions), (found, places))
        if any(tile.pads):
            self._leave_padding(tile, values, positions)
        for wanted in self._uncertain(tile, values):
            self._gather(tile, positions, wanted)

    def _uncertain(self, tile: Tile, values: Array) -> Sequence[Callable[[Array], Array]]:
        """Which values have to be taken from where they are; turn keys back."""
        uncertain = [_is_zero] if self._has_mixed_zeros(tile, values) else []
        uncertain += [_is_nan] if self._has_nan(values) else []
        if self._has_keys:
            _keys_to_bits(values)
        return uncertain

    def _has_nan(self, values: Array) -> bool:
        if self._has_keys:
            return bool(np.maximum.reduce(values, axis=None) > _HALF_INFINITY)
        if not is_floating(values):
            return False
        largest_value = np.maximum.reduce(values, axis=None)
        return bool(largest_value != largest_value)

    def _has_mixed_zeros(self, tile: Tile, values: Array) -> bool:
        """Whether a maximum is a zero and both are in the tile; keys only stand for 0.0.

        The bits of -0.0 are the least of all integers.
        """
        if not is_floating(self.values):
            return False
        is_zero = scratch("is zero", values.shape, np.dtype(np.bool_))
        if not np.equal(values, 0, out=is_zero).any():
            return False
        bits = self.planes.view(f"i{self.planes.itemsize}")
        seen = [bits[region] for region in tile.regions]
        has_negative = any(part.min() == _lowest(bits.dtype) for part in seen)
        return has_negative and (self._has_keys or not all(part.all() for part in seen))

    def _merge(self, best: tuple[Array, Array], more: tuple[Array, Array]) -> None:
        """Keep the larger values; of equal ones that at the first position, of NaNs at the last."""
        is_first = more[1] < best[1]
        wins = (more[0] > best[0]) | ((more[0] == best[0]) & is_first)
        if is_floating(self.values):
            is_nan, was_nan = _is_nan(more[0]), _is_nan(best[0])
            wins = (wins & ~was_nan) | (is_nan & ~(was_nan & is_first))
        for kept, other in zip(best, more, strict=True):
            np.copyto(kept, other, where=wins)

    def _leave_padding(self, tile: Tile, values: Array, positions: Array) -> None:
        """Where padding is as large as the maximum, point to the window's first element instead."""
        ties = values == _lowest(values.dtype)
        if not ties.any():
            return
        firsts = np.zeros((), np.int64)
        for reach, length in zip(tile.pieces[0], self.planes.shape[1:], strict=True):
            starts = reach.first + np.arange(reach.axis.windows) * reach.axis.stride
            dilation = reach.axis.dilation
            starts += np.maximum(0, -(starts // dilation)) * dilation
            firsts = firsts[..., None] * length + starts
        np.copyto(positions, firsts, where=ties)

    def _gather(self, tile: Tile, positions: Array, wanted: Callable[[Array], Array]) -> None:
        """Take some values from where they are, a few rows at a time."""
        planes, values = self.planes[tile.planes], self.values[tile.place]
        numbers = np.arange(len(planes)).reshape(-1, *(1,) * (planes.ndim - 1))
        rows = values.shape[1]
        for span in spans(rows, max(1, _GATHERED * rows // values.size)):
            places, found = positions[:, span], values[:, span]
            if planes.flags.c_contiguous:
                places = places + numbers * planes[0].size
                taken = planes.reshape(-1).take(places, mode="clip")
            else:
                places = np.clip(places, 0, planes[0].size - 1)
                taken = planes[(numbers, *np.unravel_index(places, planes.shape[1:]))]
            np.copyto(found, taken, where=wanted(found))


def _is_zero(values: Array) -> Array:
    return np.equal(_fast_to_compare(values), 0)


def _is_nan(values: Array) -> Array:
    numbers = _fast_to_compare(values)
    return numbers > _HALF_INFINITY if numbers.dtype == np.int16 else np.isnan(values)


def _fast_to_compare(values: Array) -> Array:
    """The bits of float16 without the sign, others as they are; NumPy is slow at float16."""
    if values.dtype != np.float16:
        return values
    use = scratch("signs of keys", values.shape, np.dtype(np.int16))
    return np.bitwise_and(values.view(np.int16), 0x7FFF, out=use)


def _pool_pieces(tile: Tile, cells_of: Callable[[int], Array], out: Array) -> None:
    for number, plan in enumerate(tile.plans):
        found = scratch("more", out.shape, out.dtype) if number else out
        largest(cells_of(number), plan, found)
        if number:
            np.maximum(out, found, out=out)


def _pad(cells: Array, pads: tuple[tuple[int, int], ...]) -> Array:
    """Return what is seen with its padding, contiguous; `pads` is empty where there is none."""
    if not pads and cells.flags.c_contiguous:
        return cells
    pads = pads or ((0, 0),) * (cells.ndim - 1)
    sizes = [start + size + end for size, (start, end) in zip(cells.shape[1:], pads, strict=True)]
    copy = scratch("cells", (len(cells), *sizes), cells.dtype)
    copy.fill(_lowest(cells.dtype))
    inside = (slice(start, size - end) for size, (start, end) in zip(sizes, pads, strict=True))
    np.copyto(copy[(slice(None), *inside)], cells)
    return copy


def _lowest(dtype: np.dtype[Any]) -> Any:
    """The identity of the maximum: what padding holds."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


@lru_cache(maxsize=1)
def _starts(axes: tuple[tuple[int, ...], ...]) -> Array:
    """The position of each window's first tap, were there no padding."""
    starts = np.zeros((), np.int64)
    for first, windows, stride, pitch in axes:
        stop = first + windows * stride
        along = np.arange(first * pitch, stop * pitch, stride * pitch, dtype=np.int64)
        starts = starts[..., None] + along
    return starts


def _bits_to_keys(bits: Array) -> Array:
    """Turn float16's bits into integers of their order; both zeros are 0, all NaNs the largest."""
    signs = np.right_shift(bits, 15, out=scratch("signs of keys", bits.shape, bits.dtype))
    keys = np.bitwise_and(bits, 0x7FFF, out=scratch("keys", bits.shape, bits.dtype))
    is_nan = keys > _HALF_INFINITY if keys.max() > _HALF_INFINITY else None
    keys ^= signs
    keys -= signs
    if is_nan is not None:
        keys[is_nan] = _HALF_NAN
    return keys


def _keys_to_bits(keys: Array) -> None:
    """Turn keys back, in place; the key of both zeros into 0.0."""
    signs = np.right_shift(keys, 15, out=scratch("signs of keys", keys.shape, keys.dtype))
    keys ^= signs
    keys -= signs
    signs <<= 15
    keys |= signs
