"""What a call on a cluster tells, and which workers it takes."""

import re
import warnings

import numpy as np
import pytest
from calling import CommandHere
from pseudo_terminal import run_on_terminal
from stores import assert_same_bytes, load, store

pytest.importorskip("distributed")
pytestmark = pytest.mark.cluster

from dask_processes import dask_processes  # noqa: E402

X = np.random.default_rng(0).standard_normal((2, 3, 40, 30)).astype(np.float32)
CONV = ("conv", "--kernel-size", "3", "--out-channels", "4", "--seed", "0")


@pytest.fixture
def call(tmp_path):
    store(tmp_path / "x.zarr", X, (1, 3, 8, 8))
    np.save(tmp_path / "x.npy", X)
    return CommandHere(tmp_path)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A scheduler without workers."""
    with dask_processes(tmp_path_factory.mktemp("empty")) as processes:
        yield processes


def test_the_dashboard_is_named_once_on_a_terminal(call, dask):
    arguments = (*CONV, "x.zarr", "-o", "y.zarr", "--overwrite", "--scheduler", dask.address)

    def shown(*more):
        run = run_on_terminal(lambda found: call.run((*arguments, *more), found), on=("stderr",))
        return run.shown

    assert len(re.findall(r"Dask dashboard: http://127\.0\.0\.1:\d+/status", shown())) == 1
    assert "dashboard" not in shown("-q")
    assert call.text(*arguments) == ""


@pytest.mark.parametrize(
    ("name", "options"),
    [("several-threads", ("--nthreads", "3")), ("numpy", ("--preload", "other_numpy"))],
)
def test_workers_that_differ_in_what_does_not_matter(call, tmp_path, empty, name, options):
    """Of another NumPy nothing is said either."""
    with empty.another_worker(name, *options):
        with warnings.catch_warnings(action="ignore"), empty.client() as client:
            [worker] = client.get_versions()["workers"].values()
            threads = client.nthreads()
        assert (worker["packages"]["numpy"] == "1.0") == (name == "numpy")
        assert (3 in threads.values()) == (name == "several-threads")
        arguments = ("x.zarr", "-o", "y.zarr", "--scheduler", empty.address)
        assert call.text(*CONV, *arguments) == ""
    call.text(*CONV, "x.npy", "-o", "y.npy")
    assert_same_bytes(load(tmp_path / "y.zarr")[1], np.load(tmp_path / "y.npy"))


def test_a_worker_without_the_package(call, tmp_path, empty):
    with empty.another_worker("bare", "--preload", "no_cnnops"):
        line = call.refusal(*CONV, "x.zarr", "-o", "y.zarr", "--scheduler", empty.address)
    assert re.fullmatch(
        r"worker tcp://127\.0\.0\.1:\d+ has no cnnops-cli; install it there, "
        "and start the worker again",
        line,
    )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x.npy", "x.zarr"]
