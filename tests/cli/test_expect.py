"""--expect: exit status and words, in a pipe and on a terminal."""

import warnings
import zipfile

import numpy as np
import pytest
from calling import Result

AS_IT_IS = ["maxpool", "--dims", "1", "-k", "1"]
COMMANDS = [
    (["conv", "-k", "[2]", "[1,2,3]"], "[2,4,6]", "[2,4,7]"),
    (["maxpool", "--dims", "1", "-k", "1", "[1,2,3]"], "[1,2,3]", "[1,2,4]"),
    (["batchnorm", "[[1],[3]]"], "[[-0.99999500004],[0.99999500004]]", "[[-1],[1]]"),
    (["dropout", "-p", "0", "[1,2]"], "[1,2]", "[1,2.5]"),
]
REPORT = """\
cnnops maxpool: not equal to golden.npy
  1 of 3 values differs (33.3 %)
  largest absolute error 1 at [2]: 3, expected 4
  largest relative error 0.25 at [2]: 3, expected 4
   at  result  expected
  [2]       3         4
"""


@pytest.fixture
def golden(tmp_path):
    """Golden files that hold what [1,2,3] is not."""
    np.save(tmp_path / "golden.npy", np.array([1, 2, 4]))
    np.savez(tmp_path / "golden.npz", right=np.array([1, 2, 3]), wrong=np.array([1, 2, 4]))
    (tmp_path / "golden.json").write_text("[1,2,3]\n")
    return tmp_path


@pytest.mark.parametrize(("call", "right", "wrong"), COMMANDS, ids=lambda value: value[0])
def test_every_command_has_the_check(cnnops, call, right, wrong):
    equal = cnnops(*call, "--expect", right)
    assert (equal.status, equal.out) == (0, b""), equal
    assert equal.err.startswith(f"cnnops {call[0]}: equal to --expect ")
    assert equal.err.count("\n") == 1
    different = cnnops(*call, "--expect", wrong)
    assert (different.status, different.out) == (1, b"")
    assert different.err.startswith(f"cnnops {call[0]}: not equal to --expect")
    assert different.err.count("\n") > 3
    for options in ([right], [wrong]):
        quiet = cnnops(*call, "--expect", *options, "-q")
        assert (quiet.out, quiet.err) == (b"", "")
        assert quiet.status == (1 if options == [wrong] else 0)


def test_the_words_are_the_same_in_a_pipe_and_on_a_terminal(cnnops, terminal, golden):
    call = [*AS_IT_IS, "[1,2,3]", "--expect", "golden.npy"]
    piped = cnnops(*call)
    assert (piped.status, piped.out, piped.err) == (1, b"", REPORT)
    for columns in (40, 120):
        screen = terminal(*call, columns=columns)
        assert (screen.status, screen.raw) == (1, REPORT)
    quiet = terminal(*call, "-q")
    assert (quiet.status, quiet.raw) == (1, "")
    held = terminal(*call[:-1], "golden.json")
    assert (held.status, held.raw) == (0, "cnnops maxpool: equal to golden.json exactly\n")


@pytest.mark.parametrize(
    ("expected", "status", "named"),
    [
        ("golden.json", 0, "golden.json"),
        ("golden.npz:right", 0, "golden.npz:right"),
        ("golden.npz:wrong", 1, "golden.npz:wrong"),
        ("./golden.npy", 1, "./golden.npy"),
        ("[1,2,3]", 0, "--expect"),
        ("[1,2,3.0]", 0, "--expect"),
        ("[1,2,3.5]", 1, "--expect"),
        ("[1,2]", 1, "--expect"),
        ("7", 1, "7"),
    ],
)
def test_every_tensor_can_be_expected(cnnops, golden, expected, status, named):
    result = cnnops(*AS_IT_IS, "[1,2,3]", "--expect", expected)
    assert (result.status, result.out) == (status, b"")
    word = "not equal" if status else "equal"
    assert result.err.startswith(f"cnnops maxpool: {word} to {named}")


def test_standard_input_can_be_expected(cnnops):
    result = cnnops(*AS_IT_IS, "[1,2]", "--expect", "-", stdin=np.array([1, 2]))
    assert (result.status, result.err) == (0, "cnnops maxpool: equal to standard input exactly\n")
    reason = cnnops.refusal(*AS_IT_IS, "--expect", "-", stdin="[1]")
    assert reason == "INPUT and --expect are both - (standard input); only one argument may be"


