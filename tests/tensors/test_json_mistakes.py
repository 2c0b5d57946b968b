"""Text that is no JSON: the error says how what was meant is written."""

import io

import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.formats import PLAIN, Reading
from cnnops_cli.tensors.read import is_inline, read_json

NAN = "NaN is written NaN"
INFINITY = "infinity is written Infinity or -Infinity"
MISSING = "a missing value is written NaN"
COMMENT = "JSON has no comments"
QUOTES = "numbers have no quotes around them"
SQUARE = "arrays have square brackets: [1, 2]"
LAST = "no comma follows the last value"
COMMAS = "commas separate values"
LINES = "--lines takes one tensor per line"


def reason(text, name="INPUT", reading=PLAIN):
    with pytest.raises(CnnopsError) as raised:
        read_json(io.BytesIO(text.encode()), name, reading)
    return str(raised.value)


MISTAKES = {
    **dict.fromkeys(
        ["[[nan,2],[3,4]]", "[1, NAN]", "[Nan]", "[-nan]", "[NaN, nan]", "[+NaN]"], NAN
    ),
    **dict.fromkeys(["[inf]", "[Inf]", "[-inf]", "[+Infinity]", "[1, -INF]"], INFINITY),
    **dict.fromkeys(["[None]", "[1, Null]", "[NULL, 1]"], MISSING),
    "[True]": "true is written 1",
    "[[1, False]]": "false is written 0",
    "[1, null]": "where a value is missing write NaN",
    "[true]": "write 1 for true",
    "[false]": "write 0 for false",
    **dict.fromkeys(["[.5]", "[1, -.5]"], "a digit comes before the point: 0.5, not .5"),
    **dict.fromkeys(["[1.]", "[1., 2]", "[[0, -1.]]"], "a digit follows the point: 1.0, not 1."),
    **dict.fromkeys(["[+1]", "[0, +.5]"], "a number has no + before it"),
    **dict.fromkeys(["[0x10]", "[0b11]", "[1, 0o7]"], "numbers are decimal: 16, not 0x10"),
    "[1_000]": "digits have no _ between them: 1000, not 1_000",
    **dict.fromkeys(["[01]", "[1, -007]"], "a number does not begin with 0: 7, not 07"),
    **dict.fromkeys(["[1.0f]", "[1L]", "[1u]"], "numbers have no letters after them"),
    "[1j]": "complex numbers are not supported",
    **dict.fromkeys(["[1,2,]", "[1,2, ]", "[[1,],[2]]", "[1,\n]"], LAST),
    **dict.fromkeys(["[1,,2]", "[,1]"], "a value is missing between commas"),
    **dict.fromkeys(["['1', 2]", "[“1”]", '["1"]'], QUOTES),
    **dict.fromkeys(["(1, 2)", "[(1,2)]", "{{1,2},{3,4}}", "[1,2}"], SQUARE),
    **dict.fromkeys(["[1 2]", "[[1 2]\n [3 4]]", "[[1] [2]]"], COMMAS),
    "[1; 2]": "arrays are nested: [[1, 2], [3, 4]]",
    "array([1])": "write the brackets alone",
    **dict.fromkeys(["[1] # x", "[1, // x\n2]", "[1, /* x */ 2]", "# x\n[1]"], COMMENT),
    "[1, ...]": "every value is written out, without ...",
    "[−1]": "a minus sign is -",
    **dict.fromkeys(["[1]\n[2]\n", "[1] [2]", "[1][2]", "1 2", "[[1]]\n\n[[2]]", "[1] NaN"], LINES),
    "[1],[2]": "one more pair of brackets around all makes one tensor",
}


@pytest.mark.parametrize("letters", [False, True])
@pytest.mark.parametrize("text", MISTAKES)
def test_the_error_says_what_was_meant(text, letters):
    assert reason(text, reading=Reading(letters=letters)).endswith(f"; {MISTAKES[text]}")


@pytest.mark.parametrize("text", ["[1,2", "[1]]", "[--1]", "[?]", "[1] ?", "[1/2]", "", "[1e]"])
def test_nothing_is_said_rather_than_something_misleading(text):
    assert ";" not in reason(text).replace("; expected JSON numbers or a .npy file", "")


def test_the_whole_line():
    assert reason("[[inf,2],[3,4]]") == (
        "INPUT is not JSON: unexpected character, expected a JSON value at line 1, column 3; "
        + INFINITY
    )
    assert reason("[[nan,2],[3,4]]", reading=Reading(letters=True)) == (
        "INPUT holds the string 'nan', which is not a name for a number; NaN is written NaN"
    )
    assert reason("[1]\n[2]\n", "standard input") == (
        "standard input is not JSON: unexpected content after document at line 2, column 1; "
        "--lines takes one tensor per line"
    )
    assert reason('["1", a]', reading=Reading(letters=True)) == (
        "INPUT holds the string '1', which is not a name for a number; " + QUOTES
    )


def test_a_string_that_holds_no_number_has_no_better_spelling():
    assert reason('["text"]') == "INPUT holds a string; a JSON tensor is nested arrays of numbers"


def test_options_take_no_lines():
    assert reason("[1]\n[2]", "--kernel k.json") == (
        "--kernel k.json is not JSON: unexpected content after document at line 2, column 1"
    )


def test_a_mistake_behind_the_first_piece():
    text = "[" + "[1,2]," * 60_000 + "[3,nan]]"
    assert reason(text).endswith(f"; {NAN}")


@pytest.mark.parametrize("text", ["nan", "-inf", "+1", ".5", "1.", "NaN", "1e5", "-Infinity"])
def test_one_number_is_no_file(text):
    assert is_inline(text)


@pytest.mark.parametrize("text", ["nan.npy", "1.npy", "x", "3,3", "info", "1e5.json", ".npy", "-"])
def test_a_file_is_no_number(text):
    assert not is_inline(text)
