"""What goes wrong in calls that map: one line, and all files as they were."""

import errno
import mmap
import os
import re
import tempfile

import numpy as np
import pytest
from calling import CommandHere
from mapping import FROM, USUAL, contents, mapping

VALUES = np.random.default_rng(0).standard_normal((2, 4, 12, 16)).astype(np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with what calls read, and old files that they replace."""
    np.save(tmp_path / "x.npy", VALUES)
    np.save(tmp_path / "k.npy", VALUES[:, :, :3, :3])
    for name in ("y.npy", "i.npy"):
        (tmp_path / name).write_bytes(b"old")
    np.savez(tmp_path / "s.npz", running_mean=np.zeros(4))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def call(folder):
    def run(arguments, **options):
        with mapping():
            return CommandHere(folder)(*arguments.split(), **options)

    return run


@pytest.fixture
def refused(folder):
    """The line of a call that is refused with and without maps, and changes no file."""

    def run(arguments, size=None, **options):
        before = contents(folder)
        lines = set()
        for each in (FROM, USUAL) if size is None else (size,):
            with mapping(each):
                lines.add(CommandHere(folder).error(*arguments.split(), **options))
            assert contents(folder) == before
        (line,) = lines
        return line

    return run


@pytest.fixture
def no_space(monkeypatch):
    """Refuse to reserve the space of files of this size and more."""
    real = getattr(os, "posix_fallocate", None)
    if real is None:
        pytest.skip("takes posix_fallocate")

    def arm(size, number=errno.ENOSPC):
        def reserve(descriptor, offset, length):
            if length >= size:
                raise OSError(number, os.strerror(number))
            real(descriptor, offset, length)

        monkeypatch.setattr(os, "posix_fallocate", reserve)

    return arm


POOL = "maxpool -k 2 x.npy"
OF_A_RESULT, OF_INDICES = VALUES.nbytes // 4, VALUES.nbytes // 2


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (f"{POOL} -o y.npy", "y.npy"),
        (f"{POOL} -o new.npy", "new.npy"),
        (f"{POOL} -o y.npy --indices i.npy", "y.npy"),
        ("batchnorm x.npy --state s.npz --save-state s.npz -o y.npy", "y.npy"),
        ("conv -k k.npy x.npy -o y.npy", "y.npy"),
        ("dropout x.npy -o x.npy", "x.npy"),
        ("dropout --layout channels-last x.npy -o y.npy", "y.npy"),
        ("dropout x.npy --mask-output m.npy -o y.npy", "m.npy"),
    ],
)
def test_a_full_disk_is_one_line(refused, no_space, arguments, file, number):
    no_space(0, number)
    command = arguments.split()[0]
    reason = f"cannot write {file}: {os.strerror(number)}"
    assert refused(arguments, FROM) == f"cnnops {command}: error: {reason}"


def test_a_full_disk_is_one_line_for_indices(refused, no_space):
    no_space(OF_INDICES)
    for output in ("", " -o y.npy"):
        assert refused(f"{POOL} --indices i.npy{output}", FROM) == (
            "cnnops maxpool: error: cannot write i.npy: No space left on device"
        )


def test_a_full_disk_is_one_line_for_a_mask(refused, no_space, folder):
    np.save(folder / "x.npy", VALUES.astype(np.float16))
    no_space(VALUES.nbytes // 4)  # of a mask, which is drawn before the result is computed
    assert refused("dropout x.npy --mask-output m.npy", FROM) == (
        "cnnops dropout: error: cannot write m.npy: No space left on device"
    )


def test_a_full_disk_leaves_no_directory(refused, no_space):
    no_space(0)
    assert refused("maxpool -k 2 x.npy -o out/", FROM) == (
        "cnnops maxpool: error: cannot write out/x.npy: No space left on device"
    )


def test_a_full_disk_of_one_of_several_inputs(call, folder, no_space):
    np.save(folder / "small.npy", VALUES[:1, :1])
    no_space(1000)
    result = call("maxpool -k 1 small.npy x.npy -o out")
    assert result.status == 2
    assert result.out == b""
    assert result.err == (
        "cnnops maxpool: error: cannot write out/x.npy: No space left on device\n"
        "cnnops maxpool: error: 1 of 2 INPUTs failed; the results of the others are in out/\n"
    )
    assert os.listdir(folder / "out") == ["small.npy"]


@pytest.mark.parametrize("arguments", [f"{POOL} -f npy", POOL, f"{POOL} -o y.json"])
def test_memory_holds_a_result_for_which_there_is_no_unnamed_file(
    call, folder, no_space, arguments
):
    with mapping(USUAL):
        expected = CommandHere(folder)(*arguments.split())
    no_space(0)
    assert call(arguments) == expected
    assert expected.status == 0


def test_memory_holds_a_pipe_for_which_there_is_no_unnamed_file(call, folder, no_space):
    no_space(0)
    data = (folder / "x.npy").read_bytes()
    assert call("dropout --eval -f npy", stdin=data).out == data


@pytest.mark.parametrize(
    "arguments",
    [f"{POOL} -o y.npy --indices i.npy", "conv -k k.npy x.npy -o y.npy", f"{POOL} -f npy"],
)
@pytest.mark.parametrize("number", [errno.ENOMEM, errno.ENODEV, errno.EPERM])
def test_files_are_read_and_written_where_none_can_be_mapped(
    call, folder, monkeypatch, arguments, number
):
    with mapping(USUAL):
        expected = CommandHere(folder)(*arguments.split()), contents(folder)

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(mmap, "mmap", refuse)
    assert (call(arguments), contents(folder)) == expected
    assert expected[0].status == 0


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        (target, arguments)
        for arguments in (
            f"{POOL} -o y.npy --indices i.npy",
            f"{POOL} -o new.npy --indices i.npy --view v.svg",
            "batchnorm x.npy --state s.npz --save-state s.npz -o y.npy",
            "batchnorm x.npy --state s.npz --save-state s.npz -o new.npy --view v.svg",
            "dropout x.npy --mask-output m.npy -o y.npy",
        )
        for target in re.findall(
            r"(?:-o|--indices|--view|--save-state|--mask-output) (\S+)", arguments
        )
    ],
)
def test_all_files_of_a_call_change_or_none(refused, monkeypatch, target, arguments):
    real = os.replace

    def replace(source, place):
        is_new = not os.path.exists(place) or not os.path.samefile(source, place)
        if is_new and str(place).endswith(f"/{target}"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        real(source, place)

    monkeypatch.setattr(os, "replace", replace)
    command = arguments.split()[0]
    assert refused(arguments) == (
        f"cnnops {command}: error: cannot write {target}: Read-only file system"
    )


@pytest.mark.parametrize("arguments", ["batchnorm x.npy --save-state s.npz -o y.npy --view v.svg"])
def test_the_state_is_moved_last(call, monkeypatch, arguments):
    moved, real = [], os.replace

    def replace(source, place):
        moved.append(os.path.basename(place))
        real(source, place)

    monkeypatch.setattr(os, "replace", replace)
    assert call(arguments).status == 0
    assert sorted(moved) == ["s.npz", "v.svg", "y.npy"]
    assert moved[-1] == "s.npz"


@pytest.mark.parametrize(
    "arguments",
    [
        f"{POOL} -o y.npy",
        "dropout x.npy -o x.npy",
        "conv -k x.npy k.npy -o y.npy",
        "dropout --mask x.npy k.npy -o y.npy",
        "maxpool -k 2 k.npy --expect x.npy",
    ],
)
@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_that_its_header_does_not_fit(refused, folder, arguments, change):
    data = (folder / "x.npy").read_bytes()
    (folder / "x.npy").write_bytes(data[:-1] if change < 0 else data + b"x")
    fault = "cut short" if change < 0 else "too long"
    assert refused(arguments).endswith(
        f"x.npy is {fault}: its header promises float32 (2, 4, 12, 16), {VALUES.nbytes} bytes, "
        f"but {VALUES.nbytes + change} follow"
    )


@pytest.mark.parametrize("change", [-1, 1])
def test_a_pipe_that_its_header_does_not_fit(refused, folder, change):
    data = (folder / "x.npy").read_bytes()
    data = data[:-1] if change < 0 else data + b"x"
    fault, follow = ("cut short", VALUES.nbytes - 1) if change < 0 else ("too long", "more")
    assert refused("maxpool -k 2 -o y.npy", stdin=data) == (
        f"cnnops maxpool: error: standard input is {fault}: its header promises float32 "
        f"(2, 4, 12, 16), {VALUES.nbytes} bytes, but {follow} follow"
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("conv -k k.npy x.npy -g 3 -o y.npy", "groups must divide"),
        ("maxpool -k 20 x.npy -o y.npy --indices i.npy", "kernel"),
        ("batchnorm --weight [1,2] x.npy -o y.npy", "weight"),
        ("dropout --mask k.npy x.npy -o y.npy", "mask has shape"),
        ("maxpool -k 2 x.npy --expect k.npy --update-expected --no-equal-nan", "--update-expected"),
    ],
)
def test_what_is_refused_reserves_nothing(refused, no_space, arguments, reason):
    no_space(0)
    assert reason in refused(arguments)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_a_value_that_a_dtype_does_not_hold(refused, folder, value):
    array = VALUES.copy()
    array[-1, -1, -1, -1] = value
    np.save(folder / "x.npy", array)
    line = refused("maxpool -k 2 --dtype int8 x.npy -o y.npy")
    assert line.startswith(f"cnnops maxpool: error: x.npy holds {array[-1, -1, -1, -1]}, which ")


@pytest.mark.parametrize("arguments", [f"{POOL} --dry-run", "conv -k k.npy x.npy --dry-run"])
def test_a_dry_run_takes_no_space_and_no_map(call, monkeypatch, no_space, arguments):
    monkeypatch.setattr(mmap, "mmap", None)
    no_space(0)
    assert call(arguments).status == 0
