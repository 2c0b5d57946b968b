"""Large JSON text is parsed in pieces, and is what it would be if it were parsed whole."""

import io
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors import json_pieces
from cnnops_cli.tensors.json_pieces import read_array
from cnnops_cli.tensors.json_text import parse_array

SPACES = ((",", ":"), (", ", ": "))
NUMBERS = (
    *["0", "-0", "7", "-12", "0.5", "-1.25", "1e5", "1E-3", "2.5e+10", "-0.0", "1e999"],
    *["9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551615"],
    *["-9223372036854775808", "36893488147419103232", "NaN", "Infinity", "-Infinity", "null"],
)


@pytest.fixture(scope="module", autouse=True)
def small_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_pieces, "_PIECE", 48)
        patch.setattr(json_pieces, "_FEWEST_COMMAS", 2)
        patch.setattr(json_pieces, "_MOST_HELD", 400)
        yield


def outcome(read, *arguments):
    """What a reading gives: dtype, shape and bytes, or the error's text."""
    try:
        array = read(*arguments)
    except CnnopsError as error:
        return str(error)
    return array.dtype.name, array.shape, array.tobytes()


def same_as_whole(text):
    expected = outcome(parse_array, text, "x")
    assert outcome(read_array, io.BytesIO(text), "x") == expected
    return expected


def in_pieces(text):
    """Read without the help of the whole text."""
    stream = io.BytesIO(text)
    return json_pieces._read_regular(stream.read(json_pieces._PIECE), stream)


def nested(shape, numbers):
    """Nest JSON numbers, which come in turn, in arrays."""
    if not shape:
        return next(numbers)
    return f"[{','.join(nested(shape[1:], numbers) for _ in range(shape[0]))}]"


@pytest.mark.parametrize("separators", SPACES)
@pytest.mark.parametrize(
    "shape",
    [(100,), (30, 4), (1, 100), (1, 1, 9, 9), (5, 3, 20), (3, 40, 1), (2, 2, 2, 30), (7, 9)],
)
def test_a_regular_array_needs_no_second_reading(shape, separators):
    array = np.random.default_rng(0).standard_normal(shape)
    text = json.dumps(array.tolist(), separators=separators).encode()
    np.testing.assert_array_equal(in_pieces(text), array, strict=True)
    np.testing.assert_array_equal(in_pieces(b" \n" + text + b"\r\n"), array, strict=True)
    same_as_whole(b"\xef\xbb\xbf" + text)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3),
    st.lists(st.sampled_from(["1", "-2.5", "333333", "0.125"]), min_size=1, max_size=40),
    st.integers(0, 200),
)
def test_every_mixture_of_numbers(shape, rare, usual, place):
    def numbers():
        for index in range(6**4 + 1):
            yield rare[index % len(rare)] if index % 211 == place else usual[index % len(usual)]

    same_as_whole(nested(shape, numbers()).encode())


@settings(deadline=None, max_examples=500)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.integers(0, 2000),
    st.integers(0, 2),
    st.sampled_from([b"", b"[", b"]", b",", b"],[", b"]],[[", b" ", b"5", b".", b"x", b"[]", b"-"]),
    st.booleans(),
)
def test_text_with_a_wrong_place(shape, place, removed, added, spaced):
    text = json.dumps(np.arange(np.prod(shape)).reshape(shape).tolist(), separators=SPACES[spaced])
    place %= len(text)
    same_as_whole(text[:place].encode() + added + text[place + removed :].encode())


ROWS = b"[" + b",".join([b"[1,2,3]"] * 20)


