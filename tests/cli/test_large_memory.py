"""How much memory a call on a file of 1 GiB takes: RssAnon, which maps of files do not count in."""

import io
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from calling import environment

from cnnops_cli import batchnorm, conv, maxpool
from cnnops_cli.ops.dropout import draw_mask

pytestmark = pytest.mark.large

SHAPE = (16, 64, 512, 512)
NEEDED = 4 << 30
"""Bytes: INPUT, and what a call writes at most."""
MOST = 128 << 10
"""KiB of memory that no file holds."""

KERNEL = np.array([[1, -2, 3], [0.5, 4, -1], [2, 0.25, -3]], np.float32)


def _fastest_folder() -> Path | None:
    """A folder with room, in memory where there is enough of that too."""
    with open("/proc/meminfo") as file:
        available = int(re.search(r"MemAvailable: +(\d+)", file.read())[1]) << 10
    for folder in ["/dev/shm"] * (available > 2 * NEEDED) + [tempfile.gettempdir()]:
        if os.path.isdir(folder) and shutil.disk_usage(folder).free >= NEEDED:
            return Path(folder)
    return None


def header(**other) -> bytes:
    """The 128 bytes before the values, which may be those of another array of that size."""
    stream = io.BytesIO()
    usual = {"descr": "<f4", "fortran_order": False, "shape": SHAPE}
    np.lib.format.write_array_header_1_0(stream, usual | other)
    assert len(stream.getvalue()) == 128
    return stream.getvalue()


@pytest.fixture(scope="module")
def folder():
    if not os.path.exists("/proc/self/status"):
        pytest.skip("takes /proc")
    root = _fastest_folder()
    if root is None:
        pytest.skip("takes 4 GiB of space for temporary files")
    with tempfile.TemporaryDirectory(dir=root, prefix="cnnops-large-") as path:
        sample = np.random.default_rng(0).standard_normal(SHAPE[1:], np.float32)
        with open(f"{path}/x.npy", "wb") as file:
            file.write(header())
            for number in range(SHAPE[0]):
                file.write(memoryview(sample + np.float32(number)).cast("B"))
        yield Path(path)


@pytest.fixture
def x(folder):
    """INPUT, of which the tests read parts."""
    return np.load(folder / "x.npy", mmap_mode="r")


class Peak(threading.Thread):
    """The most memory that a process had, of what no file holds, in KiB."""

    def __init__(self, process: int) -> None:
        super().__init__()
        self._status = Path(f"/proc/{process}/status")
        self.kib = 0

    def run(self) -> None:
        while found := re.search(r"RssAnon:\s+(\d+)", self._read()):
            self.kib = max(self.kib, int(found[1]))
            time.sleep(0.002)

    def _read(self) -> str:
        try:
            return self._status.read_text()
        except OSError:
            return ""


