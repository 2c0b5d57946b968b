"""Grids of blocks: whole chunks, within a budget, and what they read."""

import math

import numpy as np
import pytest
from random_geometry import random_sizes

from cnnops_cli import CnnopsError
from cnnops_cli.blocks.batchnorm import BatchnormBlocks
from cnnops_cli.blocks.block_grid import Grid, block_grid, reading
from cnnops_cli.blocks.conv import ConvBlocks
from cnnops_cli.blocks.dropout import DropoutBlocks
from cnnops_cli.blocks.maxpool import MaxpoolBlocks

FLOAT32 = np.dtype(np.float32)
MIB = 1 << 20


def volume(shape, kernel=3, dtype=FLOAT32, **options):
    return ConvBlocks.planned(shape, dtype, np.ones((1, 1, *(kernel,) * 3), dtype), **options)


def random_operator(rng):
    dims = int(rng.integers(1, 4))
    lengths, kernel, stride, dilation = random_sizes(rng, dims)
    shape = (int(rng.integers(1, 4)), 6, *(4 * length for length in lengths))
    windows = {"stride": stride, "dilation": dilation}
    mode = str(rng.choice(["zeros", "reflect", "replicate", "circular"]))
    weight = np.ones((6, int(rng.choice([1, 2, 6])), *kernel), np.float32)
    operators = [
        lambda: ConvBlocks.planned(
            shape,
            FLOAT32,
            weight,
            groups=6 // weight.shape[1],
            padding=min(shape[2:]) // 2 - 1,
            padding_mode=mode,
            **windows,
        ),
        lambda: MaxpoolBlocks.planned(shape, FLOAT32, kernel, **windows),
        lambda: DropoutBlocks.planned(shape, FLOAT32, seed=1),
        lambda: BatchnormBlocks.planned(shape, FLOAT32, {}, training=True),
    ]
    return operators[rng.integers(4)]()


