"""Copies of every second element, in pairs and one by one."""

import numpy as np
import pytest

from cnnops_cli.ops import every_second
from cnnops_cli.ops.every_second import copy_every_second

DTYPES = ["uint8", "int16", "float16", "float32", "int32", "float64", "int64"]


def rows(dtype, length):
    """Rows that hold NaN and other bits that arithmetic might change."""
    bits = np.random.default_rng(3).integers(0, 256, (2, 3, length * np.dtype(dtype).itemsize))
    return bits.astype(np.uint8).view(dtype)


@pytest.mark.parametrize("little_endian", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 9, 40])
def test_all_bits_are_copied(monkeypatch, dtype, length, little_endian):
    monkeypatch.setattr(every_second.np, "little_endian", little_endian and np.little_endian)
    source = rows(dtype, length)
    expected = source[..., ::2].copy()
    room = np.zeros((2, 3, expected.shape[-1] + 2), dtype)
    copy_every_second(source, room[..., 1:-1])
    np.testing.assert_array_equal(room[..., 1:-1].view(np.uint8), expected.view(np.uint8))
    assert not room[..., [0, -1]].any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_that_are_not_runs(dtype):
    source = rows(dtype, 21)
    for view in (source[..., ::-1], source[..., ::3], source.swapaxes(0, 2), source[:, ::-1, 1:]):
        into = np.empty((*view.shape[:-1], -(-view.shape[-1] // 2)), dtype)
        copy_every_second(view, into)
        expected = np.ascontiguousarray(view[..., ::2])
        np.testing.assert_array_equal(into.view(np.uint8), expected.view(np.uint8))


def test_a_source_of_another_dtype():
    source = np.arange(-3, 4, dtype=np.int8)
    for dtype in ("int8", "float32", "float64", "object"):
        into = np.empty(4, dtype)
        copy_every_second(source, into)
        assert into.tolist() == [-3, -1, 1, 3]
    into = np.empty(4, np.float32)
    copy_every_second(source.astype(">f4"), into)
    assert into.tolist() == [-3, -1, 1, 3]
