"""Compare whole commands on a Zarr array with the same on a .npy file, and written by hand.

    python tests/benchmarks/zarr_calls.py [--match conv] [--rounds 3] [--size 256] [--uncompressed]

The INPUT is a volume of four channels of random numbers, in chunks of 64 along each axis. Time is
that of the processor but for the first ratio. What is written by hand is `zarr_by_hand.py`, on one
thread. The memory is what --dry-run tells of the Zarr array, and the most that the command had.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import machine
import numpy as np
from processes import our_command, peak_bytes, seconds
from tables import Table, milliseconds

CHUNK, CHANNELS = 64, 4
CALLS = {
    "conv 3": ["conv", "-k", "k3.npy", "-p", "1"],
    "conv 5 fast": ["conv", "-k", "k5.npy", "-p", "2", "--accumulate", "fast"],
    "maxpool 2": ["maxpool", "-k", "2", "--dims", "3"],
    "maxpool 3 indices": ["maxpool", "-k", "3", "-s", "1", "--dims", "3", "--indices", "i{}"],
    "batchnorm": ["batchnorm"],
    "batchnorm eval": ["batchnorm", "--eval"],
    "dropout": ["dropout", "--seed", "1"],
    "dropout mask": ["dropout", "--seed", "1", "--mask-output", "m{}"],
}


BY_HAND = {
    "conv 3": "conv",
    "maxpool 2": "maxpool",
    "batchnorm eval": "batchnorm",
    "dropout": "dropout",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line per call."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--match", default="", help="calls whose name holds this text")
    parser.add_argument("--exact", choices=CALLS, help="one call alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=256, help="of each of three axes")
    parser.add_argument("--uncompressed", action="store_true")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--command", help="the command to run, by default that of this Python")
    arguments = parser.parse_args(argv)
    command = our_command(arguments.command)
    machine.print_header()
    table = Table(
        ("call", 17),
        ("blocks", 6),
        ("in memory", 10),
        ("by hand", 10),
        ("in blocks", 10),
        ("to memory", 9),
        ("to hand", 8),
        ("time", 6),
        ("told MiB", 8),
        ("MiB", 6),
        left=1,
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_inputs(folder, arguments.size, compressed=not arguments.uncompressed)
        for label, call in CALLS.items():
            if arguments.match in label and arguments.exact in (None, label):
                whole = [command, *call, "--threads", arguments.threads]
                _compare(table, label, whole, folder, arguments.rounds)


def make_inputs(folder: Path, size: int, *, compressed: bool) -> None:
    import zarr

    rng = np.random.default_rng(0)
    volume = rng.standard_normal((1, CHANNELS, size, size, size), np.float32)
    np.save(folder / "x.npy", volume)
    chunks = (1, CHANNELS, CHUNK, CHUNK, CHUNK)
    how = {"shape": volume.shape, "chunks": chunks, "dtype": "f4"}
    how["compressors"] = "auto" if compressed else None
    zarr.create_array(folder / "x.zarr", **how)[...] = volume
    for width in (3, 5):
        kernel = rng.standard_normal((CHANNELS, CHANNELS, *(width,) * 3), np.float32)
        np.save(folder / f"k{width}.npy", kernel)


def _compare(table: Table, label: str, call: list[str], folder: Path, rounds: int) -> None:
    calls = [
        [*(word.format(suffix) for word in call), f"x{suffix}", "-o", f"y{suffix}"]
        for suffix in (".npy", ".zarr")
    ]
    dry_run = subprocess.run(
        [*calls[1], "--dry-run", "-f", "json"], cwd=folder, capture_output=True, check=True
    )
    told = json.loads(dry_run.stdout)
    if label in BY_HAND:
        by_hand = Path(__file__).with_name("zarr_by_hand.py")
        calls.append([sys.executable, str(by_hand), BY_HAND[label], "x.zarr", "y.zarr"])
    taken = np.array([[timed(each, folder) for each in calls] for _ in range(rounds)])
    in_memory, in_blocks, *by_hand = np.median(taken, axis=0)
    clear(folder)
    table.row(
        label,
        str(told["blocks"]),
        milliseconds(in_memory[1]),
        milliseconds(by_hand[0][1]) if by_hand else "",
        milliseconds(in_blocks[1]),
        f"{in_blocks[1] / in_memory[1]:.2f}",
        f"{in_blocks[1] / by_hand[0][1]:.2f}" if by_hand else "",
        f"{in_blocks[0] / in_memory[0]:.2f}",
        str(told["memory"]["worker"] >> 20),
        str(peak_bytes(calls[1], folder) >> 20),
    )
    clear(folder)


def timed(call: list[str], folder: Path) -> tuple[float, float]:
    """Return the time of a call, and that of the processor."""
    clear(folder)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = seconds(call, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def clear(folder: Path) -> None:
    for path in folder.glob("[yim].*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    main()
