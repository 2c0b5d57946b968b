"""Results have shards where INPUT has them, and every block owns whole ones."""

import json
import re
import tracemalloc

import numpy as np
import pytest
from calling import CommandHere
from stores import assert_same_bytes, load, store, zarr

from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.chunks import usual_shards
from cnnops_cli.blocks.dropout import DropoutBlocks
from cnnops_cli.commands import block_plan
from cnnops_cli.tensors.zarr_array import (
    ZarrArray,
    bytes_written,
    open_reference,
    open_zarr,
    use_zarr_threads,
)
from cnnops_cli.tensors.zarr_results import ZarrResults

pytestmark = pytest.mark.cluster

X = np.random.default_rng(0).standard_normal((2, 3, 20, 14)).astype(np.float32)
MIB = 1 << 20


@pytest.fixture
def call(tmp_path):
    store(tmp_path / "x.zarr", X, (1, 3, 4, 3), "shards")
    np.save(tmp_path / "x.npy", X)
    return CommandHere(tmp_path)


@pytest.fixture
def written(monkeypatch):
    """The boxes that are written, and the arrays that they are written to."""
    found = []
    write = ZarrArray.write

    def note(array, slices, values):
        found.append((array, slices))
        write(array, slices, values)

    monkeypatch.setattr(ZarrArray, "write", note)
    return found


def files_of(path):
    return sorted(str(each.relative_to(path)) for each in path.rglob("*") if each.is_file())


CALLS = [
    (
        ("conv", "--kernel-size", "3", "--out-channels", "2", "--seed", "0"),
        (1, 2, 4, 3),
        (2, 2, 8, 6),
    ),
    (("maxpool", "-k", "2"), (1, 3, 2, 2), (2, 3, 4, 4)),
    (("batchnorm", "--eval"), (1, 3, 4, 3), (2, 3, 8, 6)),
    (("batchnorm", "--eval", "--output-chunks", "2,1,5,7"), (2, 1, 5, 7), (2, 2, 10, 14)),
]


