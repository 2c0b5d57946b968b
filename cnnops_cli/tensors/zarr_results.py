"""Zarr arrays that a run makes: none of them opens before it is whole, and all do or none."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.result_places import check_replaced, check_surroundings
from cnnops_cli.tensors.zarr_array import TOKEN, ZarrReference, import_zarr, open_reference
from cnnops_cli.tensors.zarr_compressors import kept_compressors
from cnnops_cli.tensors.zarr_places import (
    DOCUMENT,
    METADATA,
    Directory,
    Prefix,
    check_takes_results,
    is_remote,
    location_of,
    place_at,
    reason,
)
from cnnops_cli.tensors.zarr_staging import StagedDirectory, put_back_left
from cnnops_cli.words import listed


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
        shards: tuple[int, ...] | None = None,
        like: ZarrReference | None = None,
        overwrite: bool = False,
    ) -> ZarrReference:
        """Begin an array, and return by what it is opened and written.

        It is compressed as another one is, or as Zarr does by default.
        """
        compressors = kept_compressors(like.metadata, dtype) if like else "auto"
        metadata = _metadata(path, shape, dtype, chunks, shards, compressors)
        location = location_of(path)
        with _naming(path):
            check_takes_results(path)
            if is_remote(location):
                check_surroundings(path)
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
        self._place.write(DOCUMENT, _encoded(self.reference.metadata))
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
        self._place.write(DOCUMENT, _encoded(self.reference.metadata))
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
    shards: tuple[int, ...] | None,
    compressors: Any,
) -> dict[str, Any]:
    """Return the metadata of a new array of version 3."""
    zarr = import_zarr(path)
    from zarr.codecs import BytesCodec

    array = zarr.create_array(
        zarr.storage.MemoryStore(),
        shape=shape,
        chunks=chunks,
        shards=shards,
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
