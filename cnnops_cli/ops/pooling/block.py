"""Max pooling of one tile: cells are taken in, pooled, and checked for what has no plain order.

The steps neither tell 0.0 from -0.0 nor one NaN from another. Where a tile's results hold a zero
or a NaN this is made good: window by window, by pooling once more, or by positions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array, is_floating
from cnnops_cli.ops.pooling.exact import (
    bits_of,
    choose_first,
    choose_last,
    write_signs,
    zeros_by_position,
)
from cnnops_cli.ops.pooling.maxima import largest, largest_and_offsets
from cnnops_cli.ops.pooling.plan import plan_steps
from cnnops_cli.ops.pooling.steps import Along, Plan
from cnnops_cli.ops.pooling.tiles import Reach, Tile
from cnnops_cli.ops.scratch import scratch

_HALF_INFINITY = 0x7C00
"""The bits of infinity in float16, and the key that stands for it."""

_ONE_BY_ONE = 32
"""How much longer a tap takes where its windows are looked at one by one."""


@dataclass(frozen=True)
class Pooling:
    """Planes and where the results of their pooling go.

    Attributes
    ----------
    planes : numpy.ndarray, shape (P, *spatial)
    values : numpy.ndarray, shape (P, *output)
    indices : numpy.ndarray of int64, same shape, or None
    """

    planes: Array
    values: Array
    indices: Array | None

    def fill(self, tile: Tile) -> None:
        """Write the results of one tile."""
        if self.indices is None and self._fill_values(tile):
            return
        positions = self._fill_positions(tile, as_keys=self._has_keys and len(tile.pieces) == 1)
        if positions is not None:
            self._gather(tile, positions)

    @cached_property
    def _has_keys(self) -> bool:
        return self.planes.dtype == np.float16

    @cached_property
    def _pitches(self) -> tuple[int, ...]:
        shape = self.planes.shape
        return tuple(math.prod(shape[axis + 1 :]) for axis in range(1, len(shape)))

    def _plan(self, cells: Array, along: tuple[Along, ...], out: Array, *, ordered: bool) -> Plan:
        contiguous = cells.flags.c_contiguous and out.flags.c_contiguous
        return plan_steps(len(cells), along, self._pitches if ordered else None, contiguous)

    def _fill_values(self, tile: Tile) -> bool:
        """Write the values, or tell that they are not certain."""
        values = self.values[tile.place]
        out = values.view(np.int16) if self._has_keys else values
        for number, region in enumerate(tile.regions):
            cells = self.planes[region]
            if self._has_keys:
                cells, has_nan = _bits_to_keys(cells.view(np.int16))
                if has_nan:
                    return False
            more = scratch("piece", out.shape, out.dtype) if number else out
            plan = self._plan(cells, tile.along[number], more, ordered=False)
            largest(cells, plan, more, lowest(cells.dtype))
            if number:
                np.maximum(out, more, out=out)
        if self._has_keys:
            _keys_to_bits(out)
        return not is_floating(values) or self._settle(tile, values)

    def _settle(self, tile: Tile, values: Array) -> bool:
        """Give zeros their sign and NaNs their bits, or tell that positions are needed."""
        has_nan = not self._has_keys and _has_nan(values)
        is_zero = _zeros_among(bits_of(values) if self._has_keys else values)
        if is_zero is not None:
            if len(tile.pieces) > 1:
                return not self._has_negative_zero(tile)
            self._sign_zeros(tile, values, is_zero)
        return not has_nan or self._settle_nan(tile, values)

    def _has_negative_zero(self, tile: Tile) -> bool:
        """Whether -0.0 is among the cells: of all bits the least integer."""
        return any(
            bits.min() == np.iinfo(bits.dtype).min
            for bits in (bits_of(self.planes[region]) for region in tile.regions)
        )

    def _sign_zeros(self, tile: Tile, values: Array, is_zero: Array) -> None:
        """Let the first zero of a window decide, where both are in the tile."""
        (region,), (along,) = tile.regions, tile.along
        cells = self.planes[region]
        bits = bits_of(cells)
        if bits.min() > np.iinfo(bits.dtype).min:
            return
        if _are_few(is_zero, along, cells.size):
            choose_first(bits, along, is_zero, bits_of(values))
            return
        firsts = scratch("first zeros", values.shape, np.dtype(np.int32))
        keys = zeros_by_position(cells)
        largest(keys, self._plan(keys, along, firsts, ordered=False), firsts, 0)
        write_signs(values, is_zero, firsts)

    def _settle_nan(self, tile: Tile, values: Array) -> bool:
        """Write the bits of NaN, or tell that it is left to positions."""
        if len(tile.pieces) > 1:
            return False
        cells, along = self.planes[tile.regions[0]], tile.along[0]
        is_nan = np.isnan(values)
        if _are_few(is_nan, along, cells.size):
            choose_last(bits_of(cells), along, is_nan, bits_of(values))
            return True
        kind = bits_of(values)[is_nan][0]
        if np.count_nonzero(bits_of(cells) == kind) < np.count_nonzero(np.isnan(cells)):
            return False
        np.copyto(bits_of(values), kind, where=is_nan)
        return True

    def _fill_positions(self, tile: Tile, *, as_keys: bool) -> Array | None:
        """Write the indices, and the values where they are certain; else return the positions."""
        values = self.values[tile.place]
        positions = (
            scratch("positions", values.shape, np.dtype(np.int64))
            if self.indices is None
            else self.indices[tile.place]
        )
        has_nan = False
        best: Array | None = None
        for number, piece in enumerate(tile.pieces):
            cells = self.planes[tile.regions[number]]
            if as_keys:
                cells, has_piece_nan = _bits_to_keys(cells.view(np.int16))
                if has_piece_nan:
                    return self._fill_positions(tile, as_keys=False)
            elif self._has_keys:
                cells = cells.astype(np.float32)
            found = values.view(np.int16) if as_keys else values
            if number or found.dtype != cells.dtype:
                found = scratch("more" if number else "best", values.shape, cells.dtype)
            pool = partial(
                largest_and_offsets,
                cells,
                self._plan(cells, tile.along[number], found, ordered=True),
                found,
                lowest(cells.dtype),
                furthest=_furthest(piece, self._pitches),
            )
            offsets = pool(nan_wins=False)
            if is_floating(found) and _has_nan(found):
                has_nan = True
                offsets = pool(nan_wins=True)
            if best is None:
                best = found
                _write_starts(offsets, piece, self._pitches, positions)
            else:
                places = np.empty(positions.shape, np.int64)
                _write_starts(offsets, piece, self._pitches, places)
                _merge((best, positions), (found, places))
        assert best is not None
        if tile.has_padding:
            self._leave_padding(tile, best, positions)
        if has_nan or self._has_mixed_zeros(tile, best):
            return positions
        if as_keys:
            _keys_to_bits(values.view(np.int16))
        elif best.dtype != values.dtype:
            np.copyto(values, best, casting="same_kind")
        return None

    def _has_mixed_zeros(self, tile: Tile, best: Array) -> bool:
        return (
            is_floating(self.values)
            and _zeros_among(best) is not None
            and self._has_negative_zero(tile)
        )

    def _leave_padding(self, tile: Tile, best: Array, positions: Array) -> None:
        """Where padding is as large as the maximum, point to the window's first cell instead."""
        least = -_HALF_INFINITY if best.dtype == np.int16 and self._has_keys else lowest(best.dtype)
        ties = best == least
        if not ties.any():
            return
        firsts = np.zeros((), np.int64)
        for reach, length in zip(tile.pieces[0], self.planes.shape[1:], strict=True):
            starts = reach.first + np.arange(reach.count) * reach.stride
            starts += np.maximum(0, -(starts // reach.dilation)) * reach.dilation
            firsts = firsts[..., None] * length + starts
        np.copyto(positions, firsts, where=ties)

    def _gather(self, tile: Tile, positions: Array) -> None:
        """Take the values from where they stand."""
        planes = self.planes[tile.planes]
        numbers = np.arange(len(planes)).reshape(-1, *(1,) * (planes.ndim - 1))
        if planes.flags.c_contiguous:
            places = positions + numbers * planes[0].size
            self.values[tile.place] = planes.reshape(-1).take(places)
        else:
            cells = np.unravel_index(positions, planes.shape[1:])
            self.values[tile.place] = planes[(numbers, *cells)]


def lowest(dtype: np.dtype[Any]) -> Any:
    """The identity of the maximum: what padding holds."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _are_few(chosen: Array, along: tuple[Along, ...], cells: int) -> bool:
    """Whether to look at these windows one by one is less work than to pool again."""
    taps = math.prod(axis.taps for axis in along)
    return int(np.count_nonzero(chosen)) * taps * _ONE_BY_ONE < cells


def _has_nan(values: Array) -> bool:
    return bool(np.isnan(np.maximum.reduce(values, axis=None)))


def _zeros_among(values: Array) -> Array | None:
    """Return where zeros are, or nothing where there are none."""
    is_zero = scratch("is zero", values.shape, np.dtype(np.bool_))
    return is_zero if np.equal(values, 0, out=is_zero).any() else None


def _furthest(piece: Sequence[Reach], pitches: Sequence[int]) -> int:
    return sum(
        (reach.taps - 1) * reach.dilation * pitch
        for reach, pitch in zip(piece, pitches, strict=True)
    )


@lru_cache(maxsize=2)
def _steps_between(
    windows: tuple[int, ...], strides: tuple[int, ...], pitches: tuple[int, ...]
) -> Array:
    """How many positions each window is from the first."""
    steps = np.zeros((), np.int64)
    for count, stride, pitch in zip(windows, strides, pitches, strict=True):
        steps = steps[..., None] + np.arange(count) * (stride * pitch)
    return steps


def _write_starts(
    offsets: Array, piece: Sequence[Reach], pitches: tuple[int, ...], out: Array
) -> None:
    """Add the position of each window's first tap, were there no padding."""
    windows = tuple(reach.count for reach in piece)
    strides = tuple(reach.stride for reach in piece)
    np.add(offsets, _steps_between(windows, strides, pitches), out=out, casting="unsafe")
    origin = sum(reach.first * pitch for reach, pitch in zip(piece, pitches, strict=True))
    if origin:
        np.add(out, origin, out=out)


def _merge(best: tuple[Array, Array], more: tuple[Array, Array]) -> None:
    """Keep the larger values; of equal ones that at the first position, of NaNs at the last."""
    is_first = more[1] < best[1]
    wins = (more[0] > best[0]) | ((more[0] == best[0]) & is_first)
    if is_floating(best[0]):
        wins |= np.isnan(more[0]) & ~(np.isnan(best[0]) & is_first)
    for kept, other in zip(best, more, strict=True):
        np.copyto(kept, other, where=wins)


def _bits_to_keys(bits: Array) -> tuple[Array, bool]:
    """Turn float16's bits into integers of their order, and tell whether one is a NaN's."""
    signs = np.right_shift(bits, 15, out=scratch("signs of keys", bits.shape, bits.dtype))
    keys = np.bitwise_and(bits, 0x7FFF, out=scratch("keys", bits.shape, bits.dtype))
    has_nan = bool(keys.max() > _HALF_INFINITY)
    keys ^= signs
    keys -= signs
    return keys, has_nan


def _keys_to_bits(keys: Array) -> None:
    """Turn keys back, in place; the key of both zeros into 0.0."""
    signs = np.right_shift(keys, 15, out=scratch("signs of keys", keys.shape, keys.dtype))
    keys ^= signs
    keys -= signs
    signs <<= 15
    keys |= signs
