"""What a call on a Zarr array writes, refuses, replaces and tells."""

import json
import os
import re
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from calling import CommandHere
from pseudo_terminal import run_on_terminal
from stores import assert_same_bytes, load, store, zarr

from cnnops_cli.blocks import local_threads
from cnnops_cli.commands import block_plan
from cnnops_cli.tensors.zarr_compressors import kept_compressors
from cnnops_cli.views import progress

pytestmark = pytest.mark.cluster

X = np.arange(2 * 3 * 12 * 10, dtype=np.float32).reshape(2, 3, 12, 10) - 200
KERNEL = "[[[[1,2],[3,4]],[[0,1],[1,0]],[[1,1],[1,1]]]]"
CONV = ("conv", "-k", KERNEL, "x.zarr")
LAYER = ("conv", "--kernel-size", "1", "--out-channels", "1")


@pytest.fixture
def call(tmp_path):
    store(tmp_path / "x.zarr", X, (1, 3, 6, 5))
    np.save(tmp_path / "x.npy", X)
    return CommandHere(tmp_path)


@pytest.fixture
def on_terminal(call):
    def run(*arguments, env=None):
        streams = {"on": ("stderr",)}
        return run_on_terminal(lambda found: call.run(arguments, found, env=env), **streams)

    return run


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_store_of_version_3_and_nothing_on_the_streams(call, tmp_path):
    assert call.text(*CONV, "-o", "y.zarr") == ""
    array, values = load(tmp_path / "y.zarr")
    assert (array.metadata.zarr_format, array.chunks, array.shards) == (3, (1, 1, 6, 5), None)
    call.text("conv", "-k", KERNEL, "x.npy", "-o", "y.npy")
    assert_same_bytes(values, np.load(tmp_path / "y.npy"))


ZSTD = {"name": "zstd", "configuration": {"level": 0, "checksum": False}}


def blosc(typesize, shuffle):
    configuration = {"cname": "lz4", "clevel": 3, "shuffle": shuffle, "blocksize": 0}
    return {"name": "blosc", "configuration": {"typesize": typesize, **configuration}}


def blosc_of_version_2(shuffle):
    configuration = {"cname": "lz4", "clevel": 3, "shuffle": shuffle, "blocksize": 0}
    return {"zarr_format": 2, "compressors": {"id": "blosc", **configuration}}


@pytest.mark.parametrize(
    ("how", "of_result", "of_mask"),
    [
        ({}, [ZSTD], [ZSTD]),
        ({"compressors": None}, [], []),
        ({"compressors": None, "shards": (2, 3, 12, 10)}, [], []),
        ({"compressors": [blosc(4, "shuffle")]}, [blosc(4, "shuffle")], [blosc(1, "shuffle")]),
        (
            {"compressors": [{"name": "gzip", "configuration": {"level": 1}}, {"name": "crc32c"}]},
            *[[{"name": "gzip", "configuration": {"level": 1}}, {"name": "crc32c"}]] * 2,
        ),
        ({"compressors": [{"name": "numcodecs.lz4", "configuration": {}}]}, [ZSTD], [ZSTD]),
        ({"filters": [zarr.codecs.TransposeCodec(order=(3, 1, 2, 0))]}, [ZSTD], [ZSTD]),
        ({"zarr_format": 2, "compressors": None}, [], []),
        (blosc_of_version_2(1), [blosc(4, "shuffle")], [blosc(1, "shuffle")]),
        (blosc_of_version_2(-1), [blosc(4, "shuffle")], [blosc(1, "bitshuffle")]),
        ({"zarr_format": 2, "compressors": {"id": "lz4", "acceleration": 1}}, [ZSTD], [ZSTD]),
    ],
)
def test_results_are_compressed_as_the_input_is(call, tmp_path, how, of_result, of_mask):
    made = {"shape": X.shape, "chunks": (1, 3, 6, 5), "dtype": X.dtype, **how}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numcodecs.lz4 is not in the specification
        zarr.create_array(tmp_path / "z.zarr", **made)[...] = X
    call.text("dropout", "--seed", "1", "z.zarr", "-o", "y.zarr", "--mask-output", "m.zarr")
    call.text("dropout", "--seed", "1", "x.npy", "-o", "y.npy", "--mask-output", "m.npy")
    for name, expected in (("y", of_result), ("m", of_mask)):
        codecs = json.loads((tmp_path / f"{name}.zarr/zarr.json").read_bytes())["codecs"]
        if codecs[0]["name"] == "sharding_indexed":
            codecs = codecs[0]["configuration"]["codecs"]
        assert codecs[0]["name"] == "bytes"
        assert codecs[1:] == expected
        assert_same_bytes(load(tmp_path / f"{name}.zarr")[1], np.load(tmp_path / f"{name}.npy"))


