"""The memory that blocks take: what is told of it, and what a machine with less of it does."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from calling import CommandHere
from stores import assert_same_bytes, load, store

from cnnops_cli.blocks import local_threads
from cnnops_cli.commands import block_plan

pytestmark = pytest.mark.cluster

MIB = 1 << 20
PEAK = """
import sys
from cnnops_cli.__main__ import main
try:
    main()
finally:
    sys.stderr.write(open("/proc/self/status").read())
"""


@pytest.fixture
def call(tmp_path):
    return CommandHere(tmp_path)


@pytest.fixture
def available(monkeypatch):
    """Have the machine tell of other memory."""

    def set_to(size):
        for module in (local_threads, block_plan):
            monkeypatch.setattr(module, "available_memory", lambda: size)

    return set_to


def peak(folder, *arguments):
    """The most memory that a call has had at once."""
    call = [sys.executable, "-c", PEAK, *arguments, "--threads", "2", "-o", "y.zarr", "--overwrite"]
    run = subprocess.run(call, cwd=folder, capture_output=True, text=True, check=True)
    return int(re.search(r"VmHWM:\s+(\d+) kB", run.stderr)[1]) << 10


def told(call, *arguments):
    return json.loads(call.text(*arguments, "--dry-run", "-f", "json"))


@pytest.mark.parametrize(
    ("chunks", "arguments"),
    [
        ((1, 2048, 2048), ["maxpool", "-k", "2", "--output-chunks", "1,512,512"]),
        ((1, 512, 2048), ["batchnorm", "--eval", "--dtype", "float16"]),
    ],
    ids=["a large chunk", "a copy in another dtype"],
)
def test_no_call_takes_more_than_is_told(call, tmp_path, chunks, arguments):
    rng = np.random.default_rng(0)
    store(tmp_path / "x.zarr", rng.standard_normal((2, 2048, 2048)), chunks)
    store(tmp_path / "small.zarr", np.zeros((1, 8, 8)), (1, 8, 8))
    memory = told(call, *arguments, "x.zarr", "--threads", "2")["memory"]
    taken = peak(tmp_path, *arguments, "x.zarr") - peak(tmp_path, *arguments, "small.zarr")
    assert 0 < taken < memory["worker"]


def test_chunks_that_are_read_or_written_are_counted(call, tmp_path, monkeypatch):
    monkeypatch.setattr(block_plan, "BLOCK_BYTES", 1)
    x = np.zeros((1, 1, 1024, 1024), np.float32)
    store(tmp_path / "x.zarr", x, (1, 1, 256, 256))
    store(tmp_path / "whole.zarr", x, x.shape)
    store(tmp_path / "shards.zarr", x, (1, 1, 256, 256), "shards")
    call_of = ("dropout", "--seed", "1", "--output-chunks", "1,1,128,128", "-o", "y.zarr")
    chunk, whole = 256 * 256 * 4, x.nbytes
    for name, block, transit in (
        ("x", 128 * 128, 2 * chunk),
        ("whole", 128 * 128, 2 * whole),
        ("shards", 256 * 256, 9 * chunk),
    ):
        operator = 60 * MIB + block * (4 + 1 + 4)
        assert told(call, *call_of, f"{name}.zarr")["memory"]["block"] == operator + transit
    large = ("dropout", "--seed", "1", "--output-chunks", "1,1,1024,1024", "x.zarr", "-o", "y.zarr")
    operator = 60 * MIB + 1024 * 1024 * (4 + 1 + 4)
    assert told(call, *large)["memory"]["block"] == operator + 2 * whole


def test_a_dry_run_counts_what_is_written_where_no_output_is_named(call, tmp_path):
    store(tmp_path / "x.zarr", np.zeros((1, 1, 64, 64), np.float32), (1, 1, 8, 8), "shards")
    call_of = ("batchnorm", "x.zarr", "--output-chunks", "1,1,32,32")
    written = told(call, *call_of, "-o", "y.zarr")
    assert told(call, *call_of) == written
    assert written["memory"]["block"] == 60 * MIB + 64 * 64 * (4 + 4) + 3 * 64 * 64 * 4


def test_a_copy_in_the_operators_axes_is_that_of_the_largest_block(call, tmp_path, monkeypatch):
    """A block in the middle sees more than the first one, which begins with padding."""
    monkeypatch.setattr(block_plan, "BLOCK_BYTES", 1)
    store(tmp_path / "first.zarr", np.zeros((1, 2, 40, 40), np.float32), (1, 2, 8, 8))
    store(tmp_path / "last.zarr", np.zeros((1, 40, 40, 2), np.float32), (1, 8, 8, 2))
    layer = ("conv", "--kernel-size", "3", "--out-channels", "2", "-p", "1")
    first = told(call, *layer, "first.zarr")["memory"]["block"]
    last = told(call, *layer, "--layout", "channels-last", "last.zarr")["memory"]["block"]
    assert last - first == 2 * 10 * 10 * 4


def test_a_mask_is_read_too_and_input_as_it_is_stored(call, tmp_path):
    store(tmp_path / "x.zarr", np.zeros((4, 6)), (2, 4))
    mask = np.zeros((4, 6), np.uint8)
    store(tmp_path / "m.zarr", mask, (4, 5))
    np.save(tmp_path / "m.npy", mask)
    of_input = 2 * 2 * (2 * 4) * 8
    for name, of_mask in (("m.zarr", 2 * 4 * 5), ("m.npy", 24)):
        found = told(call, "dropout", "--mask", name, "x.zarr", "--dtype", "float32")
        assert (found["bytes_read"], found["times_read"]) == (of_input + of_mask, 1.0)


@pytest.fixture
def large(call, tmp_path):
    """An INPUT of 64 chunks, which are one block of 97 MiB where there is memory for it."""
    x = np.random.default_rng(0).standard_normal((64, 1, 256, 256)).astype(np.float32)
    return store(tmp_path / "x.zarr", x, (1, 1, 256, 256)), x


def test_blocks_are_smaller_where_memory_is(call, tmp_path, large, available):
    call_of = ("dropout", "--seed", "1", "x.zarr")
    found = {}
    for room in (None, 1 << 40, 80 * MIB, 64 * MIB):
        available(room)
        found[room] = told(call, *call_of, "--threads", "2")
        assert found[room]["memory"]["worker"] <= (room or 1 << 40)
    assert [each["blocks"] for each in found.values()] == [1, 1, 2, 11]
    assert [each["threads"] for each in found.values()] == [2, 2, 2, 2]
    call.text(*call_of, "-o", "y.zarr")
    np.save(tmp_path / "x.npy", large[1])
    call.text("dropout", "--seed", "1", "x.npy", "-o", "y.npy")
    assert_same_bytes(load(tmp_path / "y.zarr")[1], np.load(tmp_path / "y.npy"))


def test_a_cluster_is_not_held_against_this_machine(call, large, available):
    available(64 * MIB)
    found = told(call, "dropout", "--seed", "1", "x.zarr", "--scheduler", "tcp://127.0.0.1:1")
    assert found["blocks"] == 1
    assert "threads" not in found
    assert found["memory"].keys() == {"block", "worker_with_one_thread"}
    assert found["memory"]["worker_with_one_thread"] == found["memory"]["block"]


def test_statistics_are_those_of_the_same_blocks_or_there_are_none(
    call, tmp_path, large, available
):
    block = told(call, "batchnorm", "x.zarr")["memory"]["block"]
    available(block)
    assert told(call, "batchnorm", "x.zarr")["blocks"] == 1
    call.text("batchnorm", "x.zarr", "-o", "y.zarr")
    available(block - 1)
    assert told(call, "batchnorm", "--eval", "x.zarr")["blocks"] == 2
    mib = -(-block // MIB)
    line = (
        f"a block takes up to {mib} MiB, but this machine has {mib - 1} MiB of memory available; "
        "give the result smaller chunks"
    )
    for more in (["--dry-run"], ["-o", "y.zarr", "--overwrite"]):
        assert call.refusal("batchnorm", "x.zarr", *more) == line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.zarr", "y.zarr"]


def test_threads_that_memory_has_no_room_for_are_left_out(call, large, monkeypatch, available):
    monkeypatch.setattr(block_plan, "BLOCK_BYTES", 1)
    call_of = ("batchnorm", "x.zarr", "--threads", "4")
    block = told(call, *call_of)["memory"]["block"]
    for room, threads, at_a_time in ((4 * block, 4, 4), (4 * block - 1, 3, 3), (block, 4, 1)):
        available(room)
        found = told(call, *call_of)
        assert (found["blocks"], found["threads"]) == (64, threads)
        *others, worker = found["memory"].values()
        assert worker == sum(others) + (at_a_time - 1) * block
