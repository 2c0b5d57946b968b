"""Time commands that map their files next to the same that read and write them, by size.

    TMPDIR=/dev/shm python tests/benchmarks/map_or_read.py [--rounds 5] [--sizes 16 32 64 128]

Ratios are mapped / in memory: below 1, to map takes less time. `LARGE` of
cnnops_cli/large_arrays.py is where that begins for most commands.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import machine
import numpy as np
from processes import seconds
from tables import Table, milliseconds, spread
from timing import Timing

COMMANDS = (
    ("conv", "-k", "[[1,2],[3,4]]", "--depthwise"),
    ("maxpool", "-k", "2"),
    ("batchnorm", "--train"),
    ("dropout", "--seed", "1"),
)
_RUN = """
import sys
from cnnops_cli import large_arrays
large_arrays.LARGE = int(sys.argv.pop(1))
from cnnops_cli.__main__ import main
main()
"""
_MAPPED, _IN_MEMORY = "1", str(1 << 60)


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line per command and size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64, 128], metavar="MIB")
    arguments = parser.parse_args(argv)
    machine.print_header(children=True)
    table = Table(
        ("command", 12),
        ("MiB", 5),
        ("mapped", 11),
        ("in memory", 11),
        ("ratio", 6),
        ("least to most", 16),
        left=1,
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        for size in arguments.sizes:
            shape = (1, size, 512, 512)
            np.save(folder / "x.npy", np.random.default_rng(0).standard_normal(shape, np.float32))
            for command in COMMANDS:
                timing = _time(command, folder, arguments.rounds)
                table.row(
                    command[0],
                    str(size),
                    milliseconds(timing.ours),
                    milliseconds(timing.theirs),
                    f"{timing.ratio:.2f}",
                    spread(timing.low, timing.high),
                )


def _time(command: Sequence[str], folder: Path, rounds: int) -> Timing:
    python = (sys.executable, "-c", _RUN)
    call = (*command, "x.npy", "-o", "y.npy")
    sides = [(*python, large, *call) for large in (_MAPPED, _IN_MEMORY)]
    for side in sides:  # files and libraries come into the system's cache
        seconds(side, folder)
    return Timing.of_rounds(
        [(seconds(sides[0], folder), seconds(sides[1], folder)) for _ in range(rounds)]
    )


if __name__ == "__main__":
    main()
