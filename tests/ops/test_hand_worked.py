"""Hand-worked arrays: the course notes, and a test for each trap of such operators."""

import numpy as np
import pytest

from cnnops_cli import CnnopsError, batchnorm, conv, dropout, maxpool

IMAGE = np.arange(1, 13).reshape(1, 3, 4)
ROW = np.arange(1, 6).reshape(1, 5)


def ones(*shape, dtype=np.int64):
    return np.ones(shape, dtype)


def test_notes_conv():
    a, b, c, d = 1, 10, 100, 1000
    expected = [
        [a * 1 + b * 2 + c * 5 + d * 6, a * 3 + b * 4 + c * 7 + d * 8],
        [a * 5 + b * 6 + c * 9 + d * 10, a * 7 + b * 8 + c * 11 + d * 12],
    ]
    result = conv(IMAGE, np.array([[[[a, b], [c, d]]]]), stride=(1, 2))
    assert result.tolist() == [expected]


def test_notes_maxpool():
    assert maxpool(IMAGE, (2, 2), stride=(1, 2)).tolist() == [[[6, 8], [10, 12]]]


def test_notes_batchnorm_in_both_modes():
    batch, gamma, beta, eps = np.array([[1.0, 10], [3, 30]]), 2.0, 0.5, 1e-5
    mean, var = np.zeros(2), np.ones(2)
    trained = batchnorm(batch, mean, var, gamma, beta, training=True, momentum=0.1, eps=eps)
    spread = np.array([1.0, 100])
    np.testing.assert_allclose(
        trained, (batch - [2, 20]) / np.sqrt(spread + eps) * gamma + beta, rtol=1e-15
    )
    np.testing.assert_allclose(mean, [0.2, 2.0], rtol=1e-15)
    np.testing.assert_allclose(var, [0.9 + 0.1 * 2, 0.9 + 0.1 * 200], rtol=1e-15)
    evaluated = batchnorm(batch, mean, var, gamma, beta, eps=eps)
    np.testing.assert_allclose(
        evaluated, (batch - mean) / np.sqrt(var + eps) * gamma + beta, rtol=1e-15
    )


def test_notes_dropout():
    dropped = dropout(np.array([3.0, 6.0, 9.0]), 0.25, seed=8)
    assert set(dropped / [3, 6, 9]) <= {0.0, 4 / 3}


def test_same_with_an_even_kernel_puts_the_odd_cell_at_the_end():
    assert conv(ROW, ones(1, 1, 2), padding="same").tolist() == [[3, 5, 7, 9, 5]]
    assert conv(ROW, ones(1, 1, 2), padding="same-upper").tolist() == [[3, 5, 7, 9, 5]]
    assert conv(ROW, ones(1, 1, 2), padding="same-lower").tolist() == [[1, 3, 5, 7, 9]]


@pytest.mark.parametrize(
    ("kernel", "stride", "expected"),
    [(3, 2, [3, 9, 9]), (2, 3, [3, 9]), (1, 2, [1, 3, 5]), (4, 2, [6, 14, 9])],
)
def test_same_upper_divides_the_length(kernel, stride, expected):
    result = conv(ROW, ones(1, 1, kernel), stride=stride, padding="same-upper")
    assert result.tolist() == [expected]


def test_same_upper_needs_no_padding_for_a_kernel_below_the_stride():
    assert conv(ROW, ones(1, 1, 1), stride=4, padding="same-upper").tolist() == [[1, 5]]
    assert conv(ROW, ones(1, 1, 1), stride=4, padding="same-lower").tolist() == [[1, 5]]


def test_ceil_mode_drops_a_window_that_would_start_in_the_end_padding():
    assert maxpool(ROW, (2,), stride=3, ceil_mode=True).tolist() == [[2, 5]]
    assert maxpool(ROW, (2,), stride=2, ceil_mode=True).tolist() == [[2, 4, 5]]
    assert maxpool(ROW, (2,), stride=2, padding=1, ceil_mode=True).tolist() == [[1, 3, 5]]
    assert maxpool(ROW[:, :4], (2,), stride=3, padding=1, ceil_mode=True).tolist() == [[1, 4]]


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64, np.float16, np.float64])
def test_max_pooling_pads_with_nothing_that_could_win(dtype):
    lowest = -np.inf if np.dtype(dtype).kind == "f" else np.iinfo(dtype).min
    image = np.full((1, 3), lowest, dtype)
    values, indices = maxpool(image, (2,), stride=1, padding=1, return_indices=True)
    assert values.dtype == dtype
    assert values.tolist() == [[lowest] * 4]
    assert indices.tolist() == [[0, 0, 1, 2]]


def test_max_pooling_of_integers_goes_nowhere_near_a_float():
    image = np.array([[2**63 - 2, 2**63 - 1, -(2**63) + 1, -(2**63)]])
    assert maxpool(image, (2,), stride=2).tolist() == [[2**63 - 1, -(2**63) + 1]]


def test_an_infinite_weight_on_a_padding_zero_is_nan():
    result = conv(np.ones((1, 2)), np.array([[[np.inf, 1.0]]]), padding=1)
    np.testing.assert_array_equal(result, [[np.nan, np.inf, np.inf]])


def test_a_dropped_infinity_is_zero():
    values = np.array([np.inf, -np.inf, np.nan] * 4)
    dropped = dropout(values, 0.5, seed=0)
    kept = dropout(np.ones(12), 0.5, seed=0) > 0
    assert 0 < kept.sum() < 12
    np.testing.assert_array_equal(dropped, np.where(kept, values, 0.0))
    np.testing.assert_array_equal(dropout(values, 1.0), np.zeros(12))