def test_compressors_after_a_codec_that_makes_other_bytes_are_not_kept():
    metadata = {"zarr_format": 3, "codecs": [{"name": "numcodecs.pcodec"}, ZSTD]}
    assert kept_compressors(metadata, np.dtype("f4")) == "auto"


@pytest.mark.parametrize(
    ("arguments", "chunks"),
    [
        (["maxpool", "-k", "2"], (1, 3, 3, 3)),
        (["maxpool", "-k", "2", "-s", "1,3"], (1, 3, 6, 2)),
        (["maxpool", "-k", "12,10"], (1, 3, 1, 1)),
        (["maxpool", "-k", "2", "--layout", "channels-last"], (1, 1, 3, 10)),
        (["batchnorm"], (1, 3, 6, 5)),
        (["dropout", "--seed", "1"], (1, 3, 6, 5)),
        (["dropout", "--seed", "1", "--channelwise"], (1, 3, 6, 5)),
        (["conv", "--out-channels", "70", "--kernel-size", "1", "--seed", "1"], (1, 64, 6, 5)),
        (["conv", "-k", "[[1]]", "--depthwise", "--output-chunks", "2,1,4,10"], (2, 1, 4, 10)),
        (["dropout", "--seed", "1", "--output-chunks", "3,9999999999,13,4"], (2, 3, 12, 4)),
    ],
)
def test_chunks(call, tmp_path, arguments, chunks):
    call.text(*arguments, "x.zarr", "-o", "y.zarr")
    array, _ = load(tmp_path / "y.zarr")
    assert array.chunks == chunks


def test_chunks_of_an_array_whose_axes_have_no_names(call, tmp_path):
    store(tmp_path / "z.zarr", np.zeros((4, 300), np.float32), (2, 100))
    call.text("dropout", "z.zarr", "-o", "y.zarr")
    assert load(tmp_path / "y.zarr")[0].chunks == (2, 100)


def test_chunks_of_the_wrong_rank(call, tmp_path):
    assert call.refusal(*CONV, "-o", "y.zarr", "--output-chunks", "1,5") == (
        "--output-chunks has 2 lengths, but the result has 4 axes: (2, 1, 11, 9)"
    )
    assert names(tmp_path) == ["x.npy", "x.zarr"]


