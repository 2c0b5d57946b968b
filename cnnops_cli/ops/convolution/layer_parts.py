"""A layer with many weights, some of its groups or filters at a time."""

import math
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.ops.convolution.engines import plan_layer
from cnnops_cli.ops.convolution.layer_tiles import Layer, Tile
from cnnops_cli.ops.convolution.plan import Plan
from cnnops_cli.spans import spans

_MOST_BYTES = 1 << 25
"""Of what is made of the weights of a part. Each part lays out the input again, so that parts of a
few filters would take longer."""


class LayerPart(NamedTuple):
    """Some groups of a layer, or some filters of one."""

    layer: Layer  # of which it is all
    plan: Plan
    tile: Tile  # its place in the result
    filters: slice  # its place in the kernel, (G * O, C, *kernel)
    bytes_converted: int  # of its weights, where they are converted


def layer_parts(layer: Layer, given: np.dtype[Any], dtype: np.dtype[Any]) -> list[LayerPart]:
    """Cut a layer whose weights are given in a dtype, and whose result has another."""
    of_a_filter = layer.channels * math.prod(layer.windows.kernel) * layer.dtype.itemsize
    of_a_filter *= given != layer.dtype
    count, whole, plan = layer.groups * layer.filters, layer.tile, plan_layer(layer, dtype)
    size = count * of_a_filter + plan.bytes_kept
    if size <= _MOST_BYTES:
        return [LayerPart(layer, plan, whole, slice(count), count * of_a_filter)]
    most = max(1, count * _MOST_BYTES // size)
    parts = []
    for groups in spans(layer.groups, max(1, most // layer.filters)):
        for filters in spans(layer.filters, most):
            tile = whole._replace(groups=groups, filters=filters)
            few = layer._replace(groups=tile.shape[1], filters=tile.shape[2])
            first, own = groups.start * layer.filters + filters.start, few.groups * few.filters
            rows = slice(first, first + own)
            parts.append(LayerPart(few, plan_layer(few, dtype), tile, rows, own * of_a_filter))
    return parts
