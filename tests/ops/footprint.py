"""What a tile of a convolution lays out, counted from the shapes: a second opinion on plans."""

from math import gcd, prod

from cnnops_cli.ops.convolution.costs import BANDS, FOURIER


def bytes_by_use(layer, plan, tile, *, copied=True):
    """The bytes of each array that a tile needs beside input and result.

    `copied` is whether what it sees is padded or converted, which it may be in any call.
    """
    windows = layer.windows
    items, groups, filters, *sizes = (span.stop - span.start for span in tile.place)
    seen = [
        (size - 1) * step + (taps - 1) * gap + 1
        for size, step, taps, gap in zip(
            sizes, windows.stride, windows.kernel, windows.dilation, strict=True
        )
    ]
    if plan.algorithm == BANDS:
        values = _values_of_bands(layer, plan.sizes, groups, filters, items, sizes, seen)
    elif plan.algorithm == FOURIER:
        # The transforms are float64, and so are the values that they are made of.
        values = {"values": 8 // layer.dtype.itemsize * layer.channels * prod(plan.sizes)}
    else:
        seen[-1] += windows.stride[-1] == 2  # cells are then read in pairs
        depth, results = layer.channels * prod(windows.kernel), groups * filters * items
        values = {
            "cells": groups * depth * items * prod(sizes),
            "sums": results * prod(sizes),
            "further": results * prod(sizes) * (depth > _longest(layer, depth)),
            "subtotal": results * prod(sizes) * (depth > 2 * _longest(layer, depth)),
        }
    if copied:
        values["part"] = items * groups * layer.channels * prod(seen)
    return {use: count * layer.dtype.itemsize for use, count in values.items()}


def _longest(layer, terms, steps=1):
    longest = 256 if layer.filters > 8 else 32
    return longest * 3 // 5 if steps == 1 and terms <= longest else longest


def _values_of_bands(layer, choice, groups, filters, items, sizes, seen):
    windows = layer.windows
    outputs, is_split = choice
    kernel, stride, dilation = windows.kernel, windows.stride, windows.dilation
    if windows.dims == 1 and outputs > 1:  # a line along the first of two axes
        kernel, stride, dilation = (*kernel, 1), (*stride, 1), (*dilation, 1)
        sizes, whole = [*sizes, 1], [*seen, 1]
    elif windows.dims == 1:
        kernel, stride, dilation = (1, *kernel), (1, *stride), (1, *dilation)
        sizes, whole = [1, *sizes], [1, *seen]
    else:
        whole = seen
    bands = -(-sizes[0] // outputs)
    gap = dilation[0] if outputs == 1 else gcd(stride[0], dilation[0])
    reach = (outputs - 1) * stride[0] + (kernel[0] - 1) * dilation[0]
    if windows.dims > 1 or outputs > 1:
        seen[0] = (bands - 1) * outputs * stride[0] + reach + 1
    if windows.dims > 1 and not is_split:
        seen[-1] += stride[-1] == 2  # cells are then read in pairs
        lines = seen[0] // gap + 1
        rows = groups * filters * outputs
        results = items * bands * rows * prod(sizes[1:])
        return {
            "cells": items * groups * lines * prod(kernel[1:]) * prod(sizes[1:]),
            "sums": results,
            "further": results * (prod(kernel) > _longest(layer, prod(kernel))),
            "subtotal": results * (prod(kernel) > 2 * _longest(layer, prod(kernel))),
        }
    columns = items * bands * prod(sizes[1:-1]) * whole[-1]
    depth = (reach // gap + 1) * prod(kernel[1:-1])
    terms = layer.channels * prod(kernel[:-1])
    rows = groups * filters * outputs
    return {
        "cells": groups * layer.channels * depth * columns,
        "products": rows * kernel[-1] * columns,
        "sums": rows * columns,
        "further": rows * columns * (terms > _longest(layer, terms, kernel[-1])),
        "subtotal": rows * columns * (terms > 2 * _longest(layer, terms, kernel[-1])),
    }
