"""Where a result may be: not in what is read, nor where something is that it may not replace."""

import json
import os
from contextlib import suppress
from typing import Any

from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import is_absent
from cnnops_cli.tensors.zarr_places import (
    DOCUMENT,
    METADATA,
    Directory,
    Prefix,
    is_within,
    location_of,
    parents_of,
    place_at,
)


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
    check_surroundings(path)
    if is_absent(location):
        return
    place = Directory(location)
    keys = place.keys() if os.path.isdir(location) else None
    if keys is None or (keys and not set(keys) & set(METADATA)):
        raise CnnopsError(f"{path} is there already and not a Zarr array, so it is not replaced")
    if keys and not _is_array(place):
        raise CnnopsError(
            f"{path} is a Zarr group, which --overwrite does not replace; "
            "name an array in it, or remove it first"
        )
    if not overwrite:
        raise CnnopsError(f"{path} is there already; --overwrite replaces it")
    if not os.access(location, os.W_OK):
        raise CnnopsError(f"{path} is write-protected, so it is not replaced")
    if os.path.ismount(location):
        raise CnnopsError(f"{path} is a mount point, so it is not replaced; name a path in it")


def check_surroundings(path: str) -> None:
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
    data = place.read(DOCUMENT)
    try:
        document = None if data is None else json.loads(data)
    except ValueError:
        return {}
    return document if document is None or isinstance(document, dict) else {}
