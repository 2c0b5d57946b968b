"""Large files and the process that maps them: limits, signals, and what is left behind."""

import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from calling import PIPES

SHAPE = (1, 16, 1024, 1024)
BYTES = 64 << 20
HEADER = np.lib.format.header_data_from_array_1_0(np.zeros(1, np.float32)) | {"shape": SHAPE}


def write_large(path: Path, shape=SHAPE) -> None:
    """Write a .npy file that takes little of the disk: numbers, and then zeros."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, HEADER | {"shape": shape})
        start = file.tell()
        file.write(np.random.default_rng(0).standard_normal(1 << 18).astype(np.float32).tobytes())
        file.truncate(start + 4 * int(np.prod(shape, dtype=object)))


@pytest.fixture
def folder(tmp_path):
    """A folder with what calls read, and an old file that they replace."""
    write_large(tmp_path / "x.npy")
    (tmp_path / "y.npy").write_bytes(b"old")
    return tmp_path


@pytest.fixture
def unnamed_files(tmp_path):
    try:
        os.close(os.open(tmp_path, os.O_TMPFILE | os.O_RDWR))
    except (OSError, AttributeError):
        pytest.skip("takes unnamed files")


def small(folder: Path) -> dict[str, bytes | int]:
    """The files of a folder, of large ones the size."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        if path.stat().st_size > 1 << 20
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def as_a_shell_sees_it(status: int) -> int:
    return 128 - status if status < 0 else status


NEW_LAYER = ["--out-channels", "16", "--kernel-size", "3", "--seed", "0", "--padding", "same"]
SLOW = ["conv", *NEW_LAYER, "--accumulate", "sequential"]


def await_map(process: subprocess.Popen, folder: Path) -> None:
    """Wait until a process has mapped a large file of a folder that has no name."""
    of_folder = re.compile(rf"([0-9a-f]+)-([0-9a-f]+) .*{re.escape(str(folder))}/[^/]*\(deleted\)")
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
            if found := of_folder.match(line):
                start, stop = (int(each, 16) for each in found.groups())
                if stop - start >= BYTES:
                    return
        time.sleep(0.005)
    pytest.fail(f"no map of a file without a name: {process.poll()}")


@pytest.fixture
def started(installed, folder, unnamed_files):
    """Start a call that maps a file for its result, and yield it in the middle of its work."""

    @contextmanager
    def start(*arguments, of=folder, **options):
        with installed.start(*arguments, **PIPES | options) as process:
            try:
                await_map(process, of)
                yield process
            finally:
                process.kill()

    return start


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGKILL, 137), (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
@pytest.mark.parametrize("output", ["y.npy", "new.npy"])
def test_a_signal_in_the_middle_leaves_nothing(started, folder, number, status, output):
    before = small(folder)
    with started(*SLOW, "x.npy", "-o", output) as process:
        assert small(folder) == before
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        ended = process.returncode
    assert as_a_shell_sees_it(ended) == status
    assert (out, err) == (b"", b"")
    assert small(folder) == before


@contextmanager
def a_part_in_a_pipe(path: Path):
    """Yield a pipe in which the start of a file has come, and no more does."""
    reading, writing = os.pipe()
    with path.open("rb") as file:
        os.write(writing, file.read(1 << 15))
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, 137), (signal.SIGINT, 130)])
def test_a_signal_while_a_pipe_is_read_leaves_nothing(started, folder, number, status):
    before = small(folder)
    with a_part_in_a_pipe(folder / "x.npy") as pipe:
        with started("maxpool", "-k", "2", "-o", "y.npy", stdin=pipe) as process:
            assert small(folder) == before
            process.send_signal(number)
            assert as_a_shell_sees_it(process.wait(60)) == status
    assert small(folder) == before


def test_a_pipe_is_held_next_to_the_output_else_in_tmpdir(started, folder):
    for name in ("out", "tmp"):
        (folder / name).mkdir()
    tmpdir = {"env": {"TMPDIR": str(folder / "tmp")}}
    for options, of in ((["-o", "out/y.npy"], "out"), (["-f", "npy"], "tmp")):
        with a_part_in_a_pipe(folder / "x.npy") as pipe:
            with started("maxpool", "-k", "2", *options, of=folder / of, stdin=pipe, **tmpdir):
                pass
    assert small(folder)["y.npy"] == b"old"
    assert [os.listdir(folder / name) for name in ("out", "tmp")] == [[], []]


