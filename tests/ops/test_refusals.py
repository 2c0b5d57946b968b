"""Each call here is wrong in one way only, and the error names what is wrong."""

import re

import numpy as np
import pytest

from cnnops_cli import batchnorm, conv, dropout, maxpool

IMAGE, KERNEL = np.ones((2, 4, 5, 6)), np.ones((8, 4, 3, 3))


NO_PADDING_WORD = (
    "padding '{}' is not one of valid, same, same-upper, same-lower, an integer, one per axis, or "
    "begin:end pairs; did you mean same?"
)
SAME_NEEDS_STRIDE_1 = (
    "padding 'same' needs stride 1, not {}; 'same-upper' and 'same-lower' take any stride"
)
TOO_LARGE_FOR_MODE = (
    "padding of {} along {} is too large for mode '{}': input has {} elements there, so at most {}"
)
MORE_THAN_HALF = (
    "padding of 2 along {} is more than half of the dilated kernel's {} elements: at most 1, or "
    "begin:end pairs"
)
ONLY_PADDING = (
    "window {} lies wholly in padding, which has no maximum; use less padding or dilation"
)
WRONG_RANK = "input has rank {}; {} takes rank {} (C, *spatial) or {} (N, C, *spatial)"


def refused(call, *arguments, reason, **options):
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$") as caught:
        call(*arguments, **options)
    assert type(caught.value) is not ValueError, "NumPy's own error is not a refusal of ours"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"stride": 0}, "stride must be at least 1, not 0"),
        ({"stride": (1, -2)}, "stride must be at least 1, not -2"),
        ({"stride": (1, 1, 1)}, "stride has 3 values; accepted: one integer, or 2 for H, W"),
        ({"stride": 1.5}, "stride takes integers, not 1.5"),
        ({"dilation": 0}, "dilation must be at least 1, not 0"),
        ({"dilation": (1, 2, 3)}, "dilation has 3 values; accepted: one integer, or 2 for H, W"),
        ({"dilation": (3, 1)}, "kernel reaches over 7 elements along H, but input has 5 there"),
        ({"dilation": (1, 3)}, "kernel reaches over 7 elements along W, but input has 6 there"),
        ({"padding": -1}, "padding must be at least 0, not -1"),
        ({"padding": (1, 2, 3)}, "padding has 3 values; accepted: one integer, or 2 for H, W"),
        ({"padding": ((0, 1), (0, -1))}, "padding must be at least 0, not -1"),
        ({"padding": "smae"}, NO_PADDING_WORD.format("smae")),
        ({"padding": "same", "stride": 2}, SAME_NEEDS_STRIDE_1.format("(2, 2)")),
        ({"padding": "same", "stride": (1, 2)}, SAME_NEEDS_STRIDE_1.format("(1, 2)")),
        (
            {"padding_mode": "mirror"},
            "padding mode 'mirror' is not one of zeros, reflect, replicate, circular; "
            "did you mean reflect?",
        ),
        (
            {"padding": (5, 1), "padding_mode": "reflect"},
            TOO_LARGE_FOR_MODE.format(5, "H", "reflect", 5, 4),
        ),
        (
            {"padding": (1, 6), "padding_mode": "reflect"},
            TOO_LARGE_FOR_MODE.format(6, "W", "reflect", 6, 5),
        ),
        (
            {"padding": ((0, 5), (0, 0)), "padding_mode": "reflect"},
            TOO_LARGE_FOR_MODE.format(5, "H", "reflect", 5, 4),
        ),
        (
            {"padding": ((6, 0), (0, 0)), "padding_mode": "circular"},
            TOO_LARGE_FOR_MODE.format(6, "H", "circular", 5, 5),
        ),
        (
            {"padding": (1, 7), "padding_mode": "circular"},
            TOO_LARGE_FOR_MODE.format(7, "W", "circular", 6, 6),
        ),
        ({"groups": 3}, "groups must divide the kernel's 8 output channels; 3 does not"),
        ({"groups": 2}, "kernel expects 8 input channels (2 groups), but input has 4"),
    ],
    ids=str,
)
def test_conv_options(options, reason):
    reason += ": kernel (8, 4, 3, 3), input (2, 4, 5, 6)"
    refused(conv, IMAGE, KERNEL, reason=reason, **options)


