"""What blocks cost on a Dask cluster of this machine; `cluster_tasks.py` prints it."""

import logging
import math
import os
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from dask_processes import Dask, dask_processes
from empty_blocks import EmptyBlocks, ready
from moto_server import BUCKET, serving
from tables import Table, milliseconds

from cnnops_cli import batchnorm, conv, dropout, maxpool
from cnnops_cli.blocks import cluster as cluster_module
from cnnops_cli.blocks.batchnorm import BatchnormBlocks
from cnnops_cli.blocks.block_grid import Grid, block_grid
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.chunks import usual_chunks
from cnnops_cli.blocks.cluster import Cluster, connected
from cnnops_cli.blocks.conv import ConvBlocks
from cnnops_cli.blocks.dropout import DropoutBlocks
from cnnops_cli.blocks.maxpool import MaxpoolBlocks
from cnnops_cli.blocks.operator import BlockOperator
from cnnops_cli.blocks.work import BlockReport, BlockWork
from cnnops_cli.commands.block_operands import ZarrSink, ZarrSource
from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.ops.parallel import using_threads
from cnnops_cli.tensors.zarr_array import ZarrReference, open_zarr
from cnnops_cli.tensors.zarr_results import ZarrResults
from cnnops_cli.tensors.zarr_sharing import SharedArrays

psutil = pytest.importorskip("psutil")  # which comes with Dask
zarr = pytest.importorskip("zarr")

FLOAT32 = np.dtype(np.float32)
KERNEL = np.random.default_rng(0).standard_normal((1, 1, 3, 3, 3), np.float32)
CHUNK = 128
LAYOUT = InputLayout(1, "channels-first")
URL = f"s3://{BUCKET}"
Operator = Callable[[np.ndarray], np.ndarray]


@contextmanager
def a_cluster(workers: int, *options: str) -> Iterator[tuple[Dask, Cluster]]:
    """A scheduler, workers without nannies, and a connection."""
    with tempfile.TemporaryDirectory() as folder, dask_processes(Path(folder)) as processes:
        for number in range(workers):
            processes.start_worker(str(number), "--no-nanny", *options)
        processes.wait_for_workers(workers)
        with connected(processes.address) as cluster:
            yield processes, cluster


class Usage:
    """Processor seconds that processes take from here on, and their memory."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self._began = self._seconds()

    def _seconds(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._processes)

    def seconds(self) -> float:
        return self._seconds() - self._began

    def memory(self) -> int:
        return sum(process.memory_info().rss for process in self._processes)


def time_tasks(count: int) -> None:
    """Print what a task takes of each process, by how many are under way at a time."""
    table = Table(
        ("in flight", 9), ("a second", 8), ("scheduler", 10), ("client", 10), ("workers", 10),
        ("scheduler's memory", 18), left=0,
    )  # fmt: skip
    with a_cluster(2, "--nthreads", "4") as (processes, cluster):
        run_empty(cluster, 1000)
        for in_flight in (100, 1000, 10_000, count):
            cluster_module.IN_FLIGHT, cluster_module._TASKS_OF_A_THREAD = in_flight, count
            pids = [processes.scheduler.pid], [os.getpid()], list(processes.pids().values())
            sides = [Usage(each) for each in pids]
            memory = [sides[0].memory()]

            def note(_: object, side: Usage = sides[0], memory: list[int] = memory) -> None:
                memory.append(side.memory())

            began = time.perf_counter()
            run_empty(cluster, count, note)
            seconds = time.perf_counter() - began
            each = [milliseconds(side.seconds() / count) for side in sides]
            grown = f"{(max(memory) - memory[0]) / 2**20:.0f} MiB"
            table.row(str(in_flight), f"{count / seconds:.0f}", *each, grown)


def run_empty(cluster: Cluster, count: int, done: Any = lambda _: None) -> None:
    """Run tasks that do nothing."""
    work = BlockWork(EmptyBlocks((count,)), {}, {})
    cluster.run(work, Grid((count,), (1,), (1,)), done, ready)


def operators_of(shape: tuple[int, ...]) -> dict[str, tuple[BlockOperator, Operator]]:
    """The operators, in blocks and in memory."""
    planned = shape, FLOAT32
    return {
        "conv 3x3x3": (
            ConvBlocks.planned(*planned, KERNEL, padding=1),
            lambda x: conv(x, KERNEL, padding=1),
        ),
        "maxpool 2x2x2": (
            MaxpoolBlocks.planned(*planned, (2, 2, 2)),
            lambda x: maxpool(x, (2, 2, 2)),
        ),
        "dropout": (DropoutBlocks.planned(*planned, seed=1), lambda x: dropout(x, seed=1)),
        "batchnorm --eval": (BatchnormBlocks.planned(*planned, {}), batchnorm),
        "batchnorm --train": (
            BatchnormBlocks.planned(*planned, {}, training=True),
            lambda x: batchnorm(x, training=True),
        ),
    }


def time_operators(size: int, rounds: int, match: str) -> None:
    """Print what a volume takes on one worker and on two, and in memory on one thread."""
    shape = (1, 1, size, size, size)
    x = np.random.default_rng(1).standard_normal(shape, np.float32)
    table = Table(
        ("operator", 18), ("blocks", 6), ("a block", 10), ("in memory", 10), ("CPU, 1 worker", 13),
        ("CPU, 2 workers", 14), ("time, 1 worker", 14), ("time, 2 workers", 15),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, a_cluster(1) as one, a_cluster(2) as two:
        source = stored(f"{folder}/x.zarr", x, (1, 1, CHUNK, CHUNK, CHUNK))
        for name, (operator, in_memory) in operators_of(shape).items():
            if match not in name:
                continue
            of_input = 1, 1, CHUNK, CHUNK, CHUNK
            chunks = usual_chunks(operator, of_input, 1)
            grid = block_grid(operator, chunks, of_input)
            figures = []
            for number in range(rounds + 1):
                row = [in_memory_seconds(in_memory, x)]
                for cluster in (one, two):
                    place = Path(tempfile.mkdtemp(dir=folder))
                    row += on_workers(*cluster, place, operator, source, grid, chunks)
                    shutil.rmtree(place)
                figures += [row] if number else []
            memory, block, cpu, wall, _, cpu_of_two, wall_of_two = map(
                median, zip(*figures, strict=True)
            )
            times = map(milliseconds, (block, memory, cpu, cpu_of_two, wall, wall_of_two))
            table.row(name, str(len(grid)), *times)


def in_memory_seconds(call: Operator, x: np.ndarray) -> float:
    """Processor seconds of a call on one thread."""
    began = time.process_time()
    with using_threads(1):
        call(x)
    return time.process_time() - began


def on_workers(
    processes: Dask, cluster: Cluster, folder: Path, operator: BlockOperator, source: Any,
    grid: Sequence[Box], chunks: tuple[int, ...],
) -> tuple[float, float, float]:  # fmt: skip
    """Seconds of a block; of all workers' processors; and from the start to the end."""
    seconds: list[float] = []
    usage, began = Usage(list(processes.pids().values())), time.perf_counter()
    run_blocks(
        cluster, str(folder), operator, source, grid, chunks,
        lambda report: seconds.append(report.seconds),
    )  # fmt: skip
    return median(seconds), usage.seconds(), time.perf_counter() - began


