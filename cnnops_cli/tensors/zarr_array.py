"""Zarr arrays, opened in this process or in another one, and read and written by boxes."""

import asyncio
import math
import sys
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from hashlib import sha256
from operator import floordiv
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array, check_supported, native
from cnnops_cli.errors import CnnopsError, StoreError
from cnnops_cli.tensors.read import INPUT_ARGUMENT
from cnnops_cli.tensors.zarr_places import (
    ARRAYS,
    Directory,
    Prefix,
    is_remote,
    location_of,
    place_at,
    reason,
)
from cnnops_cli.tensors.zarr_refusals import named_arrays, not_an_array, why_not_opened
from cnnops_cli.tensors.zarr_staging import removed_if_made_again

Slices = tuple[slice, ...]

TOKEN = "cnnops-run"
"""The file in an unfinished result that says which run writes it."""

_PYTHON = (3, 11)
"""The oldest Python for which there is a Zarr that reads and writes version 3."""
_REST = 60.0
"""Seconds after which what is left of a write that failed is not waited for any longer."""
_REQUESTS = 10
"""Chunks that a read of an object store requests at a time: zarr's own default."""


class ZarrReference(NamedTuple):
    """Plain data by which any process that reaches the location opens the same array."""

    name: str
    location: str
    metadata: dict[str, Any]
    token: str | None = None  # of the run that writes the array; None if it is only read
    digest: str | None = None  # of the stored metadata of an array that is read


