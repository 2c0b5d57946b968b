"""Zarr arrays of every kind, and what the command makes of them and of the same values in .npy."""

import re

import numpy as np
import pytest
from calling import CommandHere

zarr = pytest.importorskip("zarr")


def store(path, values, chunks, kind="plain"):
    """Write values as a Zarr array of a kind."""
    how = {"shape": values.shape, "dtype": values.dtype, "chunks": chunks}
    if kind == "version 2":
        how |= {"zarr_format": 2, "dtype": values.dtype.newbyteorder(">")}
    elif kind == "shards":
        how |= {"shards": tuple(2 * chunk for chunk in chunks)}
    elif kind == "big-endian":
        how |= {"serializer": zarr.codecs.BytesCodec(endian="big")}
    zarr.create_array(str(path), **how)[...] = values
    return str(path)


def load(path):
    """All values of a Zarr array."""
    array = zarr.open_array(str(path), mode="r")
    return array, np.asarray(array[...])


def assert_same_bytes(got, expected):
    """Equal in shape, dtype and every bit, those of NaNs and zeros included."""
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    assert np.ascontiguousarray(got).tobytes() == np.ascontiguousarray(expected).tobytes()


VALUE = re.compile(r"(?<=the sum )\S+|(?<=holds )[^ ,]+")
"""In an error: one of perhaps several values that are refused, by the order of blocks."""


class InBoth:
    """Calls on x.npy and on x.zarr in a folder, of the same values.

    `where` are options of all calls on x.zarr, such as --scheduler.
    """

    def __init__(self, folder, *where):
        self.folder = folder
        self.where = where
        self.call = CommandHere(folder)

    def input(self, values, chunks, kind="plain"):
        np.save(self.folder / "x.npy", values)
        store(self.folder / "x.zarr", values, chunks, kind)

    def run(self, *arguments, files=(), in_memory=(), in_blocks=()):
        """Make both calls; `files` are options of arrays. Both are refused alike, or succeed.

        Of several sums that do not fit, blocks may meet another one first.
        """
        lines = []
        for suffix, more in ((".npy", in_memory), (".zarr", (*in_blocks, *self.where))):
            outputs = [part for name in files for part in (f"--{name}", f"{name}{suffix}")]
            call = [*arguments, f"x{suffix}", "-o", f"y{suffix}", *outputs, *more]
            result = self.call(*map(str, call))
            assert result.out == b""
            lines.append((result.status, VALUE.sub("", result.err.replace(suffix, ""))))
        assert lines[0] == lines[1], lines
        return lines[0][0] == 0

    def compare(self, *names):
        for name in ("y", *names):
            expected = np.load(self.folder / f"{name}.npy")
            assert_same_bytes(load(self.folder / f"{name}.zarr")[1], expected)
