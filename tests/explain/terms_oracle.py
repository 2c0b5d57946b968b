"""Which terms make up each cell, said in plain loops from the contract alone.

It imports nothing of the package. The user's arrays come as they are typed; what the operator sees
is found by moving an array of indices along with them.
"""

import math
from itertools import product

import numpy as np


def places_of(shape):
    """An array of this shape whose cells say where they are."""
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


def pairs_of(padding, lengths, extents, strides):
    """Padding as it is typed, to (begin, end) by axis."""
    if padding == "valid":
        return [(0, 0)] * len(lengths)
    if padding in ("same", "same-upper", "same-lower"):
        pairs = []
        for length, extent, stride in zip(lengths, extents, strides, strict=True):
            total = max(0, (math.ceil(length / stride) - 1) * stride + extent - length)
            small, large = total // 2, total - total // 2
            pairs.append((large, small) if padding == "same-lower" else (small, large))
        return pairs
    sides = [item.split(":") for item in padding.split(",")]
    sides = sides * len(lengths) if len(sides) == 1 else sides
    return [(int(side[0]), int(side[-1])) for side in sides]


def shown(position, length, mode):
    """The input's cell at a position of an axis; None is a zero."""
    if 0 <= position < length:
        return position
    if mode == "zeros":
        return None
    if mode == "replicate":
        return 0 if position < 0 else length - 1
    if mode == "circular":
        return position % length
    return -position if position < 0 else 2 * (length - 1) - position


def windows_along(length, extent, stride, pair, ceil_mode=False):
    room = length + sum(pair) - extent
    if not ceil_mode:
        return room // stride + 1
    count = math.ceil(room / stride) + 1
    return count - 1 if (count - 1) * stride >= length + pair[0] else count


def lay_out(x, dims, kernel, *, stride, padding, dilation, layout, ceil_mode=False):
    """Values and places as (N, C, *spatial), pairs, and how many windows there are."""
    values, places = to_batch(x, dims, layout), to_batch(places_of(x.shape), dims, layout)
    lengths = values.shape[2:]
    extents = [gap * (size - 1) + 1 for gap, size in zip(dilation, kernel, strict=True)]
    pairs = pairs_of(padding, lengths, extents, stride)
    counts = [
        windows_along(*axis, ceil_mode)
        for axis in zip(lengths, extents, stride, pairs, strict=True)
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
                shown(cell[a] * stride[a] - pairs[a][0] + tap[a] * dilation[a], length, mode)
                for a, length in enumerate(values.shape[2:])
            ]
            factor = plain(weight[(o, i, *tap)])
            if None in place:
                terms.append((None, 0, factor))
            else:
                source = (n, channel, *place)
                terms.append((places[source], plain(values[source]), factor))
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
                shown(cell[a] * stride[a] - pairs[a][0] + tap[a] * dilation[a], length, "zeros")
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
