"""A format is one file and one row: everything else that asks about formats finds it there."""

import importlib
import json
import sys

import numpy as np
import pytest

from cnnops_cli.tensors import formats
from cnnops_cli.tensors.formats import (
    FILE_FORMATS,
    Format,
    format_of,
    format_of_name,
    output_suffixes,
)

CSVISH = '''
"""Tables of numbers, with commas between, behind a line that names the format."""

import numpy as np

from cnnops_cli.errors import CnnopsError


def read(stream, size, name, reading):
    try:
        return np.loadtxt(stream, delimiter=",", ndmin=2)
    except ValueError:
        raise CnnopsError(f"{name} is not a table of numbers") from None


def write(stream, array, writing):
    np.savetxt(stream, array, fmt="%g", delimiter=",", header="csvish")
'''
ROW = Format(".csvish", (".csvish",), "csvish", (b"# csvish",), is_weak=True)
NAMES_FORMATS = ("app", "help", "options", "settings", "commands")
"""What puts the table into texts when it is imported."""


def ours():
    """The modules that are imported again with the row in the table."""
    names = [f"cnnops_cli.{name}" for name in NAMES_FORMATS]
    return {
        name: module
        for name, module in sys.modules.items()
        if name in names or name.startswith("cnnops_cli.commands.")
    }


