"""Mean and variance of each channel, summed in float64."""

from contextlib import nullcontext

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops import blas, buffers
from cnnops_cli.ops.channel_blocks import (
    Block,
    Sheet,
    beside_itself,
    for_each_group,
    sheets,
)

_FAR = 2.0**16
"""Squares of values are summed as they are unless mean**2 is this much larger than the variance."""

_WORTH_BLAS = 1 << 17
"""Up to here keeping BLAS to one thread takes longer than what its products gain."""


def moments(image: Array) -> tuple[Array, Array, Array]:
    """Compute the mean and the biased variance of each channel.

    Parameters
    ----------
    image : numpy.ndarray, shape (N, C, run)
        C-contiguous, with one value or more a channel.

    Returns
    -------
    mean, rest, variance : numpy.ndarray of float64, shape (C,)
        The mean is ``mean + rest``, to more digits than one float64 holds.

    Notes
    -----
    For float16 and float32, whose squares are exact in float64, one pass sums values and squares.
    It loses at most ``1 + mean**2 / variance`` times what float64 sums lose: below `_FAR` that is
    far less than an epsilon of float32. Otherwise, and for all other dtypes, a second pass sums
    the distances to the first mean and their squares. A channel of one value has distances that
    are the same small multiple of an epsilon, so that their mean is exact, and the variance 0.
    """
    count = image.size // image.shape[1]
    nowhere = np.zeros(image.shape[1])
    with blas.on_one_thread() if image.size > _WORTH_BLAS else nullcontext():
        total, squares = _sums(image, nowhere)
        mean = total / count
        variance = squares / count - mean * mean
        far = image.dtype.itemsize > 4 or image.dtype.kind != "f"
        if not (far or np.any(mean * mean > _FAR * variance)):
            return mean, nowhere, variance
        total, squares = _sums(image, mean)
    rest = total / count
    variance = squares / count - rest * rest
    rest[~np.isfinite(rest)] = 0
    return mean + rest, mean - (mean + rest) + rest, np.maximum(variance, 0)


def _sums(image: Array, shift: Array) -> tuple[Array, Array]:
    """Sums over each channel of ``x - shift`` and of its square."""
    channels = image.shape[1]
    totals = np.zeros((2, channels))
    for piece in sheets(image):
        fold = piece.shape[1] // channels
        totals += (
            _sheet_sums(piece, beside_itself(shift, fold)).reshape(2, fold, channels).sum(axis=1)
        )
    return totals[0], totals[1]


def _sheet_sums(piece: Array, shift: Array) -> Array:
    sheet = Sheet(piece.shape, with_scratch=True)
    shifted = bool(shift.any())

    def sum_group(blocks: list[Block]) -> list[tuple[slice, Array]]:
        found: list[tuple[slice, Array]] = []
        scratch = buffers.empty((sheet.most,), np.float64)
        for block in blocks:
            values = sheet.view(piece, block)
            distances = scratch[: values.size].reshape(values.shape)
            np.copyto(distances, values)
            if shifted:
                distances -= sheet.along(shift, block.channels)
            sums = _block_sums(distances, block, sheet)
            if found and found[-1][0] == block.channels:
                found[-1][1][...] += sums
            else:
                found.append((block.channels, sums))
        return found

    totals = np.zeros((2, piece.shape[1]))
    for found in for_each_group(sum_group, sheet):
        for channels, sums in found:
            totals[:, channels] += sums
    return totals


def _block_sums(distances: Array, block: Block, sheet: Sheet) -> Array:
    """Sums of a block's values and squares by channel; the block is overwritten."""
    channels = block.channels.stop - block.channels.start
    if sheet.has_planes:
        runs = distances.reshape(-1, distances.shape[-1])
        if sheet.values > _WORTH_BLAS:
            pair = (runs @ np.ones(runs.shape[1]), np.vecdot(runs, runs))
        else:
            pair = (np.add.reduce(runs, axis=1), np.einsum("ij,ij->i", runs, runs))
        shape, axis = (-1, channels), 0
    else:
        if sheet.values > _WORTH_BLAS:
            ones = np.ones(len(distances))
            total = ones @ distances
            pair = (total, ones @ np.multiply(distances, distances, out=distances))
        else:
            pair = (
                np.add.reduce(distances, axis=0),
                np.einsum("ij,ij->j", distances, distances),
            )
        shape, axis = (channels, -1), 1
    sums: Array = np.empty((2, channels))
    for of_runs, into in zip(pair, sums, strict=True):
        np.add.reduce(of_runs.reshape(shape), axis=axis, out=into)
    return sums