def stored(path: str, values: np.ndarray, chunks: tuple[int, ...]) -> ZarrReference:
    """Write an array, and return by what it is read."""
    zarr.create_array(path, shape=values.shape, dtype=values.dtype, chunks=chunks)[...] = values
    return open_zarr(path, "INPUT").reference


def run_blocks(
    cluster: Cluster, folder: str, operator: BlockOperator, source: ZarrReference,
    grid: Sequence[Box], chunks: tuple[int, ...], done: Callable[[BlockReport], object],
) -> None:  # fmt: skip
    """Run some blocks, and those of statistics before them, into arrays in a folder."""
    with ZarrResults() as results:
        written = {
            name: results.add(f"{folder}/{name}.zarr", operator.shape, dtype, chunks)
            for name, dtype in operator.outputs.items()
        }
        sinks = {name: ZarrSink(reference, LAYOUT) for name, reference in written.items()}
        work = BlockWork(operator, {"input": ZarrSource(source, LAYOUT)}, sinks)
        prepare = SharedArrays((source,), tuple(written.values())).prepare
        if isinstance(operator, BatchnormBlocks) and operator.needs_statistics:
            reports: list[BlockReport] = []
            cluster.run(work, grid, reports.append, prepare)
            moments = {report.box: report.moments for report in reports}
            operator, _ = operator.with_statistics([moments[box] for box in grid])
            for report in reports:
                done(report)
        cluster.run(work._replace(operator=operator), grid, done, prepare)
        results.complete()
        results.move()


def count_requests() -> None:
    """Print what a block of a convolution in the middle asks of an object store, and how often."""
    table = Table(
        ("chunks of a block", 17), ("chunks read", 11), ("chunks written", 14), ("requests", 8),
        ("of them", 40), left=0,
    )  # fmt: skip
    shape, chunks = (1, 1, 72, 72, 72), (1, 1, 8, 8, 8)
    operator = ConvBlocks.planned(shape, FLOAT32, KERNEL, padding=1)
    counted = Requests()
    logging.getLogger("werkzeug").handlers = [counted]
    logging.getLogger("asyncio").disabled = True  # s3fs leaves sessions, which it complains of
    with pytest.MonkeyPatch.context() as patch, serving(patch), a_cluster(1) as (_, cluster):
        source = stored(f"{URL}/x.zarr", np.ones(shape, np.float32), chunks)
        logging.disable(logging.NOTSET)
        for count in (1, 3):
            grid = Grid(shape, chunks, (1, 1, count, count, count))
            middle = grid[len(grid) // 2]
            once, twice = (
                counted.during(run_blocks, cluster, f"{URL}/{count}-{times}", operator,
                               source, [middle] * times, chunks, lambda _: None)
                for times in (1, 2)
            )  # fmt: skip
            found = twice - once
            [seen] = operator.sees(middle)
            read = math.prod(
                -(-stop // size) - start // size
                for (start, stop), size in zip(seen.spans, chunks, strict=True)
            )
            kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(found.items()))
            table.row(
                f"{count}x{count}x{count}", str(read), str(count**3), str(found.total()), kinds
            )


class Requests(logging.Handler):
    """Counts what moto's server is asked, by the kind of request."""

    def __init__(self) -> None:
        super().__init__()
        self._found: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Count one; lists are GETs of the bucket."""
        asked = re.search(r"([A-Z]+) (\S+) HTTP", record.getMessage())
        if asked:
            self._found["LIST" if "list-type" in asked[2] else asked[1]] += 1

    def during(self, call: Callable[..., object], *arguments: object) -> "Counter[str]":
        """Return what is asked during a call."""
        before = self._found.copy()
        call(*arguments)
        return self._found - before
