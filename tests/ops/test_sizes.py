"""The largest sizes that are accepted, and the first beyond them."""

import re

import numpy as np
import pytest

from cnnops_cli import conv, maxpool
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops import conv as convolutions
from cnnops_cli.ops import maxpool as poolings
from cnnops_cli.ops.geometry import check_fits, per_axis

LARGEST = 2**31 - 1
ROW, ONE = np.array([[5.0]]), np.ones((1, 1, 1))
NO_POOLING = {"stride": 1, "padding": 0, "dilation": 1, "ceil_mode": False}
PLAIN = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros"}


@pytest.mark.parametrize("name", ["stride", "dilation", "padding"])
def test_sizes_end_below_2_to_the_31(name):
    assert per_axis(LARGEST, 2, name, minimum=1) == (LARGEST, LARGEST)
    reason = re.escape(f"{name} must be at most 2147483647, not 2147483648")
    for size in (LARGEST + 1, (1, LARGEST + 1), (LARGEST + 1, 1)):
        with pytest.raises(CnnopsError, match=f"^{reason}$"):
            per_axis(size, 2, name, minimum=1)


def test_operators_take_the_largest_sizes():
    assert conv(ROW, ONE, stride=LARGEST, dilation=LARGEST).tolist() == [[5]]
    padded = conv(ROW, ONE, stride=LARGEST, padding=((LARGEST, LARGEST),))
    assert padded.tolist() == [[0, 5, 0]]
    widest = maxpool(ROW, (LARGEST,), stride=1, padding=((LARGEST - 1, 0),))
    assert widest.tolist() == [[5]]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda size: conv(ROW, ONE, stride=size), "stride"),
        (lambda size: conv(ROW, ONE, dilation=size), "dilation"),
        (lambda size: conv(ROW, ONE, padding=size), "padding"),
        (lambda size: conv(ROW, ONE, padding=((0, size),)), "padding"),
        (lambda size: maxpool(ROW, (size,)), "kernel"),
        (lambda size: maxpool(ROW, (1,), stride=size), "stride"),
    ],
)
def test_operators_refuse_larger_ones(call, name):
    with pytest.raises(
        CnnopsError, match=f"^{name} must be at most 2147483647, not 2147483648(: kernel|$)"
    ):
        call(LARGEST + 1)


@pytest.mark.parametrize("shape", [(2**48,), (2**24, 2**24), (2**16, 2**16, 2**16), (0, 2**60)])
def test_arrays_of_up_to_2_to_the_48_values_may_fit(shape):
    check_fits(shape)


@pytest.mark.parametrize("shape", [(2**48 + 1,), (2**24, 2**24 + 1)])
def test_larger_arrays_fit_no_memory(shape):
    reason = f"an array of shape {shape} fits no memory: use smaller sizes or less padding"
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        check_fits(shape)


@pytest.mark.parametrize(
    "place",
    [
        lambda length: convolutions.place_windows((2, 1, length), (2**23, 1, 1), **PLAIN),
        lambda length: poolings.place_windows((2, 2**23, length), (1,), **NO_POOLING),
    ],
    ids=["conv", "maxpool"],
)
def test_results_are_refused_by_all_their_axes(place):
    assert place(2**24).output == (2**24,)
    with pytest.raises(CnnopsError, match=r"^an array of shape \(2, 8388608, 16777217\) fits no "):
        place(2**24 + 1)
