"""What is said where no Zarr array can be opened."""

import json
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import is_absent
from cnnops_cli.tensors.zarr_places import ARRAYS, Directory, Prefix, parents_of, reason
from cnnops_cli.tensors.zarr_staging import aside_of
from cnnops_cli.words import listed

_NOT_METADATA = "its metadata is not that of a Zarr array or group"
_MOST_NAMED = 8


def named_arrays(group: Any, text: str) -> str:
    """Say which arrays a group has, with their shapes; the first ones, since it may have many."""
    try:
        arrays = list(islice(_arrays_in(group), _MOST_NAMED + 1))
    except Exception as error:  # a store that cannot be listed, or metadata that zarr cannot parse
        return f"not an array, and its arrays cannot be listed: {reason(error)}"
    if not arrays:
        return "and it has no arrays"
    shown = ", ".join(f"{path} {shape}" for path, shape in arrays[:_MOST_NAMED])
    shown += " and others" if len(arrays) > _MOST_NAMED else ""
    return f"not an array; name one of its arrays, as {text.rstrip('/')}/{arrays[0][0]}: {shown}"


def _arrays_in(group: Any, path: str = "") -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give the path and the shape of each array; no more is listed than what is taken takes."""
    members = sorted(group.members(max_depth=0), key=lambda member: member[0])
    for name, member in members:
        if hasattr(member, "shape"):
            yield f"{path}{name}", member.shape
    for name, member in members:
        if not hasattr(member, "shape"):
            yield from _arrays_in(member, f"{path}{name}/")


def why_not_opened(error: Exception) -> str:
    """Say what zarr found in the metadata, where it says no more than how it failed."""
    if isinstance(error, json.JSONDecodeError):
        return f"its metadata is not JSON: {error}"
    if isinstance(error, KeyError):
        return f"its metadata has no {error}"
    if isinstance(error, (TypeError, AttributeError, LookupError)):
        return _NOT_METADATA
    return reason(error)


def _why_nothing_is_at(path: str) -> str:
    for file in filter(os.path.isfile, (path, *parents_of(path))):
        return f"; {file} is a file, and a Zarr array is a directory"
    if not is_absent(aside := aside_of(path)):
        return f"; a call that was killed while it replaced it left it in {aside}"
    return ""


def not_an_array(text: str, argument: str, place: Directory | Prefix) -> CnnopsError:
    """Say why nothing was opened: there is nothing, or what is there is not whole."""
    try:
        keys = place.keys()
    except Exception as error:  # whatever stores raise
        return CnnopsError(f"{argument}: cannot read {text}: {reason(error)}")
    if set(keys) & set(ARRAYS):
        return CnnopsError(f"{argument}: {text} cannot be opened: {_NOT_METADATA}")
    if not keys:
        why = "" if isinstance(place, Prefix) else _why_nothing_is_at(place.path)
        return CnnopsError(f"{argument}: no such Zarr array: {text}{why}")
    return CnnopsError(
        f"{argument}: {text} is not a Zarr array, or not a whole one: it has neither zarr.json "
        f"nor .zarray, but {listed(keys, most=3)}"
    )
