"""Arrays of any memory order, byte order and alignment: the same answers, in little memory.

Files that are mapped are such arrays. What is done with them must never take a second one.
"""

import io
import tracemalloc

import numpy as np
import pytest

from cnnops_cli import slabs
from cnnops_cli.checks import comparison
from cnnops_cli.checks.comparison import compare
from cnnops_cli.checks.comparison_lines import differences
from cnnops_cli.checks.tolerance import Tolerance
from cnnops_cli.dtypes import as_array
from cnnops_cli.ops import dropout, integer_sums, parallel
from cnnops_cli.ops.relu import relu
from cnnops_cli.tensors import json_format, npy, npz, pixels, tensor
from cnnops_cli.tensors.tensor import Tensor, convert, truth
from cnnops_cli.text.colours import Scale
from cnnops_cli.views import heat, summary
from cnnops_cli.views.room import Room
from cnnops_cli.views.sections import Section
from cnnops_cli.views.view import View
from cnnops_cli.views.view_files import svg


def unaligned(array):
    memory = np.empty(array.nbytes + 1, np.uint8)
    found = np.ndarray(array.shape, array.dtype, memory, 1)
    found[...] = array
    return found


def channels_last(array):
    if array.ndim < 2:
        return array
    return np.moveaxis(np.moveaxis(array, 0, -1).copy(), -1, 0)


def swapped(array):
    return array.astype(array.dtype.newbyteorder(">"))


ORDERS = {
    "as it is": lambda array: array,
    "columns": lambda array: array.copy(order="F"),
    "channels last": channels_last,
    "big-endian": swapped,
    "unaligned": unaligned,
    "big-endian columns": lambda array: swapped(array.copy(order="F")),
    "unaligned and big-endian": lambda array: unaligned(swapped(array)),
}


def within(*dtypes):
    return Tolerance(1e-3, 1e-3)


def written(write, *args):
    stream = io.BytesIO()
    write(stream, *args)
    return stream.getvalue()


def compared(array, plain):
    other = plain.copy()
    other[..., ::3] = other[..., ::3] * 2 + 1
    found = [compare(*pair, tolerance=within) for pair in ((array, other), (other, array))]
    with np.errstate(invalid="ignore", over="ignore"):
        found.append(compare(other.astype(np.int16), array, weak=True))
    return [(repr(each), differences(each)) for each in found]


def kept(array, plain):
    return [
        dropout.keep(as_array(array, "x"), plain > 0, 0.5),
        dropout.keep(plain, array, 0.5),
        dropout.dropout(array, 0.3, seed=3),
        dropout.dropout(array, 0.3, training=False),
    ]


def converted(array, plain):
    return [convert(Tensor(array, "x", weak=False), np.dtype(to)) for to in ("f8", "f4")]


def texts(array, plain):
    return [written(write, array) for write in (npy.write, json_format.write)] + [
        json_format.format_array(array, 1),
        written(npz.write_named, {"x": array}),
        written(json_format.write_named, {"x": array, "y": array}),
    ]


def summed_up(array, plain):
    return [summary.summarise(array, 20), Scale.of(array)]


TASKS = {
    "comparison": compared,
    "dropout": kept,
    "conversion": converted,
    "truth": lambda array, plain: [truth(array)],
    "files": texts,
    "summary": summed_up,
}
SHAPES = [(3, 4, 5), (2, 3, 4, 1), (70,), (0, 3), (2, 0, 3), (1, 1)]


def hostile(shape, dtype):
    values = np.random.default_rng(5).integers(-99, 99, shape).astype(np.float64)
    if np.dtype(dtype).kind == "f":
        values *= 0.75
        special = [np.nan, np.inf, -0.0, -np.inf, 0.0]
        values.reshape(-1)[1::7] = np.resize(special, len(values.reshape(-1)[1::7]))
    return values.astype(dtype)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(slabs, "_MOST_BYTES", 60)
    monkeypatch.setattr(json_format, "_MOST_VALUES", 7)
    for module in (comparison, tensor, summary, pixels):
        monkeypatch.setattr(module, "_PIECE", 11)
    monkeypatch.setattr(dropout, "_BLOCK", 8)
    monkeypatch.setattr(integer_sums, "_AT_ONCE", 9)


