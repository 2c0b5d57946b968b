"""Large files that are read: what is mapped, and what is read instead."""

import errno
import io
import mmap
import os
import re
import runpy
import sys
import tempfile
from types import SimpleNamespace

import numpy as np
import pytest
from mapped_arrays import FLOAT, is_mapped, values

from cnnops_cli import large_arrays
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors import mapped
from cnnops_cli.tensors.formats import Reading
from cnnops_cli.tensors.read import INPUT_ARGUMENT, read_tensor


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder, in which temporary files are as well, and everything large from 96 bytes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(large_arrays, "LARGE", 96)
    return tmp_path


def saved(array, version=(1, 0), padding=0):
    """The bytes of a .npy file, with `padding` more blanks in its header than NumPy writes."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version, allow_pickle=False)
    data = stream.getvalue()
    at = len(data) - array.nbytes
    width = {1: 2, 2: 4, 3: 4}[version[0]]
    text = data[8 + width : at - 1] + b" " * padding + b"\n"
    return data[:8] + len(text).to_bytes(width, "little") + text + data[at:]


def read(data, name="x.npy"):
    with open(name, "wb") as file:
        file.write(data)
    return read_tensor(name, INPUT_ARGUMENT).array


@pytest.mark.parametrize(("count", "expected"), [(23, False), (24, True), (25, True)])
def test_files_of_the_threshold_and_more_are_mapped(count, expected):
    array = read(saved(values(count)))
    assert is_mapped(array) is expected
    np.testing.assert_array_equal(array, values(count), strict=True)


def test_the_threshold_is_64_mib():
    fresh = SimpleNamespace(**runpy.run_path(large_arrays.__file__))
    assert not fresh.is_large((64 << 20) - 1)
    assert fresh.is_large(64 << 20)


def test_a_mapped_file_cannot_be_written_to():
    assert not read(saved(values(24))).flags.writeable


FORMS = {
    "rows": lambda array: array,
    "columns": np.asfortranarray,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "big-endian columns": lambda array: np.asfortranarray(array).astype(">f4"),
    "one axis": np.ravel,
    "axes of length 1": lambda array: array.reshape(1, 4, 1, 6, 1),
}


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("form", FORMS)
def test_memory_order_and_byte_order_are_the_files(form, version):
    array = FORMS[form](values(24).reshape(4, 6))
    found = read(saved(array, version))
    assert is_mapped(found)
    assert (found.shape, found.dtype, found.strides) == (array.shape, array.dtype, array.strides)
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("padding", [0, 1, 2, 4, 8])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", ">f8", "uint8"])
def test_values_that_are_not_aligned(dtype, padding):
    array = values(96, dtype)
    found = read(saved(array, padding=padding))
    assert is_mapped(found)
    assert found.flags.aligned is (padding % array.itemsize == 0)
    np.testing.assert_array_equal(found, array)


def test_every_byte_but_0_is_true():
    data = bytearray(saved(np.zeros(96, bool)))
    data[-3:] = b"\x01\x02\xff"
    found = read(bytes(data))
    np.testing.assert_array_equal(found, np.repeat([0, 1], [93, 3]).astype(np.uint8), strict=True)


@pytest.mark.parametrize(
    ("array", "threshold"),
    [(np.float64(2.5), 8), (np.zeros((3, 0, 2), FLOAT), 1), (np.zeros((0,), FLOAT), 0)],
)
def test_one_number_and_nothing(monkeypatch, array, threshold):
    monkeypatch.setattr(large_arrays, "LARGE", threshold)
    np.testing.assert_array_equal(read(saved(np.asarray(array))), np.asarray(array), strict=True)


def test_headers_alone_are_not_mapped(monkeypatch):
    monkeypatch.setattr(mmap, "mmap", None)
    with open("x.npy", "wb") as file:
        file.write(saved(values(24)))
    array = read_tensor("x.npy", INPUT_ARGUMENT, Reading(headers=True)).array
    assert (array.shape, array.dtype) == ((24,), FLOAT)


@pytest.mark.parametrize("large", [1, 1 << 30], ids=["mapped", "read"])
@pytest.mark.parametrize(
    ("change", "fault", "follow"),
    [(lambda data: data[:-1], "cut short", 95), (lambda data: data + b"x", "too long", 97)],
)
def test_a_header_that_promises_another_amount(monkeypatch, large, change, fault, follow):
    monkeypatch.setattr(large_arrays, "LARGE", large)
    reason = f"x.npy is {fault}: its header promises float32 (24,), 96 bytes, but {follow} follow"
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        read(change(saved(values(24))))


@pytest.mark.parametrize("shape", [(2**62, 2**62), (2**63,), (2**60, 8)])
def test_a_shape_that_no_address_reaches(shape):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    data = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    with pytest.raises(CnnopsError, match=r"^x\.npy is cut short: its header promises float32 "):
        read(data)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOMEM, ""), OSError(errno.ENODEV, ""), ValueError(), OverflowError()]
)
@pytest.mark.parametrize("form", FORMS)
def test_what_cannot_be_mapped_is_read(monkeypatch, form, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(mmap, "mmap", refuse)
    array = FORMS[form](values(24).reshape(4, 6))
    found = read(saved(array))
    np.testing.assert_array_equal(found, array.astype("<f4"), strict=True)
    assert os.listdir() == ["x.npy"]


class TestStandardInput:
    """A file is mapped from where it is; a pipe fills an array in an unnamed file."""

    @pytest.fixture
    def stdin(self, monkeypatch):
        opened = []

        def give(descriptor):
            opened.append(stream := os.fdopen(descriptor, "rb"))
            monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
            return stream

        yield give
        for stream in opened:
            stream.close()

    @pytest.fixture
    def file(self, stdin):
        def give(data, start=0):
            with open("in", "wb") as file:
                file.write(data)
            descriptor = os.open("in", os.O_RDONLY)
            os.lseek(descriptor, start, os.SEEK_SET)
            return stdin(descriptor)

        return give

    @pytest.mark.parametrize("before", [b"", b"x", b"before" * 1000])
    def test_a_file_from_where_it_is(self, file, before):
        file(before + saved(values(24)), len(before))
        array = read_tensor("-", INPUT_ARGUMENT).array
        assert is_mapped(array)
        np.testing.assert_array_equal(array, values(24), strict=True)

    def test_a_file_of_which_a_part_was_read_through_the_stream(self, file):
        stream = file(b"before" + saved(values(24)))
        assert stream.read(6) == b"before"
        array = read_tensor("-", INPUT_ARGUMENT).array
        assert is_mapped(array)
        np.testing.assert_array_equal(array, values(24), strict=True)

    @pytest.mark.parametrize("large", [1, 1 << 30], ids=["mapped", "read"])
    def test_the_file_is_read_to_its_end(self, file, monkeypatch, large):
        monkeypatch.setattr(large_arrays, "LARGE", large)
        stream = file(saved(values(24)))
        read_tensor("-", INPUT_ARGUMENT)
        assert stream.tell() == os.stat("in").st_size

    @pytest.mark.parametrize("large", [1, 1 << 30], ids=["mapped", "read"])
    @pytest.mark.parametrize("before", [0, 7])
    @pytest.mark.parametrize("change", [-1, 1])
    def test_another_amount_in_a_file(self, file, monkeypatch, large, before, change):
        monkeypatch.setattr(large_arrays, "LARGE", large)
        data = saved(values(24)) + b"x"
        file(bytes(before) + data[: len(data) - 1 + change], before)
        fault = "cut short" if change < 0 else "too long"
        reason = (
            f"standard input is {fault}: its header promises float32 (24,), 96 bytes, "
            f"but {96 + change} follow"
        )
        with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
            read_tensor("-", INPUT_ARGUMENT)

    @pytest.mark.parametrize("form", FORMS)
    def test_a_pipe(self, stdin, form):
        array = FORMS[form](values(24).reshape(4, 6))
        reading, writing = os.pipe()
        os.write(writing, saved(array))
        os.close(writing)
        stdin(reading)
        with large_arrays.held_by(lambda _, *what: mapped.without_name(None, *what)):
            found = read_tensor("-", INPUT_ARGUMENT).array
        assert is_mapped(found)
        np.testing.assert_array_equal(found, array.astype("<f4"), strict=True)
        assert os.listdir() == []

    @pytest.mark.parametrize("hold", [lambda *_: None, None], ids=["no space", "no holder"])
    def test_a_pipe_that_memory_holds(self, stdin, hold):
        reading, writing = os.pipe()
        os.write(writing, saved(values(24)))
        os.close(writing)
        stdin(reading)
        with large_arrays.held_by(hold):
            found = read_tensor("-", INPUT_ARGUMENT).array
        assert not is_mapped(found)
        np.testing.assert_array_equal(found, values(24), strict=True)
