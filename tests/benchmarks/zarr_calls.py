"""Compare whole commands on a Zarr array with the same on a .npy file.

    python tests/benchmarks/zarr_calls.py [--match conv] [--rounds 3] [--size 256]

The INPUT is a volume of four channels in chunks of 64 along each axis. The ratios are of the time,
and of the time of the processor. The memory is what --dry-run tells of the Zarr array, and the most
that the command had.
"""

import argparse
import json
import resource
import shutil
import subprocess
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


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line per call."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--match", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=256, help="of each of three axes")
    parser.add_argument("--command", help="the command to run, by default that of this Python")
    arguments = parser.parse_args(argv)
    command = our_command(arguments.command)
    machine.print_header()
    table = Table(
        ("call", 17),
        ("blocks", 6),
        ("in memory", 10),
        ("ratio", 6),
        ("CPU", 6),
        ("told MiB", 8),
        ("MiB", 6),
        left=1,
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        _make_inputs(folder, arguments.size)
        for label, call in CALLS.items():
            if arguments.match in label:
                _compare(table, label, [command, *call], folder, arguments.rounds)


def _make_inputs(folder: Path, size: int) -> None:
    import zarr

    rng = np.random.default_rng(0)
    volume = rng.standard_normal((1, CHANNELS, size, size, size), np.float32)
    np.save(folder / "x.npy", volume)
    chunks = (1, CHANNELS, CHUNK, CHUNK, CHUNK)
    zarr.create_array(folder / "x.zarr", shape=volume.shape, chunks=chunks, dtype="f4")[...] = (
        volume
    )
    for width in (3, 5):
        kernel = rng.standard_normal((CHANNELS, CHANNELS, *(width,) * 3), np.float32)
        np.save(folder / f"k{width}.npy", kernel)


def _compare(table: Table, label: str, call: list[str], folder: Path, rounds: int) -> None:
    both = [
        [*(word.format(suffix) for word in call), f"x{suffix}", "-o", f"y{suffix}"]
        for suffix in (".npy", ".zarr")
    ]
    dry_run = subprocess.run(
        [*both[1], "--dry-run", "-f", "json"], cwd=folder, capture_output=True, check=True
    )
    told = json.loads(dry_run.stdout)
    taken = np.array([[_timed(each, folder) for each in both] for _ in range(rounds)])
    in_memory, in_blocks = np.median(taken, axis=0)
    _clear(folder)
    table.row(
        label,
        str(told["blocks"]),
        milliseconds(in_memory[0]),
        *(f"{ratio:.2f}" for ratio in in_blocks / in_memory),
        str(told["memory"]["worker"] >> 20),
        str(peak_bytes(both[1], folder) >> 20),
    )
    _clear(folder)


def _timed(call: list[str], folder: Path) -> tuple[float, float]:
    """Return the time of a call, and that of the processor."""
    _clear(folder)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = seconds(call, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _clear(folder: Path) -> None:
    for path in folder.glob("[yim].*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    main()
