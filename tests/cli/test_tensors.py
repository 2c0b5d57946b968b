"""What a TENSOR argument may be, and the number types of JSON and array files."""

import os
import threading

import numpy as np
import pytest

AS_IT_IS = ["maxpool", "--dims", "1", "-k", "1"]
SUPPORTED = [
    *["float16", "float32", "float64", "int8", "int16", "int32", "int64"],
    *["uint8", "uint16", "uint32", "uint64"],
]


@pytest.fixture
def files(tmp_path):
    values = np.array([3, 1, 2])
    np.save(tmp_path / "x.npy", values)
    np.savez(tmp_path / "one.npz", only=values)
    np.savez_compressed(tmp_path / "two.npz", weight=values, other=-values)
    (tmp_path / "x.json").write_text(" [3,\n 1, 2]\n")
    for plain, suffixed in {"array": "x.npy", "archive": "one.npz", "text": "x.json"}.items():
        (tmp_path / plain).write_bytes((tmp_path / suffixed).read_bytes())
    (tmp_path / "data.bin").write_bytes((tmp_path / "x.npy").read_bytes())
    (tmp_path / "odd:name.npy").write_bytes((tmp_path / "x.npy").read_bytes())


@pytest.mark.parametrize(
    "argument",
    [
        *["x.npy", "one.npz", "one.npz:only", "two.npz:weight", "x.json"],
        *["array", "archive", "text", "data.bin", "odd:name.npy", "[3,1,2]", "./x.npy"],
    ],
)
def test_every_way_to_name_a_tensor(cnnops, files, argument):
    assert cnnops.json(*AS_IT_IS, argument) == "[3,1,2]"


def test_standard_input_is_told_apart_by_its_first_bytes(cnnops):
    values = np.array([3, 1, 2])
    for stdin in ("[3,1,2]", "\n  [3, 1,\n2]", values):
        assert cnnops.json(*AS_IT_IS, stdin=stdin) == "[3,1,2]"
        assert cnnops.json(*AS_IT_IS, "/dev/stdin", stdin=stdin) == "[3,1,2]"


def test_a_named_pipe_is_read_like_a_file(cnnops, files, tmp_path):
    pipe = tmp_path / "pipe.npy"
    os.mkfifo(pipe)

    def feed():
        with pipe.open("wb") as stream:
            stream.write((tmp_path / "x.npy").read_bytes())

    writer = threading.Thread(target=feed)
    writer.start()
    assert cnnops.json(*AS_IT_IS, "pipe.npy") == "[3,1,2]"
    writer.join()


def test_a_number_may_stand_in_a_file_an_archive_or_the_call(cnnops, tmp_path):
    np.save(tmp_path / "b.npy", np.array(7))
    np.savez(tmp_path / "b.npz", a=np.array(7))
    (tmp_path / "b.json").write_text("7\n")
    call = ["conv", "-k", "[1]", "[1,2]", "-b"]
    for bias in ("7", "b.npy", "b.npz", "b.json"):
        assert cnnops.json(*call, bias) == "[8,9]"
    assert cnnops.json(*call, "-", stdin="7") == "[8,9]"
    assert cnnops.json(*call, "-1.5e1") == "[-14.0,-13.0]"
    (tmp_path / "7").write_text("40")
    assert cnnops.json(*call, "7") == "[41,42]"


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("two.npz", ["two.npz", "weight", "other"]),
        ("two.npz:wieght", ["wieght", "weight"]),
        ("two.npz:zzz", ["zzz", "weight", "other"]),
        ("nothing.npy", ["nothing.npy"]),
        ("nothing.npz:weight", ["nothing.npz"]),
    ],
)
def test_arrays_that_are_not_there(cnnops, files, argument, named):
    reason = cnnops.refusal(*AS_IT_IS, argument)
    for text in named:
        assert text in reason


