"""How the chunks of a result are compressed: as those of the Zarr array that it is made from."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

_KEPT = frozenset({"blosc", "crc32c", "gzip", "zstd"})
"""Codecs of bytes that both versions of Zarr have, or that version 3 specifies."""
_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
"""What version 3 calls Blosc's shuffles, by the number that version 2 has."""

Codec = dict[str, Any]


def kept_compressors(
    metadata: Mapping[str, Any], dtype: np.dtype[Any]
) -> list[Codec] | Literal["auto"] | None:
    """Return the compressors of an array by its metadata, for one of another dtype.

    It is None where there are none, and "auto", which is Zarr's own choice, where one of them is
    not known to go with every dtype.
    """
    version_2 = metadata["zarr_format"] == 2
    codecs = _of_version_2(metadata) if version_2 else _of_version_3(metadata["codecs"])
    if codecs is None or not _KEPT.issuperset(codec["name"] for codec in codecs):
        return "auto"
    return [_fitted(codec, dtype) for codec in codecs] or None


def _of_version_2(metadata: Mapping[str, Any]) -> list[Codec]:
    if metadata["compressor"] is None:
        return []
    configuration = dict(metadata["compressor"])
    return [{"name": configuration.pop("id"), "configuration": configuration}]


def _of_version_3(codecs: Any) -> list[Codec] | None:
    """Return the codecs after that which makes bytes of numbers, or None if that is not "bytes"."""
    if codecs[0]["name"] == "sharding_indexed":
        codecs = codecs[0]["configuration"]["codecs"]
    names = [codec["name"] for codec in codecs]
    return list(codecs[names.index("bytes") + 1 :]) if "bytes" in names else None


def _fitted(codec: Codec, dtype: np.dtype[Any]) -> Codec:
    """Have Blosc shuffle the bytes of numbers of this dtype."""
    if codec["name"] != "blosc":
        return codec
    configuration = {**codec["configuration"], "typesize": dtype.itemsize}
    if isinstance(shuffle := configuration["shuffle"], int):
        # -1 leaves it to Blosc, which takes the bits of bytes and the bytes of larger numbers.
        automatic = 2 if dtype.itemsize == 1 else 1
        configuration["shuffle"] = _SHUFFLES[automatic if shuffle < 0 else shuffle]
    return {**codec, "configuration": configuration}