def place(modules):
    """Have packages know their modules by attribute too, as imports do."""
    for name in [*ours(), "csvish"]:
        sys.modules.pop(name, None)
    sys.modules |= modules
    for name, module in modules.items():
        package, _, attribute = name.rpartition(".")
        setattr(sys.modules[package], attribute, module)


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Run the command in this process, with the row, and return status, output and errors."""
    before = ours()
    (tmp_path / "csvish.py").write_text(CSVISH)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(formats, "FILE_FORMATS", [*FILE_FORMATS, ROW])
    place({})
    app = importlib.import_module("cnnops_cli.app")

    def call(*arguments):
        status = app.run(list(arguments))
        return status, *capfd.readouterr()

    yield call
    place(before)


TABLE = "# csvish\n1,2,3\n4,5,6\n"
CALL = ("conv", "-k", "[[0.5,0.5]]")
HALVES = "# csvish\n1.5,2.5\n4.5,5.5\n"
HALVES_IN_JSON = "[[1.5,2.5],[4.5,5.5]]"


@pytest.fixture
def table(tmp_path):
    (tmp_path / "x.csvish").write_text(TABLE)
    (tmp_path / "x").write_text(TABLE)
    return tmp_path


def test_it_is_read_by_suffix_and_by_first_bytes(run, table):
    for name in ("x.csvish", "x"):
        assert run(*CALL, name) == (0, "[[1.5,2.5],[4.5,5.5]]\n", "")
    (table / "x.csvish").write_text("1;2\n")
    assert run(*CALL, "x.csvish") == (
        2,
        "",
        "cnnops conv: error: x.csvish is not a table of numbers\n",
    )


def test_it_is_written(run, table):
    assert run(*CALL, "x.csvish", "-o", "y.csvish") == (0, "", "")
    assert (table / "y.csvish").read_text() == HALVES
    assert run(*CALL, "x.csvish", "x.csvish", "-o", "out/")[0] == 2  # both would have one name
    assert run(*CALL, "x.csvish", "x", "-o", "out/") == (0, "", "")
    assert (table / "out" / "x.csvish").read_text() == HALVES
    assert np.load(table / "out" / "x.npy").tolist() == [[1.5, 2.5], [4.5, 5.5]]


def test_other_results_are_written_to_it(run, table):
    call = ("maxpool", "-k", "1,3", "x.csvish", "--indices", "i.csvish")
    assert run(*call) == (0, "[[3.0],[6.0]]\n", "")
    assert (table / "i.csvish").read_text() == "# csvish\n2\n5\n"


def test_it_is_expected_and_updated(run, table):
    golden = (*CALL, "x.csvish", "--expect", "y.csvish")
    assert run(*golden, "--update-expected") == (
        0,
        "",
        "cnnops conv: y.csvish created: (2, 2) float64\n",
    )
    assert (table / "y.csvish").read_text() == HALVES
    assert run(*golden)[:2] == (0, "")
    (table / "y.csvish").write_text(HALVES.replace("4.5", "7"))
    status, out, err = run(*golden)
    assert (status, out) == (1, "")
    assert "4.5" in err
    assert "7.0" in err
    assert run(*golden, "--update-expected")[:2] == (0, "")
    assert (table / "y.csvish").read_text() == HALVES


def test_its_numbers_take_the_dtype_of_other_files(run, table):
    np.save(table / "k.npy", np.array([[0.5, 0.5]], np.float32))
    call = ("conv", "-k", "k.npy", "x.csvish")
    assert run(*call, "-o", "y.npy", "--expect", HALVES_IN_JSON)[0] == 0
    assert np.load(table / "y.npy").dtype == np.float32
    assert run(*call, "-o", "y.csvish") == (0, "", "")
    assert run(*call, "--expect", "y.csvish")[0] == 0


def test_letters_do_not_go_to_it(run, table):
    assert run("conv", "-k", "[[a]]", "x.csvish", "-o", "y.csvish") == (
        2,
        "",
        "cnnops conv: error: formulas with letters go to .json or standard output, not to "
        "y.csvish\n",
    )
    assert not (table / "y.csvish").exists()


def test_it_is_told_of_in_a_dry_run(run, table):
    status, out, err = run(*CALL, "x.csvish", "--dry-run")
    assert (status, err) == (0, "")
    assert json.loads(out)["shape"] == [2, 2]


def test_help_names_it(run):
    def told(*arguments):
        return " ".join(run(*arguments)[1].split())

    pictures = ".png .jpg .webp .tif .bmp"
    text = told("conv", "--help")
    assert f"A file is .npy, archive.npz:name, .json, .csvish or a picture ({pictures}," in text
    assert f"FILE is .npy, .npz, .json, .csvish or a picture ({pictures}), or - for" in text
    assert "names (.npy, .npz, .json, .csvish, or archive.npz:name, whose" in text
    assert ".npz holds weight and bias, .npy, .json and .csvish the kernel alone." in text
    assert "Of .npy, .npz and pictures, only the headers are read." in text
    assert "It is .npy, .npz, .json or .csvish: int64" in told("maxpool", "--help")
    assert "(.npy, .npz, .json or .csvish): uint8" in told("dropout", "--help")
    assert "FILE is .npz or .json. It may" in told("batchnorm", "--help")
    assert "every TENSOR are .npy, .npz, JSON, .csvish or a picture: a file" in told("--help")


def test_errors_name_it(run, table):
    arrays = ".npy, .npz, .json, .csvish"
    pictures = ".png, .jpg, .jpeg, .webp, .tif, .tiff, .bmp"
    every = f".npy, .npz, .json, {pictures}, .csvish"
    (table / "y.txt").write_text("")
    for call, reason in (
        ((*CALL, "-o", "y.cvsish"), f"--output: 'y.cvsish' ends in none of {every}; did you mean "
         ".csvish?"),
        ((*CALL, "-o", "y"), f"--output: 'y' ends in none of {every}, nor in / as a new directory "
         "does"),
        (("maxpool", "--indices", "y.txt"), f"--indices: 'y.txt' ends in none of {arrays}"),
        (("conv", "-k", "1", "--expect", "y.txt", "--update-expected", "x"),
         f"--update-expected writes the FILE of --expect, which ends in {arrays}: 'y.txt'"),
    ):  # fmt: skip
        assert run(*call) == (2, "", f"cnnops {call[0]}: error: {reason}\n")


def test_it_is_imported_by_no_other_call(run, table):
    assert run(*CALL, "[[1,2]]") == (0, "[[1.5]]\n", "")
    assert "csvish" not in sys.modules
    assert run(*CALL, "x.csvish")[0] == 0
    assert "csvish" in sys.modules


def test_without_the_row_nothing_is_left_of_it():
    assert ".csvish" not in output_suffixes()
    assert "csvish" not in sys.modules


@pytest.mark.parametrize(
    ("path", "start", "name"),
    [
        ("x", b"[1]", "JSON"),
        ("x", b"", "JSON"),
        ("x", b"\x93NUMPY\1\0", ".npy"),
        ("x", b"\x93NUMP", "JSON"),
        ("x.json", b"\x93NUMPY", "JSON"),
        ("x.json", b"\x89PNG", "JSON"),
        ("x.npy", b"[1]", ".npy"),
        ("x.NPY", b"[1]", "JSON"),
        ("x.npy", b"PK\3\4", ".npz"),
        ("x.png", b"PK", ".npz"),
        ("x.npz", b"[1]", ".npz"),
        ("x.PNG", b"\x93NUMPY", "PNG"),
        ("x.JPeG", b"", "JPEG"),
        ("x", b"RIFF\0\0\0\0WEBPVP8", "WebP"),
        ("x", b"RIFF\0\0\0\0WAVE", "JSON"),
        ("x", b"RIFF\0\0\0\0WEB", "JSON"),
        ("x", b"II*\0", "TIFF"),
        ("x", b"MM\0+", "TIFF"),
        ("x", b"BM", "BMP"),
        ("d.npy/x", b"[1]", "JSON"),
    ],
)
def test_archives_go_by_their_first_bytes_others_by_suffix_first(path, start, name):
    assert format_of(path, start).name == name


def test_only_pictures_are_written_in_capitals():
    assert format_of_name("a.PNG").is_picture
    assert format_of_name("a.Tif").is_picture
    assert not format_of_name("a.npy").is_picture
    assert not format_of_name("png").is_picture


@pytest.mark.parametrize("row", FILE_FORMATS, ids=lambda row: row.name)
def test_each_module_has_what_its_row_says(row):
    wanted = {"write"} | ({"Archive"} if row.has_members else {"read"})
    wanted |= {"read_named", "write_named"} if row.has_names else set()
    assert wanted <= set(dir(row.code))
    assert all(len(magic) <= formats.LONGEST_MAGIC for magic in row.magic)
