"""What `zarr_calls.py` compares the command with: a Zarr array in blocks, as one writes it by hand.

    python tests/benchmarks/zarr_by_hand.py conv x.zarr y.zarr

On one thread, with Zarr's public interface, and nothing that looks after a failure. A block is a
chunk, but eight chunks with what is around them for conv.
"""

import argparse
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnops_cli import batchnorm, conv, dropout, maxpool
from cnnops_cli.ops.parallel import using_threads

Slices = tuple[slice, ...]


def halo(array: Any, box: Slices) -> np.ndarray:
    """Read what a kernel of 3x3x3 sees of a box, with zeros around the array."""
    spans = list(zip(box[2:], array.shape[2:], strict=True))
    inside = (slice(max(at.start - 1, 0), min(at.stop + 1, length)) for at, length in spans)
    outside = [(int(at.start == 0), int(at.stop == length)) for at, length in spans]
    return np.pad(array[(*box[:2], *inside)], [(0, 0), (0, 0), *outside])


def pooled(array: Any, box: Slices) -> np.ndarray:
    """Pool what windows of 2x2x2 see of a box."""
    seen = (slice(2 * at.start, 2 * at.stop) for at in box[2:])
    return maxpool(array[(*box[:2], *seen)], (2, 2, 2))


OPERATORS: dict[str, tuple[int, int, Callable[[Any, Slices], np.ndarray]]] = {
    "conv": (1, 2, lambda x, box: conv(halo(x, box), np.load("k3.npy"))),
    "maxpool": (2, 1, pooled),
    "batchnorm": (1, 1, lambda x, box: batchnorm(x[box])),
    "dropout": (1, 1, lambda x, box: dropout(x[box], seed=1)),
}
"""By name: the stride, the chunks of a block along each axis of space, and how it is computed."""


def main(argv: Sequence[str] | None = None) -> None:
    """Compute one array from another."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("operator", choices=OPERATORS)
    parser.add_argument("input")
    parser.add_argument("output")
    arguments = parser.parse_args(argv)
    import zarr

    stride, count, compute = OPERATORS[arguments.operator]
    zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})
    array = zarr.open_array(arguments.input, mode="r")
    strides = (1, 1, stride, stride, stride)
    result = zarr.create_array(
        arguments.output,
        shape=[length // by for length, by in zip(array.shape, strides, strict=True)],
        chunks=[length // by for length, by in zip(array.chunks, strides, strict=True)],
        dtype=array.dtype,
        compressors=array.compressors or None,
        config={"write_empty_chunks": True},
    )
    sizes = [*result.chunks[:2], *(count * size for size in result.chunks[2:])]
    axes = list(zip(result.shape, sizes, strict=True))
    with using_threads(1):
        for starts in itertools.product(*(range(0, length, size) for length, size in axes)):
            spans = zip(starts, axes, strict=True)
            box = tuple(slice(at, min(at + size, length)) for at, (length, size) in spans)
            result[box] = compute(array, box)


if __name__ == "__main__":
    main()