@pytest.mark.parametrize("output", [[], ["-o", "/dev/stdout"], ["-o", "y.json"]])
def test_a_result_that_has_no_file_is_in_tmpdir(started, folder, output):
    (folder / "tmp").mkdir()
    of = folder if "y.json" in output else folder / "tmp"
    call = ["maxpool", "-k", "1", "x.npy", *([] if "y.json" in output else ["-f", "npy"]), *output]
    with started(*call, of=of, env={"TMPDIR": str(folder / "tmp")}):
        pass
    assert os.listdir(folder / "tmp") == []


def test_an_input_that_is_cut_short_while_it_is_mapped(started, folder):
    before = small(folder)
    with started(*SLOW, "x.npy", "-o", "y.npy") as process:
        os.truncate(folder / "x.npy", 4096)
        out, err = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGBUS
    assert (out, err) == (b"", b"")
    (folder / "x.npy").unlink()
    assert small(folder) == {name: data for name, data in before.items() if name != "x.npy"}


CALLS = (
    ["maxpool", "-k", "2", "x.npy", "-o", "y.npy"],
    ["maxpool", "-k", "1", "x.npy", "-o", "y.npy", "--indices", "i.npy"],
    ["conv", "--depthwise", "-k", "[[1]]", "x.npy", "-o", "x.npy"],
)


@pytest.mark.parametrize("call", CALLS)
def test_little_memory_is_enough_or_one_line(installed, folder, call):
    write_large(folder / "x.npy")
    before, seen = small(folder), set()
    for mib in (150, 200, 250, 300, 400, 600):
        result = installed(*call, "--threads", "1", setup=f"ulimit -v {mib << 10}")
        seen.add(result.status)
        if result.status:
            assert re.fullmatch(rf"cnnops {call[0]}: error: not enough memory: .*\n", result.err)
            assert small(folder) == before
        else:
            assert result.err == ""
            break
    assert seen == {0, 2}


def test_a_dry_run_takes_no_memory(installed, folder):
    write_large(folder / "huge.npy", (64, 256, 1024, 1024))
    for call in (
        ["maxpool", "-k", "2"],
        ["batchnorm"],
        ["dropout"],
        ["conv", "--depthwise", "-k", "[[1,2],[3,4]]"],
    ):
        limited = installed(*call, "--dry-run", "huge.npy", setup=f"ulimit -v {400 << 10}")
        assert (limited.status, limited.err) == (0, "")
        assert limited == installed(*call, "--dry-run", "huge.npy")


FULL = f"ulimit -f {32 << 11}"
"""Files of 32 MiB at most, which is as near to a full disk as a test comes; 64 in other shells."""


@pytest.mark.parametrize(
    ("call", "file"),
    [
        (["maxpool", "-k", "1", "x.npy", "-o", "y.npy"], "y.npy"),
        (["maxpool", "-k", "1", "x.npy", "-o", "x.npy"], "x.npy"),
        (["batchnorm", "x.npy", "-o", "y.npy", "--save-state", "s.npz"], "y.npy"),
        (["dropout", "x.npy", "-o", "y.npy", "--mask-output", "m.npy"], "y.npy"),
        (["dropout", "--eval", "x.npy", "-o", "y.npy"], "y.npy"),
        ([*SLOW, "x.npy", "-o", "new.npy"], "new.npy"),
    ],
)
def test_a_full_disk_is_told_before_the_work(installed, folder, call, file):
    before = small(folder)
    result = installed(*call, setup=FULL)
    reason = f"cannot write {file}: File too large"
    assert (result.status, result.err) == (2, f"cnnops {call[0]}: error: {reason}\n")
    assert small(folder) == before


def test_where_no_unnamed_file_fits_memory_does(installed, folder):
    data = (folder / "x.npy").read_bytes()
    result = installed("maxpool", "-k", "1", "-f", "npy", stdin=data, setup=FULL)
    assert (result.status, result.err) == (0, "")
    assert result.out == data
