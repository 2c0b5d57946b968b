"""Whether a file is there, and what is said of one that cannot be opened or read."""

import errno
import io
import os
import re
import zipfile

import numpy as np
import pytest

from cnnops_cli.commands.expectation import check_options
from cnnops_cli.commands.output_paths import output_paths
from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import is_absent
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.golden_files import golden_path, golden_writer, is_there
from cnnops_cli.tensors.read import (
    INPUT_ARGUMENT,
    is_inline,
    read_named,
    read_tensor,
    split_member,
)

FAULTS = [errno.EIO, errno.ESTALE, errno.EACCES, errno.ELOOP]


@pytest.fixture
def failing(monkeypatch):
    """Let a system call fail for the paths that end so, as a sick disk or file server does."""

    def arm(number, *ends, calls=("stat",)):
        for call in calls:
            whole = getattr(os, call)

            def act(path, *arguments, whole=whole, **options):
                if str(path).endswith(ends):
                    raise OSError(number, os.strerror(number), str(path))
                return whole(path, *arguments, **options)

            monkeypatch.setattr(os, call, act)

    return arm


@pytest.fixture
def golden(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("gold.npz", a=np.array([1]), b=np.array([2]))
    np.save("gold.npy", np.array([3]))
    return tmp_path


@pytest.mark.parametrize("number", FAULTS)
def test_only_no_such_file_means_that_there_is_none(golden, failing, number):
    failing(number, "gold.npz", "gold.npy", "gold.npz:a", "5")
    assert is_there("gold.npy")
    assert not is_absent("gold.npz")
    assert not is_inline("5")
    with pytest.raises(CnnopsError, match=f"^cannot reach gold.npz:a: {os.strerror(number)}$"):
        split_member("gold.npz:a")
    assert is_absent("gone.npy")
    assert not is_there("gone.npy")
    assert not is_there("gone.npz:a")


@pytest.mark.parametrize("number", FAULTS)
def test_no_golden_file_has_the_name_of_a_member(golden, failing, number):
    failing(number, "gold.npz:a")
    reason = f"^cannot reach gold.npz:a: {os.strerror(number)}$"
    with pytest.raises(CnnopsError, match=reason):
        is_there("gold.npz:a")
    with pytest.raises(CnnopsError, match=reason):
        golden_writer("gold.npz:a", np.array([4]))
    with pytest.raises(CnnopsError, match=reason):
        output_paths(["gold.npz:a"], "out/")


def test_what_no_file_can_be_called_is_absent(golden):
    for path in ("x" * 300, "gold.npy/x", "a\0b", "\ud800", "1" * 300):
        assert is_absent(path), path
    assert is_inline("1" * 300)
    assert split_member("gold.npz:" + "x" * 300) == ("gold.npz", "x" * 300)


@pytest.mark.parametrize("number", FAULTS)
def test_an_archive_that_could_not_be_looked_at_keeps_its_other_arrays(golden, failing, number):
    failing(number, "gold.npz")
    assert is_there("gold.npz:a")
    assert not is_there("gold.npz:c")
    for member in ("a", "c"):
        path, write = golden_writer(f"gold.npz:{member}", np.array([9]))
        stream = io.BytesIO()
        write(stream)
        stream.seek(0)
        with np.load(stream) as archive:
            assert path == "gold.npz"
            assert {name: archive[name].tolist() for name in archive} == (
                {"a": [1], "b": [2]} | {member: [9]}
            )


@pytest.mark.parametrize("number", FAULTS)
def test_an_archive_that_cannot_be_opened_is_named(golden, monkeypatch, number):
    def refuse(file, *_arguments, **_options):
        raise OSError(number, os.strerror(number), str(file))

    monkeypatch.setattr(io, "open", refuse)
    reason = re.escape(f"--expect: cannot read gold.npz: {os.strerror(number)}")
    with pytest.raises(CnnopsError, match=f"^{reason}$"):
        is_there("gold.npz:a")
    with pytest.raises(CnnopsError, match=f"^{reason}$"):
        golden_writer("gold.npz:a", np.array([9]))[1](io.BytesIO())


@pytest.mark.parametrize("number", [errno.EIO, errno.EINTR])
def test_an_archive_that_cannot_be_closed_is_named(golden, monkeypatch, number):
    class Failing(io.FileIO):
        def close(self):
            if not self.closed:
                super().close()
                raise OSError(number, os.strerror(number))

    monkeypatch.setattr(io, "open", lambda path, *_rest, **_: io.BufferedReader(Failing(path)))
    reason = re.escape(f"--expect: cannot read gold.npz: {os.strerror(number)}")
    with pytest.raises(CnnopsError, match=f"^{reason}$"):
        is_there("gold.npz:a")


@pytest.mark.parametrize("number", FAULTS)
def test_a_disk_that_fails_while_it_is_read(golden, monkeypatch, number):
    class Failing(io.FileIO):
        def readinto(self, _):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(io, "open", lambda path, *_rest, **_: io.BufferedReader(Failing(path)))
    for text, named in (("gold.npy", "gold.npy"), ("gold.npz:a", "gold.npz")):
        reason = re.escape(f"--kernel: cannot read {named}: {os.strerror(number)}")
        with pytest.raises(CnnopsError, match=f"^{reason}$"):
            read_tensor(text, "--kernel")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("gone.npy", "INPUT: no such file: gone.npy"),
        ("gone.npz:a", "INPUT: no such file: gone.npz"),
        ("d", "INPUT: cannot read d: Is a directory"),
        ("loop.npy", "INPUT: cannot read loop.npy: Too many levels of symbolic links"),
        ("7", "INPUT: cannot read 7: Too many levels of symbolic links"),
        ("gold.npy/x", "INPUT: cannot read gold.npy/x: Not a directory"),
        ("x" * 300, f"INPUT: cannot read {'x' * 300}: File name too long"),
        ("a\0b.npy", "INPUT: no such file: a\0b.npy"),
        ("\ud800.npy", "INPUT: no such file: \ud800.npy"),
        ("x" * 100_000, f"INPUT: cannot read {'x' * 400}…: File name too long"),
    ],
)
def test_what_cannot_be_opened_is_named(golden, path, reason):
    (golden / "d").mkdir()
    for name in ("loop.npy", "7"):
        (golden / name).symlink_to(name)
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        read_tensor(path, INPUT_ARGUMENT)


