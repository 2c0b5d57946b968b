"""Time calls on a Zarr array by the memory that a block may take.

    python tests/benchmarks/zarr_blocks.py [--match conv] [--mib 80 100 130 190 256] [--rounds 3]

The time is that of the processor. Where windows overlap, `BLOCK_BYTES` of
cnnops_cli/blocks/block_grid.py is a size from which on larger blocks no longer pay; for the other
calls, that is `_ENOUGH_BYTES`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import machine
import numpy as np
from processes import peak_bytes
from tables import Table, milliseconds
from zarr_calls import clear, make_inputs, timed

CALLS = {
    "conv 3": ["conv", "-k", "k3.npy", "-p", "1"],
    "maxpool 3/1": ["maxpool", "-k", "3", "-s", "1", "-p", "1", "--dims", "3"],
    "maxpool 2": ["maxpool", "-k", "2", "--dims", "3"],
    "batchnorm eval": ["batchnorm", "--eval"],
    "dropout": ["dropout", "--seed", "1"],
}
_WITH_BLOCKS = """
import sys
from cnnops_cli.blocks import block_grid
from cnnops_cli.commands import block_plan
most = int(sys.argv.pop(1)) << 20
block_grid._ENOUGH_BYTES = block_plan.BLOCK_BYTES = most
from cnnops_cli.__main__ import main
main()
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line per call and size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--match", default="", help="calls whose name holds this text")
    parser.add_argument("--mib", type=int, nargs="+", default=[80, 100, 130, 190, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=256, help="of each of three axes")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--uncompressed", action="store_true")
    arguments = parser.parse_args(argv)
    machine.print_header()
    table = Table(
        ("call", 15), ("MiB", 5), ("blocks", 6), ("in blocks", 10), ("ratio", 6), ("peak", 9),
        left=1,
    )  # fmt: skip
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_inputs(folder, arguments.size, compressed=not arguments.uncompressed)
        for label, call in CALLS.items():
            if arguments.match not in label:
                continue
            threads = ["--threads", arguments.threads]
            calls = [
                [sys.executable, "-c", _WITH_BLOCKS, str(mib), *call, "x.zarr", *threads]
                for mib in arguments.mib
            ]
            taken = np.array(
                [
                    [timed([*each, "-o", "y.zarr"], folder)[1] for each in calls]
                    for _ in range(arguments.rounds)
                ]
            )
            medians = np.median(taken, axis=0)
            for mib, each, median in zip(arguments.mib, calls, medians, strict=True):
                clear(folder)
                peak = peak_bytes([*each, "-o", "y.zarr"], folder)
                told = subprocess.run([*each, "--dry-run"], cwd=folder, stdout=-1, check=True)
                table.row(
                    label,
                    str(mib),
                    str(json.loads(told.stdout)["blocks"]),
                    milliseconds(median),
                    f"{median / medians[0]:.2f}",
                    f"{peak >> 20} MiB",
                )


if __name__ == "__main__":
    main()
