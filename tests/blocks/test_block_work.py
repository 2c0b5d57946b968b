"""Blocks that are run: read, computed, written and reported, on threads or by themselves."""

import pickle
import re
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from cnnops_cli import large_arrays
from cnnops_cli.blocks import local_threads
from cnnops_cli.blocks.boxes import Box, boxes_of
from cnnops_cli.blocks.conv import ConvBlocks
from cnnops_cli.blocks.dropout import DropoutBlocks
from cnnops_cli.blocks.local_threads import Sharing, run_on_threads, sharing
from cnnops_cli.blocks.maxpool import MaxpoolBlocks
from cnnops_cli.blocks.work import BlockWork, run_block
from cnnops_cli.commands.block_operands import NpySource
from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.dtypes import native
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.conv import conv
from cnnops_cli.ops.maxpool import maxpool
from cnnops_cli.ops.parallel import thread_count, using_threads
from cnnops_cli.tensors.formats import Reading
from cnnops_cli.tensors.read import read_tensor

IMAGE = np.random.default_rng(1).standard_normal((2, 9, 8)).astype(np.float32)
KERNEL = np.array([[[[1, -2], [3, 1]], [[0, 1], [-1, 2]]]], np.float32)
HALVES = boxes_of([[(0, 1)], [(0, 4), (4, 8)], [(0, 3), (3, 7)]])


@dataclass(eq=False)
class InMemory:
    """A source or a sink."""

    array: np.ndarray
    times_opened: int = 0

    def open(self):
        self.times_opened += 1
        return self

    def __call__(self, box, values=None):
        if values is None:
            return np.ascontiguousarray(self.array[box.slices])
        self.array[box.slices] = values
        return None


def nothing(_):
    """What is not told."""


def convolution(**work):
    operator = ConvBlocks.planned(IMAGE.shape, IMAGE.dtype, KERNEL)
    result = np.zeros(operator.shape, operator.dtype)
    sinks = {"result": InMemory(result)}
    return BlockWork(operator, {"input": InMemory(IMAGE)}, sinks, **work), result


def test_a_block_is_read_computed_written_and_reported():
    work, result = convolution()
    report = run_block(work.open(), HALVES[3])
    expected = np.zeros_like(result)
    expected[:, 4:, 3:] = conv(IMAGE, KERNEL)[:, 4:, 3:]
    np.testing.assert_array_equal(result, expected)
    assert report.box == HALVES[3]
    assert report.moments is None
    assert report.seconds > 0


def test_what_is_the_same_for_all_blocks_can_be_sent():
    work, _ = convolution(relu=True)
    sent = pickle.loads(pickle.dumps(work))
    run_block(sent.open(), HALVES[0])
    expected = np.maximum(conv(IMAGE, KERNEL)[:, :4, :3], 0)
    np.testing.assert_array_equal(sent.sinks["result"].array[:, :4, :3], expected)


def test_relu_changes_the_result_alone():
    operator = MaxpoolBlocks.planned(IMAGE.shape, IMAGE.dtype, (3, 2), return_indices=True)
    outputs = {name: np.zeros(operator.shape, dtype) for name, dtype in operator.outputs.items()}
    sinks = {name: InMemory(array) for name, array in outputs.items()}
    work = BlockWork(operator, {"input": InMemory(-IMAGE)}, sinks, relu=True)
    run_on_threads(work, boxes_of([[(0, 2)], [(0, 3)], [(0, 2), (2, 4)]]), nothing, nothing)
    values, indices = maxpool(-IMAGE, (3, 2), return_indices=True)
    np.testing.assert_array_equal(outputs["result"], np.maximum(values, 0))
    np.testing.assert_array_equal(outputs["indices"], indices)


@pytest.mark.parametrize("threads", [1, 3])
def test_all_blocks_on_threads(threads):
    work, result = convolution()
    reports = []
    with using_threads(threads):
        run_on_threads(work, HALVES, reports.append, nothing)
    np.testing.assert_array_equal(result, conv(IMAGE, KERNEL))
    assert sorted(report.box for report in reports) == HALVES
    assert work.sources["input"].times_opened == work.sinks["result"].times_opened == 1


def test_each_thread_computes_by_itself():
    counts = []

    class Counting(InMemory):
        def __call__(self, box, values=None):
            counts.append(thread_count())
            return super().__call__(box, values)

    work, result = convolution()
    work = work._replace(sinks={"result": Counting(result)})
    with using_threads(3):
        run_on_threads(work, HALVES, nothing, nothing)
    assert counts == [1] * len(HALVES)


class Blocks(DropoutBlocks):
    def bytes_of(self, box):
        return 90 * box.size