@pytest.mark.parametrize(
    ("text", "dtype", "values"),
    [
        ("[1,-2]", "int64", [1, -2]),
        ("[1,2.0]", "float64", [1, 2]),
        ("[1,2e0]", "float64", [1, 2]),
        ("[1,NaN]", "float64", [1, np.nan]),
        ("[9223372036854775807]", "int64", [2**63 - 1]),
        ("[-9223372036854775808]", "int64", [-(2**63)]),
        ("[0,9223372036854775808]", "uint64", [0, 2**63]),
        ("[18446744073709551615]", "uint64", [2**64 - 1]),
    ],
)
def test_the_type_of_json_alone(cnnops, same, text, dtype, values):
    same(cnnops.array(*AS_IT_IS, stdin=text), np.array(values, dtype))


@pytest.mark.parametrize("text", ["[]", "[[],[]]", "[[[]]]"])
def test_empty_arrays(cnnops, text):
    assert cnnops.json("dropout", "--eval", text) == text


@pytest.mark.parametrize(
    ("kernel", "input", "result"),
    [
        ("[[2,1]]", "float32", "float32"),
        ("[[0.5,1]]", "float32", "float32"),
        ("[[0.5,1]]", "float16", "float16"),
        ("[[0.5,1]]", "int32", "float64"),
        ("[[2,1]]", "uint8", "int64"),
    ],
)
def test_json_numbers_take_the_type_of_the_array_they_meet(
    cnnops, tmp_path, same, kernel, input, result
):
    np.save(tmp_path / "x.npy", np.array([[1, 2, 4]], input))
    factor = 0.5 if "." in kernel else 2
    expected = np.array([[factor + 2, factor * 2 + 4]], result)
    same(cnnops.array("conv", "-k", kernel, "x.npy"), expected)


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        ("int64", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("float16", "float32", "float32"),
        ("int64", "float16", "float16"),
        ("uint8", "int8", "int64"),
    ],
)
def test_array_files_are_promoted_by_category(cnnops, tmp_path, same, first, second, result):
    np.save(tmp_path / "x.npy", np.array([[1, 2, 4]], first))
    np.save(tmp_path / "k.npy", np.array([[2, 1]], second))
    expected = np.array([[4, 8]], result)
    same(cnnops.array("conv", "-k", "k.npy", "x.npy"), expected)


@pytest.mark.parametrize("dtype", SUPPORTED)
def test_dtype_converts_the_input_first(cnnops, same, dtype):
    same(cnnops.array(*AS_IT_IS, "--dtype", dtype, "[1,2,100]"), np.array([1, 2, 100], dtype))


def test_dtype_bool_is_uint8(cnnops, same):
    same(cnnops.array(*AS_IT_IS, "--dtype", "bool", "[0,1]"), np.array([0, 1], np.uint8))
    same(cnnops.array(*AS_IT_IS, stdin=np.array([True, False])), np.array([1, 0], np.uint8))


def test_dtype_converts_every_tensor(cnnops, tmp_path, same):
    np.save(tmp_path / "x.npy", np.array([[1.0, 2, 4]]))
    np.save(tmp_path / "k.npy", np.array([[2.0, 1]]))
    result = cnnops.array("conv", "--dtype", "float32", "-k", "k.npy", "x.npy")
    same(result, np.array([[4, 8]], np.float32))
    result = cnnops.array("conv", "--dtype", "int64", "-k", "k.npy", "x.npy")
    same(result, np.array([[4, 8]]))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (np.array([1j]), "complex128"),
        (np.array([1j], np.complex64), "complex64"),
        (np.array(["a", "b"]), "<U1"),
        (np.array([b"a"]), "bytes"),
        (np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), "structured"),
        (np.array(["2020-01-01"], "datetime64[D]"), "datetime64"),
        (np.array([5], "timedelta64[s]"), "timedelta64"),
        (np.array([1], np.longdouble), "longdouble"),
    ],
    ids=["complex", "complex64", "str", "bytes", "record", "date", "duration", "longdouble"],
)
def test_types_that_are_refused_by_name(cnnops, tmp_path, values, named):
    np.save(tmp_path / "x.npy", values)
    names = {"longdouble": str(np.dtype(np.longdouble)), "<U1": "str"}
    from_file = cnnops.refusal(*AS_IT_IS, "x.npy")
    for reason in (from_file, cnnops.refusal(*AS_IT_IS, stdin=values)):
        assert named in reason or names.get(named, named) in reason
        assert "float64" in reason
    assert "x.npy" in from_file


