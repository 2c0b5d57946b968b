"""Zarr arrays, real ones on disk: what is opened, refused, read, and what a run leaves."""

import asyncio
import errno
import itertools
import json
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context

import numpy as np
import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.zarr_array import open_reference, open_zarr, use_zarr_threads
from cnnops_cli.tensors.zarr_results import ZarrResults

zarr = pytest.importorskip("zarr")
pytestmark = pytest.mark.cluster

BOX = (slice(1, 5), slice(2, 7))
DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
HOSTILE = np.array([0x7FA00001, 0xFFC12345, 0x80000000, 0x7F800000], np.uint32).view(np.float32)
"""A signalling NaN, a quiet one with payload and sign, -0.0, infinity."""


def numbers(shape=(7, 9), dtype="f4"):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def stored(path, values, **how):
    array = zarr.create_array(
        path, shape=values.shape, dtype=values.dtype, chunks=how.pop("chunks", (3, 4)), **how
    )
    array[...] = values
    return str(path)


def same(got, expected):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    assert got.dtype.isnative
    assert got.flags.c_contiguous
    assert got.tobytes() == expected.tobytes()


def boxes(shape, chunks):
    spans = [range(0, size, chunk) for size, chunk in zip(shape, chunks, strict=True)]
    for starts in itertools.product(*spans):
        yield tuple(
            slice(start, min(start + chunk, size))
            for start, chunk, size in zip(starts, chunks, shape, strict=True)
        )


def write_result(path, values, chunks=(3, 4), *, overwrite=False, shuffled=None):
    with ZarrResults() as results:
        reference = results.add(str(path), values.shape, values.dtype, chunks, overwrite=overwrite)
        cuts = list(boxes(values.shape, chunks))
        random.Random(shuffled).shuffle(cuts)
        for cut in cuts:
            open_reference(reference).write(cut, values[cut])
        results.complete()
        results.move()


def files_of(path):
    return {
        str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }


def refused(text, argument="INPUT"):
    with pytest.raises(CnnopsError) as caught:
        open_zarr(str(text), argument)
    return str(caught.value)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("version", [2, 3])
def test_numbers_of_every_dtype_and_byte_order_are_read(tmp_path, dtype, order, version):
    values = numbers(dtype=dtype)
    how = {"zarr_format": version}
    if version == 3:
        endian = {"<": "little", ">": "big"}[order]
        how["serializer"] = zarr.codecs.BytesCodec(endian=endian)
    else:
        values = values.astype(np.dtype(dtype).newbyteorder(order))
    array = open_zarr(stored(tmp_path / "x.zarr", values, **how), "INPUT")
    assert (array.shape, array.dtype, array.chunks) == ((7, 9), np.dtype(dtype), (3, 4))
    same(array.read(BOX), numbers(dtype=dtype)[BOX].copy())


def test_truth_is_read_as_uint8(tmp_path):
    path = stored(tmp_path / "x.zarr", numbers() % 2 == 0)
    array = open_zarr(path, "INPUT")
    assert array.dtype == np.uint8
    same(array.read(BOX), (numbers() % 2 == 0)[BOX].astype(np.uint8))


