"""Which terms make up each element, said in plain loops from the contract alone.

Padding and windows are those of the oracle of conv and maxpool; nothing of the package is imported.
The user's arrays come as they are typed; what the operator sees is found by moving an array of
indices along with them.
"""

from itertools import product

import numpy as np
from oracle import pad_pairs, pool_windows, source


def places_of(shape):
    """An array of this shape whose elements say where they are."""
    places = np.empty(shape, object)
    for at in product(*map(range, shape)):
        places[at] = at
    return places


def plain(number):
    """A number as its shortest text reads; float16 is computed with as float32."""
    if number.dtype.kind != "f":
        return number.item()
    return float(str(np.float32(number) if number.dtype.itemsize == 2 else number))


def to_batch(array, dims, layout):
    """Bring what the user has to (N, C, *spatial)."""
    rank = array.ndim - dims
    if rank == 0:
        return array[np.newaxis, np.newaxis]
    if layout == "channels-last":
        array = np.moveaxis(array, -1, rank - 1)
    return array[np.newaxis] if rank == 1 else array


def result_places(shape, rank, channels, dims, layout):
    """For each operator's cell (n, o, *cell): where the user has it."""
    places = {}
    for n, o, *cell in product(*map(range, shape)):
        if rank == 0 and channels == 1:
            at = tuple(cell)
        else:
            inside = (*cell, o) if layout == "channels-last" else (o, *cell)
            at = (n, *inside) if rank == 2 else inside
        places[at] = (n, o, *cell)
    return places


def pairs_of(padding, *geometry):
    """Padding as it is typed, to (begin, end) by axis."""
    if not padding[0].isdigit():
        return pad_pairs(padding, *geometry)
    lengths, *_ = geometry
    sides = [item.split(":") for item in padding.split(",")]
    sides = sides * len(lengths) if len(sides) == 1 else sides
    return [(int(side[0]), int(side[-1])) for side in sides]


def lay_out(x, dims, kernel, *, stride, padding, dilation, layout, ceil_mode=False):
    """Values and places as (N, C, *spatial), pairs, and how many windows there are."""
    values, places = to_batch(x, dims, layout), to_batch(places_of(x.shape), dims, layout)
    lengths = values.shape[2:]
    pairs = pairs_of(padding, lengths, kernel, stride, dilation)
    counts = [
        pool_windows(*axis, ceil_mode)
        for axis in zip(lengths, kernel, stride, pairs, dilation, strict=True)
    ]
    return values, places, pairs, counts


def conv_terms(x, weight, *, dims, stride, padding, dilation, groups=1, mode="zeros", layout):
    """For each cell of the result as the user has it: its terms, (input_at, input, weight)."""
    filters, depth, *kernel = weight.shape
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "layout": layout}
    values, places, pairs, counts = lay_out(x, dims, kernel, **geometry)
    rank = x.ndim - dims
    cells = result_places((len(values), filters, *counts), rank, filters, dims, layout)
    explained = {}
    for at, (n, o, *cell) in cells.items():
        terms = []
        for i, *tap in product(range(depth), *map(range, kernel)):
            channel = o // (filters // groups) * depth + i
            place = [
                source(cell[a] * stride[a] - pairs[a][0] + tap[a] * dilation[a], length, mode)
                for a, length in enumerate(values.shape[2:])
            ]
            factor = plain(weight[(o, i, *tap)])
            if None in place:
                terms.append((None, 0, factor))
            else:
                at_input = (n, channel, *place)
                terms.append((places[at_input], plain(values[at_input]), factor))
        explained[at] = terms
    return explained


def maxpool_terms(x, kernel, *, dims, stride, padding, dilation, layout, ceil_mode):
    """For each cell: its terms (input_at, input), and where the maximum is."""
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "layout": layout}
    values, places, pairs, counts = lay_out(x, dims, kernel, **geometry, ceil_mode=ceil_mode)
    channels = values.shape[1]
    cells = result_places((len(values), channels, *counts), x.ndim - dims, 1, dims, layout)
    if x.ndim - dims > 0:
        cells = result_places(
            (len(values), channels, *counts), x.ndim - dims, channels, dims, layout
        )
    explained = {}
    for at, (n, c, *cell) in cells.items():
        terms, best = [], None
        for tap in product(*map(range, kernel)):
            place = [
                source(cell[a] * stride[a] - pairs[a][0] + tap[a] * dilation[a], length, "zeros")
                for a, length in enumerate(values.shape[2:])
            ]
            if None in place:
                terms.append((None, None))
                continue
            value = values[(n, c, *place)].item()
            terms.append((places[(n, c, *place)], value))
            if best is None or value != value or value > best[1]:
                best = terms[-1]
        explained[at] = (terms, best)
    return explained