def test_special_numbers_are_json_words_in_and_out(cnnops, tmp_path):
    text = "[NaN,Infinity,-Infinity,0.5]"
    assert cnnops.json(*AS_IT_IS, text) == text
    for dtype in ("float16", "float32", "float64"):
        np.save(tmp_path / "x.npy", np.array([np.nan, np.inf, -np.inf, 0.5], dtype))
        assert cnnops.json(*AS_IT_IS, "x.npy") == text
    assert cnnops.json("conv", "-k", "[1]", "-b", "-Infinity", "[1,2]") == "[-Infinity,-Infinity]"


@pytest.mark.parametrize("dtype", [">f4", ">i2", "<f8", ">u8"])
def test_the_byte_order_of_a_file_does_not_matter(cnnops, dtype):
    result = cnnops.array(*AS_IT_IS, stdin=np.array([1, 2, 100], dtype))
    assert result.tolist() == [1, 2, 100]
    assert result.dtype == np.dtype(dtype).newbyteorder("=")


def test_the_memory_order_of_a_file_does_not_matter(cnnops, tmp_path, same):
    plane = np.arange(1, 13).reshape(3, 4)
    np.save(tmp_path / "f.npy", np.asfortranarray(plane))
    np.save(tmp_path / "k.npy", np.asfortranarray([[1, 10], [100, 1000]]))
    assert b"'fortran_order': True" in (tmp_path / "f.npy").read_bytes()
    expected = np.array([[6521, 8743], [10965, 13187]])
    same(cnnops.array("conv", "-k", "k.npy", "-s", "1,2", "f.npy"), expected)
    same(cnnops.array("dropout", "--eval", stdin=np.asfortranarray(plane * 1.0)), plane * 1.0)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_file_format(cnnops, tmp_path, version):
    with (tmp_path / "x.npy").open("wb") as stream:
        np.lib.format.write_array(stream, np.array([3, 1, 2]), version=version)
    assert cnnops.json(*AS_IT_IS, "x.npy") == "[3,1,2]"
    stdin = (tmp_path / "x.npy").read_bytes()
    assert cnnops.json(*AS_IT_IS, stdin=stdin) == "[3,1,2]"


def test_the_largest_unsigned_numbers_survive(cnnops):
    assert cnnops.json(*AS_IT_IS, stdin=np.array([2**64 - 1, 0], np.uint64)) == f"[{2**64 - 1},0]"


def test_dtype_cuts_fractions_towards_zero_and_refuses_what_does_not_fit(cnnops, same):
    result = cnnops.array(*AS_IT_IS, "--dtype", "int8", "[1.9,-1.9,127.5]")
    same(result, np.array([1, -1, 127], np.int8))
    for text, value in (("[128]", "128"), ("[NaN]", "nan"), ("[-129.5]", "-129.5")):
        reason = cnnops.refusal(*AS_IT_IS, "--dtype", "int8", text)
        assert value in reason
        assert "-128 to 127" in reason


def test_dtype_refuses_infinities_that_it_would_make_or_take(cnnops, tmp_path):
    np.save(tmp_path / "h.npy", np.array([-np.inf, 1], np.float16))
    assert "-inf" in cnnops.refusal(*AS_IT_IS, "--dtype", "int32", "h.npy")
    assert "70000" in cnnops.refusal(*AS_IT_IS, "--dtype", "float16", "[70000]")
    assert "1e+300" in cnnops.refusal(*AS_IT_IS, "--dtype", "float32", "[1e300]")
    assert cnnops.json(*AS_IT_IS, "--dtype", "float16", "[Infinity]") == "[Infinity]"


def test_a_member_may_have_a_colon_in_its_name(cnnops, tmp_path):
    np.savez(tmp_path / "w.npz", **{"a:b": np.arange(2), "c": np.arange(3)})
    assert cnnops.json(*AS_IT_IS, "w.npz:a:b") == "[0,1]"
    assert "as w.npz:a:b" in cnnops.refusal(*AS_IT_IS, "w.npz:d")
