"""Measure what commands need in memory beside what they read and write.

    python tests/benchmarks/memory.py [--match 7x7] [--rounds 1] [--command cnnops]

Working memory is the command's peak, less the peak of the same command on a tiny tensor, less the
tensors that it reads and writes, as they are stored. Where a command gives memory back before it
takes more, that can be below 0. Of several rounds the greatest counts.
"""

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import machine
import numpy as np
from large_shapes import LOADS, MEBI, Load
from processes import our_command, peak_bytes
from tables import Table

BARE = {
    "conv": Load("conv", "bare", (1, 1, 8, 8), "", (1, 1, 3, 3)),
    "maxpool": Load("maxpool", "bare", (1, 1, 8, 8), "-k 2"),
    "batchnorm": Load("batchnorm", "bare", (2, 2)),
    "dropout": Load("dropout", "bare", (2, 2), "--seed 1"),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a load."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--match", default="", help="loads whose line holds this text")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--command", help="default: the cnnops of this Python's environment")
    arguments = parser.parse_args(argv)
    machine.print_header(children=True)
    table = Table(
        ("command", 58),
        ("files", 11),
        ("peak", 11),
        ("bare", 10),
        ("working", 11),
        ("limit", 8),
    )
    command = our_command(arguments.command)
    for load in LOADS:
        if arguments.match in load.description:
            peaks = [_run(command, load) for _ in range(arguments.rounds)]
            _print(table, load, max(peaks), _bare_peak(command, load.operator))


def _print(table: Table, load: Load, measured: tuple[int, int], bare: int) -> None:
    peak, files = measured
    working = peak - bare - files
    table.row(
        load.description,
        *(f"{size / MEBI:.1f} MiB" for size in (files, peak, bare, working)),
        f"{load.limit // MEBI} MiB",
        notes=["over the limit" * (working > load.limit)],
    )


@cache
def _bare_peak(command: str, operator: str) -> int:
    return max(_run(command, BARE[operator])[0] for _ in range(3))


def _run(command: str, load: Load) -> tuple[int, int]:
    """The peak of one run, and the bytes of all tensors that it read and wrote."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "input.npy", _random(load.shape, load.dtype))
        arguments = [load.operator, *load.options.split()]
        if load.kernel:
            np.save(folder / "kernel.npy", _random(load.kernel, load.dtype))
            arguments += ["-k", "kernel.npy"]
        peak = peak_bytes([command, *arguments, "input.npy", "-o", "output.npy"], folder)
        return peak, sum(file.stat().st_size for file in folder.iterdir())


def _random(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    if dtype.startswith(("int", "uint")):
        return rng.integers(0, 100, shape, dtype)
    values = rng.standard_normal(shape, np.float32)
    return values.astype(dtype, copy=False)


if __name__ == "__main__":
    main()
