"""Layers of many weights are computed some filters at a time; the sums are the same."""

import tracemalloc

import numpy as np
import pytest

from cnnops_cli import conv
from cnnops_cli.ops.convolution import layer_parts as parts
from cnnops_cli.ops.convolution.layer_tiles import Layer
from cnnops_cli.ops.geometry import plan_windows

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def layer_of(groups, channels, filters, accumulate="exact"):
    windows = plan_windows((9, 9), (3, 3), stride=1, padding=1, dilation=1)
    return Layer(1, groups, channels, filters, windows, FLOAT64, accumulate)


@pytest.mark.parametrize(("groups", "filters"), [(1, 7), (3, 1), (3, 4), (12, 1), (1, 1)])
@pytest.mark.parametrize("most", [1, 9 * 8 * 5, 9 * 8 * 5 * 3, 9 * 8 * 5 * 9, 1 << 30])
def test_parts_are_all_filters_once_and_in_order(monkeypatch, groups, filters, most):
    monkeypatch.setattr(parts, "_MOST_BYTES", most)
    found = parts.layer_parts(layer_of(groups, 5, filters), FLOAT32, FLOAT32)
    rows = np.arange(groups * filters)
    assert np.concatenate([rows[part.filters] for part in found]).tolist() == rows.tolist()
    numbered = rows.reshape(1, groups, filters, 1, 1)
    for part in found:
        there = np.broadcast_to(numbered, (1, groups, filters, 9, 9))[part.tile.place]
        assert there[0, :, :, 0, 0].ravel().tolist() == rows[part.filters].tolist()
        assert (part.layer.groups, part.layer.filters) == there.shape[1:3]


def test_weights_that_are_used_as_they_are_need_no_parts(monkeypatch):
    monkeypatch.setattr(parts, "_MOST_BYTES", 1)
    layer = layer_of(1, 64, 64, "fast")._replace(dtype=FLOAT32)
    assert len(parts.layer_parts(layer, FLOAT32, FLOAT32)) == 1
    assert len(parts.layer_parts(layer, np.dtype(np.float16), FLOAT32)) == 64


@pytest.mark.parametrize("mode", ["exact", "sequential", "fma"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_results_are_the_same_in_parts(monkeypatch, mode, dtype, groups):
    if (mode, dtype) == ("fma", np.float64):
        pytest.skip("fma is not for float64")
    rng = np.random.default_rng(5)
    image = rng.standard_normal((2, 6 * 5, 11, 12)).astype(dtype)
    weight = rng.standard_normal((12, 6 * 5 // groups, 3, 3)).astype(dtype)
    bias = rng.standard_normal(12).astype(dtype)
    call = {"stride": (1, 2), "padding": 1, "groups": groups, "accumulate": mode}
    whole = conv(image, weight, bias, **call)
    monkeypatch.setattr(parts, "_MOST_BYTES", 3000)
    some = conv(image, weight, bias, **call)
    assert (some.shape, some.dtype) == (whole.shape, whole.dtype)
    assert some.tobytes() == whole.tobytes()


def test_integers_are_the_same_in_parts(monkeypatch):
    image = np.arange(2 * 9 * 9).reshape(2, 9, 9)
    weight = np.arange(4 * 2 * 9).reshape(4, 2, 3, 3) * 2**40
    whole = conv(image, weight)
    monkeypatch.setattr(parts, "_MOST_BYTES", 1)
    assert conv(image, weight).tolist() == whole.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_made_of_weights_is_bounded(dtype):
    image = np.ones((2048, 3, 3), dtype)
    weight = np.ones((1024, 2048, 3, 3), dtype)  # 72 MiB of float32
    tracemalloc.start()
    conv(image, weight)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 96 << 20
