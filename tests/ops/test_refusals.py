"""Each call here is wrong in one way only, and the error names what is wrong."""

import numpy as np
import pytest

from cnnops_cli import batchnorm, conv, dropout, maxpool

IMAGE, KERNEL = np.ones((2, 4, 5, 6)), np.ones((8, 4, 3, 3))


def refused(call, *arguments, match, **options):
    with pytest.raises(ValueError, match=match) as caught:
        call(*arguments, **options)
    assert type(caught.value) is not ValueError, "NumPy's own error is no refusal of ours"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"stride": 0}, "stride.*0"),
        ({"stride": (1, -2)}, "stride.*-2"),
        ({"stride": (1, 1, 1)}, "stride.*3"),
        ({"stride": 1.5}, r"stride.*1\.5"),
        ({"dilation": 0}, "dilation.*0"),
        ({"dilation": (1, 2, 3)}, "dilation.*3"),
        ({"dilation": (3, 1)}, r"kernel.*7 .*5"),
        ({"dilation": (1, 3)}, r"kernel.*7 .*6"),
        ({"padding": -1}, "padding.*-1"),
        ({"padding": (1, 2, 3)}, "padding.*3"),
        ({"padding": ((0, 1), (0, -1))}, "padding.*-1"),
        ({"padding": "smae"}, "padding.*smae.*same"),
        ({"padding": "same", "stride": 2}, "same.*stride|stride.*same"),
        ({"padding": "same", "stride": (1, 2)}, "same.*stride|stride.*same"),
        ({"padding_mode": "mirror"}, "padding.mode.*mirror.*reflect"),
        ({"padding": (5, 1), "padding_mode": "reflect"}, "(?=.*reflect)padding.*5"),
        ({"padding": (1, 6), "padding_mode": "reflect"}, "(?=.*reflect)padding.*6"),
        ({"padding": ((0, 5), (0, 0)), "padding_mode": "reflect"}, "(?=.*reflect)padding.*5"),
        ({"padding": ((6, 0), (0, 0)), "padding_mode": "circular"}, "(?=.*circular)padding.*6"),
        ({"padding": (1, 7), "padding_mode": "circular"}, "(?=.*circular)padding.*7"),
        ({"groups": 0}, "groups.*0"),
        ({"groups": -1}, "groups.*-1"),
        ({"groups": 1.0}, r"groups.*1\.0"),
        ({"groups": 3}, "groups.*3|3 groups"),
        ({"groups": 2}, "channels"),
    ],
    ids=str,
)
def test_conv_options(options, match):
    refused(conv, IMAGE, KERNEL, match=match, **options)


@pytest.mark.parametrize(
    ("input_shape", "weight_shape", "match"),
    [
        ((1, 3, 32, 32), (8, 4, 3, 3), "kernel expects 4 input channels.*has 3"),
        ((3, 32, 32), (8, 4, 3, 3), "kernel expects 4 input channels.*has 3"),
        ((5, 6), (1, 1, 3, 3), "rank|axes|channel"),
        ((1, 1, 1, 5, 6), (1, 1, 3, 3), "rank|axes|channel"),
        ((4,), (1, 1, 3), "rank|axes|channel"),
        ((1, 4), (1, 3), "kernel|weight"),
        ((1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 1, 1), "kernel|weight"),
        ((1, 4, 2, 6), (8, 4, 3, 3), r"kernel.*3 .*2"),
        ((0, 4, 5, 2), (8, 4, 3, 3), r"kernel.*3 .*2"),
        ((1, 4, 5, 6), (8, 4, 0, 3), "kernel.*0"),
        ((1, 4, 5, 6), (0, 4, 3, 3), "kernel.*0|weight.*0"),
    ],
    ids=str,
)
def test_conv_shapes(input_shape, weight_shape, match):
    refused(conv, np.ones(input_shape), np.ones(weight_shape), match=match)


def test_conv_filters_that_groups_do_not_divide():
    refused(conv, np.ones((1, 4, 5)), np.ones((3, 2, 3)), groups=2, match="groups.*3|3.*groups")


@pytest.mark.parametrize("shape", [(3,), (1,), (1, 8), (8, 1)])
def test_conv_bias(shape):
    refused(conv, IMAGE, KERNEL, np.ones(shape), match="bias")


@pytest.mark.parametrize("length", [0, 4])
def test_conv_of_no_cells_at_all(length):
    refused(conv, np.ones((1, 1, 0, length)), np.ones((1, 1, 1, 1)), padding=1, match="empty|0")


