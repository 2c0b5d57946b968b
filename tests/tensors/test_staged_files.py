"""Files change together, each whole, or none does; nothing is left."""

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors import temporaries
from cnnops_cli.tensors.staged_files import StagedFiles, made_directory
from cnnops_cli.tensors.write import array_writer, named_writer


@pytest.fixture(params=["unnamed", "named"], autouse=True)
def files_have_names(request, monkeypatch):
    """Let staged files have names, as on systems that have no unnamed ones, or none."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("takes unnamed files")


def write(text):
    return lambda stream: stream.write(text)


def put(texts, *, durable=()):
    with StagedFiles() as files:
        for path, text in texts.items():
            files.add(str(path), write(text), durable=path in durable)
        files.move()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def failing_on(monkeypatch, name, number, code=errno.EIO):
    """Let a call of `os` fail at its `number`-th time, and return what it was called with."""
    calls, real = [], getattr(os, name)

    def call(*arguments, **options):
        calls.append(arguments)
        if len(calls) == number:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **options)

    monkeypatch.setattr(os, name, call)
    return calls


def test_nothing_is_there_before_they_are_moved(tmp_path):
    place = tmp_path / "a.json"
    with StagedFiles() as files:
        files.add(str(place), write(b"1"))
        assert not place.exists()
        files.move()
        assert place.read_bytes() == b"1"
    assert contents(tmp_path) == {"a.json": b"1"}


def test_without_a_move_nothing_stays(tmp_path):
    (tmp_path / "a.json").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), StagedFiles() as files:
        files.add(str(tmp_path / "a.json"), write(b"new"))
        raise KeyboardInterrupt
    assert contents(tmp_path) == {"a.json": b"old"}


def test_a_second_file_that_fails_holds_back_the_first(tmp_path):
    def fail(stream):
        stream.write(b"part")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CnnopsError, match=r"^cannot write .*b\.npy: No space left on device$"):
        with StagedFiles() as files:
            files.add(str(tmp_path / "a.npy"), write(b"1"))
            files.add(str(tmp_path / "b.npy"), fail)
            files.move()
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("is_linked", [True, False])
@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("old", [(), ("a",), ("b", "c"), ("a", "b", "c")])
def test_where_one_cannot_be_moved_all_are_put_back(tmp_path, monkeypatch, old, failing, is_linked):
    for name in old:
        (tmp_path / name).write_bytes(b"old " + name.encode())
    before = contents(tmp_path)
    if not is_linked:
        failing_on(monkeypatch, "link", 1, errno.EPERM)
    failing_on(monkeypatch, "replace", failing)
    place = tmp_path / "abc"[failing - 1]
    with pytest.raises(CnnopsError, match=f"^cannot write {place}: Input/output error$"):
        put({tmp_path / name: b"new" for name in "abc"})
    assert contents(tmp_path) == before


def test_files_that_were_put_back_are_the_same_files(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    before = (tmp_path / "a").stat()
    failing_on(monkeypatch, "replace", 2)
    with pytest.raises(CnnopsError, match="Input/output error"):
        put({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    after = (tmp_path / "a").stat()
    assert (after.st_ino, after.st_mode, after.st_nlink) == (before.st_ino, before.st_mode, 1)


@pytest.mark.parametrize("is_linked", [True, False])
def test_what_cannot_be_put_back_is_kept_and_named(tmp_path, monkeypatch, is_linked):
    (tmp_path / "a").write_bytes(b"old")
    if not is_linked:
        failing_on(monkeypatch, "link", 1, errno.EPERM)
    real = os.replace

    def replace(source, target):
        if str(target).endswith("b") or b"old" in Path(source).read_bytes():
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(
        CnnopsError,
        match=r"^cannot write \S*/b: Input/output error; \S*/a could not be put back: "
        r"Input/output error; what it held is in \S*/\.cnnops-[0-9a-f]{16}\.old$",
    ):
        put({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    left = contents(tmp_path)
    assert left.pop("a") == b"new"
    assert list(left.values()) == [b"old"]


def test_what_is_durable_is_synced_before_and_after_it_is_moved(tmp_path, monkeypatch):
    (tmp_path / "b").write_bytes(b"old")
    events, real_sync, real_replace = [], os.fsync, os.replace

    def sync(descriptor):
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        events.append("directory" if is_directory else os.pread(descriptor, 9, 0))
        real_sync(descriptor)

    def replace(source, target):
        events.append(f"to {os.path.basename(target)}")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    put({tmp_path / "a": b"1", tmp_path / "b": b"2"}, durable=[tmp_path / "b"])
    assert events == [b"2", "to a", "to b", "directory"]
    assert contents(tmp_path) == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize("failing", [1, 2])
def test_what_cannot_be_synced_does_not_change(tmp_path, monkeypatch, failing):
    (tmp_path / "a").write_bytes(b"old")
    failing_on(monkeypatch, "fsync", failing)
    with pytest.raises(CnnopsError, match=r"^cannot write \S*/a: Input/output error$"):
        put({tmp_path / "a": b"new"}, durable=[tmp_path / "a"])
    assert contents(tmp_path) == {"a": b"old"}


def test_a_directory_that_takes_no_sync_is_no_fault(tmp_path, monkeypatch):
    failing_on(monkeypatch, "fsync", 2, errno.EINVAL)
    put({tmp_path / "a": b"new"}, durable=[tmp_path / "a"])
    assert contents(tmp_path) == {"a": b"new"}


@pytest.mark.parametrize("missing", ["O_DIRECTORY", "link", "chown"])
def test_systems_that_lack_a_call_do_without(tmp_path, monkeypatch, missing):
    monkeypatch.delattr(os, missing)
    (tmp_path / "a").write_bytes(b"old")
    put({tmp_path / "a": b"1", tmp_path / "b": b"2"}, durable=[tmp_path / "b"])
    assert contents(tmp_path) == {"a": b"1", "b": b"2"}


def test_systems_without_locks_do_without(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fcntl", None)
    (tmp_path / "a").write_bytes(b"old")
    abandoned = tmp_path / ".cnnops-0123456789abcdef.tmp"
    abandoned.write_bytes(b"?")
    put({tmp_path / "a": b"1", tmp_path / "b": b"2"}, durable=[tmp_path / "b"])
    assert contents(tmp_path) == {"a": b"1", "b": b"2", abandoned.name: b"?"}


def test_permissions_are_kept_but_for_those_that_give_power(tmp_path):
    place = tmp_path / "a"
    place.write_bytes(b"old")
    place.chmod(0o6751)
    put({place: b"new"})
    assert stat.S_IMODE(place.stat().st_mode) == 0o751


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="takes root")
def test_the_owner_is_kept(tmp_path):
    place = tmp_path / "a"
    place.write_bytes(b"old")
    os.chown(place, 1234, 4321)
    put({place: b"new"})
    assert (place.stat().st_uid, place.stat().st_gid) == (1234, 4321)


def test_where_the_owner_cannot_be_kept_the_group_is_tried(tmp_path, monkeypatch):
    place, asked = tmp_path / "a", []
    place.write_bytes(b"old")
    theirs = os.stat_result((0o100644, 1, 1, 1, 1234, 4321, 3, 0, 0, 0))
    real = os.stat

    def refuse(descriptor, owner, group):
        asked.append((owner, group))
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    monkeypatch.setattr(os, "stat", lambda path, **o: theirs if path == str(place) else real(path))
    put({place: b"new"})
    assert asked == [(1234, 4321), (-1, 4321)]
    assert contents(tmp_path) == {"a": b"new"}


def test_a_link_stays_and_what_it_leads_to_changes(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    put({tmp_path / "link": b"new"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_links_in_a_circle_are_one_line(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(
        CnnopsError, match=r"^cannot reach \S*/a: Too many levels of symbolic links$"
    ):
        put({tmp_path / "a": b"new"})


def test_pipes_and_devices_come_after_all_files(tmp_path):
    read_end, write_end = os.pipe()
    with open(read_end, "rb") as pipe, StagedFiles() as files:
        files.add(f"/dev/fd/{write_end}", write(b"to the pipe"))
        files.add(str(tmp_path / "a"), write(b"1"))
        assert files.has_devices
        files.move()
        assert contents(tmp_path) == {"a": b"1"}
        files.write_devices()
        os.close(write_end)
        assert pipe.read() == b"to the pipe"
    assert contents(tmp_path) == {"a": b"1"}


def test_a_device_that_fails_puts_the_files_back(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with (
        pytest.raises(CnnopsError, match=r"^cannot write /dev/full: No space left on device$"),
        StagedFiles() as files,
    ):
        files.add("/dev/full", write(b"1"))
        files.add(str(tmp_path / "a"), write(b"new"))
        files.add(str(tmp_path / "b"), write(b"new"))
        files.move()
        files.write_devices()
    assert contents(tmp_path) == {"a": b"old"}


def test_a_descriptor_is_written_where_it_is(tmp_path):
    with open(tmp_path / "log", "ab") as log, StagedFiles() as files:
        log.write(b"before ")
        log.flush()
        files.add(f"/dev/fd/{log.fileno()}", write(b"after"))
        files.move()
        files.write_devices()
    assert contents(tmp_path) == {"log": b"before after"}


def test_the_same_arrays_are_the_same_bytes(tmp_path):
    paths = [str(tmp_path / name) for name in ("a.npz", "b.npz")]
    for path in paths:
        with StagedFiles() as files:
            files.add(path, named_writer(path, {"weight": np.ones(2), "bias": np.zeros(1)}))
            files.move()
    assert len({(tmp_path / name).read_bytes() for name in ("a.npz", "b.npz")}) == 1
    with np.load(paths[0]) as archive:
        assert list(archive) == ["weight", "bias"]


@pytest.mark.parametrize("array", [np.float32(3), np.zeros((0, 2)), np.arange(6).reshape(2, 3).T])
def test_npy_files_are_what_numpy_reads(tmp_path, array):
    path = str(tmp_path / "a.npy")
    with StagedFiles() as files:
        files.add(path, array_writer(path, "output", np.asarray(array)))
        files.move()
    back = np.load(path)
    assert (back.shape, back.dtype) == (np.shape(array), array.dtype)
    np.testing.assert_array_equal(back, array)
    assert back.flags.c_contiguous


def test_a_directory_goes_again_where_nothing_came_to_be_in_it(tmp_path):
    directory = tmp_path / "new"
    with pytest.raises(KeyboardInterrupt), made_directory(str(directory)):
        assert directory.is_dir()
        raise KeyboardInterrupt
    assert not directory.exists()
    with made_directory(str(directory)):
        (directory / "a").write_bytes(b"1")
    assert contents(directory) == {"a": b"1"}
    with made_directory(str(tmp_path)):
        pass
    assert tmp_path.is_dir()


class TestWhatAKilledProcessLeft:
    """Is removed, unless its writer lives or that cannot be known."""

    NAME = ".cnnops-0123456789abcdef.tmp"

    def left(self, folder, name=NAME):
        path = folder / name
        path.write_bytes(b"part")
        return path

    def test_goes_with_the_next_file_in_its_directory(self, tmp_path):
        self.left(tmp_path)
        other = tmp_path / "other"
        other.mkdir()
        theirs = self.left(other)
        put({tmp_path / "a": b"1"})
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "other"]
        assert theirs.exists()

    def test_stays_where_its_writer_lives(self, tmp_path):
        import fcntl

        path = self.left(tmp_path)
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            put({tmp_path / "a": b"1"})
        assert contents(tmp_path) == {"a": b"1", self.NAME: b"part"}

    @pytest.mark.parametrize(
        "name",
        [
            ".cnnops-0123456789abcdef.old",
            ".cnnops-0123456789ABCDEF.tmp",
            ".cnnops-0123456789abcde.tmp",
            ".cnnops-0123456789abcdef.tmp2",
            "x.cnnops-0123456789abcdef.tmp",
        ],
    )
    def test_stays_where_it_may_be_another_programs(self, tmp_path, name):
        self.left(tmp_path, name)
        put({tmp_path / "a": b"1"})
        assert contents(tmp_path) == {"a": b"1", name: b"part"}

    def test_links_and_directories_of_such_a_name_stay(self, tmp_path):
        (tmp_path / "real").write_bytes(b"1")
        (tmp_path / self.NAME).symlink_to("real")
        (tmp_path / self.NAME.replace("0", "1")).mkdir()
        put({tmp_path / "a": b"1"})
        assert len(list(tmp_path.iterdir())) == 4

    def test_is_looked_for_once(self, tmp_path, monkeypatch):
        looked, real = [], os.scandir
        monkeypatch.setattr(os, "scandir", lambda path: looked.append(path) or real(path))
        for name in "abc":
            put({tmp_path / name: b"1"})
        assert looked == [str(tmp_path)]

    @pytest.mark.parametrize("call", ["scandir", "unlink", "lstat"])
    def test_is_no_fault_where_it_cannot_be_removed(self, tmp_path, monkeypatch, call):
        self.left(tmp_path)
        failing_on(monkeypatch, call, 1)
        put({tmp_path / "a": b"1"})
        assert contents(tmp_path)["a"] == b"1"


def test_a_file_that_is_taken_for_one_that_was_left_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    made, real = [], temporaries.lock

    def lock(descriptor):
        made.extend(path for path in tmp_path.iterdir() if path.name not in made)
        if len(made) == 1:
            made[0].unlink()  # as another process does that saw it unlocked
            raise BlockingIOError(errno.EWOULDBLOCK, "Resource temporarily unavailable")
        if len(made) == 2:
            made[1].unlink()
        return real(descriptor)

    monkeypatch.setattr(temporaries, "lock", lock)
    put({tmp_path / "a": b"1"})
    assert len(made) == 3
    assert contents(tmp_path) == {"a": b"1"}


def test_a_running_process_keeps_its_files_from_others(tmp_path):
    with StagedFiles() as files:
        files.add(str(tmp_path / "a"), write(b"1"))
        staged = tmp_path / files._files[0]._temporary.name()
        temporaries._cleaned.clear()
        put({tmp_path / "b": b"2"})
        assert staged.read_bytes() == b"1"
        files.move()
    assert contents(tmp_path) == {"a": b"1", "b": b"2"}