def test_tolerances(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.array([1, 2], np.float32))
    call = [*AS_IT_IS, "x.npy", "--expect", "[1,2.001]"]
    assert cnnops(*call).err.splitlines()[0] == (
        "cnnops maxpool: not equal to --expect within rtol 1.3e-06 and atol 1e-05"
    )
    for options, status, words in (
        (["--rtol", "1e-3"], 0, "within rtol 0.001 and atol 0"),
        (["--atol", "1e-4"], 1, "within rtol 0 and atol 0.0001"),
        (["--atol", "1e-2", "--rtol", "0"], 0, "within rtol 0 and atol 0.01"),
        (["--ulp", "4193"], 1, "within 4193 ulp"),
        (["--ulp", "4194"], 0, "within 4194 ulp"),
    ):
        result = cnnops(*call, *options)
        assert result.status == status, options
        assert result.err.splitlines()[0].endswith(words)
    assert "largest distance 4194 ulp at [1]" in cnnops(*call, "--ulp", "1").err


def test_nan(cnnops):
    call = ["dropout", "--eval", "[NaN,1]", "--expect", "[NaN,1]"]
    strict = cnnops(*call)
    assert strict.status == cnnops(*call, "--no-equal-nan").status == 1
    assert "1 of them NaN on both sides, which --equal-nan takes as equal" in strict.err
    loose = cnnops(*call, "--equal-nan")
    assert (loose.status, loose.err) == (
        0,
        "cnnops dropout: equal to --expect within rtol 1e-07 and atol 1e-07, NaN equal to NaN\n",
    )


def test_integers_past_doubles(cnnops):
    call = ["dropout", "--eval", "--dtype", "uint64", "-f", "npy", "[18446744073709551615]"]
    held = cnnops(*AS_IT_IS, "[18446744073709551615]", "--expect", "[18446744073709551615]")
    assert held.status == 0
    off = cnnops(*AS_IT_IS, "[9223372036854775807]", "--expect", "[9223372036854775806]")
    assert off.status == 1
    assert "largest absolute error 1 at [0]" in off.err
    assert cnnops(*call, "--expect", "[18446744073709551615]").status == 0


def test_the_result_is_delivered_where_it_is_asked_for(cnnops, golden):
    call = [*AS_IT_IS, "[1,2,3]", "--expect", "golden.npy"]
    printed = cnnops(*call, "-f", "json")
    assert (printed.status, printed.out, printed.err) == (1, b"[1,2,3]\n", REPORT)
    assert cnnops(*call, "-o", "-").out == b"[1,2,3]\n"
    written = cnnops(*call, "-o", "y.npy", "--indices", "i.npy")
    assert (written.status, written.out, written.err) == (1, b"", REPORT)
    assert np.load(golden / "y.npy").tolist() == [1, 2, 3]
    assert np.load(golden / "i.npy").tolist() == [0, 1, 2]
    quiet = cnnops(*call, "-q", "-f", "json")
    assert (quiet.status, quiet.out, quiet.err) == (1, b"[1,2,3]\n", "")


def test_a_closed_pipe_does_not_hide_the_verdict(installed, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(1_000_000))
    for expected, status in (("[1]", 1), ("x.npy", 0)):
        call = [*AS_IT_IS, "x.npy", "-f", "json", "--expect", expected]
        line = '"$0" "$@" 2>err; echo "status $?" >&2'
        result = installed(*call, setup=f"{{ {line}; }} | head -c 1 >/dev/null; exit")
        assert result.err == f"status {status}\n"