@pytest.mark.parametrize(("mode", "most"), [("reflect", 4), ("circular", 5)])
def test_how_far_a_padding_mode_reaches(mode, most):
    assert conv(ROW, ones(1, 1, 1), padding=most, padding_mode=mode).shape == (1, 5 + 2 * most)
    with pytest.raises(CnnopsError, match=f"padding of {most + 1} along W .* at most {most}"):
        conv(ROW, ones(1, 1, 1), padding=most + 1, padding_mode=mode)


def test_replicate_has_no_limit():
    result = conv(ROW, ones(1, 1, 1), padding=((7, 0),), padding_mode="replicate")
    assert result.tolist() == [[1] * 7 + [1, 2, 3, 4, 5]]


def test_batchnorm_normalises_by_the_biased_and_stores_the_unbiased_variance():
    mean, var = np.zeros(1), np.zeros(1)
    result = batchnorm(np.array([[0.0], [2.0]]), mean, var, training=True, momentum=1.0, eps=1e-300)
    assert result.tolist() == [[-1.0], [1.0]]
    assert (mean.tolist(), var.tolist()) == ([1.0], [2.0])


@pytest.mark.parametrize("shape", [(0, 2), (0, 2, 3), (3, 2, 0)])
def test_an_empty_batch_leaves_the_running_statistics(shape):
    mean, var = np.array([1.0, 2]), np.array([3.0, 4])
    assert batchnorm(np.zeros(shape), mean, var, training=True).shape == shape
    assert (mean.tolist(), var.tolist()) == ([1, 2], [3, 4])


def test_an_infinite_sum_of_one_channel_leaves_the_others():
    result = batchnorm(np.array([[np.inf, 1.0], [0.0, 3.0]]), training=True, eps=1e-300)
    np.testing.assert_array_equal(result, [[np.nan, -1.0], [np.nan, 1.0]])


def test_a_window_of_nothing_but_padding_has_no_maximum():
    with pytest.raises(CnnopsError, match="window 0 along W lies wholly in padding"):
        maxpool(ROW, (2,), padding=((2, 0),))


def test_sums_that_int64_cannot_hold_are_refused_and_all_others_exact():
    large = np.array([[2**62, 2**62, -(2**62)]])
    assert conv(large, ones(1, 1, 3)).tolist() == [[2**62]]
    with pytest.raises(CnnopsError, match=f"the sum {2**63} does not fit int64"):
        conv(large, ones(1, 1, 2))


def test_a_window_far_larger_than_the_input_takes_no_memory_for_what_it_lacks():
    values, indices = maxpool(IMAGE, 200_000, stride=300_000, ceil_mode=True, return_indices=True)
    assert (values.tolist(), indices.tolist()) == ([[[12]]], [[[11]]])


def test_words_and_counts_of_a_wrong_type_are_refused_by_name():
    with pytest.raises(CnnopsError, match="padding mode None is not one of zeros"):
        conv(ROW, ones(1, 1, 1), padding_mode=None)
    assert conv(ROW, ones(1, 1, 1), groups=True).tolist() == ROW.tolist()


def test_unsigned_and_signed_integers_meet_exactly():
    unsigned = np.array([[2**64 - 1, 2**64 - 2]], np.uint64)
    difference = conv(unsigned, np.array([[[1, -1]]]))
    assert (difference.dtype, difference.tolist()) == (np.int64, [[1]])
    odd = conv(np.array([[2**53 + 1, 1]]), ones(1, 1, 2, dtype=np.uint64))
    assert (odd.dtype, odd.tolist()) == (np.int64, [[2**53 + 2]])


def test_sizes_may_be_arrays():
    pairs = np.array([[1, 0], [0, 1]])
    result = maxpool(IMAGE, np.array([2, 2]), stride=np.array([1, 2]), padding=pairs)
    assert result.shape == (1, 3, 2)


@pytest.mark.parametrize("begin", [10**9, 0])
def test_windows_mostly_in_padding_take_no_time(begin):
    kernel = (10**9 + 1,)
    assert maxpool(ROW, kernel, stride=1, padding=((begin, 10**9 - begin),))[0, 0] in (1, 5)
    with pytest.raises(CnnopsError, match="lies wholly in padding"):
        maxpool(ROW, (1,), padding=((begin, 2 * 10**9),))


def test_a_constant_channel_becomes_zero():
    constant = np.full((1_000_000, 1), 123456.7)
    assert not batchnorm(constant, training=True).any()


def test_numbers_beside_a_float16_batch_are_float32():
    image = np.full((1, 1), 2048, np.float16)
    result = batchnorm(image, 2047.75, eps=0)
    assert (result.dtype, result.tolist()) == (np.float16, [[0.25]])


@pytest.mark.parametrize(
    "call", [lambda huge: dropout(ROW, huge), lambda huge: batchnorm(ROW, eps=huge)]
)
def test_numbers_beyond_a_float_are_refused(call):
    with pytest.raises(CnnopsError, match="beyond what a float holds"):
        call(10**400)


def test_results_that_fit_no_memory_are_refused_by_their_shape():
    with pytest.raises(CnnopsError, match=r"4294967297, 4294967298\) fits no memory"):
        conv(IMAGE, ones(1, 1, 1, 1), padding=2**31 - 1)
