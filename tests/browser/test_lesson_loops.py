"""The plain loops that lessons are compared with agree with the command; no browser is needed."""

import json
import math

import pytest
from lesson_cases import all_cases
from lesson_oracle import assert_in_order, element, equal, shape_of


@all_cases
def test_the_loops_agree_with_the_result(command, steps_of, case):
    result = json.loads(command.text(*case.arguments))
    steps = steps_of(case.name)
    assert math.prod(shape_of(result)) == len(steps)
    for at, step in steps.items():
        assert equal(element(result, at), step.value, case.rtol), at


@all_cases
def test_the_loops_agree_with_the_explanation(command, steps_of, case):
    steps = steps_of(case.name)
    places = [word for at in steps for word in ("--at", ",".join(map(str, at)))]
    lines = command.text(*case.arguments, "--explain", *places).splitlines()
    assert len(lines) == len(steps)
    for (at, step), line in zip(steps.items(), map(json.loads, lines), strict=True):
        assert tuple(line["at"]) == at
        assert line["formula"] == step.formula, at
        assert equal(line["value"], step.value, case.rtol), at
        if case.geometry:
            read = [term["input_at"] and tuple(term["input_at"]) for term in line["terms"]]
            assert set(read) - {None} == step.reads | step.through_padding, at
        if case.operator == "maxpool":
            assert (line["max_at"] and tuple(line["max_at"])) == step.max_at, at


@all_cases
def test_the_explanation_in_words_has_the_same_terms(command, steps_of, case):
    if case.operator == "batchnorm":
        pytest.skip("its statistics are rounded for people")
    steps = steps_of(case.name)
    places = [word for at in steps for word in ("--at", ",".join(map(str, at)))]
    words = command.text(*case.arguments, "--explain", "-f", "table", *places)
    terms = [term for step in steps.values() for term in step.terms]
    assert_in_order(terms, " ".join(words.split()))
