"""Fixtures on disk: OPERATOR.json, one line a case, and OPERATOR.npz with the arrays it names.

An array in the index is `{"dtype": …, "shape": …, "at": …}`: where its values start in the one
flat member of the archive that holds all values of its dtype. Equal arrays are stored once.
"""

import io
import json
import zipfile
from math import prod
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
OPERATORS = ("conv", "maxpool", "batchnorm", "dropout")


class ArrayPool:
    """All the arrays of one operator's cases, by dtype."""

    def __init__(self):
        self.pieces = {}
        self.lengths = {}
        self.places = {}

    def add(self, array):
        """Store an array, and return what stands for it in the index."""
        array = np.ascontiguousarray(array).reshape(np.shape(array))
        dtype, key = array.dtype.name, (array.dtype.name, array.tobytes())
        if key not in self.places:
            self.places[key] = self.lengths.get(dtype, 0)
            self.pieces.setdefault(dtype, []).append(array.ravel())
            self.lengths[dtype] = self.places[key] + array.size
        return {"dtype": dtype, "shape": list(array.shape), "at": self.places[key]}

    def write(self, path):
        """Write the archive, the same bytes for the same arrays: no clock goes into it."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for dtype in sorted(self.pieces):
                member = io.BytesIO()
                np.lib.format.write_array(member, np.concatenate(self.pieces[dtype]))
                info = zipfile.ZipInfo(f"{dtype}.npy", (1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, member.getvalue())


def with_arrays_replaced(value, replace):
    """A copy of nested dicts and lists in which each array went through `replace`."""
    if isinstance(value, dict):
        return {name: with_arrays_replaced(item, replace) for name, item in value.items()}
    if isinstance(value, list):
        return [with_arrays_replaced(item, replace) for item in value]
    return replace(value) if isinstance(value, np.ndarray) else value


def save(operator, cases):
    """Write the index and the archive of one operator."""
    names = [case["name"] for case in cases]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise AssertionError(f"cases of the same name: {sorted(repeated)}")
    pool = ArrayPool()
    lines = [json.dumps(with_arrays_replaced(case, pool.add), allow_nan=False) for case in cases]
    (FOLDER / f"{operator}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    pool.write(FOLDER / f"{operator}.npz")


def load(operator):
    """Read the cases of one operator back; lists among the arguments become tuples."""
    with np.load(FOLDER / f"{operator}.npz", allow_pickle=False) as archive:
        pools = {dtype: archive[dtype] for dtype in archive.files}

    def revive(value):
        if isinstance(value, dict) and value.keys() == {"dtype", "shape", "at"}:
            end = value["at"] + prod(value["shape"])
            return pools[value["dtype"]][value["at"] : end].reshape(value["shape"]).copy()
        if isinstance(value, dict):
            return {name: revive(item) for name, item in value.items()}
        return tuple(map(revive, value)) if isinstance(value, list) else value

    return revive(json.loads((FOLDER / f"{operator}.json").read_text(encoding="utf-8")))