@pytest.mark.parametrize(
    ("room", "most", "inside", "readers"),
    [
        (None, 3, 1, 1),
        (300, 3, 1, 1),
        (299, 2, 1, 1),
        (200, 2, 1, 1),
        (199, 1, 3, 3),
        (120, 1, 3, 3),
        (119, 1, 3, 2),
        (100, 1, 3, 1),
    ],
)
def test_as_many_blocks_at_a_time_as_memory_has_room_for(monkeypatch, room, most, inside, readers):
    """A block and its transfer take 100, of which its transfer takes 10."""
    monkeypatch.setattr(local_threads, "available_memory", lambda: room)
    together = threading.Barrier(most)
    under_way, seen, counts, used = [], [], [], []

    class Together(InMemory):
        def __call__(self, box, values=None):
            under_way.append(box)
            together.wait(60)
            seen.append(len(under_way))
            together.wait(60)
            under_way.remove(box)
            counts.append(thread_count())

    operator = Blocks.planned((6,), np.dtype("f4"), training=False, seed=0)
    source = InMemory(np.zeros(6, np.float32))
    work = BlockWork(operator, {"input": source}, {"result": Together(None)}, bytes_of_transfer=10)
    with using_threads(3):
        boxes = [Box((at,), (at + 1,)) for at in range(6)]
        run_on_threads(work, boxes, nothing, used.append)
    assert set(seen) == {most}
    assert counts == [inside] * 6
    assert used == [readers]


@pytest.mark.parametrize(
    ("threads", "blocks", "expected"),
    [
        (8, 8, Sharing(8, 1, 8, 8 * 100)),
        (8, 5, Sharing(5, 1, 5, 5 * 100)),
        (8, 4, Sharing(1, 8, 8, 100 + 7 * 10)),
        (8, 1, Sharing(1, 8, 8, 100 + 7 * 10)),
        (1, 5, Sharing(1, 1, 1, 100)),
        (2, 1, Sharing(1, 2, 2, 100 + 10)),
    ],
)
def test_threads_that_would_have_no_block_share_one(monkeypatch, threads, blocks, expected):
    monkeypatch.setattr(local_threads, "available_memory", lambda: None)
    with using_threads(threads):
        assert sharing(100, 10, blocks) == expected


@pytest.mark.parametrize("boxes", [1, 2])
def test_a_block_for_which_memory_has_no_room_is_refused(monkeypatch, boxes):
    monkeypatch.setattr(local_threads, "available_memory", lambda: (3 << 20) - 1)
    operator = Blocks.planned((2,), np.dtype("f4"), training=False, seed=0)
    work = BlockWork(operator, {}, {}, bytes_of_transfer=(3 << 20) - 90)
    run_on_threads(work, [], nothing, nothing)
    expected = (
        r"^a block takes up to 3 MiB, but this machine has 2 MiB of memory available; give the "
        r"result smaller chunks$"
    )
    with pytest.raises(CnnopsError, match=expected):
        run_on_threads(work, [Box((0,), (1,))] * boxes, nothing, nothing)


@pytest.mark.parametrize("large", [1, 1 << 30], ids=["mapped", "read"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">i8", "?"])
def test_a_mask_in_a_file_is_read_in_this_machines_byte_order(tmp_path, monkeypatch, dtype, large):
    monkeypatch.setattr(large_arrays, "LARGE", large)
    path, axes = str(tmp_path / "m.npy"), InputLayout(1, "channels-last")
    mask = np.arange(24).reshape(2, 3, 4).astype(dtype)
    np.save(path, mask)
    header = read_tensor(path, "--mask", Reading(headers=True)).array
    source = NpySource(path, "--mask", axes, header.shape, header.dtype)
    got = source.open()(Box((0, 1, 0), (2, 3, 3)))
    expected = np.moveaxis(mask, -1, 1)[:, 1:3]
    np.testing.assert_array_equal(got, expected)
    assert got.dtype == native(mask.dtype)
    assert got.dtype.isnative
    assert got.flags.c_contiguous


def test_a_mask_that_is_another_one_where_a_block_is_computed_is_refused(tmp_path):
    path, axes = str(tmp_path / "m.npy"), InputLayout(0, "channels-first")
    source = NpySource(path, "--mask", axes, (2, 3), np.dtype(np.uint8))
    mask = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.save(path, mask)
    np.testing.assert_array_equal(source.open()(Box((0, 1), (2, 3))), mask[:, 1:])
    for other in (mask.T, mask.astype(np.float32)):
        np.save(path, other)
        expected = re.escape(
            f"it finds another --mask at {path}: {other.dtype} {other.shape}, not uint8 (2, 3)"
        )
        with pytest.raises(CnnopsError, match=f"^{expected}$"):
            source.open()


def test_the_first_error_ends_it():
    begun = []

    class Failing(InMemory):
        def __call__(self, box, values=None):
            begun.append(threading.current_thread())
            raise CnnopsError("cannot read x.zarr: no")

    operator = DropoutBlocks.planned((100,), np.dtype("f4"), seed=0)
    source = Failing(np.zeros(100, np.float32))
    work = BlockWork(operator, {"input": source}, {})
    with using_threads(2), pytest.raises(CnnopsError, match=r"^cannot read x\.zarr: no$"):
        run_on_threads(work, [Box((at,), (at + 1,)) for at in range(100)], nothing, nothing)
    assert 1 <= len(begun) <= 2
