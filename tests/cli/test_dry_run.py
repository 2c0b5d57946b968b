"""--dry-run: what a call would give and take, from headers alone."""

import io
import json
import os
import struct
import zlib

import numpy as np
import pytest
from calling import PIPES


@pytest.fixture
def header(tmp_path):
    """A .npy file whose data is a hole: reading it would take what it promises."""

    def make(name, shape, dtype="<f4"):
        path = tmp_path / name
        with path.open("wb") as stream:
            np.lib.format.write_array_header_1_0(
                stream, {"descr": dtype, "fortran_order": False, "shape": shape}
            )
            size = stream.tell() + int(np.prod(shape)) * np.dtype(dtype).itemsize
        os.truncate(path, size)
        return name

    return make


def estimate(cnnops, *arguments, **options):
    text = cnnops.text(*arguments, "--dry-run", **options)
    assert text.count("\n") == 1
    return json.loads(text)


def test_conv(cnnops, header):
    x, k = header("x.npy", (2, 3, 20, 31)), header("k.npy", (8, 3, 3, 5))
    told = estimate(cnnops, "conv", "-k", k, "-s", "1,2", "-p", "0:1,2:3", "-d", "2,1", x)
    assert told["shape"] == [2, 8, 17, 16]
    assert told["dtype"] == "float32"
    assert told["lengths"] == {
        "H": "floor((20 + 0 + 1 - 2 * (3 - 1) - 1) / 1) + 1 = 17",
        "W": "floor((31 + 2 + 3 - 1 * (5 - 1) - 1) / 2) + 1 = 16",
    }
    assert told["multiply_adds"] == 2 * 8 * 17 * 16 * 3 * 3 * 5
    assert told["memory"]["input"] == 2 * 3 * 20 * 31 * 4
    assert told["memory"]["kernel"] == 8 * 3 * 3 * 5 * 4
    assert told["memory"]["result"] == 2 * 8 * 17 * 16 * 4
    assert 0 < told["memory"]["working"] <= 80 << 20
    assert told["algorithm"].endswith(", in float64")
    assert told["accumulate"] == "exact"


def test_it_tells_what_the_call_would_give(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 5, 6, 4), np.float16))
    for call in (
        ["conv", "--layout", "channels-last", "--out-channels", "3", "--kernel-size", "2,3"],
        ["maxpool", "-k", "3", "-s", "2", "-p", "1", "--ceil-mode"],
        ["batchnorm", "--layout", "channels-last", "--weight", "2"],
        ["dropout", "--channelwise"],
    ):
        result = cnnops.array(*call, "x.npy")
        told = estimate(cnnops, *call, "x.npy")
        assert (told["shape"], told["dtype"]) == ([*result.shape], result.dtype.name)
        assert told["operator"] == call[0]
        assert told["memory"]["result"] == result.nbytes


def test_data_is_neither_read_nor_made(installed, header):
    x = header("x.npy", (1000, 64, 512, 512))
    limit = "ulimit -v 4000000"
    for call in (
        ["conv", "--out-channels", "64", "--kernel-size", "3"],
        ["maxpool", "-k", "2"],
        ["batchnorm"],
        ["dropout"],
        ["dropout", "--dtype", "float64"],
        ["dropout", "--mask", x],
        ["maxpool", "-k", "2", "--dtype", "bool"],
    ):
        told = estimate(installed, *call, x, setup=limit)
        assert told["shape"][:2] == [1000, 64]


def test_a_pipe_is_not_read_beyond_the_header(installed):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f4", "fortran_order": False, "shape": (9, 64, 64)}
    )
    call = ["maxpool", "-k", "2", "--dry-run"]
    with installed.start(*call, bufsize=0, **PIPES) as process:
        process.stdin.write(stream.getvalue())
        told = json.loads(process.stdout.readline())
        assert (process.wait(20), process.stderr.read()) == (0, b"")
    assert (told["shape"], told["memory"]["input"]) == ([9, 32, 32], 9 * 64 * 64 * 4)


def test_an_archive(cnnops, tmp_path):
    np.savez(tmp_path / "w.npz", x=np.ones((1, 4, 4), np.uint8))
    told = estimate(cnnops, "maxpool", "-k", "2", "w.npz:x")
    assert (told["shape"], told["dtype"], told["comparisons"]) == ([1, 2, 2], "uint8", 12)


