"""Zarr arrays in an object store, which moto's server is, and on a web server."""

import functools
import http.server
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.result_places import check_apart
from cnnops_cli.tensors.zarr_array import open_reference, open_zarr
from cnnops_cli.tensors.zarr_places import Prefix
from cnnops_cli.tensors.zarr_results import ZarrResults

zarr = pytest.importorskip("zarr")
pytest.importorskip("s3fs")
pytest.importorskip("moto.server")
# Sessions of a server that has stopped.
pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore")]

URL = "s3://bucket/größe a/out.zarr"
WHOLE = (slice(0, 7), slice(0, 9))
VALUES = np.arange(63, dtype=np.float32).reshape(7, 9)


@pytest.fixture
def s3(monkeypatch):
    from moto_server import serving

    with serving(monkeypatch) as client:
        yield client


def keys(s3):
    found = s3.list_objects_v2(Bucket="bucket").get("Contents", [])
    return [entry["Key"].removeprefix("größe a/out.zarr/") for entry in found]


def add(results, url=URL, *, overwrite=False):
    return results.add(url, VALUES.shape, VALUES.dtype, (3, 9), overwrite=overwrite)


def write_result(values=VALUES, url=URL, *, overwrite=False):
    with ZarrResults() as results:
        reference = add(results, url, overwrite=overwrite)
        open_reference(reference).write(WHOLE, values)
        results.complete()
        results.move()


