"""What names a Zarr array, where it is, and what a result may replace; zarr is not needed."""

import json
import os
import re
import subprocess
import sys

import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.result_places import check_apart, check_replaced
from cnnops_cli.tensors.zarr_array import open_zarr
from cnnops_cli.tensors.zarr_places import (
    Directory,
    check_takes_results,
    is_remote,
    is_within,
    is_zarr,
    location_of,
    place_at,
)


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
    (folder / "p.zarr/b.npy").mkdir(parents=True)
    (folder / "p.zarr/b.npy/zarr.json").touch()
    (folder / "p.zarr/w.npz").touch()
    named = ["a", "./a/", "b", "c", "e.zarr", "e.zarr/0", "none.zarr", "none.zarr/raw/0"]
    named += ["p.zarr/b.npy", "none.zarr/1.5", "none.zarr/x.dat"]
    urls = ["s3://bucket/x", "https://host/x.zarr", "file:///x", "simplecache::s3://bucket/x"]
    others = ["d", "d/x.npy", "f.zarr", "e.zarr/x.npy", "none", "x.npy", "x.zarr.npy", "-", "0.5"]
    others += [
        "p.zarr/x.npy",
        "p.zarr/none.npz:a",
        "p.zarr/w.npz:a",
        "p.zarr/x.json",
        "p.zarr/x.PNG",
    ]
    texts = ["[[1, 2]]", "w.npz:name", "", "\0"]
    assert [text for text in (*named, *urls, *others, *texts) if is_zarr(text)] == named + urls


def test_where_it_is(folder):
    (folder / "link").symlink_to("real")
    for text in ("real/x.zarr", "link/x.zarr/", "./real//x.zarr", f"file://{folder}/link/x.zarr"):
        assert location_of(text) == f"{folder}/real/x.zarr"
        assert not is_remote(location_of(text))
    assert location_of("s3://bucket/x.zarr/") == "s3://bucket/x.zarr"
    assert location_of("zip://x.zarr::link/x.zip") == f"zip://x.zarr::{folder}/real/x.zip"
    assert is_remote("s3://bucket/x.zarr")
    assert isinstance(place_at(f"{folder}/x", "x"), Directory)


A_URL = "a URL is such as s3://bucket/x.zarr"
CHAIN = "before :: is zip, tar, libarchive or reference"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://", f"s3:// names nothing; {A_URL}"),
        ("s3:///", f"s3:/// names nothing; {A_URL}"),
        ("http:////", f"http://// names nothing; {A_URL}"),
        ("file://", f"file:// names nothing; {A_URL}"),
        ("zip://x.zarr::", f"zip://x.zarr:: names nothing; {A_URL}"),
        ("simplecache::s3://", f"simplecache::s3:// names nothing; {A_URL}"),
        ("simplecache::s3://b/x", f"simplecache::s3://b/x begins with simplecache, but {CHAIN}"),
        ("dir://x::s3://b", f"dir://x::s3://b begins with dir, but {CHAIN}"),
        ("zip://x.zarr", "zip://x.zarr names no file; what is in one is zip://x.zarr::FILE"),
    ],
)
def test_urls_that_lead_nowhere(url, reason):
    assert refused(location_of, url) == reason


A_RESULT = "a result goes to a directory or to a URL such as s3://bucket/y.zarr"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        *(
            (url, f"{url} cannot be written: a chain of URLs is only read; {A_RESULT}")
            for url in ("zip://y.zarr::/tmp/new.zip", "simplecache::s3://bucket/y.zarr")
        ),
        *(
            (url, f"{url} cannot be written: a web server is only read; {A_RESULT}")
            for url in ("http://host/y.zarr", "https://host/y.zarr")
        ),
        (
            "memory://y.zarr",
            f"memory://y.zarr cannot be written: memory:// ends with this process; {A_RESULT}",
        ),
        *(
            (url, f"{url} has a part that is empty, . or ..; leave it out")
            for url in ("s3://bucket//y.zarr", "s3://bucket/./y.zarr", "s3://bucket/a/../y.zarr")
        ),
        ("data://y", f"data://y cannot be written: data:// is only read; {A_RESULT}"),
        *((url, f"{url} names nothing; {A_URL}") for url in ("s3://", "s3:///")),
    ],
)
def test_urls_that_take_no_results(url, reason):
    assert refused(check_takes_results, url) == reason


def test_what_takes_results():
    for text in ("y.zarr", "../y.zarr", "a//y.zarr", "file:///a/../y.zarr", "s3://bucket/y.zarr/"):
        check_takes_results(text)


