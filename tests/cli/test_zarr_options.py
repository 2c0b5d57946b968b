"""What goes with a Zarr INPUT and with nothing else; nothing here needs zarr."""

import sys

import numpy as np
import pytest

from cnnops_cli.commands.call import Call
from cnnops_cli.commands.validate import validate
from cnnops_cli.errors import CnnopsError
from cnnops_cli.settings import Settings

HERE = ["x.npy", "x.zarr", "z.zarr"]
POOL = ["maxpool", "-k", "2", "x.npy"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with an array and a file called x.zarr and z.zarr, and a Python without zarr."""
    monkeypatch.setitem(sys.modules, "zarr", None)
    np.save(tmp_path / "x.npy", np.zeros((4, 4)))
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "z.zarr").touch()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--overwrite"], "--overwrite goes with a Zarr INPUT; leave it out"),
        (["--output-chunks", "2,2"], "--output-chunks goes with a Zarr INPUT; leave it out"),
        (["--scheduler", "tcp://host:8786"], "--scheduler goes with a Zarr INPUT; leave it out"),
        (
            ["-o", "y.zarr"],
            "--output: y.zarr is a Zarr array's name, which goes with a Zarr INPUT",
        ),
        (
            ["-o", "x.zarr"],
            "--output: x.zarr is a Zarr array's name, which goes with a Zarr INPUT",
        ),
        (
            ["-o", "s3://bucket/y"],
            "--output: s3://bucket/y is a Zarr array's name, which goes with a Zarr INPUT",
        ),
        (
            ["-o", "y.npy", "--indices", "i.zarr"],
            "--indices: i.zarr is a Zarr array's name, which goes with a Zarr INPUT",
        ),
        *(
            (
                ["--scheduler", address],
                f"--scheduler: {address!r} is not the address of a Dask scheduler, such as "
                f"tcp://host:8786{hint}",
            )
            for address, hint in [
                ("", ""),
                ("localhost", "; did you mean localhost:8786?"),
                ("tcp://host", "; did you mean tcp://host:8786?"),
                ("http://host:8787", "; http is what its dashboard speaks"),
                *((text, "") for text in ("host:0", "host:65536", "host:8786/", "inproc://host:1")),
            ]
        ),
        *(
            (["--scheduler", address], "--scheduler goes with a Zarr INPUT; leave it out")
            for address in ("host-1.a_b:1", "tls://host:65535", "tcp://[::1]:8786")
        ),
        (
            ["--output-chunks", "2,0"],
            "--output-chunks: '2,0' is not the shape of a chunk: an integer of 1 or more per "
            "axis, as 1,8,64,64",
        ),
        (
            ["--output-chunks", "2x1"],
            "--output-chunks: '2x1' is not the shape of a chunk: an integer of 1 or more per "
            "axis, as 1,8,64,64; did you mean 2,1?",
        ),
    ],
)
def test_what_goes_with_a_zarr_input_alone(refused_here, tmp_path, arguments, reason):
    assert refused_here(*POOL, *arguments) == f"cnnops maxpool: error: {reason}"
    assert sorted(path.name for path in tmp_path.iterdir()) == HERE


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ["dropout", "--mask", "m.zarr", "x.npy"],
            "--mask: m.zarr is a Zarr array's name, which goes with a Zarr INPUT",
        ),
        (
            ["dropout", "--mask-output", "m.zarr", "x.npy"],
            "--mask-output: m.zarr is a Zarr array's name, which goes with a Zarr INPUT",
        ),
        (
            ["conv", "-k", "k.zarr", "x.npy"],
            "--kernel takes no Zarr array, as k.zarr is; only INPUT does",
        ),
        (
            ["batchnorm", "--weight", "x.zarr", "x.npy"],
            "--weight takes no Zarr array, as x.zarr is; only INPUT does",
        ),
    ],
)
def test_operands(refused_here, arguments, reason):
    assert refused_here(*arguments) == f"cnnops {arguments[0]}: error: {reason}"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "the result of a Zarr INPUT is a Zarr array; name it: --output x.zarr"),
        (
            ["-o", "y.npy"],
            "--output: 'y.npy' is not a Zarr array's name; with a Zarr INPUT it is "
            "one, such as y.zarr",
        ),
        (
            ["-o", "-"],
            "--output: '-' is not a Zarr array's name; with a Zarr INPUT it is one, such as y.zarr",
        ),
        (
            ["-o", "y.zarr", "--indices", "i.npy"],
            "--indices: 'i.npy' is not a Zarr array's name; with a Zarr INPUT it is "
            "one, such as y.zarr",
        ),
        (
            ["-o", "z.zarr"],
            "z.zarr is a file, and a Zarr array is a directory; name another",
        ),
        (
            ["-o", "memory://y.zarr", "--dry-run"],
            "memory://y.zarr cannot be written: memory:// ends with this process; a result goes "
            "to a directory or to a URL such as s3://bucket/y.zarr",
        ),
        (
            ["-o", "none/y.zarr"],
            "none/y.zarr cannot be written: no such directory: {folder}/none",
        ),
        (["-o", "x.zarr/y"], "x.zarr/y is inside INPUT x.zarr; write it elsewhere"),
        (["-o", "s3://"], "s3:// names nothing; a URL is such as s3://bucket/x.zarr"),
        (
            ["-o", "y.zarr", "x.zarr"],
            "a Zarr INPUT goes alone, but there are 2 INPUTs; call once for each",
        ),
        (
            ["-o", "y.zarr", "x.npy"],
            "a Zarr INPUT goes alone, but there are 2 INPUTs; call once for each",
        ),
        (
            ["-o", "y.zarr", "-f", "json"],
            "--format is for standard output, but the result of a Zarr INPUT goes to --output; "
            "leave it out",
        ),
        (
            ["-o", "y.zarr", "--scheduler", "tcp://host:8786", "--threads", "2"],
            "--threads does not go with --scheduler: a worker has the threads of dask worker "
            "--nthreads",
        ),
        (
            ["--dry-run", "-f", "npy"],
            "--dry-run shows text or JSON: --format table or json, not npy",
        ),
        *(
            (["-o", "y.zarr", *words.split()], f"{words.split()[0]} {why}")
            for why in ["does not go with a Zarr INPUT; leave it out"]
            for words in [
                *("--expect y.npy", "--rtol 0", "--atol 0", "--ulp 0", "--equal-nan"),
                *("--no-equal-nan", "--update-expected", "--view v.svg", "--explain", "--at 0,0"),
                *("--lesson l.html", "--lines", "--keep-going", "--stretch", "--with-input"),
            ]
        ),
        (
            ["-o", "y.zarr"],
            "x.zarr is a Zarr array, which needs zarr 3.1: pip install 'cnnops-cli[zarr]'"
            + (" with Python 3.11 or newer; this is 3.10" if sys.version_info < (3, 11) else ""),
        ),
    ],
)
def test_what_does_not_go_with_a_zarr_input(refused_here, tmp_path, arguments, reason):
    said = refused_here("maxpool", "-k", "2", "x.zarr", *arguments)
    assert said.replace(str(tmp_path), "{folder}") == f"cnnops maxpool: error: {reason}"
    assert sorted(path.name for path in tmp_path.iterdir()) == HERE


@pytest.mark.parametrize("arguments", [["-o", "y.zarr"], ["--overwrite"]])
def test_an_input_that_has_the_name_of_an_array_and_is_a_file(refused_here, arguments):
    assert refused_here("maxpool", "-k", "2", "z.zarr", *arguments) == (
        "cnnops maxpool: error: z.zarr is a file, and a Zarr array is a directory; an array in an "
        "archive is zip://x.zarr::z.zarr"
    )


def test_a_mask_that_has_the_name_of_an_array_and_is_a_file(refused_here):
    assert refused_here("dropout", "--mask", "z.zarr", "x.zarr", "-o", "y.zarr") == (
        "cnnops dropout: error: z.zarr is a file, and a Zarr array is a directory"
    )


@pytest.mark.parametrize("name", ["x.npy", "x.zarr"])
def test_standard_output_that_is_closed(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(CnnopsError, match=r"^standard output is closed$"):
        validate(Call(Settings(dry_run=True), [name]))


@pytest.mark.parametrize(
    ("mask", "shown"),
    [("[[1,0]]", "[[1,0]]"), ("m.json", "m.json"), ("m.npy", "m.npy"), ("x.png", "x.png")],
)
def test_a_mask_of_which_parts_cannot_be_read(refused_here, mask, shown):
    assert refused_here("dropout", "--mask", mask, "x.zarr", "-o", "y.zarr") == (
        "cnnops dropout: error: --mask of a Zarr INPUT is a Zarr array or a .npy file, which "
        f"'{shown}' is not"
    )


def test_a_folder_that_is_not_zarr_is_what_it_was(refused_here, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "Zarr" not in refused_here("maxpool", "-k", "2", "folder", "-o", "y.npy")
    assert "Zarr" not in refused_here("maxpool", "-k", "2", "x.npy", "-o", "s3:/y")