def test_a_result_that_is_there_is_replaced_only_where_that_is_asked_for(call, tmp_path):
    store(tmp_path / "y.zarr", X, (2, 3, 12, 10))
    assert call.refusal(*CONV, "-o", "y.zarr") == "y.zarr is there already; --overwrite replaces it"
    assert_same_bytes(load(tmp_path / "y.zarr")[1], X)
    call.text(*CONV, "-o", "y.zarr", "--overwrite")
    call.text(*CONV, "-o", "z.zarr", "--overwrite")
    assert_same_bytes(load(tmp_path / "y.zarr")[1], load(tmp_path / "z.zarr")[1])
    assert names(tmp_path) == ["x.npy", "x.zarr", "y.zarr", "z.zarr"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            [*CONV, "-o", "x.zarr", "--overwrite"],
            "x.zarr is INPUT x.zarr; write it elsewhere",
        ),
        (
            [*CONV, "-o", "x.zarr/y", "--overwrite"],
            "x.zarr/y is inside INPUT x.zarr; write it elsewhere",
        ),
        (
            ["dropout", "x.zarr", "--mask", "m.zarr", "-o", "m.zarr", "--overwrite"],
            "m.zarr is --mask m.zarr; write it elsewhere",
        ),
        (
            ["maxpool", "-k", "2", "x.zarr", "-o", "y.zarr", "--indices", "y.zarr"],
            "y.zarr is --output y.zarr; write it elsewhere",
        ),
        (
            ["conv", "-k", "k.npy", "x.zarr", "-o", ".", "--overwrite"],
            "--output: '.' is not a Zarr array's name; with a Zarr INPUT it is one, such as y.zarr",
        ),
        (
            ["conv", "-k", "y.zarr/k.npy", "x.zarr", "-o", "y.zarr", "--overwrite"],
            "y.zarr holds --kernel y.zarr/k.npy; write it elsewhere",
        ),
        (
            [*CONV, "-o", "y.zarr", "--save-kernel", "y.zarr/k.npz", "--overwrite"],
            "y.zarr holds --save-kernel y.zarr/k.npz; write it elsewhere",
        ),
        (
            ["batchnorm", "x.zarr", "-o", "y2.zarr", "--save-state", "x.zarr/zarr.json"],
            "--save-state: x.zarr/zarr.json is the name of a Zarr array's metadata; name another "
            "file",
        ),
        (
            ["batchnorm", "x.zarr", "-o", "y2.zarr", "--save-state", "./x.zarr/state.json"],
            "./x.zarr/state.json is inside INPUT x.zarr; write it elsewhere",
        ),
        (
            [*LAYER, "x.zarr", "-o", "y2.zarr", "--save-kernel", "x.zarr/c/k.npz"],
            "x.zarr/c/k.npz is inside INPUT x.zarr; write it elsewhere",
        ),
        (
            [*CONV, "-o", "none/y.zarr"],
            "none/y.zarr cannot be written: no such directory: {folder}/none",
        ),
        ([*CONV[:-1], "none.zarr", "-o", "y2.zarr"], "INPUT: no such Zarr array: none.zarr"),
        (
            [*CONV[:-1], "g.zarr", "-o", "y2.zarr"],
            "g.zarr is a group, not an array; name one of its arrays, as g.zarr/raw/0: raw/0 (4,)",
        ),
        (
            [*CONV[:-1], "c.zarr", "-o", "y2.zarr"],
            "c.zarr has dtype complex64; accepted are float16, float32, float64, bool and all "
            "sizes of int and uint",
        ),
        (
            ["conv", "-k", "[[a]]", "x.zarr", "-o", "y2.zarr"],
            "--kernel has letters, which do not go with a Zarr INPUT",
        ),
        (
            ["conv", "-k", "[[[[1]],[[2]]]]", "x.zarr", "-o", "y2.zarr"],
            "kernel expects 2 input channels (1 group), but x.zarr has 3: kernel (1, 2, 1, 1), "
            "input (2, 3, 12, 10)",
        ),
        (
            ["dropout", "--mask", "m.npy", "x.zarr", "-o", "y2.zarr"],
            "mask has shape (3,), but x.zarr has (2, 3, 12, 10): input (2, 3, 12, 10)",
        ),
        (
            ["maxpool", "-k", "2", "--dtype", "int8", "x.zarr", "-o", "y2.zarr"],
            "x.zarr holds -200.0, which int8 cannot: it takes -128 to 127: input (2, 3, 12, 10)",
        ),
        (
            ["conv", "-k", "[[1]]", "--depthwise", "--dtype", "int8", "x.zarr", "-o", "y2.zarr"],
            "x.zarr holds -200.0, which int8 cannot: it takes -128 to 127: kernel (1, 1), input "
            "(2, 3, 12, 10)",
        ),
    ],
)
def test_refusals(call, tmp_path, arguments, reason):
    store(tmp_path / "m.zarr", np.ones_like(X), X.shape)
    store(tmp_path / "y.zarr", X, X.shape)
    np.save(tmp_path / "y.zarr" / "k.npy", np.ones((1, 3, 1, 1), np.float32))
    np.save(tmp_path / "m.npy", np.ones(3))
    zarr.create_group(str(tmp_path / "g.zarr")).create_array("raw/0", shape=(4,), dtype="f4")
    zarr.create_array(str(tmp_path / "c.zarr"), shape=(4,), chunks=(4,), dtype="c8")
    before = names(tmp_path)
    assert call.refusal(*arguments) == reason.replace("{folder}", str(tmp_path))
    assert names(tmp_path) == before
    assert_same_bytes(load(tmp_path / "y.zarr")[1], X)
    assert_same_bytes(load(tmp_path / "x.zarr")[1], X)