def test_a_place_has_one_file_system_however_it_is_spelled(folder):
    pytest.importorskip("s3fs")
    for outer, inner in (
        ("s3://bucket/v.zarr", "s3a://bucket/v.zarr/o"),
        ("s3://bucket/v.zarr/", "s3:///bucket/v.zarr/o"),
        ("s3a://bucket", "zip://x.zarr::s3://bucket/v.zip"),
        ("out.zarr", "zip://x.zarr::out.zarr/x.zip"),
        ("/out.zarr", "zip://x.zarr::file:///out.zarr/x.zip"),
    ):
        within, around = location_of(inner), location_of(outer)
        assert is_within(within, around)
        assert not is_within(around, within)
        assert is_within(within, within)
    for first, second in (
        ("s3://bucket/v.zarr", "s3a://bucket/v.zarr2"),
        ("s3://tmp/v.zarr", "/tmp/v.zarr"),
        ("s3://bucket/v.zarr", "memory://bucket/v.zarr"),
    ):
        assert not is_within(first, second)
        assert not is_within(second, first)


def test_a_result_is_apart_from_what_is_read(folder):
    for first, second, how in (
        ("x.zarr", "./x.zarr/", "is"),
        ("a::x.zarr", "a::x.zarr", "is"),
        ("a::x.zarr/0", "a::x.zarr", "is inside"),
        ("x.zarr/0", "x.zarr", "is inside"),
        ("x.zarr", "x.zarr/raw/0", "holds"),
    ):
        expected = f"{first} {how} INPUT; write it elsewhere"
        assert refused(check_apart, first, "INPUT", second) == expected
    for first, second in (("x.zarr", "x.zarr2"), ("g.zarr/0", "g.zarr/1")):
        check_apart(first, second, second)


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
        for overwrite in (True, False):
            assert refused(check_replaced, name, overwrite=overwrite) == (
                f"{name} is a Zarr group, which --overwrite does not replace; name an array in it, "
                "or remove it first"
            )
    (folder / "other").mkdir()
    (folder / "other/thesis.txt").touch()
    (folder / "file").touch()
    for name in ("other", "file"):
        expected = f"{name} is there already and not a Zarr array, so it is not replaced"
        for overwrite in (True, False):
            assert refused(check_replaced, name, overwrite=overwrite) == expected


GROUP = {"zarr_format": 3, "node_type": "group"}
CONSOLIDATED = {"kind": "inline", "must_understand": False, "metadata": {}}


@pytest.mark.parametrize(
    ("key", "text", "what"),
    [
        (".zarray", "{}", "which is an array"),
        ("zarr.json", json.dumps({**GROUP, "node_type": "array"}), "which is an array"),
        (".zgroup", "{}", "a group of Zarr version 2, in which arrays of version 3 are not seen"),
        (
            "zarr.json",
            json.dumps({**GROUP, "consolidated_metadata": CONSOLIDATED}),
            "a group with consolidated metadata, in which the result would be missing",
        ),
    ],
)
def test_where_a_result_would_not_be_read(folder, key, text, what):
    (folder / "g.zarr/raw").mkdir(parents=True)
    (folder / "g.zarr" / key).write_text(text)
    (folder / "link").symlink_to("g.zarr/raw")
    (folder / "elsewhere").mkdir()
    (folder / "g.zarr/out").symlink_to(folder / "elsewhere/y.zarr")
    for name, group in (
        ("g.zarr/y", "g.zarr"),
        ("g.zarr/raw/y", "g.zarr"),
        ("./g.zarr/raw//y/", "g.zarr"),
        ("link/y", f"{folder}/g.zarr"),
        ("g.zarr/out", "g.zarr"),
        (f"file://{folder}/g.zarr/y", f"{folder}/g.zarr"),
    ):
        for overwrite in (False, True):
            expected = f"{name} is in {group}, {what}; write it elsewhere"
            assert refused(check_replaced, name, overwrite=overwrite) == expected
    check_replaced("g.zarr/../y.zarr", overwrite=False)


def test_groups_in_which_results_are_read(folder):
    for text in (json.dumps(GROUP), json.dumps({**GROUP, "consolidated_metadata": None}), "[", "3"):
        (folder / "zarr.json").write_text(text)
        check_replaced("y.zarr", overwrite=False)


def test_a_directory_that_is_missing(folder):
    (folder / "file").touch()
    for name, missing in (("none/y.zarr", "none"), ("g.zarr/a/y", "g.zarr/a"), ("file/y", "file")):
        expected = f"{name} cannot be written: no such directory: {folder}/{missing}"
        assert refused(check_replaced, name, overwrite=True) == expected


def test_a_mount_point_is_not_replaced(folder, monkeypatch):
    (folder / "y.zarr").mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: path == f"{folder}/y.zarr")
    assert refused(check_replaced, "y.zarr", overwrite=True) == (
        "y.zarr is a mount point, so it is not replaced; name a path in it"
    )


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
for url in ("s3://bucket/x", "s3a://bucket/x", "gs://bucket/x", "nonesuch://bucket/x"):
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
    *s3, google, unknown = run.stdout.splitlines()
    assert s3 == ["x needs a library that is not installed: pip install 'cnnops-cli[s3]'"] * 2
    assert re.fullmatch("x needs a library that is not installed: .*gcsfs.*", google)
    assert unknown == "x cannot be reached: Protocol not known: nonesuch"


def test_without_fsspec(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    expected = (
        "x needs a library that is not installed: import of fsspec halted; None in sys.modules"
    )
    assert refused(place_at, "gs://bucket/x", "x") == expected
