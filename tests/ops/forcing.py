"""Convolutions by a chosen algorithm, on tiles as small as a test wants them."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from cnnops_cli.ops.convolution import costs, plan, products
from cnnops_cli.ops.convolution.bands import band_of
from cnnops_cli.ops.convolution.layer_tiles import Layer
from cnnops_cli.ops.geometry import extents, plan_windows

_ESTIMATE = plan.estimate_costs


def layer_of(
    shape, weight, dtype="float32", *, stride=1, padding=0, dilation=1, groups=1, **_others
):
    """The layer that `conv` makes of an input's and a kernel's shape."""
    windows = plan_windows(shape[2:], weight[2:], stride=stride, padding=padding, dilation=dilation)
    return Layer(shape[0], groups, weight[1], weight[0] // groups, windows, np.dtype(dtype))


ALGORITHMS = tuple(dict.fromkeys(name for name, _ in _ESTIMATE(layer_of((1, 1, 9), (1, 1, 3)))))
"""Every algorithm that the estimates know for floats; a new one is tested as soon as it is here."""


@contextmanager
def forced(
    algorithm: str,
    *,
    band: int | None = None,
    is_split: bool = True,
    tile_bytes: int = 1 << 22,
    tiles: int = 1,
    share_filters: bool = False,
) -> Iterator[None]:
    """Compute by one algorithm what it can compute, on at least `tiles` tiles where there are cuts.

    Parameters
    ----------
    algorithm : str
    band : int, optional
        The width to use, where the algorithm has one; the least that it estimates by default.
    is_split : bool
        Whether bands take the kernel apart along its last axis, where they need not.
    tile_bytes : int
        What a tile may lay out.
    tiles : int
        How many to cut the result into, even where that leaves a cell to each.
    share_filters : bool
        Whether to cut filters where there are two, and outputs only as `tile_bytes` wants it.
        Transforms never share them.
    """

    def estimate_costs(layer: Layer) -> dict[costs.Choice, float]:
        known = [choice for choice in _ESTIMATE(layer) if choice[0] == algorithm]
        if not known:
            return dict.fromkeys(_ESTIMATE(layer), tiles)
        sizes = min(sizes for _, sizes in known)
        if algorithm == costs.BANDS and band:
            outputs = min(band, layer.windows.output[0])
            dims = layer.windows.dims
            can_be_whole = dims == 1 or (dims == 2 and layer.channels == 1 and not is_split)
            sizes = (outputs, int(outputs == 1 or not can_be_whole))
            if band_of(layer.windows, *sizes).stride[-1] != 1:  # a line, by single outputs
                sizes = min(sizes for _, sizes in known)
        if algorithm == costs.FOURIER and tile_bytes < 1 << 16:
            reach = extents(layer.windows.kernel, layer.windows.dilation)
            steps = zip(reach, layer.windows.stride, strict=True)
            sizes = tuple(extent + step for extent, step in steps)
        # What transforms leave is multiplied.
        return {(costs.COLUMNS, ()): tiles + 1, (algorithm, sizes): tiles}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "estimate_costs", estimate_costs)
        # The estimate is the number of tiles, from 2 on.
        patch.setattr(plan, "_LEAST_WORTH", 2)
        patch.setattr(plan, "_WORTH", 1)
        patch.setattr(plan, "TILE_BYTES", tile_bytes)
        patch.setattr(plan, "_LEAST_CELLS", 1 << 40 if share_filters else 1)
        shared = share_filters and algorithm != costs.FOURIER
        patch.setattr(plan, "_LEAST_FILTERS", 1 if shared else 1 << 40)
        if tile_bytes < 1 << 16:
            patch.setattr(products, "_SMALL_PRODUCT", 64)
            patch.setattr(products, "_LEAST_COLUMNS", 2)
        plan.plan_convolution.cache_clear()
        try:
            yield
        finally:
            plan.plan_convolution.cache_clear()