@pytest.mark.parametrize(
    ("groups", "rule"), [(0, "1 or more"), (-1, "1 or more"), (1.0, "an integer")]
)
def test_conv_groups(groups, rule):
    refused(conv, IMAGE, KERNEL, groups=groups, reason=f"groups must be {rule}, not {groups}")


@pytest.mark.parametrize(
    ("input_shape", "weight_shape", "reason"),
    [
        (
            (1, 3, 32, 32),
            (8, 4, 3, 3),
            "kernel expects 4 input channels (1 group), but input has 3",
        ),
        ((3, 32, 32), (8, 4, 3, 3), "kernel expects 4 input channels (1 group), but input has 3"),
        ((4, 32, 32), (8, 1, 3, 3), "kernel expects 1 input channel (1 group), but input has 4"),
        ((5, 6), (1, 1, 3, 3), WRONG_RANK.format(2, "a kernel of rank 4", 3, 4)),
        ((1, 1, 1, 5, 6), (1, 1, 3, 3), WRONG_RANK.format(5, "a kernel of rank 4", 3, 4)),
        ((4,), (1, 1, 3), WRONG_RANK.format(1, "a kernel of rank 3", 2, 3)),
        (
            (1, 4),
            (1, 3),
            "kernel has rank 2; accepted is (O, I/groups, *spatial), rank 3, 4 or 5",
        ),
        (
            (1, 1, 1, 1, 1, 1),
            (1, 1, 1, 1, 1, 1),
            "kernel has rank 6; accepted is (O, I/groups, *spatial), rank 3, 4 or 5",
        ),
        (
            (1, 4, 2, 6),
            (8, 4, 3, 3),
            "kernel reaches over 3 elements along H, but input has 2 there",
        ),
        (
            (0, 4, 5, 2),
            (8, 4, 3, 3),
            "kernel reaches over 3 elements along W, but input has 2 there",
        ),
        ((1, 4, 5, 6), (8, 4, 0, 3), "kernel is empty; every axis needs at least one cell"),
        ((1, 4, 5, 6), (0, 4, 3, 3), "kernel is empty; every axis needs at least one cell"),
        ((1, 1, 0, 0), (1, 1, 1, 1), "input is empty along H; only the batch may be"),
        ((1, 1, 0, 4), (1, 1, 1, 1), "input is empty along H; only the batch may be"),
    ],
    ids=str,
)
def test_conv_shapes(input_shape, weight_shape, reason):
    reason += f": kernel {weight_shape}, input {input_shape}"
    refused(conv, np.ones(input_shape), np.ones(weight_shape), reason=reason)


def test_conv_filters_that_groups_do_not_divide():
    reason = "groups must divide the kernel's 3 output channels; 2 does not"
    shapes = "kernel (3, 2, 3), input (1, 4, 5)"
    operands = np.ones((1, 4, 5)), np.ones((3, 2, 3))
    refused(conv, *operands, groups=2, reason=f"{reason}: {shapes}")


@pytest.mark.parametrize("shape", [(3,), (1,), (1, 8), (8, 1)])
def test_conv_bias(shape):
    reason = (
        f"bias has shape {shape}; accepted: one number for each of the kernel's 8 output channels, "
        f"(8,), or one for all: kernel (8, 4, 3, 3), input (2, 4, 5, 6), bias {shape}"
    )
    refused(conv, IMAGE, KERNEL, np.ones(shape), reason=reason)


@pytest.mark.parametrize("length", [0, 4])
def test_conv_of_no_cells_at_all(length):
    reason = "input is empty along H; only the batch may be"
    shapes = f"kernel (1, 1, 1, 1), input (1, 1, 0, {length})"
    operands = np.ones((1, 1, 0, length)), np.ones((1, 1, 1, 1))
    refused(conv, *operands, padding=1, reason=f"{reason}: {shapes}")


@pytest.mark.parametrize(
    ("kernel", "reason"),
    [
        (0, "kernel must be at least 1, not 0"),
        (-2, "kernel must be at least 1, not -2"),
        ((2, 0), "kernel must be at least 1, not 0"),
        (2.5, "kernel takes integers, not 2.5"),
        ((1, 1, 1, 1), "kernel has 4 sizes; accepted: one to three, one per spatial axis"),
    ],
    ids=str,
)
def test_maxpool_kernels(kernel, reason):
    refused(maxpool, IMAGE, kernel, reason=reason)


