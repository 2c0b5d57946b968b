"""Operators run on a cluster, from Zarr arrays on disk to Zarr arrays on disk."""

from typing import NamedTuple

import numpy as np
import zarr

from cnnops_cli.blocks.work import BlockWork
from cnnops_cli.tensors.zarr_array import ZarrReference, open_reference, open_zarr
from cnnops_cli.tensors.zarr_results import ZarrResults
from cnnops_cli.tensors.zarr_sharing import SharedArrays


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


def on_cluster(cluster, folder, operator, read, grid, chunks, reports=None):
    """Run all blocks; return the outputs, and the running statistics in training."""
    sources = {name: ZarrBoxes(reference) for name, reference in read.items()}
    reports = [] if reports is None else reports
    with ZarrResults() as results:
        written = {
            name: results.add(str(folder / f"{name}.zarr"), operator.shape, dtype, chunks)
            for name, dtype in operator.outputs.items()
        }
        prepare = SharedArrays.of(list(read.values()), list(written.values())).prepare
        sinks = {name: ZarrBoxes(reference) for name, reference in written.items()}
        running = {}
        if operator.needs_statistics:
            moments = {}
            work = BlockWork(operator, sources, {})
            cluster.run(
                work, grid, lambda report: moments.update({report.box: report.moments}), prepare
            )
            operator, running = operator.with_statistics([moments[box] for box in grid])
        cluster.run(BlockWork(operator, sources, sinks), grid, reports.append, prepare)
        assert sorted(report.box for report in reports) == sorted(grid)
        results.complete()
        results.move()
    found = {name: zarr.open_array(folder / f"{name}.zarr", mode="r")[...] for name in written}
    return {name: np.ascontiguousarray(values) for name, values in found.items()}, running
