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
from cnnops_cli.tensors.zarr_staging import (
    StagedDirectory,
    put_back_left,
    removed_if_made_again,
)

NAME = r"\.cnnops-[\w.]+-[0-9a-f]{16}"


def made(path, text="new", *, overwrite=True):
    staged = StagedDirectory(str(path), overwrite=overwrite)
    Path(staged.path, "file").write_text(text)
    return staged


def texts_in(folder):
    """What the file in each directory holds."""
    return {str(file.relative_to(folder).parent): file.read_text() for file in folder.rglob("file")}


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
        assert staged.aside == f"{tmp_path}/.cnnops-out.old"
        assert texts_in(tmp_path) == {"out": "new", ".cnnops-out.old": "old"}
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


def test_what_came_to_the_place_meanwhile_is_not_replaced_unless_that_is_asked_for(tmp_path):
    staged = made(tmp_path / "out", overwrite=False)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_text("mine")
    with pytest.raises(OSError, match=r"^\[Errno 39\] Directory not empty: "):
        staged.move()
    staged.put_back()
    staged.clear(False)
    assert texts_in(tmp_path) == {"out": "mine"}


def test_two_that_replace_one_directory_at_once(tmp_path):
    (tmp_path / "out").mkdir()
    one, two = made(tmp_path / "out", "one"), made(tmp_path / "out", "two")
    one.move()
    with pytest.raises(CnnopsError, match=rf"^{tmp_path}/out is being replaced by another call$"):
        two.move()
    put_back_left(f"{tmp_path}/out")
    for staged, is_done in ((two, False), (one, True)):
        if not is_done:
            staged.put_back()
        staged.clear(is_done)
    assert texts_in(tmp_path) == {"out": "one"}


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
staged = StagedDirectory(sys.argv[1], overwrite=True)
open(f"{staged.path}/file", "w").write("new")
staged.move()
staged.clear(True)
"""


@pytest.fixture(params=[0, 1, 2])
def killed(request, tmp_path):
    """What is there after a call is killed before its first, second or third renaming."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_text("old")
    run = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "out"), str(request.param)])
    assert run.returncode == -9
    made(tmp_path / "other").clear(False)  # it removes what was left of the new one
    aside = ".cnnops-out.old"
    return [{"out": "old"}, {aside: "old"}, {aside: "old", "out": "new"}][request.param]


def test_no_kill_loses_what_is_replaced(killed, tmp_path):
    assert texts_in(tmp_path) == killed
    put_back_left(f"{tmp_path}/out")
    assert texts_in(tmp_path) == {"out": killed.get("out", "old")}
    assert os.listdir(tmp_path) == ["out"]


def test_where_locks_tell_nothing_what_a_kill_left_is_named(killed, tmp_path, monkeypatch):
    monkeypatch.setattr(zarr_staging, "lock", lambda _: False)
    aside = f"{tmp_path}/.cnnops-out.old"
    if os.path.exists(aside):
        expected = re.escape(
            f"{aside} is what a call that was killed set aside when it replaced {tmp_path}/out: "
            "move it back, or remove it"
        )
        with pytest.raises(CnnopsError, match=f"^{expected}$"):
            put_back_left(f"{tmp_path}/out")
    else:
        put_back_left(f"{tmp_path}/out")
    assert texts_in(tmp_path) == killed


def test_a_directory_that_a_late_writer_made_again_is_removed(tmp_path):
    staged = made(tmp_path / "out")
    with removed_if_made_again(staged.path):
        Path(staged.path, "c").mkdir()
    assert os.path.exists(f"{staged.path}/c")
    with pytest.raises(ZeroDivisionError), removed_if_made_again(staged.path):
        staged.clear(False)
        Path(staged.path, "c").mkdir(parents=True)
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []
    staged = made(tmp_path / "out")
    with removed_if_made_again(staged.path):
        staged.move()
        Path(staged.path, "c").mkdir(parents=True)
    assert texts_in(tmp_path) == {"out": "new"}
    assert os.listdir(tmp_path) == ["out"]
    with removed_if_made_again(f"{tmp_path}/out"):
        staged.put_back()
    staged.clear(False)


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
