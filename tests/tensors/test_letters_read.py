"""Letters in JSON: how long a name may be, how many axes there are, and which integers fit."""

import re

import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.letters import parse_letters

RULE = (
    ": a letter, then up to 39 letters, digits and _, but not nan, inf, infinity, true, false, "
    "null, none"
)


@pytest.mark.parametrize("letter", ["a", "é", "Z"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_names_have_up_to_40_characters(letter, quote):
    name = letter + "_" * 38 + "9"
    array = parse_letters(f"[{quote}{name}{quote}, 2]".encode(), "x")
    assert array.shape == (2,)
    assert array.tolist() == [name, 2]
    reason = f"x holds the string '{name}9', which is not a name for a number{RULE}"
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        parse_letters(f"[{quote}{name}9{quote}, 2]".encode(), "x")


@pytest.mark.parametrize(("length", "shown"), [(60, "b" * 60), (61, "b" * 60 + "…")])
def test_60_characters_of_a_longer_name_are_shown(length, shown):
    reason = f"x holds the string '{shown}', which is not a name for a number{RULE}"
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        parse_letters(f"[{'b' * length}]".encode(), "x")


def test_letters_have_up_to_64_axes():
    assert parse_letters(b"[" * 64 + b"a" + b"]" * 64, "x").shape == (1,) * 64
    assert parse_letters(b"[" * 65 + b"a" + b"]" * 65, "x") is None


@pytest.mark.parametrize(("inside", "outside"), [(-(2**63), -(2**63) - 1), (2**64 - 1, 2**64)])
def test_integers_beside_letters_are_of_64_bits(inside, outside):
    assert parse_letters(f"[a, {inside}]".encode(), "x").tolist() == ["a", inside]
    reason = f"x holds an integer past 64 bits: {outside}"
    with pytest.raises(CnnopsError, match=f"^{reason}$"):
        parse_letters(f"[a, {outside}]".encode(), "x")
