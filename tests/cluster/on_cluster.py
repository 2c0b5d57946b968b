"""Operators run on a cluster, from Zarr arrays on disk to Zarr arrays on disk."""

from typing import NamedTuple

import numpy as np
import pytest

from cnnops_cli.blocks.work import BlockWork
from cnnops_cli.tensors.zarr_array import ZarrReference, open_reference, open_zarr
from cnnops_cli.tensors.zarr_results import ZarrResults
from cnnops_cli.tensors.zarr_sharing import SharedArrays

zarr = pytest.importorskip("zarr")


class ZarrBoxes(NamedTuple):
    """A Zarr array as a source or a sink."""

    reference: ZarrReference

    def open(self):
        array = open_reference(self.reference)
        if self.reference.token is None:
            return lambda box: array.read(box.slices)
        return lambda box, values: array.write(box.slices, values)


def stored(path, values, chunks):
    """Write an array, and return its reference."""
    array = zarr.create_array(path, shape=values.shape, dtype=values.dtype, chunks=chunks)
    array[...] = values
    return open_zarr(str(path), "INPUT").reference


def on_cluster(cluster, folder, operator, read, grid, chunks, done=lambda report: None):
    """Run all blocks; return the outputs, and the running statistics in training."""
    running = run_blocks(cluster, folder, operator, read, grid, chunks, done)
    found = {name: zarr.open_array(f"{folder}/{name}.zarr", mode="r") for name in operator.outputs}
    return {name: np.ascontiguousarray(array[...]) for name, array in found.items()}, running


def run_blocks(cluster, folder, operator, read, grid, chunks, done):
    """Run all blocks, and `done` on their reports; return the running statistics."""
    sources = {name: ZarrBoxes(reference) for name, reference in read.items()}
    running = {}
    with ZarrResults() as results:
        written = {
            name: results.add(f"{folder}/{name}.zarr", operator.shape, dtype, chunks)
            for name, dtype in operator.outputs.items()
        }
        prepare = SharedArrays.of(list(read.values()), list(written.values())).prepare
        sinks = {name: ZarrBoxes(reference) for name, reference in written.items()}
        if operator.needs_statistics:
            moments = {}

            def keep(report):
                moments[report.box] = report.moments
                done(report)

            cluster.run(BlockWork(operator, sources, {}), grid, keep, prepare)
            operator, running = operator.with_statistics([moments[box] for box in grid])
        reports = []

        def note(report):
            reports.append(report)
            done(report)

        cluster.run(BlockWork(operator, sources, sinks), grid, note, prepare)
        assert sorted(report.box for report in reports) == sorted(grid)
        results.complete()
        results.move()
    return running