class ZarrArray:
    """A Zarr array.

    Attributes
    ----------
    name : str
        What errors call it.
    reference : ZarrReference
    shape : tuple of int
    dtype : numpy.dtype
        Of what `read` returns: in this machine's byte order, and uint8 for bool.
    chunks : tuple of int
        The shape of what is decoded as a whole.
    shards : tuple of int or None
        The shape of what is stored as a whole, where that is several chunks.
    """

    def __init__(self, reference: ZarrReference, array: Any) -> None:
        self.reference = reference
        self.name = reference.name
        self.shape: tuple[int, ...] = array.shape
        self.dtype: np.dtype[Any] = native(array.dtype)
        self.chunks: tuple[int, ...] = array.chunks
        self.shards: tuple[int, ...] | None = array.shards
        self._array = array

    @property
    def chunks_of_a_shard(self) -> tuple[int, ...] | None:
        """How many chunks a shard has along each axis; None where there are no shards."""
        return self.shards and tuple(map(floordiv, self.shards, self.chunks))

    @property
    def bytes_in_transit(self) -> int:
        """The memory of what one read holds: chunks or shards, as stored and decoded."""
        each = 2 * math.prod(self.chunks)
        if self.shards:  # and a chunk of it while it is decoded
            sizes = zip(self.shards, self.chunks, self.shape, strict=True)
            there = (min(shard, -(-length // size) * size) for shard, size, length in sizes)
            each = 2 * math.prod(there) + math.prod(self.chunks)
        return _at_a_time(self.reference.location) * each * self.dtype.itemsize

    def read(self, slices: Slices) -> Array:
        """Return a box, in C order."""
        try:
            values = np.asarray(self._array[slices])
        except Exception as error:  # whatever codecs and stores raise
            self._check_unchanged()
            raise StoreError(f"cannot read {self.name}: {reason(error)}") from error
        self._check_unchanged()
        values = values.view(self.dtype) if values.dtype.kind == "b" else values
        return np.asarray(values, self.dtype, order="C")

    def _check_unchanged(self) -> None:
        """Refuse what was read of another array, or of none: that reads as its fill value."""
        document = ARRAYS[self.reference.metadata["zarr_format"] == 2]
        found, place = self._next_to_chunks(document), f"{self.reference.location}/{document}"
        if found is None:
            raise CnnopsError(f"{self.name} is not here, or not any more: there is no {place}")
        if _digest(found) != self.reference.digest:
            raise CnnopsError(f"{self.name} was changed while it was read: {place} is not the same")

    def write(self, slices: Slices, values: Array) -> None:
        """Write a box of whole chunks or shards, unless the run that may write them is over."""
        self.check_run()
        stored = self.shards or self.chunks
        for axis, (cut, whole, size) in enumerate(zip(slices, stored, self.shape, strict=True)):
            if cut.start % whole or (cut.stop % whole and cut.stop != size):
                raise ValueError(f"{cut} cuts what is stored as {whole} on axis {axis} of {size}")
        location = self.reference.location
        try:
            with nullcontext() if is_remote(location) else removed_if_made_again(location):
                try:
                    self._array[slices] = values
                except BaseException:
                    _wait_for_the_rest()
                    raise
        except Exception as error:  # whatever codecs and stores raise
            raise StoreError(f"cannot write {self.name}: {reason(error)}") from error

    def check_run(self) -> None:
        """Refuse a result that this process does not see, or that another run writes now."""
        found = self._next_to_chunks(TOKEN)
        if found is None:
            raise CnnopsError(
                f"{self.name} is not written here: there is no {self.reference.location}/{TOKEN}, "
                "since the run is over or this machine does not share the place"
            )
        if found.decode() != self.reference.token:
            raise CnnopsError(f"{self.name} is written by another run now")

    def _next_to_chunks(self, key: str) -> bytes | None:
        """Return a file that is next to the chunks, or None if there is none."""
        try:
            return place_at(self.reference.location, self.name).read(key)
        except Exception as error:  # whatever stores raise
            raise StoreError(f"cannot read {self.name}: {reason(error)}") from error


def open_zarr(text: str, argument: str) -> ZarrArray:
    """Open the Zarr array that an argument names, to read it."""
    name = text if argument == INPUT_ARGUMENT else f"{argument} {text}"
    zarr = import_zarr(name)
    location = location_of(text)
    place = place_at(location, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            digest = stored_digest(place)  # before it is opened, in case it is replaced
            node = zarr.open(store=place.store(read_only=True), mode="r")
            if isinstance(node, zarr.Group):
                raise CnnopsError(f"{name} is a group, {named_arrays(node, text)}")
    except CnnopsError:
        raise
    except FileNotFoundError as error:
        raise not_an_array(text, argument, place) from error
    except Exception as error:  # whatever zarr and stores raise
        raise CnnopsError(f"{name} cannot be opened: {why_not_opened(error)}") from error
    check_supported(node.dtype, name)
    if node.size and 0 in node.chunks:
        raise CnnopsError(f"{name} cannot be opened: its chunks have no elements: {node.chunks}")
    metadata = {**node.metadata.to_dict(), "attributes": {}}
    return ZarrArray(ZarrReference(name, location, metadata, digest=digest), node)


def stored_digest(place: Directory | Prefix) -> str | None:
    """Return a digest of the stored metadata of the array at a place; None if there are none."""
    found = next(filter(None, map(place.read, ARRAYS)), None)
    return None if found is None else _digest(found)


def _digest(stored: bytes) -> str:
    return sha256(stored).hexdigest()


def open_reference(reference: ZarrReference) -> ZarrArray:
    """Open an array by its reference; its metadata is not read."""
    name, location, metadata, token, _ = reference
    zarr = import_zarr(name)
    place = place_at(location, name)
    try:
        path = zarr.storage.StorePath(place.store(read_only=token is None))
        # A chunk of zeros would not be stored otherwise, nor one of -0.0.
        how = {"write_empty_chunks": True}
        array = zarr.Array(zarr.AsyncArray(metadata, path, how))
    except Exception as error:  # whatever zarr and stores raise
        raise CnnopsError(f"{name} cannot be opened: {reason(error)}") from error
    return ZarrArray(reference, array)


def use_zarr_threads(threads: int, references: Sequence[ZarrReference], readers: int = 1) -> None:
    """Have zarr decode and encode in at most `threads` threads of this process.

    Each thread of ours that reads or writes waits for one of zarr's, so that as many run as there
    are of ours: a box in files is taken a chunk at a time. An object store is asked for several,
    since those wait for the network. A thread that alone reads and writes takes as many at a time
    as a number of `readers` would.
    """
    import zarr

    most = max((_at_a_time(each.location) for each in references), default=1)
    zarr.config.set({"threading.max_workers": threads, "async.concurrency": readers * most})


def _wait_for_the_rest() -> None:
    """Wait for all that zarr does: where a chunk fails, it goes on with the others of a write."""
    from zarr.core.sync import sync

    async def rest() -> None:
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=_REST)

    sync(rest())


def bytes_written(
    location: str,
    dtype: np.dtype[Any],
    chunks: tuple[int, ...],
    shards: tuple[int, ...] | None,
    most: int,
) -> int:
    """Return the memory that a write takes of `most` chunks or shards at most.

    Of a chunk it holds a copy, and that encoded; of a shard its encoded chunks, those put together,
    and what is there already if a try before has failed.
    """
    each = 3 * math.prod(shards) if shards else 2 * math.prod(chunks)
    return min(most, _at_a_time(location)) * each * dtype.itemsize


def _at_a_time(location: str) -> int:
    return _REQUESTS if is_remote(location) else 1


def import_zarr(name: str) -> ModuleType:
    """Import zarr, or say what it takes to install it."""
    try:
        import zarr
        import zarr.storage

        zarr.AsyncArray  # noqa: B018  # Zarr 2 has none
    except (ImportError, AttributeError) as error:
        needed = f"{name} is a Zarr array, which needs zarr 3.1: pip install 'cnnops-cli[zarr]'"
        if sys.version_info < _PYTHON:
            this, oldest = (".".join(map(str, pair[:2])) for pair in (sys.version_info, _PYTHON))
            needed = f"{needed} with Python {oldest} or newer; this is {this}"
        raise CnnopsError(needed) from error
    # Of codecs that other programs may not have, whenever it makes one.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"zarr\.")
    return zarr  # type: ignore[no-any-return]
