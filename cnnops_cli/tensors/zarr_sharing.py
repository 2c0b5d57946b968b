"""Whether another process sees the arrays of a run: it may be on a machine that does not."""

from typing import NamedTuple

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.zarr_array import (
    ZarrReference,
    open_reference,
    stored_digest,
    use_zarr_threads,
)
from cnnops_cli.tensors.zarr_places import place_at


class SharedArrays(NamedTuple):
    """The arrays of a run, as plain data.

    A process without an array that it should read would take its chunks for chunks that are not
    stored, and compute with zeros.
    """

    read: tuple[ZarrReference, ...]
    written: tuple[ZarrReference, ...]

    def prepare(self, threads: int) -> None:
        """Refuse arrays that this process does not share, and set zarr to a number of threads."""
        use_zarr_threads(threads, self.read + self.written)
        for reference in self.read:
            found = stored_digest(place_at(reference.location, reference.name))
            if found != reference.digest:
                other = "another array" if found else "no array"
                raise CnnopsError(
                    f"it finds {other} at {reference.location}; all workers must see "
                    f"{reference.name} there"
                )
        for reference in self.written:
            open_reference(reference).check_run()