def test_the_layout_is_the_users(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(24).reshape(2, 3, 4))
    call = ["maxpool", "-k", "1", "--layout", "channels-last", "x.npy"]
    assert cnnops(*call, "--expect", "x.npy").status == 0
    changed = np.arange(24).reshape(2, 3, 4)
    changed[1, 0, 3] = 0
    np.save(tmp_path / "g.npy", changed)
    assert "largest absolute error 15 at [1, 0, 3]: 15, expected 0" in (
        cnnops(*call, "--expect", "g.npy").err
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--rtol", "0"], "--rtol goes with --expect TENSOR"),
        (["--atol", "1"], "--atol goes with --expect TENSOR"),
        (["--ulp", "0"], "--ulp goes with --expect TENSOR"),
        (["--equal-nan"], "--equal-nan goes with --expect TENSOR"),
        (["--no-equal-nan"], "--no-equal-nan goes with --expect TENSOR"),
        (["--update-expected"], "--update-expected goes with --expect TENSOR"),
        (["--expect", "[1]", "--ulp", "1", "--atol", "0"], "leave --atol out"),
        (["--expect", "[1]", "--ulp", "1", "--rtol", "0"], "leave --rtol out"),
        (["--expect", "[1]", "--rtol", "-1"], "--rtol: '-1' is not a finite number of 0 or more"),
        (["--expect", "[1]", "--atol", "nan"], "--atol: 'nan' is not a finite number of 0 or more"),
        (["--expect", "[1]", "--atol", "inf"], "--atol: 'inf' is not a finite number"),
        (["--expect", "[1]", "--rtol", "x"], "--rtol: 'x' is not a number"),
        (["--expect", "[1]", "--ulp", "1.5"], "--ulp: '1.5' is not an integer of 0 or more"),
        (["--expect", "gone.npy"], "--expect: no such file: gone.npy"),
        (["--expect", ""], "--expect is empty"),
        (["--expect", "[1,[2]]"], "--expect is ragged"),
        (["--expect", "[1]", "--update-expected"], "--update-expected writes the FILE of --expect"),
        (["--expect", "0.5", "--update-expected"], "ends in .npy, .npz, .json: '0.5'"),
        (["--expect", "-", "--update-expected"], "ends in .npy, .npz, .json: '-'"),
        (["--expect", "g.txt", "--update-expected"], "ends in .npy, .npz, .json: 'g.txt'"),
        (["--expect", "no/g.npy", "--update-expected"], "no such directory: no"),
        (["--expect", "d.npy", "--update-expected"], "d.npy is a directory"),
        (["--expect", "g.npy", "--update-expected", "-o", "./g.npy"], "would be replaced"),
        (["--expect", "g.npz:", "--update-expected"], "g.npz: names no array: write g.npz:NAME"),
        (
            ["--expect", "g.npy", "--update-expected", "--no-equal-nan"],
            "--update-expected takes NaN as equal to NaN; leave --no-equal-nan out",
        ),
        (["--expect", "g.npz:a", "-o", "g.npz"], "would be replaced"),
        (["--expect", "g.npy", "--indices", "g.npy"], "would be replaced"),
    ],
)
def test_what_is_refused(cnnops, tmp_path, options, reason):
    (tmp_path / "d.npy").mkdir()
    assert reason in cnnops.refusal(*AS_IT_IS, "[1]", *options)
    assert [path.name for path in tmp_path.iterdir()] == ["d.npy"]


def test_a_bad_call_is_no_failed_check(cnnops, golden):
    before = (golden / "golden.npy").read_bytes()
    for options in ([], ["--update-expected"]):
        call = ["maxpool", "-k", "5", "[[1]]", "--expect", "golden.npy"]
        assert "kernel" in cnnops.refusal(*call, *options)
    assert (golden / "golden.npy").read_bytes() == before


def test_updating(cnnops, golden):
    call = [*AS_IT_IS, "[1,2,3]", "--expect", "golden.npy", "--update-expected"]
    updated = cnnops(*call)
    assert (updated.status, updated.out) == (0, b"")
    heading = "cnnops maxpool: golden.npy updated; the result was not as expected:"
    assert updated.err.splitlines() == [heading, *REPORT.splitlines()[1:]]
    assert np.load(golden / "golden.npy").tolist() == [1, 2, 3]
    unchanged = cnnops(*call)
    assert (unchanged.status, unchanged.out) == (0, b"")
    assert (
        unchanged.err == "cnnops maxpool: golden.npy unchanged: equal exactly, NaN equal to NaN\n"
    )


@pytest.mark.parametrize("name", ["new.npy", "new.npz", "new.npz:a", "new.json"])
def test_a_golden_file_is_made_and_then_holds(cnnops, tmp_path, name):
    np.save(tmp_path / "x.npy", np.array([[0.1, -0.0, 1e30]], np.float32))
    call = ["batchnorm", "--eval", "x.npy", "--expect", name]
    made = cnnops(*call, "--precision", "1", "--update-expected")
    assert made.status == 0
    assert made.err == f"cnnops batchnorm: {name} created: (1, 3) float32\n"
    assert cnnops(*call, "--ulp", "0").status == 0
    quiet = cnnops(*call, "-q", "--update-expected")
    assert (quiet.status, quiet.out, quiet.err) == (0, b"", "")