@pytest.mark.parametrize(
    "text",
    [
        ROWS + b",[1,2]]",
        ROWS + b",[1,2,[3]]]",
        ROWS + b",4]",
        ROWS + b",[]]",
        ROWS + b",]",
        ROWS + b"",
        ROWS + b"]]",
        ROWS + b"] 5",
        ROWS + b"],[[1,2,3]]",
        b"[" + ROWS + b"]," + ROWS + b"]]",
        b"[" + ROWS + b"]," + ROWS + b",[1,2,3]]]",
        b"[" + ROWS + b"]]," + ROWS + b"]]",
        b"[" + ROWS + b"],," + ROWS + b"]]",
        b"[" + ROWS + b"] , " + ROWS + b"]]",
        b"[" + ROWS + b"] ]",
        b"[1" + b",1" * 100 + b",]",
        b"[,1" + b",1" * 100 + b"]",
        b"[1" + b",1" * 100 + b",,1" + b",1" * 100 + b"]",
        b"[1" + b",1" * 100 + b"[,1" + b",1" * 100 + b"]]",
        b"[1" + b",1" * 100 + b",0.5" + b",1" * 100 + b"]",
        b"[1" + b",1" * 100 + b',"a"]',
        b"[1" + b",1" * 100 + b",true]",
        b"[[1],2" + b",[1]" * 40 + b"]",
        b"1[" + b",[1]" * 40 + b"]",
        b"[0,0,0,0" + b",0.000000000000000000000000000000000000000000000000000001" * 40 + b"]",
        b"[[0,0],[0,0],[0" + b",0" * 900 + b"]]",
        b"[" * 70 + b"1" + b",1" * 100 + b"]" * 70,
        b"[" * 64 + b"1" + b",1" * 100 + b"]" * 64,
        b"[[" + b"],[" * 100 + b"]]",
        b" " * 200,
        b"7" * 100,
    ],
)
def test_hand_made_text(text):
    same_as_whole(text)


def test_integers_stay_exact_beside_each_other_and_become_fractions_beside_one():
    integers = ",".join(str(2**53 + 1) for _ in range(40))
    assert same_as_whole(f"[{integers}]".encode())[0] == "int64"
    assert same_as_whole(f"[{integers},0.5]".encode())[0] == "float64"
    assert same_as_whole(f"[{integers},NaN]".encode())[0] == "float64"
    assert same_as_whole(f"[{integers},{2**64 - 1}]".encode())[0] == "uint64"
    assert "past 64 bits" in same_as_whole(f"[{integers},-1,{2**64 - 1}]".encode())


def test_minus_zero_has_its_sign_where_another_piece_holds_the_fraction():
    integers = ",".join(["-0", "1"] * 60)
    for text in (f"[{integers},0.5]", f"[0.5,{integers}]", f"[{integers},NaN]"):
        assert same_as_whole(text.encode())[0] == "float64"
        array = read_array(io.BytesIO(text.encode()), "x")
        assert np.count_nonzero(np.signbit(array)) == 60
    assert same_as_whole(f"[{integers}]".encode())[0] == "int64"


@pytest.mark.parametrize("axes", [63, 64, 65])
def test_pieces_have_as_many_axes_as_the_whole(axes):
    text = b"[" * axes + b"1, 2, 3, 4, 5, 6, 7, 8, 9, 10" + b"]" * axes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_pieces, "_PIECE", 80)
        found = same_as_whole(text)
        if axes <= 64:
            assert found[1] == (1,) * (axes - 1) + (10,)
            assert in_pieces(text).shape == found[1]
        else:
            assert found == "x is nested 65 deep; an array has at most 64 axes"


@pytest.mark.parametrize("last", ["7", "0.5"])
def test_numbers_are_in_memory_once(last):
    text = io.BytesIO(f"[{'7,' * (1 << 22)}{last}]".encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_pieces, "_PIECE", 1 << 18)
        tracemalloc.start()
        array = read_array(text, "x")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert array.dtype == ("float64" if "." in last else "int64")
    assert array.tolist() == [7] * (1 << 22) + [float(last)]
    assert peak < 1.2 * array.nbytes + (12 << 20)


def test_a_piece_of_deeper_arrays_is_not_taken_for_numbers():
    scalars, arrays = ",".join(["1"] * 60), ",".join(["[1]"] * 60)
    assert same_as_whole(f"[{scalars},{arrays}]".encode()).startswith("x is ragged")
    assert same_as_whole(f"[{arrays},{scalars}]".encode()).startswith("x is ragged")
