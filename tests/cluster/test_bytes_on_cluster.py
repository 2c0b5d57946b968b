"""The command with --scheduler gives the bytes of memory, whatever the workers' processors."""

import gc
import io
import pickle
from contextlib import nullcontext

import numpy as np
import pytest
import random_calls
from stores import InBoth, assert_same_bytes, load

pytest.importorskip("zarr")
pytest.importorskip("distributed")
pytestmark = pytest.mark.cluster

from dask_processes import core_and_count  # noqa: E402

from cnnops_cli.blocks import cluster as cluster_module  # noqa: E402
from cnnops_cli.commands import block_plan  # noqa: E402

CALLS = 8
"""Random calls of each operator; together they have every option, with the seeds below."""


@pytest.fixture(scope="module")
def cluster(dask):
    with cluster_module.connected(dask.address) as cluster:
        yield cluster


@pytest.fixture
def both(dask, cluster, tmp_path, monkeypatch):
    """Blocks of one chunk each, and one connection for all calls."""
    monkeypatch.setattr(block_plan, "BLOCK_BYTES", 1)
    monkeypatch.setattr(cluster_module, "connected", lambda _: nullcontext(cluster))
    return InBoth(tmp_path, "--scheduler", dask.address)


@pytest.mark.parametrize("seed", range(CALLS))
@pytest.mark.parametrize(
    "call",
    [
        random_calls.convolution,
        random_calls.max_pooling,
        random_calls.dropout,
        random_calls.normalization_by_running_statistics,
        random_calls.normalization_by_this_batch,
    ],
    ids=lambda call: call.__name__,
)
def test_random_calls(both, call, seed):
    call(both, np.random.default_rng([11, seed]))


def test_statistics_of_this_batch_with_all_options(both):
    """What is sent to workers depends on all of them."""
    x = np.random.default_rng(7).standard_normal((4, 6, 5, 3)).astype(np.float32)
    both.input(x, (2, 3, 5, 2))
    call = ("batchnorm", "x.zarr", "--layout", "channels-last", "--dtype", "float64", "--relu")
    for name, where in (("local", ()), ("cluster", both.where)):
        both.call.text(*call, "-o", f"{name}.zarr", "--save-state", f"{name}.json", *where)
    got, expected = (load(both.folder / f"{name}.zarr")[1] for name in ("cluster", "local"))
    assert_same_bytes(got, expected)
    assert expected.dtype == np.float64
    assert expected.min() == 0 < expected.max()
    states = [(both.folder / f"{name}.json").read_bytes() for name in ("cluster", "local")]
    assert states[0] == states[1]


class Named(pickle.Unpickler):
    """Notes which names it is asked for."""

    def __init__(self, sent):
        super().__init__(io.BytesIO(sent))
        self.names = []

    def find_class(self, module, name):
        self.names.append(f"{module}.{name}")
        return super().find_class(module, name)


def test_what_is_sent_is_plain_data_and_names_in_this_package(both, monkeypatch):
    both.input(np.ones((1, 2, 6, 6), np.float32), (1, 2, 3, 3))
    np.save(both.folder / "m.npy", np.ones((1, 2, 6, 6), np.float32))
    check, sent = cluster_module.Cluster._check_workers, []

    def note(cluster, run):
        sent.append(run)
        check(cluster, run)

    monkeypatch.setattr(cluster_module.Cluster, "_check_workers", note)
    for number, call in enumerate(
        (
            ["conv", "--kernel", "[[1]]", "--depthwise"],
            ["dropout", "--mask", "m.npy"],
            ["batchnorm"],
        )
    ):
        both.call.text(*call, "x.zarr", "-o", f"{number}.zarr", *both.where)
    assert len(sent) == 4  # two of batchnorm
    for run in sent:
        named = Named(run)
        named.load()
        others = {name for name in named.names if not name.startswith(("cnnops_cli.", "numpy."))}
        assert others == {"builtins.getattr"}  # of what prepares a worker, a method
        assert "cnnops_cli.blocks.worker.ClusterRun" in named.names


def test_what_tasks_leave_is_collected(both):
    """The command's process starts without that."""
    both.input(np.zeros((4, 4), np.float32), (2, 2))
    gc.disable()
    try:
        both.call.text("dropout", "x.zarr", "-o", "y.zarr", *both.where)
        assert gc.isenabled()
    finally:
        gc.enable()


def test_workers_that_compute_with_different_code_have_the_same_bytes(both, dask):
    rng = np.random.default_rng(6)
    both.input(rng.standard_normal((4, 16, 24, 24)).astype(np.float32), (1, 16, 12, 12))
    np.save(both.folder / "k.npy", rng.standard_normal((16, 16, 3, 3)).astype(np.float32))
    with dask.client() as client:
        before = client.run(core_and_count)
        assert both.run("conv", "-k", "k.npy", "-p", "1", in_blocks=("--output-chunks", "1,16,6,6"))
        after = client.run(core_and_count)
    both.compare()
    (one, _), (other, _) = before.values()
    assert one != other
    assert all(after[worker][1] > count for worker, (_, count) in before.items())
