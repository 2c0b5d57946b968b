"""A Dask cluster of this machine, for tests that leave it as they found it."""

import platform

import pytest


@pytest.fixture(scope="session")
def dask(tmp_path_factory):
    """A scheduler with two workers, with different code of BLAS where there is any."""
    pytest.importorskip("distributed")
    from dask_processes import dask_processes

    old = {"OPENBLAS_CORETYPE": "Nehalem"} if platform.machine() in ("x86_64", "AMD64") else {}
    with dask_processes(tmp_path_factory.mktemp("dask")) as processes:
        processes.start_worker("new")
        processes.start_worker("old", **old)
        processes.wait_for_workers(2)
        yield processes