@pytest.mark.parametrize(
    ("kernel", "options", "reason"),
    [
        ((7, 1), {}, "kernel reaches over 7 elements along H, but input has 5 there"),
        ((1, 7), {}, "kernel reaches over 7 elements along W, but input has 6 there"),
        (
            (1, 4),
            {"dilation": (1, 2)},
            "kernel reaches over 7 elements along W, but input has 6 there",
        ),
        ((2, 2), {"stride": 0}, "stride must be at least 1, not 0"),
        (
            (2, 2),
            {"stride": (1, 2, 3)},
            "stride has 3 values; accepted: one integer, or 2 for H, W",
        ),
        ((2, 2), {"dilation": 0}, "dilation must be at least 1, not 0"),
        ((2, 2), {"padding": -1}, "padding must be at least 0, not -1"),
        ((2, 2), {"padding": 2}, MORE_THAN_HALF.format("H", 2)),
        ((3, 2), {"padding": (1, 2)}, MORE_THAN_HALF.format("W", 2)),
        ((3, 3), {"padding": 2}, MORE_THAN_HALF.format("H", 3)),
        ((2, 2), {"padding": "sane"}, NO_PADDING_WORD.format("sane")),
        ((2, 2), {"padding": "same"}, SAME_NEEDS_STRIDE_1.format("(2, 2)")),
        ((2, 2), {"padding": ((0, 0), (2, 0))}, ONLY_PADDING.format("0 along W")),
        ((2, 2), {"padding": ((0, 3), (0, 0)), "stride": 1}, ONLY_PADDING.format("6 along H")),
    ],
    ids=str,
)
def test_maxpool_options(kernel, options, reason):
    reason += f": kernel {kernel}, input (2, 4, 5, 6)"
    refused(maxpool, IMAGE, kernel, reason=reason, **options)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((5, 6), WRONG_RANK.format(2, "a kernel of 2 sizes", 3, 4)),
        ((6,), WRONG_RANK.format(1, "a kernel of 2 sizes", 3, 4)),
        ((1, 1, 1, 5, 6), WRONG_RANK.format(5, "a kernel of 2 sizes", 3, 4)),
        ((1, 1, 0, 6), "input is empty along H; only the batch may be"),
        ((0, 1, 0, 6), "input is empty along H; only the batch may be"),
        ((1, 1, 5, 0), "input is empty along W; only the batch may be"),
    ],
)
def test_maxpool_shapes(shape, reason):
    refused(maxpool, np.ones(shape), (1, 1), reason=f"{reason}: kernel (1, 1), input {shape}")


def test_maxpool_padding_within_half_of_the_dilated_kernel_is_taken():
    assert maxpool(IMAGE, 3, dilation=2, padding=2, stride=1).shape == (2, 4, 5, 6)


COLUMNS = np.array([[1.0, 2, 3], [4, 5, 6]])
PER_CHANNEL = "input has 3 channels: accepted are (3,) or a number"
ONE_VALUE = (
    "training needs more than 1 value per channel, but input has 1: give a larger batch, or "
    "normalise with running statistics"
)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"weight": np.ones(2)}, "weight has shape (2,); " + PER_CHANNEL),
        ({"bias": np.ones(4)}, "bias has shape (4,); " + PER_CHANNEL),
        ({"weight": np.ones((3, 1))}, "weight has shape (3, 1); " + PER_CHANNEL),
        (
            {"running_mean": np.zeros(2), "running_var": np.ones(3)},
            "running_mean has shape (2,); " + PER_CHANNEL,
        ),
        (
            {"running_mean": np.zeros(3), "running_var": np.ones(1)},
            "running_var has shape (1,); " + PER_CHANNEL,
        ),
        (
            {"running_mean": np.zeros(3), "running_var": np.array([1.0, -1, 1])},
            "running_var holds -1.0; a variance is not negative",
        ),
        ({"eps": -1e-5}, "eps must be not negative and finite; it is -1e-05"),
        ({"eps": np.nan}, "eps must be not negative and finite; it is nan"),
        ({"eps": 0.0, "training": True}, "eps must be positive in training and finite; it is 0.0"),
        ({"momentum": -0.1, "training": True}, "momentum must be from 0 to 1, not -0.1"),
        ({"momentum": 1.5, "training": True}, "momentum must be from 0 to 1, not 1.5"),
        ({"momentum": np.nan, "training": True}, "momentum must be from 0 to 1, not nan"),
        ({"momentum": None, "training": True}, "momentum must be a number, not None"),
    ],
    ids=str,
)
def test_batchnorm_options(options, reason):
    refused(batchnorm, COLUMNS, reason=f"{reason}: input (2, 3)", **options)


