"""Try the JSON text of every float32 and float16: does it read back by way of float64?

    nice python tests/benchmarks/float_text.py [--first 0x0] [--last 0x7f7fffff]

The shortest text of a float reads back where it is rounded once; jq, NumPy and this tool round it
to float64 first. Prints the bits and the text of each positive value that becomes another one;
negative ones have the same text behind a sign. All of them take some ten minutes.
"""

import argparse
from collections.abc import Sequence

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.tensors.json_format import format_array
from cnnops_cli.tensors.json_text import parse_array

_PIECE = 1 << 20


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a value, and how many were tried."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--first", type=lambda text: int(text, 0), default=0)
    parser.add_argument("--last", type=lambda text: int(text, 0), default=0x7F7FFFFF)
    arguments = parser.parse_args(argv)
    for bits, first, last in (
        (np.uint16, 0, 0x7BFF),
        (np.uint32, arguments.first, arguments.last),
    ):
        for start in range(first, last + 1, _PIECE):
            values = np.arange(start, min(start + _PIECE, last + 1), dtype=bits)
            for value in changed(values.view(f"f{values.itemsize}")):
                print(f"{value.view(bits):#x}  {format_array(value).decode()}", flush=True)
        print(f"{last + 1 - first} of float{8 * values.itemsize} tried")


def changed(values: Array) -> Array:
    """Find the values whose text becomes another value."""
    twice = parse_array(format_array(values), "values").astype(values.dtype)
    return values[twice != values]


if __name__ == "__main__":
    main()