def assert_alike(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        if isinstance(theirs, np.ndarray):
            assert ours.dtype.isnative
            np.testing.assert_array_equal(ours, theirs, strict=True)
            np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))
        else:
            assert ours == theirs


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "uint64"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("order", ORDERS)
def test_any_memory_gives_the_same(order, task, dtype):
    for shape in SHAPES:
        plain = hostile(shape, dtype)
        array = ORDERS[order](plain)
        assert_alike(TASKS[task](array, plain), TASKS[task](plain, plain))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("order", ORDERS)
def test_one_number_in_any_memory(order):
    plain = np.array(-1.5, np.float32)
    array = ORDERS[order](plain)
    for task in ("dropout", "conversion", "truth", "files", "summary"):
        assert_alike(TASKS[task](array, plain), TASKS[task](plain, plain))
    assert compare(array, plain).equal
    assert not compare(array, plain + 1).equal


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("order", ORDERS)
def test_values_that_do_not_fit_are_named_in_row_major_order(order):
    values = np.arange(60.0).reshape(3, 4, 5)
    values[1, 2, 1], values[1, 3, 0], values[2, 0, 0] = 1e300, -1e301, 1e302
    array = ORDERS[order](values)
    with pytest.raises(tensor.CnnopsError, match=r"^x holds 1e\+300, which float32 cannot: it "):
        convert(Tensor(array, "x", weak=True), np.dtype(np.float32))
    with np.errstate(over="ignore"):
        found = compare(values.astype(np.float32), array, weak=True)
    assert found.misfit.at == (1, 2, 1)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("opaque", [0, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint64"])
@pytest.mark.parametrize("order", ORDERS)
def test_pictures_of_any_memory(order, dtype, opaque):
    plain = np.random.default_rng(6).integers(-99, 400, (3, 5, 7)).astype(dtype)
    found = pixels.pixels_of(ORDERS[order](plain), opaque)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, pixels.pixels_of(plain, opaque), strict=True)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("order", ORDERS)
def test_sums_of_integers_are_bounded_alike(order):
    image, kernel = np.arange(-9, 9), np.arange(-48, 48).reshape(2, 4, 3, 4)
    for shape in ((2, 4, 3, 4), (96, 1), (1, 96)):
        weights = kernel.reshape(shape)
        bound = int(max(np.abs(row).sum() for row in weights)) * 9
        assert integer_sums.largest_sum(image, ORDERS[order](weights), None) == bound


@pytest.mark.parametrize("order", ["as it is", "columns", "channels last", "unaligned"])
def test_views_of_any_memory(order, monkeypatch):
    monkeypatch.setattr(heat, "_AT_ONCE", 100)
    plain = hostile((2, 3, 90, 40), "float32")
    array = ORDERS[order](plain)
    room = Room.of_file(draws=True)
    for small in (slice(None), slice(3)):
        sections = [[Section("input", [], each[:, :, small, small])] for each in (array, plain)]
        ours, theirs = (
            View("conv", each[:, :, small, small], each[:, :, small, small], None, shown).lines(
                room
            )
            for each, shown in zip((array, plain), sections, strict=True)
        )
        assert svg(ours) == svg(theirs)


LARGE = np.random.default_rng(0).standard_normal((4, 1024, 2048), np.float32)
LARGE[1, 2, ::5] = np.nan
WHOLE = np.nan_to_num(LARGE * 50).astype(np.int32)
LARGE_ORDERS = ("as it is", "columns", "channels last", "big-endian", "unaligned")
LITTLE = 4 << 20
"""Bytes, next to 32 MiB of array: for pieces, and for the views' grids of numbers."""


TERMINAL = Room(80, 48, color=True)


class Nowhere(io.RawIOBase):
    """Takes bytes, and keeps none."""

    def writable(self):
        return True

    def write(self, data):
        return len(data)


def nowhere(write, *args):
    with io.BufferedWriter(Nowhere()) as stream:
        write(stream, *args)


def view_of(array, room=TERMINAL):
    View("conv", array, array).lines(room)


def view_of_input(array):
    samples = array.reshape(2, 2, *array.shape[1:]).swapaxes(0, 1)
    result, sections = np.zeros((1, 2, 2)), [Section("input", [], samples)]
    View("conv", result, result, None, sections).lines(Room.of_file(draws=False))


LARGE_TASKS = {
    "comparison": lambda array: compare(array, LARGE[::-1], tolerance=within),
    "expectation": lambda array: compare(LARGE[::-1], array, weak=True),
    "summary": summary.summarise,
    "view": view_of,
    "view of input": view_of_input,
    "npy": lambda array: nowhere(npy.write, array),
    "npz": lambda array: nowhere(npz.write_named, {"x": array}),
    "conversion": lambda array: convert(Tensor(array, "x", weak=False), np.dtype("f8")),
    "truth": truth,
    "dropout by a mask": lambda array: dropout.keep(LARGE, array, 0.3),
    "dropout of channels": lambda array: dropout.keep(LARGE, array[:, :1, :1], 0.3),
}
LARGE_INTEGER_TASKS = {
    "json": lambda array: nowhere(json_format.write, array),
    "json object": lambda array: nowhere(json_format.write_named, {"x": array}),
    "picture": lambda array: pixels.pixels_of(array, 3),
    "bound of sums": lambda array: integer_sums.largest_sum(array, array, None),
    "bound of one large sum": lambda array: integer_sums.largest_sum(array, array[None], None),
    "rectifier": lambda array: relu(array[np.newaxis]),
}


def assert_takes_little(task, array, more=0):
    task(array[..., :1, :1])  # what is imported on the way
    tracemalloc.start()
    with parallel.using_threads(2):
        result = task(array)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < LITTLE + more + (result.nbytes if isinstance(result, np.ndarray) else 0)


@pytest.mark.parametrize("task", LARGE_TASKS)
@pytest.mark.parametrize("order", LARGE_ORDERS)
def test_floats_take_no_second_array(order, task):
    assert_takes_little(LARGE_TASKS[task], ORDERS[order](LARGE))


@pytest.mark.parametrize("order", ["as it is", "columns", "channels last", "unaligned"])
def test_dropout_takes_no_second_array(order):
    """What has another byte order is converted before it comes here."""
    assert_takes_little(lambda array: dropout.dropout(array, 0.3, seed=3), ORDERS[order](LARGE))


@pytest.mark.parametrize("task", LARGE_INTEGER_TASKS)
@pytest.mark.parametrize("order", LARGE_ORDERS)
def test_integers_take_no_second_array(order, task):
    assert_takes_little(LARGE_INTEGER_TASKS[task], ORDERS[order](WHOLE).copy(order="K"))


@pytest.mark.parametrize("shape", [(1 << 23, 1), (1, 1 << 23), (2048, 4096)])
@pytest.mark.parametrize("order", LARGE_ORDERS)
def test_a_plane_shrinks_to_few_cells_in_little_memory(order, shape):
    plane = ORDERS[order](LARGE.reshape(shape))
    assert_takes_little(lambda array: heat.shrink(array, 1, 1, 9.0), plane)


def test_a_plane_shrinks_to_the_same_in_parts(monkeypatch):
    plane = LARGE[0, :500, :300]
    whole = heat.shrink(plane, 7, 11, 9.0)
    monkeypatch.setattr(heat, "_AT_ONCE", 3000)
    np.testing.assert_allclose(heat.shrink(plane, 7, 11, 9.0), whole, rtol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1 << 23), (1 << 23, 1), (1, 2048, 4096)])
def test_a_view_of_one_large_plane_takes_little(shape):
    assert_takes_little(view_of, LARGE.reshape(shape))


@pytest.mark.parametrize("shape", [LARGE.shape, (1, 1 << 23), (1 << 23, 1), (1, 2048, 4096)])
def test_a_page_takes_no_more_than_its_cells_and_their_colours(shape):
    page = Room.of_file(draws=True)
    cells = 2 * 8 * heat.MOST_CELLS
    assert_takes_little(lambda array: view_of(array, page), LARGE.reshape(shape), cells)