def test_a_sum_that_int64_cannot_hold(call, tmp_path):
    """The operands have the shapes that the user wrote."""
    large = np.full((6, 4, 1), 2**62)
    store(tmp_path / "z.zarr", large, (2, 4, 1))
    line = (
        "the sum 9223372036854775808 does not fit int64; --dtype float64 computes it in floating "
        "point: kernel (2, 1), input (6, 4, 1)"
    )
    arguments = ["--layout", "channels-last", "-k", "[[1],[1]]", "z.zarr", "-o", "y.zarr"]
    assert call.refusal("conv", *arguments) == line
    assert names(tmp_path) == ["x.npy", "x.zarr", "z.zarr"]


def test_all_files_of_a_call_appear_together(call, tmp_path):
    layer = ("--out-channels", "2", "--kernel-size", "3", "--seed", "1")
    call.text("conv", *layer, "x.zarr", "-o", "y.zarr", "--save-kernel", "k.npz")
    call.text("conv", "-k", "k.npz", "x.npy", "-o", "y.npy")
    assert_same_bytes(load(tmp_path / "y.zarr")[1], np.load(tmp_path / "y.npy"))
    (tmp_path / "s.npz").mkdir()
    before = names(tmp_path)
    assert call.refusal("batchnorm", "x.zarr", "-o", "z.zarr", "--save-state", "s.npz") == (
        "--save-state: s.npz is a directory"
    )
    assert names(tmp_path) == before


def test_a_state_that_cannot_be_written_takes_the_result_back(call, tmp_path, monkeypatch):
    from cnnops_cli.tensors import staged_files

    def refuse(file, is_last):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(staged_files._StagedFile, "move", refuse)
    store(tmp_path / "y.zarr", X, X.shape)
    before = names(tmp_path)
    arguments = ("batchnorm", "x.zarr", "-o", "y.zarr", "--overwrite", "--save-state", "s.npz")
    assert call.refusal(*arguments) == "cannot write s.npz: No space left on device"
    assert names(tmp_path) == before
    assert_same_bytes(load(tmp_path / "y.zarr")[1], X)


def test_the_summary_on_a_terminal(on_terminal):
    call = ("dropout", "--seed", "7", "x.zarr", "-o", "y.zarr")
    assert on_terminal(*call).shown.strip() == ("y.zarr  (2, 3, 12, 10)  float32  1 block  seed 7")
    assert on_terminal(*call, "--overwrite", "-q").shown == ""


def test_the_progress_bar_counts_blocks(on_terminal, monkeypatch):
    """Its clock runs fast; the statistics of a batch are blocks too."""
    clock = SimpleNamespace(monotonic=lambda: 10_000 * time.monotonic())
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(block_plan, "BLOCK_BYTES", 1)
    shown = on_terminal("batchnorm", "x.zarr", "-o", "y.zarr", env={"COLUMNS": "80"}).shown
    assert re.search(r"batchnorm .*[1-9] of 16 blocks  \S+/s  \d+:\d\d left", shown)
    assert shown.endswith("y.zarr  (N 2, C 3, H 12, W 10)  float32  8 blocks\n")


DRY_RUN = """\
conv  (N 2, C 1, H 6, W 9)  float32
  floor((length + begin + end - dilation * (kernel - 1) - 1) / stride) + 1
  H: floor((12 + 0 + 0 - 1 * (2 - 1) - 1) / 2) + 1 = 6
  W: floor((10 + 0 + 0 - 1 * (2 - 1) - 1) / 1) + 1 = 9
  accumulate: exact
  multiply-adds: 1296
  chunks: (1, 1, 3, 5)
  blocks: 8
  bytes read: 4.2 KiB
  times read: 1.5
  bytes written: 432 bytes
  threads: 3
  memory, kernel: 48 bytes
  memory, block: 60.0 MiB
  memory, worker: 180.0 MiB
"""


