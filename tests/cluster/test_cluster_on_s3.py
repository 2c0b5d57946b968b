"""Blocks on a cluster of arrays in an object store: S3, as a server on this machine."""

import subprocess

import numpy as np
import pytest

from cnnops_cli import conv

zarr = pytest.importorskip("zarr")
for library in ("distributed", "s3fs", "moto.server"):
    pytest.importorskip(library)
# Sessions of a server that has stopped.
pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore")]

from dask_processes import dask_processes  # noqa: E402
from moto_server import BUCKET, serving  # noqa: E402
from test_cluster_failures import COMMAND  # noqa: E402


@pytest.fixture
def cluster(monkeypatch, tmp_path):
    """Workers that find the store by their environment, as its client does."""
    with serving(monkeypatch) as client, dask_processes(tmp_path) as processes:
        for name in ("one", "two"):
            processes.start_worker(name)
        processes.wait_for_workers(2)
        yield client, processes


def called(*arguments):
    run = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout, run.stderr


def keys(client):
    found = client.list_objects_v2(Bucket=BUCKET, Prefix="out.zarr")
    return [each["Key"] for each in found.get("Contents", [])]


def test_an_array_in_a_bucket(cluster, tmp_path):
    client, processes = cluster
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 2, 20, 20)).astype(np.float32)
    kernel = rng.standard_normal((3, 2, 3, 3)).astype(np.float32)
    np.save(tmp_path / "k.npy", kernel)
    source = f"s3://{BUCKET}/x.zarr"
    array = zarr.create_array(source, shape=x.shape, dtype=x.dtype, chunks=(1, 2, 8, 8))
    array[...] = x
    call = ["conv", "-k", str(tmp_path / "k.npy"), source, "-o", f"s3://{BUCKET}/out.zarr"]
    call += ["--scheduler", processes.address]
    assert called(*call) == (0, "", "")
    result = zarr.open_array(f"s3://{BUCKET}/out.zarr", mode="r")
    assert result.metadata.zarr_format == 3
    assert result[...].tobytes() == conv(x, kernel).tobytes()
    assert keys(client) == [
        *(f"out.zarr/c/0/0/{i}/{j}" for i in range(3) for j in range(3)),
        "out.zarr/zarr.json",
    ]
