"""Arrays that are read, converted and written a slab at a time: the same as at once."""

import io
import json

import numpy as np
import pytest

from cnnops_cli import slabs
from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors import json_format, npy
from cnnops_cli.tensors.json_format import format_array
from cnnops_cli.tensors.tensor import Tensor, convert


@pytest.fixture(autouse=True)
def small_slabs(monkeypatch):
    monkeypatch.setattr(slabs, "_MOST_BYTES", 100)
    monkeypatch.setattr(json_format, "_MOST_VALUES", 7)


VALUES = np.random.default_rng(0).integers(0, 200, (3, 5, 2, 9))
FORMS = {
    "rows": lambda array: array,
    "channels last": lambda array: np.moveaxis(array, 1, -1),
    "columns": np.asfortranarray,
    "backwards": lambda array: array[::-1, :, :, ::-2],
    "repeated": lambda array: np.broadcast_to(array[:, :1], array.shape),
    "flat": lambda array: array.reshape(-1)[::3],
    "empty": lambda array: array[:, :0].T,
    "one number": lambda array: array[0, 0, 0, 0],
}
DTYPES = ("uint8", "float16", "float32", ">f4", ">i8", "bool")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_slabs_follow_each_other_in_row_major_order(form, dtype):
    array = np.asarray(FORMS[form](VALUES.astype(dtype)))
    found = list(slabs.slabs(array))
    assert all(slab.nbytes <= 100 for slab in found)
    np.testing.assert_array_equal(np.concatenate([slab.ravel() for slab in found]), array.ravel())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_npy_files_are_numpys(form, dtype):
    array = np.asarray(FORMS[form](VALUES.astype(dtype)))
    little = np.array(array, array.dtype.newbyteorder("<"), order="C")
    ours, theirs, given = io.BytesIO(), io.BytesIO(), io.BytesIO()
    npy.write(ours, array)
    np.save(theirs, little)
    assert ours.getvalue() == theirs.getvalue()

    np.save(given, array)
    given.seek(0)
    back = npy.read(given, given.getbuffer().nbytes, "x")
    assert back.flags.c_contiguous
    taken = np.uint8 if dtype == "bool" else np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(back, array.astype(taken), strict=True)


@pytest.mark.parametrize("form", FORMS)
def test_json_is_the_same_in_parts(form):
    array = np.asarray(FORMS[form](VALUES))
    compact = json.dumps(array.tolist(), separators=(",", ":")).encode()
    assert format_array(array) == compact
    stream = io.BytesIO()
    json_format.write(stream, array)
    assert stream.getvalue() == compact + b"\n"


def test_words_halves_and_rounding_in_parts_of_json():
    values = np.tile(np.array([[0.1, np.nan], [-np.inf, 2.675]]), (4, 5))
    row, other = ",".join(["0.1,NaN"] * 5), ",".join(["-Infinity,2.676"] * 5)
    halves = f"[{','.join([f'[{row}],[{other}]'] * 4)}]".encode()
    assert format_array(values.astype(np.float16)) == halves
    assert format_array(values, 1) == halves.replace(b"2.676", b"2.7")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint64])
def test_conversion_names_the_first_value_that_does_not_fit(monkeypatch, dtype):
    monkeypatch.setattr("cnnops_cli.tensors.tensor._PIECE", 4)
    values = np.arange(20.0).reshape(4, 5)
    converted = convert(Tensor(values, "x", weak=True), np.dtype(dtype))
    np.testing.assert_array_equal(converted, values.astype(dtype), strict=True)
    values[2, 1], values[3, 4] = 1e300, -1e301
    with pytest.raises(CnnopsError, match=r"x holds 1e\+300, which"):
        convert(Tensor(values, "x", weak=True), np.dtype(dtype))
