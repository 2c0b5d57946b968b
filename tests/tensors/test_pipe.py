"""Streams that are read as they arrive: waited for, and held once."""

import io
import os
import re
import resource
import sys
import threading
import time
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.formats import Reading
from cnnops_cli.tensors.npy import read as read_npy
from cnnops_cli.tensors.pipe import arrivals, patient, read_whole
from cnnops_cli.tensors.read import INPUT_ARGUMENT, read_tensor


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.fixture
def slow_pipe():
    """A pipe that does not block, and whose writer takes its time."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def start(*pieces):
        def feed():
            for piece in pieces:
                time.sleep(0.05)
                os.write(writing, piece)
            os.close(writing)

        writer = threading.Thread(target=feed)
        writer.start()
        writers.append(writer)
        return stream

    writers = []
    with os.fdopen(reading, "rb") as stream:
        yield start
        for writer in writers:
            writer.join()


def test_what_is_not_there_yet_is_waited_for(slow_pipe):
    stream = slow_pipe(b"[1,", b"2", b"]")
    whole, size = read_whole(patient(stream))
    assert (whole.read(), size) == (b"[1,2]", 5)
    assert not os.get_blocking(stream.fileno())


def test_a_line_is_not_held_back_by_what_follows(slow_pipe):
    stream = slow_pipe(b"[1]\n", b"[2]\n[3", b"]")
    assert list(arrivals(stream, 100)) == [b"[1]\n", b"[2]\n[3", b"]"]
    assert not os.get_blocking(stream.fileno())


def test_as_many_bytes_as_tell_a_format_can_be_peeked_at(slow_pipe):
    stream = patient(slow_pipe(*(bytes([byte]) for byte in b"\x93NUMPY!")), 6)
    assert stream.peek() == b"\x93NUMPY"
    assert stream.read() == b"\x93NUMPY!"


def test_the_end_of_a_terminal_is_asked_for_once():
    class Terminal(io.RawIOBase):
        answers = [b"[1]\n", b"", b"more"]  # noqa: RUF012

        def readable(self):
            return True

        def readinto(self, buffer):
            piece = self.answers.pop(0)
            buffer[: len(piece)] = piece
            return len(piece)

    stream = patient(io.BufferedReader(Terminal()), 6)
    assert stream.peek() == b"[1]\n"
    assert read_whole(stream)[0].read() == b"[1]\n"


VALUES = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"[[0,1,2,3],[4,5,6,7],[8,9,10,11.0]]", False),
        (npy(VALUES), False),
        (npy(np.asfortranarray(VALUES)), False),
        (npy(VALUES.astype(">f8")), False),
        (npy(VALUES), True),
    ],
    ids=["json", "npy", "columns", "big-endian", "header"],
)
def test_standard_input_that_does_not_block(slow_pipe, monkeypatch, data, headers):
    stream = slow_pipe(data[:3], data[3:7], data[7:140], data[140:])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    array = read_tensor("-", INPUT_ARGUMENT, Reading(headers=headers)).array
    assert array.shape == VALUES.shape
    assert array.dtype == VALUES.dtype
    assert headers or array.tolist() == VALUES.tolist()


def claiming(shape, payload, descr="<f8"):
    """A .npy file whose header promises ``shape`` whatever follows."""
    stream = io.BytesIO()
    header = {"shape": shape, "fortran_order": False, "descr": descr}
    np.lib.format.write_array_header_1_0(stream, header)
    return io.BytesIO(stream.getvalue() + payload)


@pytest.mark.parametrize(
    ("shape", "payload", "descr", "fault", "follow"),
    [
        ((11,), 80, "<f8", "cut short", 80),
        ((11,), 80, ">f8", "cut short", 80),
        ((10**15,), 80, "<f8", "cut short", 80),
        ((10,), 0, "<f8", "cut short", 0),
        ((9,), 80, "<f8", "too long", "more"),
        ((0,), 1, "<f8", "too long", "more"),
    ],
)
def test_a_header_that_promises_another_amount_in_a_pipe(shape, payload, descr, fault, follow):
    reason = (
        f"x is {fault}: its header promises float64 {shape}, {8 * shape[0]} bytes, "
        f"but {follow} follow"
    )
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        read_npy(claiming(shape, bytes(payload), descr), None, "x")


def test_as_much_as_was_promised_is_read():
    for shape, payload in (((10,), 80), ((0, 5), 0), ((), 8)):
        array = read_npy(claiming(shape, bytes(payload)), None, "x")
        assert (array.shape, array.dtype) == (shape, np.dtype(np.float64))


def resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("descr", ["<f8", ">f8"])
def test_a_promise_takes_no_memory(descr):
    before = resident()
    with pytest.raises(CnnopsError, match=r"^x is cut short: .*, but 1000000 follow$"):
        read_npy(claiming((10**9,), bytes(10**6), descr), None, "x")
    assert resident() - before < 50_000


@pytest.mark.parametrize("held", [80, 88])
def test_where_a_promise_cannot_be_reserved_it_is_still_looked_at(monkeypatch, held):
    def refuse(*_):
        raise MemoryError("too large")

    stream = claiming((11,), bytes(held))
    monkeypatch.setattr(np, "empty", refuse)
    if held < 88:
        with pytest.raises(CnnopsError, match=r"^x is cut short: .*, 88 bytes, but 80 follow$"):
            read_npy(stream, None, "x")
    else:
        with pytest.raises(MemoryError, match=r"^too large$"):
            read_npy(stream, None, "x")


def test_an_array_in_a_pipe_is_held_once(monkeypatch):
    array = np.ones(1 << 20)
    data = npy(array)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    tracemalloc.start()
    read = read_tensor("-", INPUT_ARGUMENT).array
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read.sum() == array.sum()
    assert array.nbytes <= peak < array.nbytes * 1.2


def test_text_in_a_pipe_is_held_once():
    pipe = io.BufferedReader(io.BytesIO(b"x" * (1 << 22)))
    tracemalloc.start()
    whole, size = read_whole(pipe)
    text = whole.read()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(text) == size == 1 << 22
    assert held < size * 1.1
