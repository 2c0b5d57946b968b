"""Time reads of boxes of a Zarr array by how many chunks zarr takes at a time.

    python tests/benchmarks/zarr_reads.py [--rounds 5] [--threads 1 2] [--size 384]

Threads read boxes of eight chunks and of what is around them. The ratios of time and of CPU time
are to one chunk at a time. The object store is a directory where every request waits for --latency
seconds. `_REQUESTS` of cnnops_cli/tensors/zarr_array.py is where more of them hardly help it.
"""

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from tempfile import TemporaryDirectory

import machine
import numpy as np
from tables import Table, milliseconds

from cnnops_cli.tensors.zarr_array import Slices, ZarrArray, open_zarr

CHUNK, HALO = 64, 3
AT_A_TIME = (1, 2, 4, 10, 20)


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line per place, number of threads, and chunks at a time."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--size", type=int, default=384, help="of each of three axes")
    parser.add_argument("--latency", type=float, default=0.03, metavar="SECONDS")
    arguments = parser.parse_args(argv)
    import zarr
    from zarr.storage import LocalStore
    from zarr.testing.store import LatencyStore

    machine.print_header()
    table = Table(
        ("place", 13),
        ("threads", 8),
        ("at a time", 10),
        ("a box", 9),
        ("ratio", 6),
        ("CPU", 6),
        left=1,
    )
    with TemporaryDirectory() as folder:
        size = arguments.size
        array = zarr.create_array(folder, shape=(size,) * 3, chunks=(CHUNK,) * 3, dtype="f4")
        array[...] = np.random.default_rng(0).standard_normal((size,) * 3, np.float32)
        local = open_zarr(folder, "INPUT")
        store = LatencyStore(LocalStore(folder, read_only=True), get_latency=arguments.latency)
        remote = ZarrArray(local.reference, zarr.open_array(store, mode="r"))
        for place, source in (("directory", local), ("object store", remote)):
            for threads in arguments.threads:
                with ThreadPoolExecutor(threads) as pool:
                    rounds = [
                        [_seconds(source, pool, count) for count in AT_A_TIME]
                        for _ in range(arguments.rounds)
                    ]
                for at, count in enumerate(AT_A_TIME):
                    ratios = [[one[at][k] / one[0][k] for one in rounds] for k in range(2)]
                    table.row(
                        place,
                        str(threads),
                        str(count),
                        milliseconds(median(one[at][0] for one in rounds)),
                        *(f"{median(kind):.2f}" for kind in ratios),
                    )


def _seconds(array: ZarrArray, pool: ThreadPoolExecutor, count: int) -> tuple[float, float]:
    """Return the time and the CPU time that a box takes."""
    import zarr

    boxes = list(_boxes(array.shape[0]))
    with zarr.config.set({"async.concurrency": count}):
        start, cpu_start = time.perf_counter(), time.process_time()
        for _ in pool.map(array.read, boxes):
            pass
        end, cpu_end = time.perf_counter(), time.process_time()
    return (end - start) / len(boxes), (cpu_end - cpu_start) / len(boxes)


def _boxes(size: int) -> Iterator[Slices]:
    for starts in itertools.product(range(0, size, 2 * CHUNK), repeat=3):
        yield tuple(
            slice(max(start - HALO, 0), min(start + 2 * CHUNK + HALO, size)) for start in starts
        )


if __name__ == "__main__":
    main()
