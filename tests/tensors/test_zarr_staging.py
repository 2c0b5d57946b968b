"""A directory that is made next to the one that it replaces."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors import zarr_staging
from cnnops_cli.tensors.zarr_staging import StagedDirectory

NAME = r"\.cnnops-[\w.]+-[0-9a-f]{16}"


def made(path, text="new"):
    staged = StagedDirectory(str(path))
    Path(staged.path, "file").write_text(text)
    return staged


def test_it_is_next_to_its_place_until_it_is_moved(tmp_path):
    staged = made(tmp_path / "out")
    [name] = os.listdir(tmp_path)
    assert re.fullmatch(rf"{NAME}\.tmp", name)
    staged.complete()
    staged.move()
    staged.clear(True)
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out/file").read_text() == "new"


def test_what_is_replaced_is_kept_until_the_end(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_text("old")
    for is_done, text in ((False, "old"), (True, "new")):
        staged = made(tmp_path / "out")
        staged.move()
        assert (tmp_path / "out/file").read_text() == "new"
        assert re.fullmatch(rf"{NAME}\.old", os.path.basename(staged.aside))
        assert Path(staged.aside, "file").read_text() == "old"
        if not is_done:
            staged.put_back()
        staged.clear(is_done)
        assert os.listdir(tmp_path) == ["out"]
        assert (tmp_path / "out/file").read_text() == text


def test_a_place_that_cannot_be_taken_keeps_what_it_had(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_text("old")
    staged, rename = made(tmp_path / "out"), os.rename

    def fails(source, target):
        if source == staged.path:
            raise OSError(errno.EIO, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fails)
    with pytest.raises(OSError, match=r"^\[Errno 5\] Input/output error$"):
        staged.move()
    staged.put_back()
    staged.clear(False)
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out/file").read_text() == "old"


KILLED = """
import os, sys
from cnnops_cli.tensors.zarr_staging import StagedDirectory
rename, calls = os.rename, int(sys.argv[2])
def counted(source, target):
    global calls
    if calls == 0:
        os.kill(os.getpid(), 9)
    calls -= 1
    rename(source, target)
os.rename = counted
staged = StagedDirectory(sys.argv[1])
open(f"{staged.path}/file", "w").write("new")
staged.move()
staged.clear(True)
"""


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_no_kill_loses_what_is_replaced(tmp_path, calls):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_text("old")
    run = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "out"), str(calls)])
    assert run.returncode == -9
    staged = made(tmp_path / "other")  # it removes what was left
    staged.clear(False)
    texts = {
        re.sub(NAME, "", str(file.relative_to(tmp_path).parent)): file.read_text()
        for file in tmp_path.rglob("file")
    }
    instants = [{"out": "old"}, {".old": "old"}, {".old": "old", "out": "new"}]
    assert texts == instants[calls]


def test_only_what_no_process_of_this_machine_holds_is_removed(tmp_path, monkeypatch):
    machine = zarr_staging._machine()
    left = {
        "dead": f".cnnops-{machine}-{'0' * 16}.tmp",
        "elsewhere": f".cnnops-{machine}x-{'0' * 16}.tmp",
        "protected": f".cnnops-{machine}-{'0' * 16}.old",
        "short": f".cnnops-{machine}-{'0' * 15}.tmp",
        "mine": "mine.tmp",
    }
    for name in left.values():
        (tmp_path / name / "c").mkdir(parents=True)
    with monkeypatch.context() as unlocked:
        unlocked.setattr(zarr_staging, "lock", lambda _: False)
        made(tmp_path / "a").clear(False)
        assert set(os.listdir(tmp_path)) == set(left.values())
    living = made(tmp_path / "b")
    made(tmp_path / "c").clear(False)
    kept = {*left.values(), os.path.basename(living.path)} - {left["dead"]}
    assert set(os.listdir(tmp_path)) == kept
    living.clear(False)


def test_files_that_are_not_whole_are_removed(tmp_path):
    staged = made(tmp_path / "out")
    Path(staged.path, "c").mkdir()
    Path(staged.path, "c/0.0123456789abcdef.partial").touch()
    staged.complete()
    assert sorted(path.name for path in Path(staged.path).rglob("*")) == ["c", "file"]
    staged.clear(False)


def test_permissions_are_those_of_what_is_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o710)
    staged = made(tmp_path / "out")
    staged.complete()
    staged.move()
    staged.clear(True)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o710


def test_what_cannot_be_put_back_is_said(tmp_path, monkeypatch):
    pytest.importorskip("zarr")
    import numpy as np

    from cnnops_cli.tensors.zarr_results import ZarrResults

    (tmp_path / "out.zarr").mkdir()
    with pytest.raises(CnnopsError) as caught, ZarrResults() as results:
        results.add(f"{tmp_path}/out.zarr", (2,), np.dtype("f4"), (1,), overwrite=True)
        results.complete()
        results.move()
        [aside] = tmp_path.glob("*.old")
        monkeypatch.setattr(os, "rename", lambda *_: os.stat("/none"))
        raise CnnopsError("the work failed")
    monkeypatch.undo()
    assert str(caught.value) == (
        f"the work failed; {tmp_path}/out.zarr could not be put back: No such file or directory; "
        f"what it held is in {aside}"
    )
    assert aside.exists()