def test_a_dry_run(call, tmp_path, monkeypatch):
    monkeypatch.setattr(block_plan, "BLOCK_BYTES", 1)
    arguments = (*CONV, "--stride", "2,1", "--dry-run", "--threads", "3")
    assert call.text(*arguments, "-f", "table") == DRY_RUN
    record = json.loads(call.text(*arguments, "-o", "y.zarr"))
    found = {name: record[name] for name in ("shape", "chunks", "blocks", "threads")}
    assert found == {"shape": [2, 1, 6, 9], "chunks": [1, 1, 3, 5], "blocks": 8, "threads": 3}
    read = {name: record[name] for name in ("bytes_read", "times_read", "bytes_written")}
    assert read == {"bytes_read": 4320, "times_read": 1.5, "bytes_written": 432}
    assert record["memory"].keys() == {"kernel", "block", "worker"}
    assert names(tmp_path) == ["x.npy", "x.zarr"]


@pytest.mark.parametrize("mode", [("--seed", "1"), ("--eval",)])
def test_an_input_without_axes(call, tmp_path, mode):
    for name, value in (("a", 3), ("b", -0.0)):
        z = np.array(value, np.float32)
        store(tmp_path / f"{name}.zarr", z, ())
        np.save(tmp_path / f"{name}.npy", z)
        for suffix in ("zarr", "npy"):
            call.text("dropout", *mode, f"{name}.{suffix}", "-o", f"y{name}.{suffix}")
        got = load(tmp_path / f"y{name}.zarr")[1]
        assert_same_bytes(got, np.load(tmp_path / f"y{name}.npy"))


def test_a_dry_run_counts_all_that_is_written(call, tmp_path):
    pool, drop = ("maxpool", "-k", "2", "x.zarr"), ("dropout", "--seed", "1", "x.zarr")
    for arguments, size in (
        (pool, 180 * 4),
        ((*pool, "--indices", "i.zarr"), 180 * (4 + 8)),
        (drop, 720 * 4),
        ((*drop, "--mask-output", "m.zarr"), 720 * (4 + 1)),
    ):
        record = json.loads(call.text(*arguments, "-o", "y.zarr", "--dry-run", "-f", "json"))
        assert record["bytes_written"] == size
    assert names(tmp_path) == ["x.npy", "x.zarr"]


def test_a_dry_run_tells_no_more_threads_than_blocks(call, monkeypatch):
    monkeypatch.setattr(block_plan, "BLOCK_BYTES", 1)
    for threads, used in ((7, 7), (8, 8), (9, 8)):
        record = json.loads(call.text(*CONV, "--dry-run", "-f", "json", "--threads", threads))
        assert (record["blocks"], record["threads"]) == (8, used)


def test_statistics_do_not_depend_on_the_order_in_which_blocks_end(call, tmp_path, monkeypatch):
    """Blocks of one channel each, so that an order of their own would exchange the channels."""
    monkeypatch.setattr(block_plan, "BLOCK_BYTES", 1)
    arguments = ("batchnorm", "x.zarr", "--output-chunks", "1,1,12,10", "--threads", "2")
    call.text(*arguments, "-o", "y.zarr", "--save-state", "s.json")
    run = local_threads.for_each
    monkeypatch.setattr(local_threads, "for_each", lambda work, boxes: run(work, boxes[::-1]))
    call.text(*arguments, "-o", "z.zarr", "--save-state", "t.json")
    assert_same_bytes(*(load(tmp_path / f"{name}.zarr")[1] for name in "yz"))
    assert (tmp_path / "s.json").read_bytes() == (tmp_path / "t.json").read_bytes()


def test_an_empty_batch(call, tmp_path):
    store(tmp_path / "z.zarr", X[:0], (1, 3, 6, 5))
    call.text(*CONV[:-1], "z.zarr", "-o", "y.zarr")
    assert load(tmp_path / "y.zarr")[1].shape == (0, 1, 11, 9)
    call.text("batchnorm", "z.zarr", "-o", "b.zarr", "--save-state", "s.json")
    assert json.loads((tmp_path / "s.json").read_text())["num_batches_tracked"] == 1
    assert json.loads(call.text(*CONV[:-1], "z.zarr", "--dry-run"))["blocks"] == 0
