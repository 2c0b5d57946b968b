"""Statistics that float64 does not hold are written with all their digits."""

import json
from decimal import Decimal

import numpy as np
import pytest


def check(record, statistic, expected):
    number = record["running"][statistic]
    assert f" * {number['batch']}" in number["formula"].replace("(-", "-")
    assert abs(Decimal(number["batch"]) / Decimal(expected) - 1) < Decimal("1e-15")


def test_squares_beyond_float64(call):
    text = call("batchnorm", "--explain", "--at", "0,0", "[[1e200],[-1e200],[1e200]]")
    record = json.loads(text, parse_float=str)
    assert record["var"] == "8.8888888888888882e+399"
    assert f"sqrt({record['var']} + 1e-05)" in record["formula"]
    check(record, "running_var", "1.33333333333333333e400")
    assert record["running"]["running_var"]["after"] == float("inf")


def test_squares_below_float64(call):
    text = call("batchnorm", "--explain", "--at", "0,0", "[[1e-200],[-1e-200]]")
    record = json.loads(text, parse_float=str)
    assert abs(Decimal(record["var"]) / Decimal("1e-400") - 1) < Decimal("1e-15")
    check(record, "running_var", "2e-400")
    assert record["running"]["running_var"]["after"] == "0.9"
    rounded = call("batchnorm", "--explain", "--at", "0,0", "--precision", "2", "[[1e-200],[0]]")
    assert json.loads(rounded)["var"] == 0


def test_an_update_that_float64_holds(call):
    text = call("batchnorm", "--explain", "--at", "0,0", "[[1e154],[-1e154]]")
    update = json.loads(text, parse_float=str)["running"]["running_var"]
    assert update["formula"] == "(1 - 0.1) * 1 + 0.1 * 2e+308"
    assert float(update["after"]) == pytest.approx(2e307)


def test_six_digits_for_people(call):
    text = call(
        "batchnorm", "--explain", "--at", "0,0", "-f", "table", "[[1e200],[-1e200],[1e200]]"
    )
    assert "3.33333e+199)^2) / 3 = 8.88889e+399\n" in text
    assert "  unbiased variance = 8.88889e+399 * 3 / (3 - 1) = 1.33333e+400\n" in text
    formula = "(1e+200 - 3.33333e+199) / sqrt(8.88889e+399 + 1e-05) * 1 + 0"
    assert f"{formula} = 0.7071067811865475" in " ".join(text.split())
    assert "running_var: (1 - 0.1) * 1 + 0.1 * 1.33333e+400 = Infinity" in text


def test_state(call, tmp_path):
    state = tmp_path / "s.json"
    call("batchnorm", "--save-state", state, "[[1e200, 1],[-1e200, 2],[1e200, 3]]")
    saved = json.loads(state.read_text())
    np.testing.assert_allclose(saved["running_mean"], [1e199 / 3, 0.2])
    np.testing.assert_allclose(saved["running_var"], [np.inf, 1.0])