def test_what_still_holds_is_not_written(cnnops, tmp_path):
    text = "[1.0, 2.00000001]  \n"
    (tmp_path / "g.json").write_text(text)
    result = cnnops("dropout", "--eval", "[1.0,2]", "--expect", "g.json", "--update-expected")
    assert (result.status, (tmp_path / "g.json").read_text()) == (0, text)
    cnnops("dropout", "--eval", "[1.0,2]", "--expect", "g.json", "--update-expected", "--rtol", "0")
    assert (tmp_path / "g.json").read_text() == "[1.0,2.0]\n"


def test_what_a_result_is_made_of_is_no_golden_file(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.array([1, 2]))
    np.savez(tmp_path / "t.npz", x=np.array([1, 2]), k=np.array([2]))
    np.savez(tmp_path / "one.npz", x=np.array([1, 2]))
    (tmp_path / "link.npy").symlink_to("x.npy")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for kernel, x, golden in (
        ("[2]", "x.npy", "./x.npy"),
        ("[2]", "x.npy", "link.npy"),
        ("x.npy", "[[2,3],[4,5]]", "x.npy"),
        ("t.npz:k", "t.npz:x", "t.npz:x"),
        ("[2]", "one.npz", "one.npz:x"),
        ("[2]", "one.npz:x", "one.npz"),
    ):
        call = ["conv", "-k", kernel, x, "--expect", golden, "--update-expected"]
        said = f"--update-expected would replace {golden}, which the result is made of"
        assert said in cnnops.refusal(*call)
    call = ["batchnorm", "--eval", "--state", "s.npz", "[[1]]", "--expect", "s.npz:weight"]
    np.savez(tmp_path / "s.npz", weight=np.array([2.0]))
    before["s.npz"] = (tmp_path / "s.npz").read_bytes()
    assert "would replace s.npz:weight" in cnnops.refusal(*call, "--update-expected")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    call = ["conv", "-k", "t.npz:k", "t.npz:x", "--expect", "t.npz:y", "--update-expected"]
    assert cnnops(*call).status == 0


