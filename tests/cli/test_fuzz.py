"""Whatever bytes arrive, the command ends with 0 or 2 and at most one line of complaint."""

import io
import json

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FEW = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CALLS = [
    ["maxpool", "--dims", "1", "-k", "1"],
    ["conv", "-k", "[[1,2],[3,4]]"],
    ["batchnorm"],
    ["dropout", "--seed", "0"],
]


def saved(array, save=np.save):
    stream = io.BytesIO()
    save(stream, array)
    return stream.getvalue()


@st.composite
def damaged(draw, whole):
    """Whole files with a few bytes changed, cut out or put in."""
    data = bytearray(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.sampled_from([0, 1, 1, 1, 7]))
        data[at : at + gone] = draw(st.binary(max_size=3))
    return bytes(data)


NPY = [
    saved(np.arange(12).reshape(3, 4)),
    saved(np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3)),
    saved(np.zeros((0, 2), np.float16)),
]
NPZ = [saved(np.arange(4.0), np.savez), saved(np.eye(3), np.savez_compressed)]
NUMBERS = st.one_of(
    st.integers(-5, 5), st.integers(), st.floats(), st.none(), st.booleans(), st.text(max_size=3)
)
NESTED = st.recursive(NUMBERS, lambda inner: st.lists(inner, max_size=3), max_leaves=8)
JSON_TEXT = NESTED.map(json.dumps).map(str.encode)


def survives(result):
    assert result.status in (0, 2), result
    assert "Traceback" not in result.err
    if result.status == 2:
        assert result.out == b""
        assert result.err.startswith("cnnops ")
        assert len(result.err.splitlines()) == 1
    else:
        assert result.err == ""
        assert result.out.endswith(b"\n")


@FEW
@given(data=st.one_of(st.binary(max_size=40), JSON_TEXT, damaged(NPY)), call=st.sampled_from(CALLS))
def test_any_bytes_on_standard_input(cnnops, data, call):
    survives(cnnops(*call, stdin=data))


@FEW
@given(data=damaged(NPY))
def test_damaged_array_files(cnnops, tmp_path, data):
    (tmp_path / "x.npy").write_bytes(data)
    survives(cnnops(*CALLS[2], "x.npy"))


@FEW
@given(data=damaged(NPZ))
def test_damaged_archives(cnnops, tmp_path, data):
    (tmp_path / "x.npz").write_bytes(data)
    survives(cnnops(*CALLS[3], "x.npz"))


@FEW
@given(data=damaged([b"[[1,2.5],[-3e2,NaN]]", b"[[1,2],[3,4]]"]))
def test_damaged_json_in_the_call(cnnops, data):
    text = data.replace(b"\0", b" ").decode(errors="replace")
    survives(cnnops("conv", "-k", text, "[[1,2,3],[4,5,6],[7,8,9]]"))


@FEW
@given(
    option=st.sampled_from(["--stride", "--padding", "--groups", "--dims", "--bias"]),
    text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
)
def test_any_text_for_an_option(cnnops, option, text):
    survives(cnnops("conv", "-k", "[[1]]", f"{option}={text}", "[[1,2],[3,4]]"))
