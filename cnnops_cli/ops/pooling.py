"""Max pooling of one tile: cells are taken in, pooled, and checked for what has no plain order.

The steps of `maxima` neither tell 0.0 from -0.0 nor one NaN from another, and say nothing of
where a maximum stands. A tile that holds both zeros or a NaN is pooled with positions, and its
values are then taken from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array, is_floating
from cnnops_cli.ops.maxima import largest, largest_and_offsets
from cnnops_cli.ops.pool_buffers import scratch
from cnnops_cli.ops.tiles import Reach, Tile

_HALF_INFINITY = 0x7C00
"""The bits of infinity in float16, and the key that stands for it."""

_HALF_NEGATIVE_INFINITY = _HALF_INFINITY - 0x8000
"""The bits of minus infinity, as int16."""


@dataclass(frozen=True)
class Block:
    """The cells that a piece of a tile sees, padded with what no maximum is below.

    Attributes
    ----------
    cells : numpy.ndarray, shape (P, *cells of the piece)
        float16 comes as keys: int16 in the same order, with one key for both zeros.
    bits : numpy.ndarray of integers, or None
        Floating cells as they are in memory.
    has_nan : bool
        Known of keys only.
    column : int
        Where the first window begins along the last axis.
    """

    cells: Array
    bits: Array | None = None
    has_nan: bool = False
    column: int = 0

    def has_negative_zero(self) -> bool:
        """Whether -0.0 is among the cells: of all bits the least integer."""
        bits = self.bits
        return bits is not None and bool(bits.min() == np.iinfo(bits.dtype).min)


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

    @property
    def _has_keys(self) -> bool:
        return self.planes.dtype == np.float16

    def _fill_values(self, tile: Tile) -> bool:
        """Write the values, or tell that they are not certain."""
        values = self.values[tile.place]
        out = values.view(np.int16) if self._has_keys else values
        for piece in tile.pieces:
            block = self._load(tile, piece, as_keys=self._has_keys)
            if block.has_nan:
                return False
            if piece is tile.pieces[0]:
                largest(block.cells, piece, out, column=block.column)
            else:
                more = scratch.take("piece", out.shape, out.dtype)
                largest(block.cells, piece, more, column=block.column)
                np.maximum(out, more, out=out)
        if block.bits is None:
            return True
        if is_floating(out) and np.isnan(out.max()):
            return False
        if _any_equal(out, 0) and (len(tile.pieces) > 1 or block.has_negative_zero()):
            return False
        if self._has_keys:
            _keys_to_bits(out)
        return True

    def _fill_positions(self, tile: Tile, *, as_keys: bool) -> Array | None:
        """Write the indices, and the values where they are certain; else return the positions."""
        place = tile.place
        values = self.values[place]
        positions = (
            scratch.take("positions", values.shape, np.dtype(np.int64))
            if self.indices is None
            else self.indices[place]
        )
        pitches = [int(np.prod(self.planes.shape[axis + 2 :])) for axis in range(values.ndim - 1)]
        has_nan = has_negative_zero = False
        best: Array | None = None
        for piece in tile.pieces:
            block = self._load(tile, piece, as_keys=as_keys)
            if as_keys and block.has_nan:
                return self._fill_positions(tile, as_keys=False)
            has_piece_nan = block.has_nan or (
                is_floating(block.cells) and bool(np.isnan(block.cells.max()))
            )
            has_nan |= has_piece_nan
            has_negative_zero |= block.has_negative_zero()
            found, offsets = largest_and_offsets(
                block.cells, piece, pitches, column=block.column, nan_wins=has_piece_nan
            )
            if best is None:
                best = found
                np.copyto(positions, offsets)
                positions += _starts(piece, pitches)
                if len(tile.pieces) > 1:
                    best = scratch.take("piece", found.shape, found.dtype)
                    np.copyto(best, found)
            else:
                places = offsets + _starts(piece, pitches)
                _merge((best, positions), (found, places))
        assert best is not None
        self._leave_padding(tile, best, positions)
        if has_nan or (has_negative_zero and _any_equal(best, 0)):
            return positions
        np.copyto(values.view(np.int16) if as_keys else values, best, casting="same_kind")
        if as_keys:
            _keys_to_bits(values.view(np.int16))
        return None

    def _load(self, tile: Tile, piece: Sequence[Reach], *, as_keys: bool) -> Block:
        region = self.planes[(tile.planes, *(reach.inside for reach in piece))]
        dtype = region.dtype
        pads = tuple(reach.pads for reach in piece)
        if self._has_keys:
            bits = scratch.padded(region.view(np.int16), pads, _HALF_NEGATIVE_INFINITY)
            if as_keys:
                keys, has_nan = _bits_to_keys(bits)
                return Block(keys, bits, has_nan)
            return Block(bits.view(np.float16).astype(np.float32), bits)
        if any(map(any, pads)):
            # With an even number of columns every second one is taken out faster.
            begin, end = pads[-1]
            odd = piece[-1].cells % 2 if piece[-1].stride == 2 else 0
            region = scratch.padded(region, (*pads[:-1], (begin, end + odd)), lowest(dtype))
        elif not region.flags.c_contiguous:
            rows = self.planes[(tile.planes, *(reach.inside for reach in piece[:-1]))]
            if rows.flags.c_contiguous and rows.size < 2 * region.size:
                return Block(rows, _bits(rows), column=piece[-1].first)
            region = scratch.padded(region, pads, lowest(dtype))
        return Block(region, _bits(region))

    def _leave_padding(self, tile: Tile, best: Array, positions: Array) -> None:
        """Where padding is as large as the maximum, point to the window's first cell instead."""
        if not any(any(reach.pads) for piece in tile.pieces for reach in piece):
            return
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


def _any_equal(array: Array, value: int) -> bool:
    equal = scratch.take("equal", array.shape, np.dtype(np.bool_))
    return bool(np.equal(array, value, out=equal).any())


def _bits(cells: Array) -> Array | None:
    return cells.view(f"i{cells.dtype.itemsize}") if is_floating(cells) else None


def _starts(piece: Sequence[Reach], pitches: Sequence[int]) -> Array:
    """The position of each window's first tap, were there no padding."""
    starts = np.zeros((), np.int64)
    for reach, pitch in zip(piece, pitches, strict=True):
        along = (reach.first + np.arange(reach.count) * reach.stride) * pitch
        starts = starts[..., None] + along
    return starts


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
    signs = np.right_shift(bits, 15, out=scratch.take("cells 2", bits.shape, bits.dtype))
    keys = np.bitwise_and(bits, 0x7FFF, out=scratch.take("cells 1", bits.shape, bits.dtype))
    has_nan = bool(keys.max() > _HALF_INFINITY)
    keys ^= signs
    keys -= signs
    return keys, has_nan


def _keys_to_bits(keys: Array) -> None:
    """Turn keys back, in place; the key of both zeros into 0.0."""
    signs = np.right_shift(keys, 15, out=scratch.take("signs", keys.shape, keys.dtype))
    keys ^= signs
    keys -= signs
    signs <<= 15
    keys |= signs
