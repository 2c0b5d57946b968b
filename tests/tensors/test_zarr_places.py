"""What names a Zarr array, where it is, and what a result may replace; zarr is not needed."""

import re
import subprocess
import sys

import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.zarr_array import open_zarr
from cnnops_cli.tensors.zarr_places import (
    Directory,
    is_remote,
    is_zarr,
    location_of,
    overlap,
    place_at,
)
from cnnops_cli.tensors.zarr_results import check_apart, check_replaced


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(call, *arguments, **options):
    with pytest.raises(CnnopsError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def test_what_names_an_array(folder):
    for name, key in (("a", "zarr.json"), ("b", ".zarray"), ("c", ".zgroup"), ("d", "x.npy")):
        (folder / name).mkdir()
        (folder / name / key).touch()
    (folder / "e.zarr").mkdir()
    (folder / "f.zarr").touch()
    (folder / "e.zarr/x.npy").touch()
    named = ["a", "./a/", "b", "c", "e.zarr", "e.zarr/0", "none.zarr", "none.zarr/raw/0"]
    urls = ["s3://bucket/x", "https://host/x.zarr", "file:///x", "simplecache::s3://bucket/x"]
    others = ["d", "d/x.npy", "f.zarr", "e.zarr/x.npy", "none", "x.npy", "x.zarr.npy", "-", "0.5"]
    texts = ["[[1, 2]]", "w.npz:name", "", "\0"]
    assert [text for text in (*named, *urls, *others, *texts) if is_zarr(text)] == named + urls


def test_where_it_is(folder):
    (folder / "link").symlink_to("real")
    for text in ("real/x.zarr", "link/x.zarr/", "./real//x.zarr", f"file://{folder}/link/x.zarr"):
        assert location_of(text) == f"{folder}/real/x.zarr"
        assert not is_remote(location_of(text))
    assert location_of("s3://bucket/x.zarr/") == "s3://bucket/x.zarr"
    assert is_remote("s3://bucket/x.zarr")
    assert isinstance(place_at(f"{folder}/x", "x"), Directory)


def test_a_result_is_apart_from_what_is_read(folder):
    for first, second in (
        ("x.zarr", "x.zarr"),
        ("x.zarr/0", "x.zarr"),
        ("x.zarr", "x.zarr/raw/0"),
        ("s3://bucket/x.zarr/0", "s3://bucket/x.zarr"),
    ):
        assert overlap(location_of(first), location_of(second))
        expected = f"{first} and {second} are one, or one is inside the other"
        assert refused(check_apart, first, second, location_of(second)) == expected
    for first, second in (
        ("x.zarr", "x.zarr2"),
        ("g.zarr/0", "g.zarr/1"),
        ("x.zarr", "s3://bucket/x.zarr"),
    ):
        assert not overlap(location_of(first), location_of(second))
        check_apart(first, second, location_of(second))


def test_what_may_be_replaced(folder):
    check_replaced("none.zarr", overwrite=False)
    for name, key, text in (
        ("three", "zarr.json", '{"zarr_format": 3, "node_type": "array"}'),
        ("two", ".zarray", "{}"),
    ):
        (folder / name).mkdir()
        (folder / name / key).write_text(text)
        check_replaced(name, overwrite=True)
        expected = f"{name} is there already; --overwrite replaces it"
        assert refused(check_replaced, name, overwrite=False) == expected
    (folder / "empty").mkdir()
    check_replaced("empty", overwrite=True)
    for name, key, text in (
        ("group", "zarr.json", '{"zarr_format": 3, "node_type": "group"}'),
        ("damaged", "zarr.json", '{"zarr_format": 3, "node'),
        ("list", "zarr.json", "[]"),
        ("old", ".zgroup", "{}"),
    ):
        (folder / name).mkdir()
        (folder / name / key).write_text(text)
        assert refused(check_replaced, name, overwrite=True) == (
            f"{name} is a Zarr group, which --overwrite does not replace; name an array in it, or "
            "remove it first"
        )
    (folder / "other").mkdir()
    (folder / "other/thesis.txt").touch()
    (folder / "file").touch()
    for name in ("other", "file"):
        expected = f"{name} is there already and not a Zarr array, so it is not replaced"
        assert refused(check_replaced, name, overwrite=True) == expected


def test_zarr_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    needed = "x.zarr is a Zarr array, which needs zarr 3.1: pip install 'cnnops-cli[zarr]'"
    if sys.version_info >= (3, 11):
        assert refused(open_zarr, "x.zarr", "INPUT") == needed
        assert refused(open_zarr, "x.zarr", "--mask") == f"--mask {needed}"
    monkeypatch.setattr(sys, "version_info", (3, 10, 12))
    said = refused(open_zarr, "x.zarr", "INPUT")
    monkeypatch.undo()
    assert said == f"{needed} with Python 3.11 or newer; this is 3.10"


MISSING = """
import sys
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.zarr_places import place_at
sys.modules |= {"s3fs": None, "gcsfs": None}
for url in ("s3://bucket/x", "gs://bucket/x", "nonesuch://bucket/x"):
    try:
        place_at(url, "x")
    except CnnopsError as error:
        print(error)
"""


def test_libraries_that_urls_need():
    """In a process of its own, since fsspec keeps what it has imported."""
    pytest.importorskip("fsspec")
    run = subprocess.run(
        [sys.executable, "-c", MISSING], capture_output=True, check=True, text=True
    )
    s3, google, unknown = run.stdout.splitlines()
    assert s3 == "x needs a library that is not installed: pip install 'cnnops-cli[s3]'"
    assert re.fullmatch("x needs a library that is not installed: .*gcsfs.*", google)
    assert unknown == "x cannot be reached: Protocol not known: nonesuch"


def test_without_fsspec(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    expected = (
        "x needs a library that is not installed: import of fsspec halted; None in sys.modules"
    )
    assert refused(place_at, "gs://bucket/x", "x") == expected
