"""Ranges of elements in row-major order, of arrays of any memory order."""

import numpy as np
import pytest

from cnnops_cli.slabs import elements

VALUES = np.arange(3 * 5 * 4 * 7, dtype=np.int16).reshape(3, 5, 4, 7)
VIEWS = {
    "rows": VALUES,
    "columns": np.asfortranarray(VALUES),
    "channels last": np.moveaxis(np.moveaxis(VALUES, 1, -1).copy(), -1, 1),
    "backwards": VALUES[::-1, :, ::-1, ::-2],
    "repeated": np.broadcast_to(VALUES[:, :1], VALUES.shape),
    "swapped": VALUES.astype(">i2"),
    "swapped columns": np.asfortranarray(VALUES).astype(">i2"),
    "short rows": np.moveaxis(VALUES, 0, -1),
    "long axis of one": VALUES[:, None, ::2],
    "flat": VALUES.reshape(-1)[::3],
    "one number": np.array(7, ">i2"),
}


@pytest.mark.parametrize("name", VIEWS)
def test_ranges_are_those_of_a_flat_copy(name):
    array = VIEWS[name]
    flat = array.flatten()
    for start in range(array.size):
        for stop in (start + 1, start + 2, start + 13, start + 64, array.size):
            found = elements(array, slice(start, stop))
            np.testing.assert_array_equal(found, flat[start:stop], strict=True)
            assert found.dtype.isnative == array.dtype.isnative


def test_a_range_of_an_array_in_row_major_order_is_a_view():
    assert np.shares_memory(elements(VALUES, slice(5, 9)), VALUES)
    assert np.shares_memory(elements(VALUES.astype(">i2"), slice(5, 9)), VALUES) is False
    assert elements(np.empty((0, 3)), slice(0, 5)).shape == (0,)
