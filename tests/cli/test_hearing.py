"""What a C library prints is the command's to say: one line, and standard error is as it was."""

import io
import os
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from cnnops_cli.commands.hearing import hearing_libraries

CALL = ["dropout", "--eval"]


def damaged(compression):
    """A TIFF with changed bytes in the middle of its pixels."""
    bits = np.random.default_rng(0).integers(0, 2, (64, 64)).astype(bool)
    stream = io.BytesIO()
    Image.fromarray(bits).save(stream, "TIFF", compression=compression)
    data = bytearray(stream.getvalue())
    with Image.open(io.BytesIO(data)) as picture:
        (start,), (count,) = picture.tag_v2[273], picture.tag_v2[279]
    middle = slice(start + count // 3, start + count // 2)
    data[middle] = np.random.default_rng(1).bytes(middle.stop - middle.start)
    return bytes(data)


@pytest.mark.parametrize(
    ("compression", "reason"), [("tiff_adobe_deflate", "ZIPDecode: "), ("group4", "Fax4Decode: ")]
)
@pytest.mark.parametrize("source", ["file", "pipe", "operand"])
def test_standard_error_is_one_line(cnnops, tmp_path, compression, reason, source):
    data = damaged(compression)
    (tmp_path / "x.tif").write_bytes(data)
    if source == "pipe":
        result, name = cnnops(*CALL, stdin=data), "standard input"
    elif source == "file":
        result, name = cnnops(*CALL, "x.tif"), "x.tif"
    else:
        result, name = cnnops("dropout", "--mask", "x.tif", "[[1]]"), "--mask x.tif"
    assert (result.status, result.out) == (2, b"")
    assert result.err.startswith(f"cnnops dropout: error: {name} is damaged: {reason}")
    assert result.err.count("\n") == 1


def test_of_several_files_the_good_ones_are_done(cnnops, tmp_path):
    (tmp_path / "bad.tif").write_bytes(damaged("group4"))
    Image.new("L", (2, 2)).save(tmp_path / "good.tif")
    result = cnnops(*CALL, "bad.tif", "good.tif", "-o", "out/")
    assert result.status == 2
    first, second = result.err.splitlines()
    assert first.startswith("cnnops dropout: error: bad.tif is damaged: Fax4Decode: ")
    assert second.endswith("1 of 2 INPUTs failed; the results of the others are in out/")
    assert (tmp_path / "out/good.tif").exists()


@pytest.mark.parametrize("closed", [(2,), (0, 2), (0, 1, 2)])
def test_the_status_is_the_same_with_standard_error_closed(executable, tmp_path, closed):
    (tmp_path / "x.tif").write_bytes(damaged("group4"))

    def close():
        for descriptor in closed:
            os.close(descriptor)

    run = subprocess.run(
        [executable, *CALL, "x.tif", "-o", "y.npy"],
        cwd=tmp_path,
        preexec_fn=close,
        check=False,
        timeout=60,
    )
    assert run.returncode == 2
    assert not (tmp_path / "y.npy").exists()


def test_what_is_written_to_descriptor_2_is_an_error(capfd):
    with pytest.raises(OSError, match=r"^Module: first$"):
        with hearing_libraries():
            os.write(2, b"Module: first.\nModule: second.\n")
    os.write(2, b"afterwards")
    assert capfd.readouterr() == ("", "afterwards")


def test_an_error_on_its_way_is_the_cause(capfd):
    failed = ValueError("decoder error -2")
    with pytest.raises(OSError, match=r"^Module: first$") as raised:
        with hearing_libraries():
            os.write(2, b"Module: first.\n")
            raise failed
    assert raised.value.__cause__ is failed
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("error", [ValueError, MemoryError, KeyboardInterrupt, SystemExit])
def test_standard_error_is_back_whatever_happens(capfd, error):
    before = os.fstat(2)
    with pytest.raises(error, match=r"^reason$"):
        with hearing_libraries():
            assert os.fstat(2) != before
            raise error("reason")
    assert os.fstat(2) == before
    print("ours", file=sys.stderr, flush=True)
    assert capfd.readouterr() == ("", "ours\n")


def test_what_was_not_yet_written_is_not_taken_for_a_library_s(capfd):
    with hearing_libraries():
        pass
    stream = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), write_through=False)
    before, sys.stderr = sys.stderr, stream
    try:
        sys.stderr.write("ours")
        with hearing_libraries():
            pass
    finally:
        sys.stderr = before
        stream.detach()
    assert capfd.readouterr() == ("", "ours")


def test_more_than_a_pipe_holds_makes_nobody_wait(capfd):
    with pytest.raises(OSError, match=r"^x{4096}$"):
        with hearing_libraries():
            with suppress(BlockingIOError):
                while True:
                    os.write(2, b"x" * 4096)
    assert capfd.readouterr() == ("", "")


def test_without_descriptors_it_goes_on(capfd, monkeypatch):
    def refused():
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pipe", refused)
    descriptors = set(os.listdir("/dev/fd"))
    with hearing_libraries():
        os.write(2, b"heard by nobody")
    assert set(os.listdir("/dev/fd")) == descriptors
    assert capfd.readouterr() == ("", "heard by nobody")


def test_no_descriptor_is_left(capfd):
    descriptors = set(os.listdir("/dev/fd"))
    for _ in range(3):
        with pytest.raises(OSError, match=r"^x$"):
            with hearing_libraries():
                os.write(2, b"x")
    assert set(os.listdir("/dev/fd")) == descriptors
