"""What goes with a Zarr INPUT and with nothing else; nothing here needs zarr."""

import sys

import numpy as np
import pytest

POOL = ["maxpool", "-k", "2", "x.npy"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with an array, and a Python without zarr."""
    monkeypatch.setitem(sys.modules, "zarr", None)
    np.save(tmp_path / "x.npy", np.zeros((4, 4)))
    (tmp_path / "x.zarr").mkdir()


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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.npy", "x.zarr"]


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
            "--output of a Zarr INPUT is a Zarr array too, such as x.zarr, which 'y.npy' is not",
        ),
        (
            ["-o", "-"],
            "--output of a Zarr INPUT is a Zarr array too, such as x.zarr, which '-' is not",
        ),
        (
            ["-o", "y.zarr", "--indices", "i.npy"],
            "--indices of a Zarr INPUT is a Zarr array too, such as x.zarr, which 'i.npy' is not",
        ),
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
    assert refused_here("maxpool", "-k", "2", "x.zarr", *arguments) == (
        f"cnnops maxpool: error: {reason}"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.npy", "x.zarr"]


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
