"""Zarr arrays that a run makes: none of them opens before it is whole, and all do or none."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import is_absent
from cnnops_cli.tensors.zarr_array import TOKEN, ZarrReference, import_zarr, open_reference
from cnnops_cli.tensors.zarr_compressors import kept_compressors
from cnnops_cli.tensors.zarr_places import (
    METADATA,
    Directory,
    Prefix,
    check_takes_results,
    is_remote,
    is_within,
    location_of,
    parents_of,
    place_at,
    reason,
)
from cnnops_cli.tensors.zarr_staging import StagedDirectory, put_back_left
from cnnops_cli.words import listed

_DOCUMENT = "zarr.json"


class ZarrResults:
    """The arrays of one run: all of them appear, or none.

    A context manager. If it is left by an error, or before all are moved, those that they replace
    are put back and all that was written is removed.
    """

    def __init__(self) -> None:
        self._results: list[_LocalResult | _RemoteResult] = []
        self._is_moved = False

    def __enter__(self) -> "ZarrResults":
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        is_done = self._is_moved and error is None
        lost = [] if is_done else [result.put_back() for result in reversed(self._results)]
        for result in self._results:
            result.clear(is_done)
        if any(lost):
            raise CnnopsError("; ".join([str(error), *filter(None, lost)])) from error

    def add(
        self,
        path: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        chunks: tuple[int, ...],
        *,
        like: ZarrReference | None = None,
        overwrite: bool = False,
    ) -> ZarrReference:
        """Begin an array, and return by what it is opened and written.

        It is compressed as another one is, or as Zarr does by default.
        """
        compressors = kept_compressors(like.metadata, dtype) if like else "auto"
        metadata = _metadata(path, shape, dtype, chunks, compressors)
        location = location_of(path)
        with _naming(path):
            check_takes_results(path)
            if is_remote(location):
                _check_surroundings(path)
                result: _LocalResult | _RemoteResult = _RemoteResult(path, location, metadata)
            else:
                put_back_left(location)
                check_replaced(path, overwrite=overwrite)
                result = _LocalResult(path, location, metadata, overwrite)
            self._results.append(result)
            result.begin()
        return result.reference

    def complete(self) -> None:
        """Write what is still to be written but for an object store's metadata."""
        for result in self._results:
            with _naming(result.reference.name):
                result.complete()

    def move(self) -> None:
        """Have all arrays appear; what they replace is kept to the end of the context."""
        for result in self._results:
            with _naming(result.reference.name):
                result.move()
        self._is_moved = True


class _LocalResult:
    """An array in a directory of its own until it is whole."""

    def __init__(self, path: str, location: str, metadata: dict[str, Any], overwrite: bool) -> None:
        self._overwrite = overwrite
        self._staged = StagedDirectory(location, overwrite=overwrite)
        self._place = Directory(self._staged.path)
        self.reference = ZarrReference(path, self._staged.path, metadata, os.urandom(16).hex())

    def begin(self) -> None:
        self._place.write(TOKEN, str(self.reference.token).encode())

    def complete(self) -> None:
        self._place.remove(TOKEN)
        self._place.write(_DOCUMENT, _encoded(self.reference.metadata))
        self._staged.complete()

    def move(self) -> None:
        check_replaced(self.reference.name, overwrite=self._overwrite)  # others write there too
        self._staged.move()

    def put_back(self) -> str | None:
        try:
            self._staged.put_back()
        except OSError as error:
            where = f"; what it held is in {aside}" if (aside := self._staged.aside) else ""
            return f"{self.reference.name} could not be put back: {reason(error)}{where}"
        return None

    def clear(self, is_done: bool) -> None:
        self._staged.clear(is_done)


class _RemoteResult:
    """An array in an object store, which is not one before its metadata are there."""

    def __init__(self, path: str, location: str, metadata: dict[str, Any]) -> None:
        place = place_at(location, path)
        assert isinstance(place, Prefix)
        self._place = place
        self._is_moved = False
        self.reference = ZarrReference(path, location, metadata, os.urandom(16).hex())

    def begin(self) -> None:
        if keys := self._place.keys():
            raise CnnopsError(_occupied(self.reference.name, keys))
        self._place.write(TOKEN, str(self.reference.token).encode())
        open_reference(self.reference).check_run()

    def complete(self) -> None:
        open_reference(self.reference).check_run()

    def move(self) -> None:
        self._is_moved = True
        self._place.write(_DOCUMENT, _encoded(self.reference.metadata))
        self._place.remove(TOKEN)

    def put_back(self) -> str | None:
        """Remove what was written, unless another run writes there now."""
        try:
            token = self._place.read(TOKEN)
            if self._is_moved or token == str(self.reference.token).encode():
                self._place.remove_all()
        except Exception as error:  # whatever stores raise
            return f"what was written of {self.reference.name} is still there: {reason(error)}"
        return None

    def clear(self, _: bool) -> None:
        pass