def refused(call, *arguments, **options):
    with pytest.raises(CnnopsError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def test_there_and_back(s3):
    write_result()
    assert keys(s3) == ["c/0/0", "c/1/0", "c/2/0", "zarr.json"]
    array = open_zarr(URL, "INPUT")
    assert array.read((slice(1, 5), slice(2, 4))).tobytes() == VALUES[1:5, 2:4].tobytes()
    assert open_reference(array.reference).read(WHOLE).tobytes() == VALUES.tobytes()
    assert refused(check_apart, f"{URL}/0", URL, URL) == (
        f"{URL}/0 is inside {URL}; write it elsewhere"
    )


def test_metadata_is_written_last(s3):
    with ZarrResults() as results:
        open_reference(add(results)).write(WHOLE, VALUES)
        assert keys(s3) == ["c/0/0", "c/1/0", "c/2/0", "cnnops-run"]
        assert refused(open_zarr, URL, "INPUT") == (
            f"INPUT: {URL} is not a Zarr array, or not a whole one: it has neither zarr.json nor "
            ".zarray, but c/0/0, c/1/0, c/2/0, cnnops-run"
        )
        results.complete()
        assert keys(s3) == ["c/0/0", "c/1/0", "c/2/0", "cnnops-run"]
        results.move()
        assert keys(s3) == ["c/0/0", "c/1/0", "c/2/0", "zarr.json"]


@pytest.mark.parametrize("moved", [False, True])
def test_an_error_leaves_nothing(s3, moved):
    with pytest.raises(ZeroDivisionError), ZarrResults() as results:
        open_reference(add(results)).write(WHOLE, VALUES)
        if moved:
            results.complete()
            results.move()
        raise ZeroDivisionError
    assert keys(s3) == []


def test_nothing_is_replaced(s3):
    write_result()
    for overwrite in (False, True):
        assert refused(write_result, -VALUES, overwrite=overwrite) == (
            f"{URL} is there already, and an object store cannot replace it: remove it first"
        )
    assert open_zarr(URL, "INPUT").read(WHOLE).tobytes() == VALUES.tobytes()


KILLED = """
import os
import numpy as np
from cnnops_cli.tensors.zarr_array import open_reference
from cnnops_cli.tensors.zarr_results import ZarrResults
with ZarrResults() as results:
    reference = results.add({url!r}, (7, 9), np.dtype("f4"), (3, 9))
    open_reference(reference).write((slice(0, 6), slice(0, 9)), np.ones((6, 9), "f4"))
    os.kill(os.getpid(), 9)
"""


def test_chunks_of_a_killed_run_are_named_and_kept(s3):
    run = subprocess.run([sys.executable, "-c", KILLED.format(url=URL)])
    assert run.returncode == -signal.SIGKILL
    left = ["c/0/0", "c/1/0", "cnnops-run"]
    assert keys(s3) == left
    assert refused(write_result) == (
        f"{URL} holds what a run left that did not end, or is under way: c/0/0, c/1/0, cnnops-run; "
        "remove them first"
    )
    assert keys(s3) == left


def test_an_array_that_is_gone_is_not_read_as_its_fill_value(s3):
    write_result()
    array = open_zarr(URL, "INPUT")
    for key in keys(s3):
        s3.delete_object(Bucket="bucket", Key=f"größe a/out.zarr/{key}")
    for opened in (array, open_reference(array.reference)):
        assert refused(opened.read, WHOLE) == (
            f"{URL} is not here, or not any more: there is no {URL}/zarr.json"
        )


def test_a_late_writer_does_not_reach_a_newer_run(s3):
    dead = ZarrResults()
    late = open_reference(add(dead))
    late.write(WHOLE, VALUES)
    for key in keys(s3):
        s3.delete_object(Bucket="bucket", Key=f"größe a/out.zarr/{key}")
    over = (
        f"{URL} is not written here: there is no {URL}/cnnops-run, since the run is over or this "
        "machine does not share the place"
    )
    assert refused(late.write, WHOLE, VALUES) == over
    with ZarrResults() as results:
        open_reference(add(results)).write(WHOLE, -VALUES)
        assert refused(late.write, WHOLE, VALUES) == f"{URL} is written by another run now"
        results.complete()
        results.move()
    assert refused(late.write, WHOLE, VALUES) == over
    assert open_zarr(URL, "INPUT").read(WHOLE).tobytes() == (-VALUES).tobytes()


@pytest.mark.parametrize("is_whole", [False, True])
def test_a_dead_run_removes_nothing_of_a_newer_one(s3, is_whole):
    with pytest.raises(CnnopsError) as caught, ZarrResults() as dead:
        late = add(dead)
        open_reference(late).write(WHOLE, VALUES)
        for key in keys(s3):
            s3.delete_object(Bucket="bucket", Key=f"größe a/out.zarr/{key}")
        newer = ZarrResults()
        open_reference(add(newer)).write(WHOLE, -VALUES)
        if is_whole:
            newer.complete()
            newer.move()
        dead.complete()
    assert str(caught.value) == (
        f"{URL} is not written here: there is no {URL}/cnnops-run, since the run is over or this "
        "machine does not share the place"
        if is_whole
        else f"{URL} is written by another run now"
    )
    assert keys(s3) == ["c/0/0", "c/1/0", "c/2/0", "zarr.json" if is_whole else "cnnops-run"]


def test_of_two_runs_that_begin_at_once_one_is_refused(s3, monkeypatch):
    begin, newer = Prefix.write, ZarrResults()

    def both(place, key, data):
        begin(place, key, data)
        monkeypatch.undo()
        for key in keys(s3):
            s3.delete_object(Bucket="bucket", Key=f"größe a/out.zarr/{key}")
        add(newer)

    monkeypatch.setattr(Prefix, "write", both)
    assert refused(write_result) == f"{URL} is written by another run now"
    assert keys(s3) == ["cnnops-run"]


def test_a_group_names_its_arrays(s3):
    group = zarr.create_group("s3://bucket/image.zarr", zarr_format=2)
    group.create_array("0", shape=(2, 8), chunks=(2, 4), dtype=">f4")[...] = 7
    assert refused(open_zarr, "s3://bucket/image.zarr", "INPUT") == (
        "s3://bucket/image.zarr is a group, not an array; name one of its arrays, as "
        "s3://bucket/image.zarr/0: 0 (2, 8)"
    )
    assert refused(write_result, url="s3://bucket/image.zarr/raw/1") == (
        "s3://bucket/image.zarr/raw/1 is in s3://bucket/image.zarr, a group of Zarr version 2, in "
        "which arrays of version 3 are not seen; write it elsewhere"
    )
    read = open_zarr("s3://bucket/image.zarr/0", "INPUT").read((slice(0, 2), slice(3, 5)))
    assert read.dtype == np.dtype("=f4")
    assert (read == 7).all()


def test_what_is_not_there(s3, monkeypatch):
    expected = f"INPUT: no such Zarr array: {URL}"
    assert refused(open_zarr, URL, "INPUT") == expected
    url = "s3://none/x.zarr"
    missing = "The specified bucket does not exist"
    assert refused(open_zarr, url, "INPUT") == f"INPUT: cannot read {url}: {missing}"
    assert refused(write_result, url=url) == f"cannot write {url}: {missing}"


def test_credentials_are_those_of_the_environment(s3, monkeypatch):
    import s3fs

    write_result()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    expected = f"{URL} cannot be opened: Unable to locate credentials"
    assert refused(open_zarr, URL, "INPUT") == expected


def test_a_web_server(tmp_path):
    array = zarr.create_array(tmp_path / "x.zarr", shape=(7, 9), chunks=(3, 9), dtype="f4")
    array[...] = VALUES
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    handler.func.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert open_zarr(f"{url}/x.zarr", "INPUT").read(WHOLE).tobytes() == VALUES.tobytes()
        said = refused(open_zarr, f"{url}/y", "INPUT")
        assert re.fullmatch("INPUT: (no such Zarr array: |cannot read ).*", said)
        url = f"{url}/z.zarr"
        assert refused(write_result, url=url).startswith(f"{url} cannot be written: a web server ")
        server.shutdown()
