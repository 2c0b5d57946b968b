"""Blocks on a cluster have the bytes of memory, whatever the chunks and the workers' processors."""

import numpy as np
import pytest
import test_batchnorm_in_blocks as in_batchnorm
import test_conv_in_blocks as in_conv
import test_dropout_in_blocks as in_dropout
import test_maxpool_in_blocks as in_maxpool
from in_blocks import assert_same_bytes
from random_geometry import random_values

from cnnops_cli import CnnopsError, batchnorm, conv, dropout, maxpool
from cnnops_cli.blocks.batchnorm import BatchnormBlocks
from cnnops_cli.blocks.block_grid import Grid
from cnnops_cli.blocks.conv import ConvBlocks
from cnnops_cli.blocks.dropout import DropoutBlocks
from cnnops_cli.blocks.maxpool import MaxpoolBlocks
from cnnops_cli.ops.dropout import draw_mask

pytest.importorskip("zarr")
distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.cluster

from dask_processes import core_and_count  # noqa: E402
from on_cluster import on_cluster, stored  # noqa: E402

from cnnops_cli.blocks.cluster import connected  # noqa: E402

CALLS = 20
"""Random calls of each operator."""


@pytest.fixture(scope="module")
def cluster(dask):
    with connected(dask.address) as cluster:
        yield cluster


def random_grid(rng, shape):
    """Chunks of any size, and blocks of one to three of them along an axis, at most 40."""
    while True:
        chunks = tuple(int(rng.integers(1, length + 1)) for length in shape)
        grid = Grid(shape, chunks, rng.integers(1, 4, len(shape)).tolist())
        if len(grid) <= 40:
            return grid, chunks


def random_chunks(rng, shape):
    return tuple(int(rng.integers(max(1, length // 3), length + 1)) for length in shape)


def compare(cluster, folder, rng, operator, x, expected):
    read = {"input": stored(folder / "x.zarr", x, random_chunks(rng, x.shape))}
    grid, chunks = random_grid(rng, operator.shape)
    got, _ = on_cluster(cluster, folder, operator, read, grid, chunks)
    assert got.keys() == expected.keys()
    for name, values in expected.items():
        assert_same_bytes(got[name], values)


@pytest.mark.parametrize("seed", range(CALLS))
def test_conv(cluster, tmp_path, seed):
    rng = np.random.default_rng([1, seed])
    while True:
        (x, weight, bias), options = in_conv.random_call(rng)
        try:
            expected = conv(x, weight, bias, **options)
        except CnnopsError:
            continue
        break
    operator = ConvBlocks.planned(x.shape, x.dtype, weight, bias, **options)
    compare(cluster, tmp_path, rng, operator, x, {"result": expected})


@pytest.mark.parametrize("seed", range(CALLS))
def test_maxpool(cluster, tmp_path, seed):
    rng = np.random.default_rng([2, seed])
    while True:
        x, options = in_maxpool.random_call(rng)
        try:
            values, indices = maxpool(x, **options, return_indices=True)
        except CnnopsError:
            continue
        break
    operator = MaxpoolBlocks.planned(x.shape, x.dtype, **options, return_indices=True)
    expected = {"result": values, "indices": indices}
    compare(cluster, tmp_path, rng, operator, x, expected)


@pytest.mark.parametrize("seed", range(CALLS))
def test_dropout(cluster, tmp_path, seed):
    rng = np.random.default_rng([3, seed])
    shape = tuple(rng.integers(1, 12, rng.integers(2, 5)).tolist())
    x = random_values(rng, shape, str(rng.choice(in_dropout.DTYPES)))
    p, channelwise = float(rng.choice(in_dropout.CHANCES)), bool(rng.random() < 0.3)
    how = {"seed": int(rng.integers(2**40)), "channelwise": channelwise}
    mask = np.broadcast_to(draw_mask(shape, p, **how), shape).astype(np.uint8)
    operator = DropoutBlocks.planned(shape, x.dtype, p, **how, return_mask=True)
    compare(cluster, tmp_path, rng, operator, x, {"result": dropout(x, p, **how), "mask": mask})


@pytest.mark.parametrize("seed", range(CALLS))
def test_batchnorm(cluster, tmp_path, seed):
    rng = np.random.default_rng([4, seed])
    x = in_batchnorm.random_input(rng, str(rng.choice(in_batchnorm.DTYPES)))
    given = in_batchnorm.random_parameters(rng, x.shape[1])
    operator = BatchnormBlocks.planned(x.shape, x.dtype, given)
    compare(cluster, tmp_path, rng, operator, x, {"result": batchnorm(x, **given)})


@pytest.mark.parametrize("seed", range(CALLS))
def test_batchnorm_train_depends_on_the_grid_alone(cluster, tmp_path, seed):
    """It has the bytes that the same grid gives in this process, one block after the other."""
    rng = np.random.default_rng([5, seed])
    x = in_batchnorm.random_input(rng, str(rng.choice(in_batchnorm.DTYPES)))
    x = np.concatenate([x, x[::-1]])
    given = in_batchnorm.random_parameters(rng, x.shape[1])
    grid, chunks = random_grid(rng, x.shape)
    expected, updated = in_batchnorm.trained(x, given, list(grid))
    operator = BatchnormBlocks.planned(x.shape, x.dtype, given, training=True)
    read = {"input": stored(tmp_path / "x.zarr", x, random_chunks(rng, x.shape))}
    got, running = on_cluster(cluster, tmp_path, operator, read, grid, chunks)
    assert_same_bytes(got["result"], expected)
    assert running.keys() == updated.keys()
    for name, values in updated.items():
        assert_same_bytes(running[name], values)


def test_workers_that_compute_with_different_code_have_the_same_bytes(cluster, dask, tmp_path):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((4, 16, 24, 24)).astype(np.float32)
    weight = rng.standard_normal((16, 16, 3, 3)).astype(np.float32)
    operator = ConvBlocks.planned(x.shape, x.dtype, weight, padding=1)
    read = {"input": stored(tmp_path / "x.zarr", x, (1, 16, 12, 12))}
    grid = Grid(operator.shape, (1, 16, 6, 6), (1, 1, 1, 1))
    with dask.client() as client:
        before = client.run(core_and_count)
        got, _ = on_cluster(cluster, tmp_path, operator, read, grid, (1, 16, 6, 6))
        after = client.run(core_and_count)
    assert_same_bytes(got["result"], conv(x, weight, padding=1))
    (one, _), (other, _) = before.values()
    assert one != other
    assert all(after[worker][1] > count for worker, (_, count) in before.items())