@pytest.mark.parametrize(("arguments", "chunks", "shards"), CALLS, ids=lambda given: given[0])
@pytest.mark.parametrize("budget", [1, 1 << 40])
def test_as_many_chunks_are_stored_together_as_of_the_input(
    call, tmp_path, written, monkeypatch, budget, arguments, chunks, shards
):
    monkeypatch.setattr(block_plan, "BLOCK_BYTES", budget)
    call.text(*arguments, "x.zarr", "-o", "y.zarr")
    in_memory = [each for each in arguments if each not in ("--output-chunks", "2,1,5,7")]
    call.text(*in_memory, "x.npy", "-o", "y.npy")
    array, values = load(tmp_path / "y.zarr")
    assert (array.chunks, array.shards) == (chunks, shards)
    assert_same_bytes(values, np.load(tmp_path / "y.npy"))
    counts = [-(-length // size) for length, size in zip(array.shape, shards, strict=True)]
    assert len(files_of(tmp_path / "y.zarr")) == np.prod(counts) + 1
    assert len(written) == (np.prod(counts) if budget == 1 else 1)
    for target, slices in written:
        for each, size, length in zip(slices, shards, target.shape, strict=True):
            assert each.start % size == 0
            assert each.stop % size == 0 or each.stop == length


def test_all_arrays_of_a_call_have_them_in_the_order_of_axes_of_the_input(call, tmp_path):
    last = np.ascontiguousarray(np.moveaxis(X, 1, -1))
    store(tmp_path / "l.zarr", last, (1, 4, 3, 3), "shards")
    np.save(tmp_path / "l.npy", last)
    options = ("maxpool", "-k", "2", "--layout", "channels-last")
    call.text(*options, "l.zarr", "-o", "y.zarr", "--indices", "i.zarr")
    call.text(*options, "l.npy", "-o", "y.npy", "--indices", "i.npy")
    for name in "yi":
        array, values = load(tmp_path / f"{name}.zarr")
        assert (array.chunks, array.shards) == ((1, 2, 2, 3), (2, 4, 4, 3))
        assert_same_bytes(values, np.load(tmp_path / f"{name}.npy"))


@pytest.mark.parametrize("layout", ["channels-first", "channels-last"])
def test_another_number_of_chunks_along_each_axis(call, tmp_path, layout):
    sizes = ((1, 1, 4, 3), (1, 3, 8, 9))
    if layout == "channels-last":
        sizes = tuple((*each[:1], *each[2:], each[1]) for each in sizes)
    x = X if layout == "channels-first" else np.ascontiguousarray(np.moveaxis(X, 1, -1))
    how = dict(zip(("chunks", "shards"), sizes, strict=True))
    zarr.create_array(str(tmp_path / "n.zarr"), shape=x.shape, dtype=x.dtype, **how)[...] = x
    chunks = ",".join(map(str, sizes[0]))
    call.text(
        *("batchnorm", "--eval", "n.zarr", "-o", "y.zarr"),
        *("--layout", layout, "--output-chunks", chunks),
    )
    array, _ = load(tmp_path / "y.zarr")
    assert (array.chunks, array.shards) == sizes


def test_a_write_to_an_object_store_has_no_more_chunks_than_a_block():
    for most, count in ((3, 3), (10, 10), (11, 10)):
        told = bytes_written("s3://bucket/x", np.dtype(np.float32), (8, 4), None, most)
        assert told == count * 2 * 8 * 4 * 4


def test_zeros_and_bits_of_nans_are_in_them(call, tmp_path):
    """A chunk that equals what a missing one reads as is stored, since -0.0 equals 0.0."""
    x = np.zeros((1, 1, 8, 8), np.float32)
    x[..., :4, :4], x[..., 4:, :4] = -0.0, 1
    x.view(np.uint32)[..., 4:, 4:] = 0xFFC0_1234
    store(tmp_path / "z.zarr", np.ones_like(x), (1, 1, 4, 4), "shards")
    array = open_zarr(str(tmp_path / "z.zarr"), "INPUT")
    with ZarrResults() as results:
        like = array.reference
        reference = results.add(
            f"{tmp_path}/y.zarr", x.shape, x.dtype, (1, 1, 4, 4), shards=(1, 1, 8, 8), like=like
        )
        target = open_reference(reference)
        for _ in range(2):  # as a block that is tried again
            target.write(tuple(slice(0, size) for size in x.shape), x)
        results.complete()
        results.move()
    assert_same_bytes(load(tmp_path / "y.zarr")[1], x)
    shard = (tmp_path / "y.zarr/c/0/0/0/0").read_bytes()
    lengths = np.frombuffer(shard[-4 * 16 - 4 : -4], np.uint64).reshape(4, 2)[:, 1]
    assert np.all(lengths < 1 << 20)  # all four are there


def test_a_box_that_cuts_a_shard_is_refused(tmp_path):
    with ZarrResults() as results:
        given = (f"{tmp_path}/x.zarr", (7, 9), np.dtype("f4"), (3, 4))
        array = open_reference(results.add(*given, shards=(6, 8)))
        array.write((slice(6, 7), slice(8, 9)), np.zeros((1, 1), np.float32))
        expected = re.escape("slice(3, 6, None) cuts what is stored as 6 on axis 0 of 7")
        with pytest.raises(ValueError, match=f"^{expected}$"):
            array.write((slice(3, 6), slice(0, 8)), np.zeros((3, 8), np.float32))


def test_a_dry_run_tells_them(call):
    found = json.loads(call.text("batchnorm", "--eval", "x.zarr", "--dry-run", "-f", "json"))
    assert (found["chunks"], found["shards"]) == ([1, 3, 4, 3], [2, 3, 8, 6])
    assert "shards" not in call.text("batchnorm", "--eval", "x.npy", "--dry-run")


def traced_peak(transfer):
    """The least of several peaks: threads of zarr may hold a chunk for a moment after its turn."""
    peaks = []
    transfer()  # imports what it needs
    for _ in range(4):
        tracemalloc.start()
        transfer()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return min(peaks)


def test_a_write_takes_the_memory_that_is_told(tmp_path):
    values = np.random.default_rng(0).standard_normal((128, 128, 128), dtype=np.float32)
    whole, part, small = values.shape, (64, 128, 128), (32, 32, 32)
    for chunks, shards in ((whole, None), (part, None), (small, part), (small, whole)):
        with ZarrResults() as results:
            given = (f"{tmp_path}/x.zarr", values.shape, values.dtype, chunks)
            reference = results.add(*given, shards=shards)
            array = open_reference(reference)
            use_zarr_threads(1, [reference])
            slices = tuple(slice(0, size) for size in values.shape)
            peak = traced_peak(lambda array=array, slices=slices: array.write(slices, values))
        told = bytes_written(reference.location, values.dtype, chunks, shards, 99)
        assert 0.45 * told < peak < told + MIB // 4


def test_a_read_takes_the_memory_that_is_told(tmp_path):
    values = np.random.default_rng(0).standard_normal((128, 128, 128), dtype=np.float32)
    whole, part, small = values.shape, (64, 128, 128), (32, 32, 32)
    slices = tuple(slice(0, size) for size in values.shape)
    for chunks, shards in ((whole, None), (part, None), (small, part), (small, (512,) * 3)):
        how = {"shape": values.shape, "dtype": values.dtype, "chunks": chunks, "shards": shards}
        zarr.create_array(str(tmp_path / "x.zarr"), **how, overwrite=True)[...] = values
        array = open_zarr(str(tmp_path / "x.zarr"), "INPUT")
        use_zarr_threads(1, [array.reference])
        peak = traced_peak(lambda array=array: array.read(slices))
        told = array.bytes_in_transit
        assert 0.45 * told < peak - values.nbytes < told + MIB // 4


@pytest.mark.parametrize("arguments", [("dropout", "--seed", "1"), ("batchnorm",)])
def test_an_empty_axis_has_them_too(call, tmp_path, arguments):
    x = np.zeros((0, 3, 8, 8), np.float32)
    store(tmp_path / "e.zarr", x, (1, 3, 4, 4), "shards")
    call.text(*arguments, "e.zarr", "-o", "y.zarr")
    array, values = load(tmp_path / "y.zarr")
    assert (array.chunks, array.shards) == ((1, 3, 4, 4), (1, 3, 8, 8))
    assert_same_bytes(values, x)


def test_memory_does_not_change_them(call, tmp_path, monkeypatch):
    monkeypatch.setattr(block_plan, "available_memory", lambda: 1)
    call.text("batchnorm", "--eval", "x.zarr", "-o", "y.zarr")
    assert load(tmp_path / "y.zarr")[0].shards == (2, 3, 8, 6)


def test_the_kept_codecs_are_those_of_chunks(call, tmp_path):
    call.text("batchnorm", "--eval", "x.zarr", "-o", "y.zarr")
    ours, theirs = (
        json.loads((tmp_path / f"{name}.zarr/zarr.json").read_bytes())["codecs"] for name in "yx"
    )
    assert [codec["name"] for codec in ours] == ["sharding_indexed"]
    assert ours == theirs


@pytest.mark.parametrize(
    ("chunks", "counts", "expected"),
    [
        ((1, 1, 4, 4), (1, 1, 2, 3), (1, 1, 8, 12)),
        ((1, 1, 4, 4), (9, 9, 99, 99), (2, 3, 100, 100)),
        ((1, 1, 100, 100), (1, 1, 4, 4), None),
        ((1, 1, 4, 4), (1, 1, 1, 1), None),
    ],
)
def test_no_more_than_there_are(chunks, counts, expected):
    operator = DropoutBlocks.planned((2, 3, 100, 100), np.dtype(np.float32), seed=0)
    assert usual_shards(operator, chunks, counts, 1 << 40) == expected


def test_fewer_where_a_block_would_take_too_much(call, tmp_path):
    """The longest number of chunks is halved first."""
    shape, chunks, counts = (2, 3, 1000, 1000), (1, 1, 100, 100), (2, 3, 10, 7)
    operator = DropoutBlocks.planned(shape, np.dtype(np.float32), seed=0)
    tried = [(2, 3, 1000, 700), (2, 3, 500, 700), (2, 3, 500, 400), (2, 3, 300, 400)]
    taken = [operator.bytes_of(Box((0,) * 4, sizes)) for sizes in tried]
    for sizes, size, larger in zip(tried, taken, [1 << 40, *taken], strict=False):
        for budget in (size, larger - 1):
            assert usual_shards(operator, chunks, counts, budget) == sizes
    assert usual_shards(operator, chunks, counts, 1) is None


def test_shards_that_would_take_too_much_are_smaller_in_the_result(call, tmp_path):
    how = {"shape": (1, 1, 8192, 4096), "chunks": (1, 1, 1024, 1024), "dtype": np.float64}
    zarr.create_array(tmp_path / "l.zarr", shards=how["shape"], **how)  # nothing is stored
    found = json.loads(call.text("dropout", "--seed", "1", "l.zarr", "--dry-run", "-f", "json"))
    assert (found["shards"], found["blocks"]) == ([1, 1, 2048, 4096], 4)