def check_apart(path: str, name: str, text: str) -> None:
    """Refuse to write what `name` calls, what is inside it, or what it is inside of."""
    location, other = location_of(path), location_of(text)
    is_inside, is_around = is_within(location, other), is_within(other, location)
    if is_inside or is_around:
        how = "is" if is_inside and is_around else "is inside" if is_inside else "holds"
        raise CnnopsError(f"{path} {how} {name}; write it elsewhere")


def check_replaced(path: str, *, overwrite: bool) -> None:
    """Refuse a local path where no result can be, or something is that may not be replaced."""
    location = location_of(path)
    if not os.path.isdir(parent := os.path.dirname(location)):
        raise CnnopsError(f"{path} cannot be written: no such directory: {parent}")
    _check_surroundings(path)
    if is_absent(location):
        return
    place = Directory(location)
    keys = place.keys() if os.path.isdir(location) else None
    if not overwrite:
        raise CnnopsError(f"{path} is there already; --overwrite replaces it")
    if keys is None or (keys and not set(keys) & set(METADATA)):
        raise CnnopsError(f"{path} is there already and not a Zarr array, so it is not replaced")
    if keys and not _is_array(place):
        raise CnnopsError(
            f"{path} is a Zarr group, which --overwrite does not replace; "
            "name an array in it, or remove it first"
        )
    if not os.access(location, os.W_OK):
        raise CnnopsError(f"{path} is write-protected, so it is not replaced")
    if os.path.ismount(location):
        raise CnnopsError(f"{path} is a mount point, so it is not replaced; name a path in it")


def _check_surroundings(path: str) -> None:
    """Refuse a result that is in an array, or in a group through which it would not be read."""
    for parent in parents_of(path):
        with suppress(OSError):  # one that may not be read
            if why := _why_not_in(place_at(parent, parent)):
                raise CnnopsError(f"{path} is in {parent}, {why}; write it elsewhere")


def _why_not_in(place: Directory | Prefix) -> str | None:
    if _is_array(place):
        return "which is an array"
    if place.read(".zgroup") is not None:
        return "a group of Zarr version 2, in which arrays of version 3 are not seen"
    if (_document_of(place) or {}).get("consolidated_metadata") is not None:
        return "a group with consolidated metadata, in which the result would be missing"
    return None


def _is_array(place: Directory | Prefix) -> bool:
    document = _document_of(place)
    if document is None:
        return place.read(".zarray") is not None
    return document.get("node_type") == "array"


def _document_of(place: Directory | Prefix) -> dict[str, Any] | None:
    """Return what zarr.json holds, if there is one; nothing if it is damaged."""
    data = place.read(_DOCUMENT)
    try:
        document = None if data is None else json.loads(data)
    except ValueError:
        return {}
    return document if document is None or isinstance(document, dict) else {}


def _occupied(path: str, keys: list[str]) -> str:
    """Say what is where an object store should have nothing."""
    if set(keys) & set(METADATA):
        return f"{path} is there already, and an object store cannot replace it: remove it first"
    return (
        f"{path} holds what a run left that did not end, or is under way: "
        f"{listed(keys, most=3)}; remove them first"
    )


def _metadata(
    path: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    chunks: tuple[int, ...],
    compressors: Any,
) -> dict[str, Any]:
    """Return the metadata of a new array of version 3."""
    zarr = import_zarr(path)
    from zarr.codecs import BytesCodec

    array = zarr.create_array(
        zarr.storage.MemoryStore(),
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        serializer=BytesCodec(endian="little"),
        compressors=compressors,
        fill_value=0,
        zarr_format=3,
    )
    metadata: dict[str, Any] = array.metadata.to_dict()
    return metadata


def _encoded(metadata: dict[str, Any]) -> bytes:
    return f"{json.dumps(metadata, indent=2)}\n".encode()


@contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except CnnopsError:
        raise
    except Exception as error:  # whatever stores raise
        raise CnnopsError(f"cannot write {path}: {reason(error)}") from error