@pytest.mark.parametrize(
    ("kernel", "options", "match"),
    [
        (0, {}, "kernel.*0"),
        (-2, {}, "kernel.*-2"),
        ((2, 0), {}, "kernel.*0"),
        (2.5, {}, r"kernel.*2\.5"),
        ((1, 1, 1, 1), {}, "kernel.*4"),
        ((7, 1), {}, r"kernel.*7 .*5"),
        ((1, 7), {}, r"kernel.*7 .*6"),
        ((1, 4), {"dilation": (1, 2)}, r"kernel.*7 .*6"),
        (2, {"stride": 0}, "stride.*0"),
        (2, {"stride": (1, 2, 3)}, "stride.*3"),
        (2, {"dilation": 0}, "dilation.*0"),
        (2, {"padding": -1}, "padding.*-1"),
        (2, {"padding": 2}, "padding.*2.*half|half.*padding.*2"),
        ((3, 2), {"padding": (1, 2)}, "padding.*2.*half|half.*padding.*2"),
        (3, {"padding": 2}, "padding.*2.*half|half.*padding.*2"),
        (2, {"padding": "sane"}, "padding.*sane.*same"),
        (2, {"padding": "same"}, "same.*stride|stride.*same"),
        (2, {"padding": ((0, 0), (2, 0))}, "padding"),
        (2, {"padding": ((0, 3), (0, 0)), "stride": 1}, "padding"),
    ],
    ids=str,
)
def test_maxpool_options(kernel, options, match):
    refused(maxpool, IMAGE, kernel, match=match, **options)


@pytest.mark.parametrize(
    "shape", [(5, 6), (6,), (1, 1, 1, 5, 6), (1, 1, 0, 6), (0, 1, 0, 6), (1, 1, 5, 0)]
)
def test_maxpool_shapes(shape):
    refused(maxpool, np.ones(shape), (1, 1), match="rank|axes|channel|empty|0")


def test_maxpool_padding_within_half_of_the_dilated_kernel_is_taken():
    assert maxpool(IMAGE, 3, dilation=2, padding=2, stride=1).shape == (2, 4, 5, 6)


COLUMNS = np.array([[1.0, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"weight": np.ones(2)}, "weight"),
        ({"bias": np.ones(4)}, "bias"),
        ({"weight": np.ones((3, 1))}, "weight"),
        ({"running_mean": np.zeros(2), "running_var": np.ones(3)}, "running.mean"),
        ({"running_mean": np.zeros(3), "running_var": np.ones(1)}, "running.var"),
        ({"running_mean": np.zeros(3), "running_var": np.array([1.0, -1, 1])}, "var.*-1"),
        ({"eps": -1e-5}, "eps"),
        ({"eps": np.nan}, "eps"),
        ({"eps": 0.0, "training": True}, "eps"),
        ({"momentum": -0.1, "training": True}, r"momentum.*-0\.1"),
        ({"momentum": 1.5, "training": True}, r"momentum.*1\.5"),
        ({"momentum": np.nan, "training": True}, "momentum"),
        ({"momentum": None, "training": True}, "momentum.*None"),
    ],
    ids=str,
)
def test_batchnorm_options(options, match):
    refused(batchnorm, COLUMNS, match=match, **options)


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1), (1, 3, 1, 1, 1)])
def test_batchnorm_of_one_value_a_channel(shape):
    refused(batchnorm, np.ones(shape), training=True, match="per channel|a channel|each channel")
    assert batchnorm(np.ones(shape)).shape == shape


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 1, 1, 1, 1)])
def test_batchnorm_ranks(shape):
    refused(batchnorm, np.ones(shape), match="rank|axes")


def test_a_refused_batch_leaves_the_running_statistics():
    mean, var = np.zeros(3), np.ones(3)
    refused(batchnorm, np.ones((1, 3)), mean, var, training=True, match="channel")
    refused(batchnorm, COLUMNS, mean, var, np.ones(2), training=True, match="weight")
    assert mean.tolist() == [0, 0, 0]
    assert var.tolist() == [1, 1, 1]


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan, np.inf, None])
@pytest.mark.parametrize("training", [True, False])
def test_dropout_chance(p, training):
    refused(dropout, COLUMNS, p, training=training, match=r"\bp\b")


@pytest.mark.parametrize("seed", [-1, 1.5])
def test_dropout_seed(seed):
    refused(dropout, COLUMNS, seed=seed, match=f"seed.*{seed}")


@pytest.mark.parametrize("shape", [(), (3,)])
def test_channelwise_dropout_needs_channels(shape):
    refused(dropout, np.ones(shape), channelwise=True, match="channel")


@pytest.mark.parametrize(
    "array",
    [
        np.ones((1, 1, 2), "complex64"),
        np.array([[[1, None]]]),
        np.array([[["a", "b"]]]),
        np.zeros((1, 1, 2), "datetime64[s]"),
        np.zeros((1, 1, 2), [("re", float), ("im", float)]),
    ],
    ids=["complex", "object", "str", "datetime64", "structured"],
)
def test_dtypes_that_hold_no_real_numbers(array):
    name = "complex64|object|str|datetime64|<U1|'re'"
    one = np.ones((1, 1, 1))
    refused(conv, array, one, match=name)
    refused(conv, one, array, match=name)
    refused(maxpool, array, (1,), match=name)
    refused(batchnorm, array, match=name)
    refused(dropout, array, match=name)