@pytest.mark.parametrize("layout", ["channels-first", "channels-last"])
def test_a_picture_whose_pixels_are_missing(installed, tmp_path, layout):
    pytest.importorskip("PIL")
    header = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    least = -(-9000 * (1 + 3 * 9000) // 1032)  # deflate makes no more of a byte
    chunks = ((b"IHDR", header), (b"IDAT", bytes(least)), (b"IEND", b""))
    (tmp_path / "x.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )
    )
    call = ["maxpool", "-k", "2", "--layout", layout, "x.png"]
    told = estimate(installed, *call, setup="ulimit -v 500000")
    shape = [3, 4500, 4500] if layout == "channels-first" else [4500, 4500, 3]
    assert (told["shape"], told["dtype"]) == (shape, "uint8")


def test_integers_are_computed_in_what_holds_their_sums(cnnops, header):
    known = estimate(cnnops, "conv", "-k", "[1,2]", "[1,2,3]")
    assert known["algorithm"].endswith(", in float32")
    large = estimate(cnnops, "conv", "-k", "[1,2]", "[1,2,9007199254740993]")
    assert large["algorithm"].endswith(", in int64")
    small = estimate(
        cnnops, "conv", "-k", "[1,2]", header("x.npy", (9,), "|u1"), "--dtype", "uint8"
    )
    assert small["algorithm"].endswith(", in float32")
    unknown = estimate(cnnops, "conv", "-k", "[1,2]", header("y.npy", (9,), "<i4"))
    assert "in float32, float64, int64 or Python's integers, by the size" in unknown["algorithm"]
    assert unknown["dtype"] == "int64"


def test_ceil_mode_says_which_window_is_left_out(cnnops):
    image = json.dumps([[1, 2, 3, 4]] * 3)
    told = estimate(cnnops, "maxpool", "-k", "2", "-s", "2", "-p", "1", "--ceil-mode", image)
    assert told["lengths"] == {
        "H": "ceil((3 + 1 + 1 - 1 * (2 - 1) - 1) / 2) + 1 - 1 (a last window in the end padding)"
        " = 2",
        "W": "ceil((4 + 1 + 1 - 1 * (2 - 1) - 1) / 2) + 1 = 3",
    }


def test_batchnorm_and_dropout(cnnops):
    assert estimate(cnnops, "batchnorm", "[[1,2],[3,4]]")["multiply_adds"] == 12
    assert estimate(cnnops, "batchnorm", "--eval", "[[1,2],[3,4]]")["multiply_adds"] == 4
    assert estimate(cnnops, "dropout", "[1,2,3]")["random_numbers"] == 3
    masked = estimate(cnnops, "dropout", "--mask", "[1,0,1]", "[1,2,3]")
    assert (masked["random_numbers"], masked["memory"]["mask"]) == (0, 24)
    assert estimate(cnnops, "dropout", "--eval", "[1,2,3]")["dtype"] == "int64"


@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_terminal(terminal, columns):
    call = ["conv", "-k", "[[1,2],[3,4]]", "[[1,2,3],[4,5,6]]", "--dry-run"]
    screen = terminal(*call, columns=columns)
    assert screen.lines[0] == "conv  (H 1, W 2)  int64"
    assert max(map(len, screen.lines)) <= columns
    joined = " ".join(line.strip() for line in screen.lines)
    assert "H: floor((2 + 0 + 0 - 1 * (2 - 1) - 1) / 1) + 1 = 1" in joined
    assert "multiply-adds: 8" in joined
    assert "memory, result: 16 bytes" in joined


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (
            ["conv", "-k", "[1]", "[1]", "-o", "y.npy"],
            "--dry-run computes nothing that y.npy could hold; leave it out",
        ),
        (
            ["maxpool", "-k", "1", "[[1]]", "--indices", "i.npy"],
            "--dry-run computes nothing that i.npy could hold; leave it out",
        ),
        (
            ["batchnorm", "[[1]]", "--save-state", "s.npz"],
            "--dry-run computes nothing that s.npz could hold; leave it out",
        ),
        (
            ["dropout", "[1]", "-f", "npy"],
            "--dry-run shows text or JSON: --format table or json, not npy",
        ),
        (
            ["dropout", "[1]", "--at", "0"],
            "--at picks elements for --explain; give both",
        ),
    ],
)
def test_what_does_not_go_together(cnnops, tmp_path, call, reason):
    assert cnnops.refusal(*call, "--dry-run") == reason
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_would_be_refused_is_refused(cnnops, tmp_path, header):
    x = header("x.npy", (1, 3, 4, 4))
    assert "kernel expects 2 input channels" in cnnops.refusal(
        "conv", "-k", header("k.npy", (1, 2, 2, 2)), x, "--dry-run"
    )
    assert "more than 1 value per channel" in cnnops.refusal("batchnorm", "--dry-run", "[[1]]")
    assert "channelwise" in cnnops.refusal("dropout", "--channelwise", "--dry-run", "[1]")
    os.truncate(tmp_path / x, 200)
    assert "x.npy is cut short" in cnnops.refusal("dropout", "--dry-run", x)