@pytest.mark.parametrize("momentum", [np.nextafter(0, -1), np.nextafter(1, 2)])
def test_momentum_just_outside(momentum):
    reason = f"momentum must be from 0 to 1, not {momentum}: input (2, 3)"
    refused(batchnorm, COLUMNS, momentum=momentum, training=True, reason=reason)


@pytest.mark.parametrize(
    ("momentum", "mean", "var"), [(0, [7, 7, 7], [9, 9, 9]), (1, [2.5, 3.5, 4.5], [4.5] * 3)]
)
def test_momentum_at_its_limits_keeps_all_or_nothing(momentum, mean, var):
    running = np.full((2, 3), [[7.0], [9.0]])
    batchnorm(COLUMNS, *running, training=True, momentum=momentum)
    assert running.tolist() == [mean, var]


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1), (1, 3, 1, 1, 1)])
def test_batchnorm_of_one_value_a_channel(shape):
    refused(batchnorm, np.ones(shape), training=True, reason=f"{ONE_VALUE}: input {shape}")
    assert batchnorm(np.ones(shape)).shape == shape


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 1, 1, 1, 1)])
def test_batchnorm_ranks(shape):
    reason = f"input has rank {len(shape)}; accepted: (N, C) or (N, C, *spatial), rank 2 to 5"
    refused(batchnorm, np.ones(shape), reason=f"{reason}: input {shape}")


def test_a_refused_batch_leaves_the_running_statistics():
    mean, var = np.zeros(3), np.ones(3)
    reason = f"{ONE_VALUE}: input (1, 3)"
    refused(batchnorm, np.ones((1, 3)), mean, var, training=True, reason=reason)
    reason = f"weight has shape (2,); {PER_CHANNEL}: input (2, 3)"
    refused(batchnorm, COLUMNS, mean, var, np.ones(2), training=True, reason=reason)
    assert mean.tolist() == [0, 0, 0]
    assert var.tolist() == [1, 1, 1]


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan, np.inf, None])
@pytest.mark.parametrize("training", [True, False])
def test_dropout_chance(p, training):
    rule = "a number" if p is None else "from 0 to 1"
    refused(dropout, COLUMNS, p, training=training, reason=f"p must be {rule}, not {p}")


@pytest.mark.parametrize(("seed", "rule"), [(-1, "0 or more"), (1.5, "an integer")])
def test_dropout_seed(seed, rule):
    refused(dropout, COLUMNS, seed=seed, reason=f"seed must be {rule}, not {seed}")


@pytest.mark.parametrize("shape", [(), (3,)])
def test_channelwise_dropout_needs_channels(shape):
    reason = f"channelwise dropout takes (N, C, ...), but input has rank {len(shape)}"
    refused(dropout, np.ones(shape), channelwise=True, reason=reason)


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (np.ones((1, 1, 2), "complex64"), "complex64"),
        (np.array([[[1, None]]]), "object"),
        (np.array([[["a", "b"]]]), "string"),
        (np.zeros((1, 1, 2), "datetime64[s]"), "datetime64[s]"),
        (np.zeros((1, 1, 2), [("re", float), ("im", float)]), "structured"),
    ],
    ids=["complex", "object", "str", "datetime64", "structured"],
)
def test_dtypes_that_hold_no_real_numbers(array, name):
    rule = f"has dtype {name}; accepted are float16, float32, float64, bool and all sizes of int"
    one = np.ones((1, 1, 1))
    refused(conv, array, one, reason=f"input {rule} and uint")
    refused(conv, one, array, reason=f"kernel {rule} and uint")
    refused(maxpool, array, (1,), reason=f"input {rule} and uint")
    refused(batchnorm, array, reason=f"input {rule} and uint")
    refused(dropout, array, reason=f"input {rule} and uint")
