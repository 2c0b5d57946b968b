"""Output files appear whole or not at all."""

import os
import stat
import sys

import numpy as np
import pytest

AS_IT_IS = ["maxpool", "--dims", "1", "-k", "1"]


SMALL_FILES_ONLY = "ulimit -f 40"
OBEDIENT = """
import ctypes, os, sys
drop_from_bounding_set, override, read_search = 24, 1, 2
if os.geteuid() == 0:
    for capability in (override, read_search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def obedient(tmp_path_factory):
    """The command when file permissions bind it, as they do not bind the superuser."""
    script = tmp_path_factory.mktemp("obedient") / "run"
    script.write_text(OBEDIENT)
    return {"setup": f'exec "{sys.executable}" "{script}" "$0" "$@"'}


@pytest.fixture
def listing(tmp_path):
    return lambda: sorted(path.name for path in tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_file(installed, tmp_path, listing):
    np.save(tmp_path / "x.npy", np.arange(10_000))
    for name in ("y.npy", "y.npz", "y.json"):
        (tmp_path / name).write_text("old")
        reason = installed.refusal(*AS_IT_IS, "x.npy", "-o", name, setup=SMALL_FILES_ONLY)
        assert name in reason
        assert (tmp_path / name).read_text() == "old"
    assert listing() == ["x.npy", "y.json", "y.npy", "y.npz"]


def test_a_full_disk_leaves_no_new_file(installed, tmp_path, listing):
    np.save(tmp_path / "x.npy", np.arange(10_000))
    installed.refusal(*AS_IT_IS, "x.npy", "-o", "new.npy", setup=SMALL_FILES_ONLY)
    call = [*AS_IT_IS, "x.npy", "--indices", "i.npy"]
    installed.refusal(*call, setup=SMALL_FILES_ONLY)
    assert listing() == ["x.npy"]


def test_a_refused_call_writes_nothing(cnnops, tmp_path, listing):
    (tmp_path / "y.npy").write_text("old")
    (tmp_path / "i.npy").write_text("old")
    cnnops.refusal("maxpool", "-k", "5", "[[1]]", "-o", "y.npy", "--indices", "i.npy")
    assert (tmp_path / "y.npy").read_text() == (tmp_path / "i.npy").read_text() == "old"
    assert listing() == ["i.npy", "y.npy"]


@pytest.mark.parametrize(
    ("call", "second"),
    [
        (["maxpool", "-k", "1", "[[1]]"], "--indices"),
        (["conv", "-k", "[[1]]", "[[1]]"], "--save-kernel"),
        (["batchnorm", "[[1],[2]]"], "--save-state"),
        (["dropout", "[[1]]"], "--mask-output"),
    ],
)
def test_two_files_are_written_together_or_neither(cnnops, tmp_path, listing, call, second):
    (tmp_path / "y.npz").write_text("old")
    for pair in (["y.npz", "none/z.npz"], ["none/z.npz", "y.npz"]):
        reason = cnnops.refusal(*call, "-o", pair[0], second, pair[1])
        assert "none" in reason
        assert (tmp_path / "y.npz").read_text() == "old"
    assert listing() == ["y.npz"]


@pytest.mark.parametrize(
    ("output", "named"),
    [
        ("y.txt", ["--output", "y.txt", ".npy", ".npz", ".json"]),
        ("y", ["--output", ".npy", ".npz", ".json"]),
        ("none/y.npy", ["--output", "none"]),
        ("file/y.npy", ["--output", "file"]),
        ("folder.npy", ["folder.npy"]),
    ],
)
def test_places_that_cannot_be_written(cnnops, tmp_path, listing, output, named):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder.npy").mkdir()
    reason = cnnops.refusal(*AS_IT_IS, "[1]", "-o", output)
    for text in named:
        assert text in reason
    assert listing() == ["file", "folder.npy"]


def test_permissions_are_obeyed(installed, tmp_path, obedient):
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o500)
    reason = installed.refusal(*AS_IT_IS, "[1]", "-o", "closed/y.npy", **obedient)
    assert "closed/y.npy" in reason
    assert list(folder.iterdir()) == []
    folder.chmod(0o700)
    np.save(folder / "x.npy", np.ones(1))
    (folder / "x.npy").chmod(0)
    assert "closed/x.npy" in installed.refusal(*AS_IT_IS, "closed/x.npy", **obedient)


def test_a_symbolic_link_stays_and_its_target_is_replaced(cnnops, tmp_path, listing):
    (tmp_path / "target").mkdir()
    target = tmp_path / "target" / "y.npy"
    np.save(target, np.zeros(5))
    (tmp_path / "link.npy").symlink_to("target/y.npy")
    cnnops.text(*AS_IT_IS, "[1,2]", "-o", "link.npy")
    assert (tmp_path / "link.npy").is_symlink()
    assert np.load(target).tolist() == [1, 2]
    assert listing() == ["link.npy", "target"]
    assert os.listdir(tmp_path / "target") == ["y.npy"]


def test_permission_bits_are_kept_and_new_files_follow_the_umask(installed, tmp_path):
    (tmp_path / "y.npy").touch()
    (tmp_path / "y.npy").chmod(0o604)
    installed.text(*AS_IT_IS, "[1]", "-o", "y.npy", setup="umask 027")
    assert stat.S_IMODE((tmp_path / "y.npy").stat().st_mode) == 0o604
    installed.text(*AS_IT_IS, "[1]", "-o", "new.npy", setup="umask 027")
    assert stat.S_IMODE((tmp_path / "new.npy").stat().st_mode) == 0o640


def test_full_standard_output_is_one_error(cnnops):
    with open("/dev/full", "wb") as full:
        for options in ([], ["-f", "npy"], ["-f", "table"]):
            reason = cnnops.refusal(*AS_IT_IS, "[1,2]", *options, stdout=full)
            assert "standard output" in reason
        assert "No space left" in cnnops.refusal("--help", stdout=full)


def test_closed_standard_streams_are_one_error(installed):
    assert "standard output" in installed.refusal(*AS_IT_IS, "[1]", setup="exec >&-")
    assert "standard input" in installed.refusal(*AS_IT_IS, "-", setup="exec <&-")


def test_relative_paths_start_at_the_working_folder(cnnops, tmp_path):
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "sub" / "x.npy", np.arange(3))
    cnnops.text(*AS_IT_IS, "sub/x.npy", "-o", "sub/y.npy")
    assert np.load(tmp_path / "sub" / "y.npy").tolist() == [0, 1, 2]
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    cnnops.text(*AS_IT_IS, "../sub/x.npy", "-o", "y.npy", cwd=elsewhere)
    assert np.load(elsewhere / "y.npy").tolist() == [0, 1, 2]


def test_two_results_cannot_share_a_file(cnnops, tmp_path, listing):
    call = ["maxpool", "-k", "1", "[[1]]", "-o", "a.npz", "--indices", "./a.npz"]
    assert "a.npz" in cnnops.refusal(*call)
    assert listing() == []
