"""Reading takes time in proportion to the text, whatever is in it."""

import gc
import io
import time
from contextlib import suppress

import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.formats import Reading
from cnnops_cli.tensors.json_text import parse_object
from cnnops_cli.tensors.read import read_json

SHORT = 1 << 18
"""From here on text is read in pieces."""

TEXTS = {
    "brackets": lambda size: "[" * size,
    "closing brackets": lambda size: "]" * size,
    "nests": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "brackets within": lambda size: "[1," + "[" * size,
    "brackets behind a letter": lambda size: "[a," + "[" * size,
    "empty rows": lambda size: "[" + "[]," * (size // 3) + "[]]",
    "deep rows": lambda size: "[" + ("[" * 60 + "1" + "]" * 60 + ",") * (size // 122) + "1]",
    "braces": lambda size: "{" * size,
    "quotes": lambda size: '"' * size,
    "escaped quotes": lambda size: '["' + '\\"' * (size // 2),
    "backslashes": lambda size: '["' + "\\" * size,
    "spaces": lambda size: "[" + " " * size + "1",
    "digits": lambda size: "[" + "1" * size + "]",
    "digits of a fraction": lambda size: "[a,1." + "1" * size + "]",
    "signs": lambda size: "[" + "-" * size,
    "zeros with a sign": lambda size: "[" + "-0," * (size // 3) + "0.5]",
    "commas": lambda size: "[1" + "," * size,
    "documents": lambda size: "[1]\n" * (size // 4),
    "a letter": lambda size: "[" + "a" * size,
    "words": lambda size: "[" + "NaN" * (size // 3),
    "ragged rows": lambda size: "[" + "[1,2]," * (size // 6) + "[1]]",
}


@pytest.fixture(autouse=True)
def no_collection_of_garbage():
    """As in the command: what is collected depends on how much there is."""
    gc.disable()
    yield
    gc.enable()


def seconds(read, text):
    """The least time of three, of this thread alone."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        with suppress(CnnopsError):
            read(text.encode())
        times.append(time.thread_time() - start)
    return min(times)


def assert_linear(read, text):
    """Four times the text takes less than ten times as long, but for what takes no time."""
    assert seconds(read, text(4 * SHORT)) < 10 * seconds(read, text(SHORT)) + 0.5


@pytest.mark.parametrize("letters", [False, True])
@pytest.mark.parametrize("kind", TEXTS)
def test_a_tensor(kind, letters):
    reading = Reading(letters=letters)
    assert_linear(lambda text: read_json(io.BytesIO(text), "x", reading), TEXTS[kind])


def test_an_object_of_many_names():
    def members(size):
        return "{" + ",".join(f'"k{number}":1' for number in range(size // 64)) + "}"

    assert_linear(lambda text: parse_object(text, "x", ["a"]), members)