@pytest.mark.parametrize(
    "how",
    [
        {"shards": (6, 8)},
        {"zarr_format": 2, "order": "F"},
        {"filters": [{"name": "transpose", "configuration": {"order": [1, 0]}}]},
        {"compressors": [{"name": "gzip", "configuration": {"level": 1}}]},
        {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
    ],
    ids=["shards", "F", "transposed", "gzip", "keys"],
)
def test_layouts_on_disk_do_not_matter(tmp_path, how):
    array = open_zarr(stored(tmp_path / "x.zarr", numbers(), **how), "INPUT")
    assert array.shards == how.get("shards")
    same(array.read(BOX), numbers()[BOX].copy())
    same(array.read((slice(0, 7), slice(0, 9))), numbers())


def test_codecs_that_zarr_warns_of_are_silent(tmp_path):
    codec = {"name": "numcodecs.shuffle", "configuration": {"elementsize": 4}}
    with warnings.catch_warnings(action="ignore"):
        path = stored(tmp_path / "x.zarr", numbers(), compressors=[codec])
    array = open_zarr(path, "INPUT")
    same(open_reference(array.reference).read(BOX), numbers()[BOX].copy())


@pytest.mark.parametrize("order", "<>")
def test_bits_of_nans_are_read(tmp_path, order):
    values = HOSTILE.astype(HOSTILE.dtype.newbyteorder(order))
    path = stored(tmp_path / "x.zarr", values, chunks=(3,), zarr_format=2)
    same(open_zarr(path, "INPUT").read((slice(0, 4),)), HOSTILE)


def test_no_axes_and_no_elements(tmp_path):
    path = stored(tmp_path / "x.zarr", np.float32(3).reshape(()), chunks=())
    same(open_zarr(path, "INPUT").read(()), np.array(3, np.float32))
    path = stored(tmp_path / "y.zarr", numbers())
    same(open_zarr(path, "INPUT").read((slice(2, 2), slice(0, 9))), numbers()[2:2])


def test_chunks_that_are_not_stored_are_the_fill_value(tmp_path):
    path = tmp_path / "x.zarr"
    zarr.create_array(path, shape=(7, 9), chunks=(3, 4), dtype="f4", fill_value=1.5)
    same(open_zarr(str(path), "INPUT").read(BOX), np.full((4, 5), 1.5, np.float32))


@pytest.mark.parametrize(
    "name", ["a b.zarr", "größe 像.zarr", "x.zarr/raw/0", "plain", "%41#?.zarr"]
)
def test_names_and_places(tmp_path, monkeypatch, name):
    stored(tmp_path / name, numbers())
    monkeypatch.chdir(tmp_path)
    for text in (name, f"./{name}/", str(tmp_path / name), f"file://{tmp_path / name}"):
        same(open_zarr(text, "INPUT").read(BOX), numbers()[BOX].copy())


def test_another_process_opens_the_same_array_by_its_reference(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for version in (2, 3):
        stored(f"x{version}.zarr", numbers(), zarr_format=version, attributes={"long": "text"})
        reference = open_zarr(f"x{version}.zarr", "INPUT").reference
        assert json.loads(json.dumps(reference.metadata))
        sent = pickle.dumps(reference)
        assert b"text" not in sent
        monkeypatch.chdir("/")
        array = open_reference(pickle.loads(sent))
        assert (array.name, array.shape, array.chunks) == (f"x{version}.zarr", (7, 9), (3, 4))
        same(array.read(BOX), numbers()[BOX].copy())
        monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("dtype", "said"),
    [
        ("c8", "complex64"),
        ("c16", "complex128"),
        ("M8[ns]", "datetime64[ns]"),
        ("m8[s]", "timedelta64[s]"),
        ("U4", "string"),
        ("S4", "bytes"),
        (np.dtypes.StringDType(), "string"),
        ([("a", "f4"), ("b", "i2")], "structured"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")
def test_dtypes_are_refused_by_name(tmp_path, dtype, said):
    zarr.create_array(tmp_path / "x.zarr", shape=(4,), chunks=(2,), dtype=dtype)
    path = tmp_path / "x.zarr"
    reason = (
        f"{path} has dtype {said}; accepted are float16, float32, float64, bool and all sizes of "
        "int and uint"
    )
    assert refused(path) == reason
    assert refused(path, "--mask") == f"--mask {reason}"


def test_a_group_names_its_arrays(tmp_path):
    for version in (2, 3):
        path = tmp_path / f"image{version}.zarr"
        group = zarr.create_group(path, zarr_format=version)
        assert refused(path) == f"{path} is a group, and it has no arrays"
        for name, size in (("0", 8), ("1", 4), ("labels/cells/0", 8)):
            group.create_array(name, shape=(2, size), chunks=(2, 4), dtype="f4")
        assert refused(path) == (
            f"{path} is a group, not an array; name one of its arrays, as {path}/0: 0 (2, 8), "
            "1 (2, 4), labels/cells/0 (2, 8)"
        )
        assert open_zarr(f"{path}/labels/cells/0", "INPUT").shape == (2, 8)


def test_a_group_of_many_arrays_names_the_first(tmp_path, monkeypatch):
    """Those of other groups than the first are not listed."""
    group = zarr.create_group(tmp_path / "plate.zarr")
    for name in ("A/1/0/0", "A/1/0/1", *(f"A/1/1/{number}" for number in range(7)), "B/1/0/0"):
        group.create_array(name, shape=(2, 8), chunks=(2, 4), dtype="f4")
    (tmp_path / "plate.zarr/B/1/zarr.json").write_text("[]")
    names = ", ".join(
        f"A/1/{name} (2, 8)" for name in ("0/0", "0/1", *(f"1/{n}" for n in range(6)))
    )
    path = tmp_path / "plate.zarr"
    assert refused(path) == (
        f"{path} is a group, not an array; name one of its arrays, as {path}/A/1/0/0: {names} and "
        "others"
    )


def test_what_is_not_an_array(tmp_path):
    path = tmp_path / "x.zarr"
    assert refused(path) == f"INPUT: no such Zarr array: {path}"
    stored(path, numbers())
    assert refused(path / "raw") == f"INPUT: no such Zarr array: {path}/raw"
    for text in (f"{tmp_path}/x.zip/raw/0", f"file://{tmp_path}/x.zip"):
        (tmp_path / "x.zip").touch()
        assert refused(text) == (
            f"INPUT: no such Zarr array: {text}; {tmp_path}/x.zip is a file, and a Zarr array is a "
            "directory"
        )
    (path / "zarr.json").unlink()
    assert refused(path) == (
        f"INPUT: {path} is not a Zarr array, or not a whole one: it has neither zarr.json nor "
        ".zarray, but c"
    )


NOT_METADATA = "its metadata is not that of a Zarr array or group"


@pytest.mark.parametrize(
    ("version", "change", "reason"),
    [
        (3, lambda _: "", "its metadata is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (3, lambda _: "[]", NOT_METADATA),
        (2, lambda _: "[]", NOT_METADATA),
        (3, lambda document: document.pop("data_type"), "its metadata has no 'data_type'"),
        (2, lambda document: document.pop("dtype"), "its metadata has no 'dtype'"),
        (2, lambda document: document.pop("chunks"), NOT_METADATA),
        (3, lambda document: document.pop("node_type"), NOT_METADATA),
        (3, lambda document: document.update(node_type="image"), NOT_METADATA),
        (2, lambda document: document.update(chunks=[0, 4]), "its chunks have no elements: (0, 4)"),
    ],
)
def test_metadata_that_is_damaged(tmp_path, version, change, reason):
    path = tmp_path / "x.zarr"
    stored(path, numbers(), zarr_format=version)
    file = path / {2: ".zarray", 3: "zarr.json"}[version]
    document = json.loads(file.read_bytes())
    changed = change(document)
    file.write_text(changed if changed in ("", "[]") else json.dumps(document))
    assert refused(path).removeprefix("INPUT: ") == f"{path} cannot be opened: {reason}"


def test_a_damaged_chunk_is_one_line(tmp_path):
    path = tmp_path / "x.zarr"
    stored(path, numbers())
    (path / "c/0/1").write_bytes(b"not zstd")
    with pytest.raises(CnnopsError, match=rf"^cannot read {re.escape(str(path))}: [^\n]+$"):
        open_zarr(str(path), "INPUT").read(BOX)


@pytest.mark.parametrize(("version", "key"), [(2, ".zarray"), (3, "zarr.json")])
def test_an_array_that_is_gone_is_not_read_as_its_fill_value(tmp_path, version, key):
    path = stored(tmp_path / "x.zarr", numbers(), zarr_format=version)
    opened = open_zarr(path, "INPUT")
    for array in (opened, open_reference(opened.reference)):
        same(array.read(BOX), numbers()[BOX].copy())
    shutil.rmtree(path)
    os.mkdir(path)
    expected = re.escape(f"{path} is not here, or not any more: there is no {path}/{key}")
    for array in (opened, open_reference(opened.reference)):
        with pytest.raises(CnnopsError, match=f"^{expected}$"):
            array.read(BOX)


@pytest.mark.parametrize(("version", "key"), [(2, ".zarray"), (3, "zarr.json")])
@pytest.mark.parametrize("how", [{"chunks": (4, 4)}, {"compressors": None}])
def test_an_input_that_is_replaced_while_it_is_read(tmp_path, version, key, how):
    """With other chunks, and with a codec by which its chunks cannot be decoded."""
    path = stored(tmp_path / "x.zarr", numbers(), zarr_format=version)
    opened = open_zarr(path, "INPUT")
    same(opened.read(BOX), numbers()[BOX].copy())
    stored(path, -numbers(), zarr_format=version, overwrite=True, **how)
    expected = re.escape(f"{path} was changed while it was read: {path}/{key} is not the same")
    for array in (opened, open_reference(opened.reference)):
        with pytest.raises(CnnopsError, match=f"^{expected}$") as caught:
            array.read(BOX)
        assert type(caught.value) is CnnopsError


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_result_is_version_3_and_little_endian(tmp_path, dtype):
    path = tmp_path / "out.zarr"
    write_result(path, numbers(dtype=dtype))
    array = zarr.open_array(path, mode="r")
    assert array.metadata.zarr_format == 3
    assert array.chunks == (3, 4)
    same(np.ascontiguousarray(array[...]), numbers(dtype=dtype))
    document = json.loads((path / "zarr.json").read_bytes())
    assert document["codecs"][0].get("configuration", {}).get("endian", "little") == "little"
    assert document["fill_value"] == 0
    assert sorted(files_of(path)) == [
        *(f"c/{i}/{j}" for i in range(3) for j in range(3)),
        "zarr.json",
    ]
    assert os.listdir(tmp_path) == ["out.zarr"]


def test_a_result_without_axes(tmp_path):
    with ZarrResults() as results:
        reference = results.add(f"{tmp_path}/out.zarr", (), np.dtype("f4"), ())
        open_reference(reference).write((), np.array(3, np.float32))
        results.complete()
        results.move()
    same(np.asarray(zarr.open_array(tmp_path / "out.zarr")[...]), np.array(3, np.float32))


def test_the_order_of_chunks_does_not_matter(tmp_path):
    write_result(tmp_path / "a.zarr", numbers(), shuffled=1)
    write_result(tmp_path / "b.zarr", numbers(), shuffled=2)
    assert files_of(tmp_path / "a.zarr") == files_of(tmp_path / "b.zarr")


def write_some(reference, values, cuts):
    for cut in cuts:
        open_reference(reference).write(cut, values[cut])


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_several_writers_and_readers(tmp_path, kind):
    values = np.random.default_rng(0).random((40, 50))
    write_result(tmp_path / "one.zarr", values)
    cuts = list(boxes(values.shape, (3, 4)))
    if kind == "threads":
        pool = ThreadPoolExecutor(4)
    else:
        pool = ProcessPoolExecutor(2, get_context("spawn"))
    with pool, ZarrResults() as results:
        reference = results.add(f"{tmp_path}/two.zarr", values.shape, values.dtype, (3, 4))
        jobs = [pool.submit(write_some, reference, values, cuts[start::4]) for start in range(4)]
        assert [job.result() for job in jobs] == [None] * 4
        results.complete()
        results.move()
    assert files_of(tmp_path / "one.zarr") == files_of(tmp_path / "two.zarr")
    array = open_zarr(f"{tmp_path}/two.zarr", "INPUT")
    with ThreadPoolExecutor(4) as pool:
        for cut, read in zip(cuts, pool.map(array.read, cuts), strict=True):
            same(read, values[cut].copy())


def test_zeros_and_bits_of_nans_are_stored(tmp_path):
    for name, values in (("a", np.zeros(4, np.float32)), ("b", -np.zeros(4)), ("c", HOSTILE)):
        path = tmp_path / f"{name}.zarr"
        write_result(path, values, chunks=(2,))
        assert sorted(files_of(path)) == ["c/0", "c/1", "zarr.json"]
        same(open_zarr(str(path), "INPUT").read((slice(0, 4),)), values)


def test_values_in_another_memory_order(tmp_path):
    values = numbers((9, 7)).T
    write_result(tmp_path / "out.zarr", values)
    same(zarr.open_array(tmp_path / "out.zarr")[...], np.ascontiguousarray(values))


def test_a_box_that_cuts_a_chunk_is_refused(tmp_path):
    with ZarrResults() as results:
        array = open_reference(results.add(f"{tmp_path}/x.zarr", (7, 9), np.dtype("f4"), (3, 4)))
        array.write((slice(3, 7), slice(0, 9)), numbers()[3:7])
        for cut in ((slice(1, 3), slice(0, 4)), (slice(0, 2), slice(0, 4))):
            expected = re.escape(f"{cut[0]} cuts what is stored as 3 on axis 0 of 7")
            with pytest.raises(ValueError, match=f"^{expected}$"):
                array.write(cut, numbers()[cut])


def as_nobody(folder, program):
    """What a program is refused by, if it runs as a user who may not write everywhere."""
    tried = f"""
import os
import numpy as np
import pathlib, zarr, zarr.codecs
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.zarr_results import ZarrResults
if os.geteuid() == 0:
    for parent in [pathlib.Path({str(folder)!r}), *pathlib.Path({str(folder)!r}).parents[:3]]:
        parent.chmod(parent.stat().st_mode | 0o055)
    os.setresuid(65534, 65534, 65534)
try:
{textwrap.indent(program, "    ")}
except CnnopsError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", tried], capture_output=True, text=True)
    assert run.stderr == ""
    return run.stdout


def test_nothing_opens_before_all_is_whole(tmp_path):
    path = tmp_path / "out.zarr"
    with ZarrResults() as results:
        reference = results.add(str(path), (7, 9), np.dtype("f4"), (3, 4))
        array = open_reference(reference)
        array.write((slice(0, 7), slice(0, 9)), numbers())
        assert not path.exists()
        assert refused(reference.location) == (
            f"INPUT: {reference.location} is not a Zarr array, or not a whole one: it has neither "
            "zarr.json nor .zarray, but c, cnnops-run"
        )
        results.complete()
        assert not path.exists()
        results.move()
    same(zarr.open_array(path)[...], numbers())


def test_an_error_leaves_nothing_of_several_results(tmp_path):
    write_result(tmp_path / "a.zarr", numbers())
    before = files_of(tmp_path)
    for moved in (False, True):
        with pytest.raises(CnnopsError, match=r"^the work failed$"), ZarrResults() as results:
            results.add(f"{tmp_path}/a.zarr", (2,), np.dtype("f4"), (1,), overwrite=True)
            results.add(f"{tmp_path}/b.zarr", (2,), np.dtype("f4"), (1,))
            if moved:
                results.complete()
                results.move()
                assert sorted(os.listdir(tmp_path))[-2:] == ["a.zarr", "b.zarr"]
            raise CnnopsError("the work failed")
        assert files_of(tmp_path) == before
        assert os.listdir(tmp_path) == ["a.zarr"]


def test_overwrite_replaces_arrays_and_nothing_else(tmp_path):
    path = tmp_path / "out.zarr"
    write_result(path, numbers())
    before = files_of(path)
    expected = re.escape(f"{path} is there already; --overwrite replaces it")
    with pytest.raises(CnnopsError, match=f"^{expected}$"):
        write_result(path, -numbers())
    assert files_of(path) == before
    path.chmod(0o750)
    write_result(path, -numbers(), overwrite=True)
    same(zarr.open_array(path)[...], -numbers())
    assert path.stat().st_mode & 0o777 == 0o750
    stored(tmp_path / "old.zarr", numbers(), zarr_format=2)
    write_result(tmp_path / "old.zarr", -numbers(), overwrite=True)
    same(zarr.open_array(tmp_path / "old.zarr")[...], -numbers())
    for version in (2, 3):
        group = zarr.create_group(tmp_path / f"group{version}.zarr", zarr_format=version)
        group.create_array("0", shape=2, dtype="f4")
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr/thesis.txt").write_text("unique")
    (tmp_path / "file.zarr").write_text("unique")
    is_no_array = "is there already and not a Zarr array, so it is not replaced"
    is_group = (
        "is a Zarr group, which --overwrite does not replace; name an array in it, or remove it "
        "first"
    )
    for name, said in (
        ("group2", is_group),
        ("group3", is_group),
        ("mine", is_no_array),
        ("file", is_no_array),
    ):
        before = files_of(tmp_path)
        expected = re.escape(f"{tmp_path}/{name}.zarr {said}")
        with pytest.raises(CnnopsError, match=f"^{expected}$"):
            write_result(f"{tmp_path}/{name}.zarr", numbers(), overwrite=True)
        assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    ("version", "group"),
    [
        (2, "a group of Zarr version 2, in which arrays of version 3 are not seen"),
        (3, "a group with consolidated metadata, in which the result would be missing"),
    ],
)
def test_a_group_that_would_not_see_a_result(tmp_path, version, group):
    """It has a copy of the old metadata, by which a new array would be read as zeros."""
    path = tmp_path / "g.zarr"
    made = zarr.create_group(path, zarr_format=version)
    made.create_array("0", shape=(7, 9), chunks=(3, 4), dtype="f4")[...] = numbers()
    with warnings.catch_warnings(action="ignore"):
        zarr.consolidate_metadata(path)
    before = files_of(tmp_path)
    for name in ("0", "new"):
        expected = re.escape(f"{path}/{name} is in {path}, {group}; write it elsewhere")
        with pytest.raises(CnnopsError, match=f"^{expected}$"):
            write_result(path / name, -numbers((2, 3)), overwrite=True)
    assert files_of(tmp_path) == before


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("what", ["an array", "a directory", "a file"])
def test_what_comes_to_the_place_during_a_run(tmp_path, what, overwrite):
    path = tmp_path / "out.zarr"
    with pytest.raises(CnnopsError) if what != "an array" or not overwrite else nullcontext() as e:
        with ZarrResults() as results:
            reference = results.add(str(path), (7, 9), np.dtype("f4"), (3, 4), overwrite=overwrite)
            open_reference(reference).write((slice(0, 7), slice(0, 9)), numbers())
            if what == "a file":
                path.write_text("precious")
            elif what == "a directory":
                path.mkdir()
                (path / "thesis.txt").write_text("precious")
            else:
                stored(path, -numbers())
            before = files_of(tmp_path) if path.is_dir() else {"out.zarr": path.read_bytes()}
            results.complete()
            results.move()
    assert os.listdir(tmp_path) == ["out.zarr"]
    if e is None:
        same(zarr.open_array(path)[...], numbers())
        return
    assert str(e.value) == (
        f"{path} is there already; --overwrite replaces it"
        if what == "an array"
        else f"{path} is there already and not a Zarr array, so it is not replaced"
    )
    kept = {name for name in before if ".cnnops-" not in name}
    assert files_of(tmp_path) == {name: before[name] for name in kept}


def test_a_write_protected_array_is_not_replaced(tmp_path):
    write_result(tmp_path / "out.zarr", numbers())
    before = files_of(tmp_path)
    (tmp_path / "out.zarr").chmod(0o555)
    run = as_nobody(
        tmp_path,
        f"""
with ZarrResults() as results:
    results.add({str(tmp_path / "out.zarr")!r}, (2,), np.dtype("f4"), (1,), overwrite=True)
""",
    )
    assert run == f"{tmp_path}/out.zarr is write-protected, so it is not replaced\n"
    assert files_of(tmp_path) == before


def test_a_name_that_leaves_no_room_for_that_of_the_old_one(tmp_path):
    fits, long = tmp_path / ("x" * 238 + ".zarr"), tmp_path / ("x" * 239 + ".zarr")
    for _ in range(2):
        write_result(fits, numbers(), overwrite=True)
    expected = re.escape(f"cannot write {long}: File name too long")
    with pytest.raises(CnnopsError, match=f"^{expected}$"):
        write_result(long, numbers())
    assert os.listdir(tmp_path) == [fits.name]


def test_an_array_in_a_group(tmp_path):
    zarr.create_group(tmp_path / "g.zarr").create_array("0", shape=2, dtype="f4")
    write_result(tmp_path / "g.zarr/1", numbers())
    assert sorted(name for name, _ in zarr.open_group(tmp_path / "g.zarr").arrays()) == ["0", "1"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out.zarr").symlink_to(tmp_path / "real/out.zarr")
    write_result(tmp_path / "out.zarr", numbers())
    assert (tmp_path / "out.zarr").is_symlink()
    assert (tmp_path / "real/out.zarr/zarr.json").exists()


def test_a_late_writer_does_not_reach_a_newer_run(tmp_path):
    path = tmp_path / "out.zarr"
    whole = (slice(0, 7), slice(0, 9))
    with pytest.raises(ZeroDivisionError), ZarrResults() as results:
        dead = open_reference(results.add(str(path), (7, 9), np.dtype("f4"), (3, 4)))
        dead.write(whole, numbers())
        raise ZeroDivisionError
    over = (
        f"{path} is not written here: there is no {dead.reference.location}/cnnops-run, since the "
        "run is over or this machine does not share the place"
    )
    with ZarrResults() as results:
        reference = results.add(str(path), (7, 9), np.dtype("f4"), (3, 4))
        assert reference.location != dead.reference.location
        with pytest.raises(CnnopsError, match=f"^{re.escape(over)}$"):
            dead.write(whole, numbers())
        open_reference(reference).write(whole, -numbers())
        results.complete()
        results.move()
    with pytest.raises(CnnopsError, match=f"^{re.escape(over)}$"):
        dead.write(whole, numbers())
    same(zarr.open_array(path)[...], -numbers())
    assert os.listdir(tmp_path) == ["out.zarr"]


def test_a_write_that_a_run_does_not_outlive_leaves_nothing(tmp_path, monkeypatch):
    results = ZarrResults()
    late = open_reference(results.add(f"{tmp_path}/out.zarr", (7, 9), np.dtype("f4"), (3, 4)))
    create = zarr.Array.__setitem__

    def ends_first(array, *written):
        with pytest.raises(ZeroDivisionError), results:
            raise ZeroDivisionError
        assert os.listdir(tmp_path) == []
        create(array, *written)
        assert os.listdir(tmp_path) == [os.path.basename(late.reference.location)]

    monkeypatch.setattr(zarr.Array, "__setitem__", ends_first)
    late.write((slice(0, 7), slice(0, 9)), numbers())
    assert os.listdir(tmp_path) == []


def test_what_a_killed_call_set_aside_is_named_and_put_back(tmp_path):
    path, aside = tmp_path / "out.zarr", tmp_path / ".cnnops-out.zarr.old"
    write_result(aside, numbers())
    assert refused(path) == (
        f"INPUT: no such Zarr array: {path}; a call that was killed while it replaced it left it "
        f"in {aside}"
    )
    expected = re.escape(f"{path} is there already; --overwrite replaces it")
    with pytest.raises(CnnopsError, match=f"^{expected}$"):
        write_result(path, -numbers())
    assert os.listdir(tmp_path) == ["out.zarr"]
    same(zarr.open_array(path)[...], numbers())
    path.rename(aside)
    write_result(path, -numbers(), overwrite=True)
    assert os.listdir(tmp_path) == ["out.zarr"]
    same(zarr.open_array(path)[...], -numbers())


def test_a_writer_of_another_run_is_refused(tmp_path):
    with ZarrResults() as results:
        reference = results.add(f"{tmp_path}/out.zarr", (7, 9), np.dtype("f4"), (3, 4))
        other = open_reference(reference._replace(token="0" * 32))
        expected = re.escape(f"{tmp_path}/out.zarr is written by another run now")
        with pytest.raises(CnnopsError, match=f"^{expected}$"):
            other.write((slice(0, 7), slice(0, 9)), numbers())


KILLED = """
import sys
from itertools import cycle
import numpy as np
from cnnops_cli.tensors.zarr_array import open_reference
from cnnops_cli.tensors.zarr_results import ZarrResults
values = np.random.default_rng(0).random((64, 64, 64)).astype("f4")
with ZarrResults() as results:
    reference = results.add(sys.argv[1], (4096, 64, 64), values.dtype, (64, 64, 64), overwrite=True)
    print("began", flush=True)
    for i in cycle(range(0, 4096, 64)):
        open_reference(reference).write((slice(i, i + 64), slice(0, 64), slice(0, 64)), values)
"""


def killed_writer(path, delay):
    program = [sys.executable, "-c", KILLED, str(path)]
    writer = subprocess.Popen(program, stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"began\n"
    time.sleep(delay)
    writer.send_signal(signal.SIGKILL)
    assert writer.wait() == -signal.SIGKILL
    writer.stdout.close()


@pytest.mark.parametrize("delay", [0, 0.05, 0.2])
def test_a_killed_writer_leaves_no_array_and_the_next_removes_the_rest(tmp_path, delay):
    path = tmp_path / "out.zarr"
    killed_writer(path, delay)
    assert not path.exists()
    [left] = os.listdir(tmp_path)
    assert re.fullmatch(r"\.cnnops-[\w.]+-[0-9a-f]{16}\.tmp", left)
    assert "is not a Zarr array, or not a whole one" in refused(tmp_path / left)
    write_result(path, numbers())
    assert os.listdir(tmp_path) == ["out.zarr"]
    before = files_of(path)
    killed_writer(path, delay)
    assert files_of(path) == before


def test_what_a_living_run_writes_is_not_removed(tmp_path):
    with ZarrResults() as results:
        reference = results.add(f"{tmp_path}/a.zarr", (7, 9), np.dtype("f4"), (3, 4))
        write_result(tmp_path / "b.zarr", numbers())
        open_reference(reference).check_run()
        elsewhere = tmp_path / ".cnnops-elsewhere-0123456789abcdef.tmp"
        elsewhere.mkdir()
        write_result(tmp_path / "c.zarr", numbers())
        assert elsewhere.exists()


def test_partial_files_of_killed_workers_are_removed(tmp_path):
    with ZarrResults() as results:
        reference = results.add(f"{tmp_path}/a.zarr", (7, 9), np.dtype("f4"), (3, 4))
        open_reference(reference).write((slice(0, 7), slice(0, 9)), numbers())
        with open(f"{reference.location}/c/0/0.0123.partial", "wb") as file:
            file.write(b"half a chunk")
        results.complete()
        results.move()
    assert not list(tmp_path.rglob("*.partial"))
    same(zarr.open_array(tmp_path / "a.zarr")[...], numbers())


def test_a_disk_that_is_full_is_one_line(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        values = np.random.default_rng(0).random((1024, 256))
        expected = re.escape(f"cannot write {tmp_path}/x.zarr: No space left on device")
        with pytest.raises(CnnopsError, match=f"^{expected}$"):
            write_result(tmp_path / "x.zarr", values, chunks=(64, 256))
        assert os.listdir(tmp_path) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("shards", [None, (8, 4)])
def test_what_zarr_goes_on_with_after_an_error_leaves_nothing(tmp_path, monkeypatch, shards):
    """Where one of several chunks cannot be stored, it stores the others nevertheless."""
    store, tries = zarr.storage.LocalStore.set, []

    async def store_slowly(*arguments):
        tries.append(arguments)
        if len(tries) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        await asyncio.sleep(0.1)
        await store(*arguments)
        tries.append("stored")

    expected = re.escape(f"cannot write {tmp_path}/x.zarr: No space left on device")
    with pytest.raises(CnnopsError, match=f"^{expected}$"), ZarrResults() as results:
        given = (f"{tmp_path}/x.zarr", (16, 8), np.dtype("f4"), (8, 4))
        reference = results.add(*given, shards=shards and (8, 4))
        array = open_reference(reference)
        use_zarr_threads(1, [reference], readers=2)
        monkeypatch.setattr(zarr.storage.LocalStore, "set", store_slowly)
        array.write((slice(0, 16), slice(0, 8)), np.ones((16, 8), np.float32))
    assert tries.count("stored") == 3
    time.sleep(0.3)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_missing_or_may_not_be_written(tmp_path):
    path = tmp_path / "none/out.zarr"
    expected = re.escape(f"{path} cannot be written: no such directory: {path.parent}")
    with pytest.raises(CnnopsError, match=f"^{expected}$"):
        write_result(path, numbers())
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o555)
    run = as_nobody(
        folder,
        f"""
with ZarrResults() as results:
    results.add({str(folder / "out.zarr")!r}, (2,), np.dtype("f4"), (1,))
""",
    )
    assert run == f"cannot write {folder}/out.zarr: Permission denied\n"


COUNTED = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from cnnops_cli.tensors.zarr_array import open_zarr, use_zarr_threads
array = open_zarr(sys.argv[1], "INPUT")
before = set(threading.enumerate())
use_zarr_threads(3, [array.reference])
with ThreadPoolExecutor(8, thread_name_prefix="ours") as pool:
    list(pool.map(lambda _: array.read((slice(0, 7), slice(0, 9))), range(200)))
    print(*(t.name.split("_")[0] for t in set(threading.enumerate()) - before))
"""


def test_zarr_starts_no_more_threads_than_it_is_given(tmp_path):
    path = stored(tmp_path / "x.zarr", numbers())
    run = subprocess.run(
        [sys.executable, "-c", COUNTED, path], capture_output=True, check=True, text=True
    )
    started = run.stdout.split()
    assert set(started) == {"ours", "zarr"}
    assert started.count("zarr") == 3


def test_a_chunk_at_a_time_is_taken_from_files_and_several_from_an_object_store(tmp_path):
    reference = open_zarr(stored(tmp_path / "x.zarr", numbers()), "INPUT").reference
    with zarr.config.set({}):
        use_zarr_threads(3, [reference])
        assert zarr.config.get("threading.max_workers") == 3
        assert zarr.config.get("async.concurrency") == 1
        use_zarr_threads(3, [reference], readers=3)
        assert zarr.config.get("async.concurrency") == 3
        both = [reference, reference._replace(location="s3://bucket/x.zarr")]
        for readers in (1, 2):
            use_zarr_threads(2, both, readers)
            assert zarr.config.get("threading.max_workers") == 2
            assert zarr.config.get("async.concurrency") == 10 * readers