def boxes_read(operator, grid, chunks):
    """How often each chunk of the input is read, counted one by one."""
    lengths = zip(operator.input_shape, chunks, strict=True)
    counts = np.zeros([-(-length // size) for length, size in lengths], int)
    for box in grid:
        for seen in operator.sees(box):
            spans = zip(seen.spans, chunks, strict=True)
            touched = (slice(start // size, -(-stop // size)) for (start, stop), size in spans)
            counts[tuple(touched)] += 1
    return counts


@pytest.mark.parametrize("seed", range(100))
def test_blocks_are_whole_chunks_of_all_of_the_result(seed):
    rng = np.random.default_rng(seed)
    try:
        operator = random_operator(rng)
    except CnnopsError:
        return
    chunks = tuple(int(rng.integers(1, length + 3)) for length in operator.shape)
    budget = operator.bytes_of(Grid(operator.shape, chunks, [1] * len(chunks))[0])
    budget += int(rng.integers(0, 20_000))
    sizes = tuple(int(rng.integers(1, length + 3)) for length in operator.input_shape)
    grid = block_grid(operator, chunks, sizes, budget)
    covered = np.zeros(operator.shape, int)
    for box in grid:
        covered[box.slices] += 1
        assert operator.bytes_of(box) <= operator.bytes_of(grid[0]) <= budget
        for (start, stop), size, length in zip(box.spans, chunks, operator.shape, strict=True):
            assert start % size == 0
            assert stop % size == 0 or stop == length
    assert covered.min() == covered.max() == 1
    assert [box.starts for box in grid] == sorted(box.starts for box in grid)
    counts = boxes_read(operator, grid, sizes)
    passes = 2 if operator.needs_statistics else 1
    found = reading(operator, grid, sizes)
    assert found.elements == counts.sum() * passes * math.prod(sizes)
    assert found.times == counts.sum() * passes / counts.size


def test_blocks_of_one_chunk_read_each_chunk_17_8_times_and_of_eight_4_2_times():
    operator, chunks = volume((1, 512, 768, 768), padding=1), (1, 128, 128, 128)
    by_one, by_eight = (Grid(operator.shape, chunks, (1, n, n, n)) for n in (1, 2))
    assert (len(by_one), len(by_eight)) == (144, 18)
    assert round(reading(operator, by_one, chunks).times, 1) == 17.8
    assert round(reading(operator, by_eight, chunks).times, 1) == 4.2


def test_a_block_grows_until_the_budget_and_no_further():
    operator, chunks = volume((1, 512, 512, 512), padding=1), (1, 64, 64, 64)
    need = operator.bytes_of(Grid(operator.shape, chunks, (1, 2, 1, 1))[0])
    assert block_grid(operator, chunks, chunks, need)[0].size == 2 * 64**3
    assert block_grid(operator, chunks, chunks, need - 1)[0].size == 64**3
    assert block_grid(operator, chunks, chunks, 0)[0].size == 64**3
    assert len(block_grid(operator, chunks, chunks, 1 << 40)) == 1


def test_blocks_of_a_volume_grow_evenly_and_keep_the_channels_together():
    chunks = (1, 64, 64, 64)
    blocks = block_grid(volume((1, 4096, 4096, 4096), padding=1), chunks, chunks)
    assert sorted(blocks[0].shape) == [1, 256, 256, 384]
    weight = np.ones((64, 64, 3, 3), np.float32)
    layer = ConvBlocks.planned((100, 64, 224, 224), FLOAT32, weight, padding=1)
    assert block_grid(layer, *[(1, 16, 56, 56)] * 2, 100 * MIB)[0].shape[1] == 64


def test_blocks_of_what_has_no_windows_are_rows():
    operator = DropoutBlocks.planned((8, 512, 512, 512), FLOAT32, seed=1)
    chunks = (1, 64, 64, 64)
    assert block_grid(operator, chunks, chunks, 80 * MIB)[0].shape == (1, 64, 64, 512)


def test_blocks_grow_along_the_axes_where_chunks_are_read_again():
    """A halo of one element takes a whole chunk: as much of a thin one as of a thick one."""
    planes = (1, 1, 512, 512)
    grid = block_grid(volume((1, 512, 2048, 2048), padding=1), planes, planes)
    assert grid[0].shape == (1, 5, 2048, 2048)
    assert round(reading(volume((1, 512, 2048, 2048), padding=1), grid, planes).times, 1) == 1.4
    columns = (1, 512, 128, 128)
    operator = DropoutBlocks.planned((1, 512, 512, 512), FLOAT32, seed=1)
    grid = block_grid(operator, (1, 64, 64, 64), columns)
    assert grid[0].shape[1] == 512
    assert reading(operator, grid, columns).times == 1


def test_a_block_that_saves_no_reading_takes_100_mib():
    chunks = (1, 4, 64, 64, 64)
    operator = DropoutBlocks.planned((8, 4, 512, 512, 512), FLOAT32, seed=1)
    one, two = (operator.bytes_of(Grid(operator.shape, chunks, (1, 1, 1, 1, n))[0]) for n in (4, 8))
    assert one <= 100 * MIB < two
    assert block_grid(operator, chunks, chunks)[0].shape == (1, 4, 64, 64, 256)
    pooling = MaxpoolBlocks.planned((8, 4, 512, 512, 512), FLOAT32, (2, 2, 2))
    assert pooling.bytes_of(block_grid(pooling, (1, 4, 32, 32, 32), chunks)[0]) <= 100 * MIB
    pooling = MaxpoolBlocks.planned((8, 4, 512, 512, 512), FLOAT32, (3, 3, 3), padding=1)
    assert pooling.bytes_of(block_grid(pooling, (1, 4, 22, 22, 22), chunks)[0]) > 100 * MIB


@pytest.mark.parametrize(("shape", "count"), [((0, 3, 8), 0), ((), 1), ((5,), 1)])
def test_results_without_elements_or_axes(shape, count):
    operator = DropoutBlocks.planned(shape, FLOAT32, seed=1)
    grid = block_grid(operator, *[(4,) * len(shape)] * 2)
    assert (len(grid), len(list(grid))) == (count, count)
    assert [box.shape for box in grid] == [shape] * count
    assert reading(operator, grid, (8,) * len(shape)).times == count


def test_a_grid_is_a_sequence():
    grid = Grid((5, 4), (2, 4), (1, 1))
    assert [box.spans for box in grid[1:]] == [((2, 4), (0, 4)), ((4, 5), (0, 4))]
    assert grid[-1] == grid[2]
    with pytest.raises(IndexError, match=r"^range object index out of range$"):
        grid[3]


def test_a_grid_of_millions_is_planned_at_once():
    operator = volume((1, 100_000, 100_000, 2500), padding=1)  # 100 TB
    chunks = (1, 128, 128, 128)
    grid = block_grid(operator, chunks, chunks)
    assert len(grid) > 10**5
    assert reading(operator, grid, chunks).times < 7
