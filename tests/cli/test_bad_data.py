"""Data that lie about themselves: JSON text, .npy headers, archives."""

import io
import os
import pathlib
import struct
import time
import zipfile

import numpy as np
import pytest
from calling import PIPES

from cnnops_cli.commands.stderr import report

AS_IT_IS = ["maxpool", "--dims", "1", "-k", "1"]
DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", ["empty"]),
        (" \n\t", ["empty"]),
        ("[1,2", []),
        ("[1,2]]", []),
        ("[1] [2]", []),
        ("[1] x", []),
        ("[.5]", []),
        ("[1,2,]", []),
        ("[Inf]", []),
        ("[nan]", []),
        ("hello", []),
        ("[null]", ["null"]),
        ("[1,[null]]", []),
        ("[true]", ["true"]),
        ('["1"]', ["string"]),
        ('{"a": [1]}', []),
        ('[{"a": 1}]', []),
        ("[[1,2],[3]]", ["2", "1"]),
        ("[[1,2],3]", []),
        ("[[1,2],[[3],[4]]]", []),
        ("[[],[1]]", []),
        ("[18446744073709551616]", ["18446744073709551616", "64"]),
        ("[-9223372036854775809]", ["-9223372036854775809", "64"]),
        ("[-1,9223372036854775808]", ["9223372036854775808", "64"]),
        ("[" + "1" * 5000 + "]", ["64"]),
        (DEEP, ["deep"]),
        (DEEP + "]" * 100_000, ["deep"]),
        ("[" * 65 + "1" + "]" * 65, ["64"]),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_json_that_is_no_tensor(cnnops, text, named):
    reason = cnnops.refusal(*AS_IT_IS, stdin=text)
    assert len(reason) < 300
    for word in ["standard input", *named]:
        assert word in reason


def test_inline_and_file_json_go_the_same_way(cnnops, tmp_path):
    (tmp_path / "deep.json").write_text(DEEP)
    assert "deep.json" in cnnops.refusal(*AS_IT_IS, "deep.json")
    assert len(cnnops.refusal(*AS_IT_IS, DEEP)) < 300
    assert "64" in cnnops.refusal(*AS_IT_IS, "[18446744073709551616]")
    assert "64" in cnnops.refusal("conv", "-k", "[1]", "[1]", "-b", "18446744073709551616")
    cnnops.refusal(*AS_IT_IS, "[1,\n2,\nx y]")


@pytest.mark.parametrize(
    "data", [b"\xff\xfe[\x001\x00]\x00", b'["\xff"]', b"[1]\x00", b"\x00" * 64]
)
def test_bytes_that_are_no_text(cnnops, data):
    assert "standard input" in cnnops.refusal(*AS_IT_IS, stdin=data)


def claiming(shape, payload=bytes(80), descr="<f8"):
    """A .npy file whose header promises ``shape`` whatever follows."""
    stream = io.BytesIO()
    header = {"shape": shape, "fortran_order": False, "descr": descr}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + payload


