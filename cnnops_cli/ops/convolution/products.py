"""Sums of matrix products. Long sums are cut into several products, since each addition rounds."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.convolution.layer_tiles import Layer
from cnnops_cli.ops.scratch import UNBUFFERED, scratch
from cnnops_cli.ops.strides import strided
from cnnops_cli.spans import spans

_LONGEST_SUM, _FEW_FILTERS, _LONGEST_OF_FEW = 256, 8, 32
"""The most terms that a product adds up, and the most where filters are few: with BLAS's own limit
of 384 the largest error is up to 3.5 times PyTorch's, whose error is less for few filters."""

_LONGEST_EXACT, _BOUNDED = 288, ("exact", "slices")
"""The most terms where errors are bounded, and what they leave in doubt is summed again."""

_SMALL_PRODUCT = 1_000_000
"""The most multiply-adds for which OpenBLAS does not reorder the matrices first."""

_LEAST_COLUMNS = 256
"""Samples with fewer columns are multiplied together."""

_LONG_ROW = 128
"""The fewest elements of a row that NumPy adds to in less time than it takes to buffer it."""


def longest_sum(layer: Layer, terms: int, steps: int = 1) -> int:
    """Return the most terms of a product; `terms` is the number of a step's terms."""
    if layer.accumulate in _BOUNDED:
        return _LONGEST_EXACT
    longest = _LONGEST_SUM if layer.filters > _FEW_FILTERS else _LONGEST_OF_FEW
    # A sum that nothing else cuts is rather cut in halves.
    return longest * 3 // 5 if steps == 1 and terms <= longest else longest


@cache
def spans_of_parts(count: int) -> list[slice]:
    """Cut parts into subtotals, about as many as each has parts: then few additions round."""
    return spans(count, math.isqrt(count - 1) + 1)


def most_roundings(longest: int, parts: int, steps: int = 1) -> int:
    """Return the most additions that a term goes through, for the nonzero terms of a product."""
    subtotals = spans_of_parts(parts)
    by_step = steps if steps > 1 else 0
    return longest + by_step + int(subtotals[0].stop) + len(subtotals)


def arrays_of_results(parts: int) -> int:
    """Count the arrays that hold results while parts are added up: sum, part, subtotal."""
    return 1 + (parts > 1) + (len(spans_of_parts(parts)) > 1)


def as_matrices(cells: Array) -> Array:
    """View (g, depth, n, *sizes) as matrices (n, g, depth, width); small samples are one matrix."""
    groups, depth, items = cells.shape[:3]
    matrices = cells.reshape(groups, depth, items, -1)
    if matrices.shape[3] < _LEAST_COLUMNS:
        matrices = matrices.reshape(groups, depth, 1, -1)
    return matrices.transpose(2, 0, 1, 3)


def by_sample(sums: Array, items: int, sizes: Sequence[int]) -> Array:
    """View sums (n or 1, g, rows, width) as (n, g, rows, *sizes), where `items` is n."""
    matrices, groups, rows, _ = sums.shape
    view = sums.reshape(matrices, groups, rows, items // matrices, *sizes)
    view = view.transpose(0, 3, 1, 2, *range(4, view.ndim))
    return view.reshape(items, groups, rows, *sizes)


def add_products(
    weights: Array, cells: Array, parts: Sequence[slice], sums: Array, shift: int = 0
) -> None:
    """Fill sums with products, of which each step is added from `shift` columns further on.

    Parameters
    ----------
    weights : numpy.ndarray, shape (g, steps, rows, depth)
    cells : numpy.ndarray, shape (n, g, depth, width)
    parts : sequence of slice
        Of the depth, one per product.
    sums : numpy.ndarray, shape (n, g, rows, width)
        The last ``(steps - 1) * shift`` columns hold anything finite.
    shift : int
    """
    for some in spans_of_parts(len(parts)):
        subtotal = scratch("subtotal", sums.shape, sums.dtype) if some.start else sums
        for number, part in enumerate(parts[some]):
            into = scratch("further", sums.shape, sums.dtype) if number else subtotal
            if weights.shape[1] == 1:
                _multiply(weights[:, 0, :, part], cells[:, :, part], into)
            else:
                _add_steps(weights[..., part], cells[:, :, part], into, shift)
            if number:
                add_rows(subtotal, into)
        if some.start:
            add_rows(sums, subtotal)


def add_rows(sums: Array, further: Array) -> None:
    """Add to sums in place; where their rows are long, without NumPy's buffers."""
    if sums.shape[-1] < _LONG_ROW:
        sums += further
    else:
        size = np.setbufsize(UNBUFFERED)
        sums += further
        np.setbufsize(size)


def _add_steps(weights: Array, cells: Array, sums: Array, shift: int) -> None:
    """Multiply (g, steps, rows, depth) by (n, g, depth, width), and add up the steps."""
    groups, steps, rows, depth = weights.shape
    items, width = len(cells), cells.shape[3]
    products = scratch("products", (items, groups, steps * rows, width), sums.dtype)
    _multiply(weights.reshape(groups, steps * rows, depth), cells, products)
    # All rows are one run, since the last columns do not count. A product with ones takes half the
    # time of additions.
    whole = rows * width - (steps - 1) * shift
    of_item, of_group, of_row, of_cell = products.strides
    strides = (of_item, of_group, rows * of_row + shift * of_cell, of_cell)
    terms = strided(products, (items, groups, steps, whole), strides)
    out = sums.reshape(items, groups, 1, rows * width)
    np.matmul(np.ones((1, steps), sums.dtype), terms, out=out[..., :whole])
    out[..., whole:] = 0


def _multiply(weights: Array, cells: Array, out: Array) -> None:
    """Multiply (g, m, depth) by (n, g, depth, width), in pieces that are the fastest for BLAS."""
    depth, width = cells.shape[2:]
    piece = min(width, _SMALL_PRODUCT // (weights.shape[-2] * depth))
    if not _LEAST_COLUMNS <= piece < width:
        np.matmul(weights, cells, out=out)
        return
    whole = width // piece * piece
    pieces, results = (
        array[..., :whole].reshape(*array.shape[:-1], -1, piece).swapaxes(-3, -2)
        for array in (cells, out)
    )
    np.matmul(weights[..., np.newaxis, :, :], pieces, out=results)
    if whole < width:
        np.matmul(weights, cells[..., whole:], out=out[..., whole:])
