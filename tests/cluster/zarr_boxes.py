"""Zarr arrays as sources and sinks of blocks."""

from typing import NamedTuple

from cnnops_cli.tensors.zarr_array import ZarrReference, open_reference


class ZarrBoxes(NamedTuple):
    reference: ZarrReference

    def open(self):
        array = open_reference(self.reference)
        if self.reference.token is None:
            return lambda box: array.read(box.slices)
        return lambda box, values: array.write(box.slices, values)