def test_a_picture_that_was_written_can_be_expected(cnnops, tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    image.fromarray(pixels).save(tmp_path / "x.png")
    for layout in ("channels-first", "channels-last"):
        call = ["dropout", "--eval", "--channelwise", "--layout", layout, "x.png"]
        assert cnnops(*call, "-o", "y.png").status == 0
        assert cnnops(*call, "--expect", "y.png").status == 0


def test_an_archive_keeps_its_other_arrays(cnnops, golden):
    call = [*AS_IT_IS, "[1,2,3]", "--update-expected", "--expect"]
    assert cnnops(*call, "golden.npz:wrong").status == 0
    assert "created" in cnnops(*call, "golden.npz:third").err
    with np.load(golden / "golden.npz") as archive:
        assert {name: archive[name].tolist() for name in archive} == {
            name: [1, 2, 3] for name in ("right", "wrong", "third")
        }
    assert "holds right, wrong, third" in cnnops.refusal(*call, "golden.npz")
    np.savez(golden / "one.npz", weight=np.zeros(3))
    assert cnnops(*call, "one.npz").status == 0
    with np.load(golden / "one.npz") as archive:
        assert list(archive) == ["weight"]


def test_the_other_arrays_of_an_archive_keep_their_bytes(cnnops, tmp_path):
    path = tmp_path / "g.npz"
    others = {
        "flag": np.array([True, False]),
        "big": np.arange(3, dtype=">i4"),
        "text": np.array("a"),
    }
    np.savez_compressed(path, a=np.ones(3), **others)

    def members():
        with zipfile.ZipFile(path) as archive:
            return [
                (one.filename, one.compress_type, archive.read(one)) for one in archive.infolist()
            ]

    before = members()
    assert cnnops(*AS_IT_IS, "[1,2,3]", "--expect", "g.npz:a", "--update-expected").status == 0
    assert members()[1:] == before[1:]
    with np.load(path) as archive:
        assert archive["a"].tolist() == [1, 2, 3]


def test_a_damaged_array_beside_the_golden_one_is_not_lost(cnnops, tmp_path):
    path = tmp_path / "g.npz"
    np.savez(path, a=np.ones(3), b=np.arange(100))
    data = path.read_bytes()
    path.write_bytes(data.replace(np.arange(100).tobytes()[80:], bytes(720)))
    before = path.read_bytes()
    call = [*AS_IT_IS, "[1,2,3]", "--expect", "g.npz:a", "--update-expected"]
    assert "--expect g.npz:b is damaged: Bad CRC-32" in cnnops.refusal(*call)
    assert (path.read_bytes(), len(list(tmp_path.iterdir()))) == (before, 1)


def test_an_update_writes_the_member_that_is_read(cnnops, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.array([1, 2, 4]))
    data = (tmp_path / "a.npy").read_bytes()
    with zipfile.ZipFile("g.npz", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the second twice.npy
        archive.comment = b"of mine"
        for name in ("weight", "twice.npy", "other", "twice.npy"):
            archive.writestr(name, data)
    call = [*AS_IT_IS, "[1,2,3]", "--update-expected", "--expect"]
    said = ""
    for member in ("weight", "twice", "twice.npy", "new.npy"):
        done = cnnops(*call, f"g.npz:{member}")
        assert done.status == 0
        said += done.err
        assert cnnops(*call[:-2], "--expect", f"g.npz:{member.removesuffix('.npy')}").status == 0
    with zipfile.ZipFile("g.npz") as archive:
        assert archive.namelist() == ["weight", "other", "twice.npy", "new.npy"]
        assert archive.comment == b"of mine"
    with np.load("g.npz") as archive:
        assert [archive[name].tolist() for name in archive] == [
            [1, 2, 3], [1, 2, 4], [1, 2, 3], [1, 2, 3]
        ]  # fmt: skip
    assert "g.npz:twice updated" in said
    assert "g.npz:twice.npy unchanged" in said
    assert "g.npz:new.npy created" in said


def test_an_update_that_fails_leaves_the_old_file(installed, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(10_000))
    np.save(tmp_path / "g.npy", np.arange(3))
    before = (tmp_path / "g.npy").read_bytes()
    call = [*AS_IT_IS, "x.npy", "--expect", "g.npy", "--update-expected"]
    assert "g.npy" in installed.refusal(*call, setup="ulimit -f 40")
    (tmp_path / "text.json").write_text("no tensor")
    assert "text.json" in installed.refusal(*call[:-2], "text.json", "--update-expected")
    assert (tmp_path / "g.npy").read_bytes() == before
    assert (tmp_path / "text.json").read_text() == "no tensor"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_name_that_is_not_printable_stays_on_its_line(cnnops, tmp_path):
    np.save(tmp_path / "a\nb.npy", np.array([1]))
    result = cnnops(*AS_IT_IS, "[1]", "--expect", "a\nb.npy")
    assert (result.status, result.err) == (0, "cnnops maxpool: equal to a\\nb.npy exactly\n")


def test_a_closed_or_full_standard_error_leaves_the_status(installed):
    for setup in ("exec 2>&-", "exec 2>/dev/full"):
        for expected, status in (("[1]", 0), ("[2]", 1)):
            result = installed(*AS_IT_IS, "[1]", "--expect", expected, setup=setup)
            assert (result.status, result.err) == (status, "")


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
)
def test_the_limits_of_each_integer_dtype_are_expected_exactly(cnnops, tmp_path, dtype):
    limits = np.iinfo(dtype)
    for limit, inside, outside in (
        (limits.max, limits.max - 1, limits.max + 1),
        (limits.min, limits.min + 1, limits.min - 1),
    ):
        np.save(tmp_path / "x.npy", np.array([limit], dtype))
        check = [*AS_IT_IS, "x.npy", "--expect"]
        equal = "cnnops maxpool: equal to --expect exactly\n"
        assert cnnops(*check, f"[{limit}]") == Result(0, b"", equal)
        differs = cnnops(*check, f"[{inside}]")
        assert differs.status == 1
        assert f"largest absolute error 1 at [0]: {limit}, expected {inside}\n" in differs.err
        if -(2**63) <= outside < 2**64:
            differs = cnnops(*check, f"[{outside}]")
            assert differs.status == 1
            assert differs.err.splitlines()[1] == (
                f"  dtype {dtype}, which cannot hold {outside}, expected at [0]"
            )