def saved(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


LYING_HEADERS = {
    "one short": claiming((11,)),
    "10^15": claiming((10**15,)),
    "10^15 in two axes": claiming((10**8, 10**7)),
    "product past 64 bits": claiming((2**40, 2**40)),
    "one axis past 64 bits": claiming((2**70,)),
    "negative": claiming((-1,)),
    "trailing": claiming((9,)),
    "nothing follows": claiming((10,), b""),
}


@pytest.mark.parametrize("lie", LYING_HEADERS)
def test_headers_that_promise_something_else(cnnops, tmp_path, lie):
    data = LYING_HEADERS[lie]
    (tmp_path / "x.npy").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight.npy", data)
    reasons = {
        "standard input": cnnops.refusal(*AS_IT_IS, stdin=data),
        "x.npy": cnnops.refusal(*AS_IT_IS, "x.npy"),
        "weight": cnnops.refusal(*AS_IT_IS, "x.npz:weight"),
    }
    for place, reason in reasons.items():
        assert place in reason
        assert "memory" not in reason
        assert "allocate" not in reason


def test_a_shape_that_holds_nothing_is_fine_however_large(cnnops):
    assert cnnops.json("dropout", "--eval", stdin=claiming((0, 10**15), b"")) == "[]"


def test_a_huge_promise_is_refused_without_the_memory_for_it(installed, tmp_path):
    (tmp_path / "x.npy").write_bytes(claiming((400_000_000,)))
    (tmp_path / "pipe").write_bytes(claiming((400_000_000,)))
    limited = {"setup": "ulimit -v 2500000", "env": {"OPENBLAS_NUM_THREADS": "1"}}
    for call in (["x.npy"], ["pipe"]):
        reason = installed.refusal(*AS_IT_IS, *call, **limited)
        assert "memory" not in reason
        assert "400000000" in reason


WHOLE = claiming((10,))


@pytest.mark.parametrize("length", [3, 9, 60, len(WHOLE) - 1])
def test_array_files_cut_short(cnnops, tmp_path, length):
    (tmp_path / "x.npy").write_bytes(WHOLE[:length])
    assert "x.npy" in cnnops.refusal(*AS_IT_IS, "x.npy")
    assert "standard input" in cnnops.refusal(*AS_IT_IS, stdin=WHOLE[:length])


def with_header(text, version=b"\x01\x00", length=None):
    body = text.encode()
    size = len(body) if length is None else length
    return b"\x93NUMPY" + version + struct.pack("<H", size) + body + bytes(80)


@pytest.mark.parametrize(
    "header",
    [
        with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (10,), }", length=65535),
        with_header("{'descr': '<f8', 'fortran_order': False, 'shape': 10}\n"),
        with_header("{'descr': '<f8', 'fortran_order': 3, 'shape': (10,)}\n"),
        with_header("{'descr': '<f8', 'shape': (10,)}\n"),
        with_header("{'descr': 'zz', 'fortran_order': False, 'shape': (10,)}\n"),
        with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1.5,)}\n"),
        with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}\n"),
        with_header("__import__('os').getcwd()\n"),
        with_header("(" * 3000 + "\n"),
        with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (10,)}\n", b"\x09\x00"),
        with_header("\n"),
    ],
    ids=[
        *["length", "shape", "order", "missing key", "descr", "fraction", "bool"],
        *["expression", "parentheses", "version", "blank"],
    ],
)
def test_headers_that_make_no_sense(cnnops, header):
    assert "standard input" in cnnops.refusal(*AS_IT_IS, stdin=header)


