"""Where conv's algorithms read and write: nothing beside a tile, its input and its scratch."""

from threading import Thread

import numpy as np
import oracle
import pytest
from forcing import ALGORITHMS, forced, layer_of
from test_conv_algorithms import CUTS, LAYERS, geometry_of, whole_numbers

from cnnops_cli.ops import scratch
from cnnops_cli.ops.convolution import banded, columns, fourier, products
from cnnops_cli.ops.convolution import source as sources
from cnnops_cli.ops.convolution.columns import Columns
from cnnops_cli.ops.convolution.costs import BANDS
from cnnops_cli.ops.convolution.engines import engine_of
from cnnops_cli.ops.convolution.plan import plan_convolution
from cnnops_cli.ops.convolution.source import Source

MARGIN = 512


class Guarded:
    """Arrays that hold NaN, with NaN on both sides of them in memory."""

    def __init__(self):
        self._guarded = []

    def array(self, shape, dtype):
        size = int(np.prod(shape))
        memory = np.full(size + 2 * MARGIN, np.nan, dtype)
        self._guarded.append((memory, size))
        return memory[MARGIN : MARGIN + size].reshape(shape)

    def copy_of(self, values):
        array = self.array(values.shape, values.dtype)
        array[...] = values
        return array

    def scratch(self, use, shape, dtype):
        return self.array(shape, dtype)

    def assert_untouched(self):
        for memory, size in self._guarded:
            assert np.isnan(memory[:MARGIN]).all()
            assert np.isnan(memory[MARGIN + size :]).all()


@pytest.fixture
def guarded(monkeypatch):
    guarded = Guarded()
    for module in (banded, columns, fourier, products, sources):
        monkeypatch.setattr(module, "scratch", guarded.scratch)
    return guarded


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("is_split", [True, False], ids=["split", "whole"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_tile_is_written_whole_and_nothing_beside_it(
    guarded, monkeypatch, algorithm, is_split, layer
):
    """What is read beside the input or before it is written is NaN, and would show."""
    (x, weight, bias), options = whole_numbers(layer)
    geometry = geometry_of(x.shape, weight.shape, **options)
    expected = oracle.conv(x, weight, bias, **geometry)[0].astype(np.float32)
    sizes = layer_of(x.shape, weight.shape, **options)
    x, weight, bias = map(guarded.copy_of, (x, weight, bias.reshape(sizes.groups, -1)))

    def refuse(*_arguments):
        raise AssertionError("a tile of finite values was taken for one that has others")

    for cut in CUTS:
        with forced(algorithm, band=5, is_split=is_split, **cut):
            plan = plan_convolution(sizes)
            engine = engine_of(sizes, plan, weight)
            if plan.algorithm == BANDS:
                monkeypatch.setattr(Columns, "compute", refuse)
            source = Source(x, sizes.windows, "zeros", x.dtype)
            result = guarded.array((len(x), *bias.shape, *sizes.windows.output), x.dtype)
            whole = expected.reshape(result.shape)
            for tile in plan.tiles:
                filled = ~np.isnan(result)
                engine.compute(source, tile, bias, result[tile.place])
                assert not filled[tile.place].any()
                filled[tile.place] = True
                np.testing.assert_array_equal(result, np.where(filled, whole, np.nan))
        guarded.assert_untouched()


def test_scratch_is_one_threads_own():
    """A second thread's array is another; the same thread's next one is the same memory."""

    def ask():
        given.append(scratch.scratch("test", (3, 5), np.dtype(np.float32)))

    given: list[np.ndarray] = []
    ask()
    ask()
    other = Thread(target=ask)
    other.start()
    other.join()
    assert np.shares_memory(given[0], given[1])
    assert not np.shares_memory(given[0], given[2])
