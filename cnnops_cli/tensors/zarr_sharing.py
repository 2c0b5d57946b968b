"""Whether another process sees the arrays of a run: it may be on a machine that does not."""

from collections.abc import Sequence
from typing import NamedTuple

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.zarr_array import ZarrReference, open_reference, use_zarr_threads
from cnnops_cli.tensors.zarr_places import ARRAYS, place_at


class SharedArrays(NamedTuple):
    """The arrays of a run, and the stored metadata of those that are read, as plain data.

    A process without an array that it should read would take its chunks for chunks that are not
    stored, and compute with zeros.
    """

    read: tuple[tuple[ZarrReference, bytes | None], ...]
    written: tuple[ZarrReference, ...]

    @classmethod
    def of(cls, read: Sequence[ZarrReference], written: Sequence[ZarrReference]) -> "SharedArrays":
        """Read the metadata of what is read."""
        return cls(tuple((reference, _stored(reference)) for reference in read), tuple(written))

    def prepare(self, threads: int) -> None:
        """Refuse arrays that this process does not share, and set zarr to a number of threads."""
        read = tuple(reference for reference, _ in self.read)
        use_zarr_threads(threads, read + self.written)
        for reference, metadata in self.read:
            if (found := _stored(reference)) != metadata:
                other = "another array" if found else "no array"
                raise CnnopsError(
                    f"it finds {other} at {reference.location}; all workers must see "
                    f"{reference.name} there"
                )
        for reference in self.written:
            open_reference(reference).check_run()


def _stored(reference: ZarrReference) -> bytes | None:
    place = place_at(reference.location, reference.name)
    return next(filter(None, map(place.read, ARRAYS)), None)