def test_a_working_directory_that_is_gone(tmp_path, monkeypatch):
    (tmp_path / "d").mkdir()
    monkeypatch.chdir(tmp_path / "d")
    (tmp_path / "d").rmdir()
    assert is_inline("0.5")
    for argument in (INPUT_ARGUMENT, "--kernel"):
        with pytest.raises(CnnopsError, match=f"^{argument}: no such file: x\\.npy$"):
            read_tensor("x.npy", argument)
    assert not is_there("x.npy")
    options = {"output": None, "expect": "x.npy", "update_expected": True}
    check_options(Settings(**options), ["/y.npy"], ["z.npy"])
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("path", ["no/g.npy", "gold.npy/g.npy"])
def test_a_golden_file_needs_a_directory(golden, path):
    parent = path.partition("/")[0]
    reason = f"--expect: {path} cannot be written: no such directory: {parent}"
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        golden_path(path)


def test_a_directory_that_may_not_be_searched_is_no_missing_one(golden, failing):
    failing(errno.EACCES, "shut", "shut/g.npy", calls=("stat", "lstat"))
    assert golden_path("shut/g.npy") == "shut/g.npy"
    assert is_there("shut/g.npy")


@pytest.mark.parametrize(
    ("golden_text", "source"),
    [
        ("gold.npz:a", "gold.npz:a.npy"),
        ("gold.npz:a.npy", "./gold.npz:a"),
        ("gold.npz", "gold.npz:a.npy"),
    ],
)
def test_an_array_is_the_same_under_both_its_names(golden, golden_text, source):
    settings = Settings(expect=golden_text, update_expected=True)
    reason = f"--update-expected would replace {golden_text}, which the result is made of"
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        check_options(settings, [], [source])


def test_a_member_gives_its_result_one_suffix():
    assert output_paths(["w.npz:a", "w.npz:b.npy"], "out/") == ["out/a.npy", "out/b.npy"]


KNOWN = ("weight", "bias")


def test_a_state_is_refused_for_its_names_before_any_of_it_is_read(golden):
    np.savez("state.npz", weight=np.array([1.5, 2.5]), bomb=np.array([3.5]))
    data = bytearray((golden / "state.npz").read_bytes())
    for value in (1.5, 3.5):
        data[data.index(np.float64(value).tobytes()) + 7] ^= 1
    (golden / "state.npz").write_bytes(data)
    reason = "--state state.npz holds a name that is not known: 'bomb' is not one of weight, bias"
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        read_named("state.npz", "--state", KNOWN)
    np.savez("empty.npz")
    with pytest.raises(
        CnnopsError, match=r"^--state empty\.npz holds no array; expected weight, bias$"
    ):
        read_named("empty.npz", "--state", KNOWN)
    (golden / "long.json").write_text('{"%s": [1]}' % ("x" * 10**5))
    with pytest.raises(CnnopsError, match=r"^--state long\.json holds a name .{,200}$"):
        read_named("long.json", "--state", KNOWN)


def test_a_state_may_hold_members_without_a_suffix(golden):
    with zipfile.ZipFile("state.npz", "w") as archive:
        archive.writestr("weight", (golden / "gold.npy").read_bytes())
        archive.writestr("readme.txt", "text")
    state = read_named("state.npz", "--state", KNOWN)
    assert {name: tensor.array.tolist() for name, tensor in state.items()} == {"weight": [3]}