@pytest.fixture
def call(executable, folder):
    """Run a call, and check how much memory it took; results are removed after the test."""

    def run(line: str, status: int = 0, **streams):
        process = subprocess.Popen(
            [executable, *line.split(), "--threads", "2"],
            cwd=folder,
            env=environment({"TMPDIR": str(folder)}),
            **{"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE} | streams,
        )
        peak = Peak(process.pid)
        peak.start()
        try:
            _, err = process.communicate(timeout=600)
        finally:
            process.kill()
            peak.join()
        print(f"{peak.kib >> 10} MiB: {line}")
        assert (process.returncode, err or b"") == (status, b"")
        assert 0 < peak.kib < MOST
        return folder

    yield run
    for path in folder.iterdir():
        if path.name != "x.npy":
            path.unlink()
    assert os.listdir(folder) == ["x.npy"]


def part_of(path: Path, index) -> np.ndarray:
    array = np.load(path, mmap_mode="r")
    return np.array(array[index])


def same(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert actual.tobytes() == expected.tobytes()


@pytest.fixture
def kernel(folder):
    np.save(folder / "k.npy", KERNEL)
    return np.stack([KERNEL[None]] * 2)


PART = np.s_[7:8, 3:5]


def test_conv_exact(call, x, kernel):
    folder = call("conv --depthwise -k k.npy -p 1 x.npy -o y.npy")
    expected = conv(np.array(x[PART]), kernel, padding=1, groups=2)
    same(part_of(folder / "y.npy", PART), expected)


def test_conv_fast(call, x, kernel):
    folder = call("conv --depthwise -k k.npy -p 1 x.npy -o y.npy --accumulate fast --relu")
    expected = conv(np.array(x[PART]), kernel, padding=1, groups=2)
    found = part_of(folder / "y.npy", PART)
    np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=0, atol=1e-4)


def test_conv_of_all_channels(call, x):
    line = "conv --out-channels 8 --kernel-size 3 --seed 1 --accumulate fast --save-kernel k.npz"
    folder = call(f"{line} x.npy -o y.npy")
    with np.load(folder / "k.npz") as layer:
        expected = conv(np.array(x[7:8, :, :9]), layer["weight"], layer["bias"])
    found = part_of(folder / "y.npy", np.s_[7:8, :, :7])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_maxpool_with_indices(call, x):
    folder = call("maxpool -k 3 -s 2 x.npy -o y.npy --indices i.npy")
    values, indices = maxpool(np.array(x[PART]), 3, stride=2, return_indices=True)
    same(part_of(folder / "y.npy", PART), values)
    same(part_of(folder / "i.npy", PART), indices)


def test_batchnorm_train(call, x):
    folder = call("batchnorm --train x.npy -o y.npy --save-state s.npz")
    channel = np.s_[:, 5:6]
    same(part_of(folder / "y.npy", channel), batchnorm(np.array(x[channel]), training=True))


def test_batchnorm_eval(call, x):
    state = "--running-mean 2 --running-var 9 --weight 3"
    folder = call(f"batchnorm --eval {state} --relu x.npy -o y.npy")
    mean, variance, weight = (np.full(2, value, np.float32) for value in (2, 9, 3))
    expected = batchnorm(np.array(x[PART]), mean, variance, weight)
    same(part_of(folder / "y.npy", PART), np.maximum(expected, 0))


def test_dropout_with_its_mask(call, x):
    folder = call("dropout --seed 3 x.npy -o y.npy --mask-output m.npy")
    kept = draw_mask((2, *SHAPE[1:]), 0.5, 3)[1:, 3:5]
    index = np.s_[1:2, 3:5]
    same(part_of(folder / "m.npy", index), kept.view(np.uint8))
    same(part_of(folder / "y.npy", index), np.where(kept, x[index] * 2, np.float32(0)))


def test_dropout_by_a_mask(call, x, folder):
    call("dropout --seed 3 x.npy --mask-output m.npy -f npy")
    call("dropout --mask m.npy x.npy -o y.npy")
    kept = part_of(folder / "m.npy", PART)
    same(part_of(folder / "y.npy", PART), np.where(kept, x[PART] * 2, np.float32(0)))


def test_dtype(call, x):
    folder = call("maxpool -k 2 --dtype float16 x.npy -o y.npy")
    same(part_of(folder / "y.npy", PART), maxpool(x[PART].astype(np.float16), 2))


def test_what_is_expected(call):
    call("maxpool -k 2 x.npy -o g.npy")
    call("maxpool -k 2 x.npy --expect g.npy -q")
    call("maxpool -k 2 x.npy --expect g.npy --rtol 1e-3 -o y.npy -q")
    call("maxpool -k 2 x.npy --expect g.npy --relu -q", status=1)


def test_a_view_in_a_file(call):
    call("maxpool -k 2 x.npy -o y.npy --view v.svg")


def test_a_file_on_standard_input(call, x, folder):
    with open(folder / "x.npy", "rb") as stdin:
        call("maxpool -k 2 -o y.npy", stdin=stdin)
    same(part_of(folder / "y.npy", PART), maxpool(x[PART], 2))


@pytest.mark.parametrize("output", ["-o y.npy", "-f npy"])
def test_input_and_output_by_streams(call, x, folder, output):
    with subprocess.Popen(["cat", folder / "x.npy"], stdout=subprocess.PIPE) as cat:
        with open(folder / "z.npy", "wb") as target:
            call(f"maxpool -k 2 {output}", stdin=cat.stdout, stdout=target)
    same(part_of(folder / ("y.npy" if "-o" in output else "z.npy"), PART), maxpool(x[PART], 2))


def test_a_summary_on_a_terminal(call):
    ours, theirs = os.openpty()
    call("maxpool -k 2 x.npy -o y.npy", stderr=theirs)
    os.close(theirs)
    assert os.read(ours, 1000).startswith(b"y.npy  (N 16, C 64, H 256, W 256)  float32  min -")
    os.close(ours)


OTHERS = {
    "columns": {"fortran_order": True, "shape": SHAPE[::-1]},
    "big-endian": {"descr": ">f4"},
    "channels-last": {"shape": (16, 512, 512, 64)},
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize(
    "line",
    [
        "conv --depthwise -k [[1,2],[3,4]] --accumulate fast",
        "maxpool -k 2",
        "batchnorm",
        "dropout --seed 3",
        "dropout --eval",
    ],
)
def test_other_orders(call, folder, other, line):
    """INPUT gets another header over the same bytes, and its own again."""
    layout = f"--layout {other}" if other == "channels-last" else ""
    with open(folder / "x.npy", "r+b") as file:
        file.write(header(**OTHERS[other]))
        file.flush()
        try:
            call(f"{line} {layout} x.npy -o y.npy")
        finally:
            file.seek(0)
            file.write(header())