class Trap:
    """An object whose unpickling leaves a trace."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return pathlib.Path.touch, (self.trace,)


def test_object_arrays_are_never_unpickled(cnnops, tmp_path):
    trace = tmp_path / "trace"
    poison = np.array([Trap(trace), None], object)
    np.save(tmp_path / "x.npy", poison, allow_pickle=True)
    np.savez(tmp_path / "x.npz", weight=poison)
    np.load(tmp_path / "x.npy", allow_pickle=True)
    trace.unlink()
    stdin = (tmp_path / "x.npy").read_bytes()
    reasons = [
        cnnops.refusal(*AS_IT_IS, "x.npy"),
        cnnops.refusal(*AS_IT_IS, "x.npz"),
        cnnops.refusal(*AS_IT_IS, stdin=stdin),
        cnnops.refusal("conv", "-k", "x.npz:weight", "[1]"),
        cnnops.refusal("batchnorm", "--state", "x.npz", "[[1],[2]]"),
    ]
    assert all("object" in reason for reason in reasons)
    pure_pickle = stdin[stdin.index(b"\x80") :]
    (tmp_path / "y.npy").write_bytes(pure_pickle)
    cnnops.refusal(*AS_IT_IS, "y.npy")
    assert not trace.exists()


def archive_bytes(tmp_path, **arrays):
    np.savez(tmp_path / "made.npz", **arrays)
    return bytearray((tmp_path / "made.npz").read_bytes())


def patched(data, offset_in_entry, format, value):
    """Overwrite one field of the first entry in the directory of an archive."""
    entry = data.index(b"PK\x01\x02")
    struct.pack_into(format, data, entry + offset_in_entry, value)
    return data


def test_archives_whose_directory_lies(cnnops, tmp_path):
    promise = claiming(((2**31 - 129) // 8,))
    with zipfile.ZipFile(tmp_path / "made.npz", "w") as archive:
        archive.writestr("weight.npy", promise)
    made = (tmp_path / "made.npz").read_bytes()
    lies = {
        "more than there is": patched(bytearray(made), 24, "<I", 2**31 - 1),
        "unknown compression": patched(bytearray(made), 10, "<H", 99),
        "encrypted": patched(bytearray(made), 8, "<H", 1),
        "wrong place": patched(bytearray(made), 42, "<I", 10**6),
        "cut short": bytearray(made)[: len(made) // 2],
        "no directory": bytearray(made)[:-10],
    }
    for lie, data in lies.items():
        (tmp_path / "x.npz").write_bytes(data)
        reason = cnnops.refusal(*AS_IT_IS, "x.npz")
        assert "x.npz" in reason, lie
        assert "memory" not in reason, lie


def test_a_member_with_a_wrong_checksum(cnnops, tmp_path):
    data = archive_bytes(tmp_path, weight=np.arange(10.0))
    assert data.count(np.arange(10.0).tobytes()) == 1
    data[data.index(np.arange(10.0).tobytes()) + 20] ^= 1
    (tmp_path / "x.npz").write_bytes(data)
    assert "x.npz" in cnnops.refusal(*AS_IT_IS, "x.npz")


def test_archives_without_arrays(cnnops, tmp_path):
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("readme.txt", "no array")
    with zipfile.ZipFile(tmp_path / "empty.npz", "w"):
        pass
    for name in ("text.npz", "empty.npz"):
        assert name in cnnops.refusal(*AS_IT_IS, name)


def test_a_suffix_that_does_not_fit_the_content(cnnops, tmp_path):
    np.savez(tmp_path / "made.npz", a=np.arange(3))
    (tmp_path / "x.npy").write_text("[1,2]")
    (tmp_path / "x.npz").write_text("[1,2]")
    for name in ("x.npy", "x.npz"):
        assert name in cnnops.refusal(*AS_IT_IS, name)
    stdin = (tmp_path / "made.npz").read_bytes()
    assert "standard input" in cnnops.refusal(*AS_IT_IS, stdin=stdin)


def test_an_archive_of_many_members_makes_a_short_line(cnnops, tmp_path):
    with zipfile.ZipFile(tmp_path / "many.npz", "w") as archive:
        for number in range(5_000):
            archive.writestr(f"layer{number}.npy", b"")
    reason = cnnops.refusal(*AS_IT_IS, "many.npz")
    assert reason.endswith("layer7 and 4992 others; name one, as many.npz:layer0")
    assert len(reason) < 200
    assert len(cnnops.refusal(*AS_IT_IS, "x" * 100_000)) < 500


def test_no_error_line_is_endless(capsys):
    report("cnnops", "a" * 2000)
    report("cnnops", "b" * 2001 + "c")
    whole, cut = capsys.readouterr().err.splitlines()
    assert whole == f"cnnops: error: {'a' * 2000}"
    assert cut == f"cnnops: error: {'b' * 1000} … {'b' * 999}c"


def test_json_that_comes_late_is_waited_for(installed):
    for call, data in (
        ([*AS_IT_IS], b"[1,2]"),
        ([*AS_IT_IS], saved(np.array([1, 2]))),
        ([*AS_IT_IS, "[1,2]", "--expect", "-", "-f", "json"], b"[1,2]"),
        (["conv", "-k", "-", "-b", "0", "[1,2]", "--dims", "1"], b"[1]"),
    ):
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        with installed.start(*call, **(PIPES | {"stdin": reading})) as process:
            time.sleep(0.5)
            os.write(writing, data[:2])
            time.sleep(0.1)
            os.write(writing, data[2:])
            os.close(writing)
            assert process.communicate(timeout=20)[0] == b"[1,2]\n"
        assert not os.get_blocking(reading)
        os.close(reading)
