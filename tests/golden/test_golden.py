"""The functions give what PyTorch gave, and refuse what it refused.

Sums of floats differ by their order: both sides may be off by two epsilons of the sum of the
terms' magnitudes, which the fixtures hold beside each result (`scales`); PyTorch's float16 and
ours are rounded once from float32, half an epsilon each. Everything without such scales is exact.
"""

import numpy as np
import pytest
from store import OPERATORS, load

import cnnops_cli

CASES = {operator: {case["name"]: case for case in load(operator)} for operator in OPERATORS}
RUNNING = ("running_mean", "running_var")


def cases_of(operator, kind):
    return [name for name, case in CASES[operator].items() if kind in case]


def assert_same(got, expected, scale=None):
    """Equal in shape, dtype and values; with a scale, the values within epsilons of it."""
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    if scale is None:
        np.testing.assert_array_equal(got, expected)
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    epsilons = 1 if expected.dtype == np.float16 else 4
    error = np.abs(got[finite].astype(np.float64) - expected[finite].astype(np.float64))
    allowed = epsilons * np.finfo(expected.dtype).eps * scale[finite].astype(np.float64)
    assert np.all(error <= allowed), f"off by up to {error.max()} of {allowed.max()} allowed"


def call(operator, case):
    arrays = {name: array.copy() for name, array in case["arrays"].items()}
    return getattr(cnnops_cli, operator)(**arrays, **case["arguments"]), arrays


@pytest.mark.parametrize("name", cases_of("conv", "expected"))
def test_conv(name):
    case = CASES["conv"][name]
    got, _ = call("conv", case)
    assert_same(got, case["expected"]["output"], case.get("scales", {}).get("output"))


@pytest.mark.parametrize("name", cases_of("maxpool", "expected"))
def test_maxpool(name):
    case = CASES["maxpool"][name]
    x, expected = case["arrays"]["input"], case["expected"]
    values, indices = cnnops_cli.maxpool(x, **case["arguments"], return_indices=True)
    assert_same(values, expected["values"])
    assert_same(indices, expected["indices"])
    assert_same(cnnops_cli.maxpool(x, **case["arguments"]), expected["values"])


@pytest.mark.parametrize("name", cases_of("batchnorm", "expected"))
def test_batchnorm(name):
    case = CASES["batchnorm"][name]
    got, arrays = call("batchnorm", case)
    expected, scales = case["expected"], case["scales"]
    assert_same(got, expected["output"], scales["output"])
    for statistic in expected.keys() & set(RUNNING):
        assert_same(arrays[statistic], expected[statistic], scales.get(statistic))


@pytest.mark.parametrize("name", cases_of("batchnorm", "steps"))
def test_batchnorm_of_batches_in_a_row(name):
    case = CASES["batchnorm"][name]
    dtype = case["steps"][0]["input"].dtype
    running = {"running_mean": np.zeros(3, dtype), "running_var": np.ones(3, dtype)}
    for step in case["steps"]:
        got = cnnops_cli.batchnorm(step["input"], **running, **case["arrays"], **step["arguments"])
        assert_same(got, step["expected"]["output"], step["scales"]["output"])
        for statistic, array in running.items():
            scale = step["scales"].get(statistic, np.abs(array))
            assert_same(array, step["expected"][statistic], scale)


@pytest.mark.parametrize("name", cases_of("dropout", "expected"))
def test_dropout(name):
    case = CASES["dropout"][name]
    assert_same(call("dropout", case)[0], case["expected"]["output"])


@pytest.mark.parametrize(
    ("operator", "name"),
    [(operator, name) for operator in OPERATORS for name in cases_of(operator, "refused")],
)
def test_refusal(operator, name):
    case = CASES[operator][name]
    with pytest.raises(ValueError, match=case["refused"]):
        call(operator, case)


def test_every_case_is_replayed():
    kinds = [
        len(set(case) & {"expected", "steps", "refused"})
        for op in CASES.values()
        for case in op.values()
    ]
    assert set(kinds) == {1}
    assert len(kinds) > 500
