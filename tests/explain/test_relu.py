"""max(0, ...) around the arithmetic of an element, as --relu shows it."""

import json
import math

import numpy as np
import pytest

from cnnops_cli.explain.batchnorm import batchnorm_explainer
from cnnops_cli.explain.conv import conv_explainer
from cnnops_cli.explain.explanation import Page, with_relu
from cnnops_cli.explain.explanation_lines import json_lines, text_lines
from cnnops_cli.explain.formulas import conv_formulas, maxpool_formulas
from cnnops_cli.explain.maxpool import maxpool_explainer
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import plain_text

CONV = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros"}
POOL = {"stride": 1, "padding": 0, "dilation": 1, "ceil_mode": False}


def record_of(explainer, at):
    (line,) = json_lines([(at, with_relu(explainer)(at))], lambda place: place, None)
    return json.loads(line)


def text_of(explainer, at, width=80):
    page = Page(Decimals(exact=False), width, False)
    explained = [(at, with_relu(explainer)(at))]
    return plain_text(text_lines(["op"], explained, "", lambda place: place, page))


def conv_of(numbers, weights):
    image, weight = np.array([[numbers]]), np.array([[[weights]]])
    result = np.array([[[np.dot(numbers, weights)]]])
    return conv_explainer(image, weight, None, result, **CONV)


@pytest.mark.parametrize(
    ("weights", "last", "before", "after"),
    [([-1, 10], "10*3", 28, 28), ([1, -10], "(-10)*3", -28, 0)],
)
def test_conv(weights, last, before, after):
    explainer = conv_of([2, 3], weights)
    record = record_of(explainer, (0, 0, 0))
    assert record["formula"] == f"max(0, {weights[0]}*2 + {last})"
    assert (record["before_relu"], record["value"]) == (before, after)
    assert list(record)[-3:] == ["formula", "before_relu", "value"]
    text = text_of(explainer, (0, 0, 0))
    assert f"[0, 0, 0] = {after}\n" in text
    assert text.endswith(f"  max(0, {weights[0]}*2 + {last}) = {after}\n")
    assert text_of(explainer, (0, 0, 0), 16).endswith(f"+\n  {last}) = {after}\n")


def test_without_it_nothing_is_said_of_it():
    explainer = conv_of([2, 3], [1, -10])
    (line,) = json_lines([((0,), explainer((0, 0, 0)))], lambda place: place, None)
    assert "relu" not in line
    assert json.loads(line)["value"] == -28


def test_maxpool():
    image = np.array([[[-3.0, -4.0]]])
    explainer = maxpool_explainer(image, (1, 2), image[..., :1], np.zeros((1, 1, 1), int), **POOL)
    record = record_of(explainer, (0, 0, 0))
    assert record["formula"] == "max(0, max(-3, -4))"
    assert (record["before_relu"], record["value"]) == (-3, 0)
    assert text_of(explainer, (0, 0, 0)).endswith(
        "  max(0, max(-3, -4)) = 0, at [0, 0, 0] of the input\n"
    )


def test_batchnorm():
    image = np.array([[1.0], [3.0]])
    ones, zeros = np.ones(1), np.zeros(1)
    explainer = batchnorm_explainer(
        *(image, np.array([[-1.0], [1.0]])),
        running_mean=zeros,
        running_var=ones,
        weight=ones,
        bias=zeros,
        before=(zeros, ones),
        training=False,
        momentum=0.1,
        eps=0.0,
    )
    record = record_of(explainer, (0, 0))
    assert record["formula"] == "max(0, (1 - 0) / sqrt(1 + 0) * 1 + 0)"
    assert (record["before_relu"], record["value"], record["running"]) == (-1, 0, None)
    assert "  max(0, (1 - 0) / sqrt(1 + 0) * 1 + 0) = 0\n" in text_of(explainer, (0, 0))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nan_and_zeros_stay_as_they_are(dtype):
    image = np.array([[[np.nan, -0.0, 0.0, -np.inf, np.inf, -1, 1]]], dtype)
    indices = np.arange(7).reshape(1, 1, 7)
    explainer = with_relu(maxpool_explainer(image, (1, 1), image, indices, **POOL))
    results = [explainer((0, 0, number)).result for number in range(7)]
    assert all(type(result) is dtype for result in results)
    assert math.isnan(results[0])
    assert [(float(r), math.copysign(1, r)) for r in results[1:]] == [
        *[(0, -1), (0, 1), (0, 1), (math.inf, 1), (0, 1), (1, 1)],
    ]


def test_letters():
    image, weight = np.array([[["p", 2]]], object), np.array([[[["a", "b"]]]], object)
    formulas = conv_formulas(image, weight, None, None, **CONV).with_relu()
    assert formulas.result().tolist() == [[["max(0, a*p + b*2)"]]]
    (line,) = json_lines([((0,), formulas.explain((0, 0, 0)))], lambda place: place, None)
    record = json.loads(line)
    assert record["formula"] == record["value"] == "max(0, a*p + b*2)"
    assert record["before_relu"] == "a*p + b*2"
    pooled = maxpool_formulas(image, (1, 2), None, **POOL).with_relu()
    assert pooled.result().tolist() == [[["max(0, max(p, 2))"]]]
