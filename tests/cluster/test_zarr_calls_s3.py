"""The command on arrays in an object store, which moto's server is."""

import os

import numpy as np
import pytest
from calling import CommandHere
from stores import assert_same_bytes, zarr

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")
# Sessions of a server that has stopped.
pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore")]

X = np.arange(3 * 12 * 10, dtype=np.float32).reshape(3, 12, 10) - 200
POOL = ("maxpool", "-k", "3", "-s", "1", "s3://bucket/x.zarr", "-o", "s3://bucket/y.zarr")


def test_there_and_back(tmp_path, monkeypatch):
    from moto_server import serving

    with serving(monkeypatch):
        env = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        call, url = CommandHere(tmp_path), "s3://bucket/x.zarr"
        zarr.create_array(url, shape=X.shape, chunks=(1, 6, 5), dtype="f4")[...] = X
        assert call.text(*POOL, "--indices", "s3://bucket/i.zarr", env=env) == ""
        np.save(tmp_path / "x.npy", X)
        call.text(*POOL[:5], "x.npy", "-o", "y.npy", "--indices", "i.npy")
        for name in "yi":
            got = np.asarray(zarr.open_array(f"s3://bucket/{name}.zarr", mode="r")[...])
            assert_same_bytes(got, np.load(tmp_path / f"{name}.npy"))
        for more in ((), ("--overwrite",)):
            assert call.refusal(*POOL, *more, env=env) == (
                "s3://bucket/y.zarr is there already, and an object store cannot replace it: "
                "remove it first"
            )
