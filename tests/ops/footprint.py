"""What a tile of a convolution lays out, counted from the shapes: a second opinion on plans."""

from dataclasses import replace
from math import prod

from cnnops_cli.ops.convolution.layer import whole
from cnnops_cli.ops.convolution.plan import BANDS, FOURIER, STACKED


def bytes_by_use(layer, plan, tile, *, copied=True):
    """The bytes of each array that a tile needs beside input and result.

    `copied` is whether what it sees is padded or converted, which it may be in any call.
    """
    if plan.laid_out_once and tile != whole(layer):
        shared = bytes_by_use(layer, plan, whole(layer), copied=copied)
        own = bytes_by_use(layer, replace(plan, laid_out_once=False), tile, copied=copied)
        return own | {use: shared[use] for use in ("part", "cells") if use in shared}
    windows = layer.windows
    groups, filters = (span.stop - span.start for span in (tile.groups, tile.filters))
    sizes = [span.stop - span.start for span in tile.box]
    seen = [
        (size - 1) * step + (taps - 1) * gap + 1
        for size, step, taps, gap in zip(
            sizes, windows.stride, windows.kernel, windows.dilation, strict=True
        )
    ]
    lines = tile.count * groups * layer.channels
    if plan.algorithm == BANDS:
        values = _values_of_bands(layer, plan.sizes[0], groups, lines, sizes, seen)
    elif plan.algorithm == FOURIER:
        # The transforms are float64, and so are the values that they are made of.
        values = {"values": 8 // layer.dtype.itemsize * layer.channels * prod(plan.sizes)}
    else:
        stacked = plan.algorithm == STACKED
        seen[-1] += windows.stride[-1] == 2  # cells are then read in pairs
        values = _values_of_products(layer, stacked, groups, filters, tile.count, sizes)
    if copied:
        values["part"] = lines * prod(seen)
    return {use: count * layer.dtype.itemsize for use, count in values.items()}


def _values_of_products(layer, stacked, groups, filters, count, sizes):
    windows = layer.windows
    steps = windows.kernel[0] if stacked else 1
    unfolded = prod(windows.kernel) // steps
    line = count * prod(sizes[1:])
    depth = layer.channels * unfolded
    parts = -(-depth // (160 if layer.filters > 8 else 32))
    held = min(parts, max(1, 6 // steps))
    result = groups * filters * sizes[0] * line
    values = {"cells": 0, "products": 0, "sums": result, "further": result}
    for phase in range(windows.stride[0]):
        steps_here = [
            step * windows.dilation[0]
            for step in range(steps)
            if step * windows.dilation[0] % windows.stride[0] == phase
        ]
        if steps_here:
            rows = sizes[0] + steps_here[-1] // windows.stride[0]
            cells = groups * depth * rows * line
            values["cells"] = max(values["cells"], cells)
            products = held * groups * len(steps_here) * filters * rows * line
            values["products"] = max(values["products"], products)
    return values


def _values_of_bands(layer, band, groups, lines, sizes, seen):
    windows = layer.windows
    step = band * windows.stride[0]
    span = step - windows.stride[0] + (windows.kernel[0] - 1) * windows.dilation[0] + 1
    bands = -(-sizes[0] // band)
    seen[0] = (bands - 1) * step + span
    unfolded = prod(windows.kernel[1:])
    items = lines // (groups * layer.channels)
    # Lines are laid out as one run, with what is padded between them.
    inner = seen[1:] if windows.stride[1:] == (1,) else sizes[1:]
    return {
        "cells": lines * bands * unfolded * span * prod(inner),
        "sums": items * groups * layer.filters * bands * band * prod(sizes[1:]),
        "matrices": groups * layer.filters * band * layer.channels * unfolded * span,
    }
