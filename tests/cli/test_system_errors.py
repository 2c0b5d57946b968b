"""What the system refuses is named: the argument, and standard output only where it was that."""

import errno
import os
import re
import time

import numpy as np
import pytest

from cnnops_cli import app

PLANE = "[[1,2],[3,4]]"
LONG = "n" * 300
POOL = ["maxpool", "-k", "2", PLANE]
NORM = ["batchnorm", PLANE]


@pytest.fixture
def refused(capsys, monkeypatch, tmp_path):
    """Run a call that is refused in this process, and return the reason."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(app, "limit_before_numpy", lambda: None)

    def run(*call):
        status = app.run(list(call))
        out, err = capsys.readouterr()
        assert (status, out) == (2, "")
        assert err.startswith(f"cnnops {call[0]}: error: ")
        assert len(err.splitlines()) == 1
        return err.split(": error: ")[1].rstrip("\n")

    return run


@pytest.mark.parametrize(
    ("option", "call"),
    [
        ("--output", [*POOL, "-o"]),
        ("--indices", [*POOL, "--indices"]),
        ("--view", [*POOL, "--view"]),
        ("--mask-output", ["dropout", PLANE, "--mask-output"]),
        ("--save-kernel", ["conv", "-k", PLANE, PLANE, "--save-kernel"]),
        ("--save-state", [*NORM, "--save-state"]),
    ],
)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (LONG, "cannot reach {}: File name too long"),
        (f"{LONG}/x", "cannot reach {}: File name too long"),
        ("loop/x", "cannot reach {}: Too many levels of symbolic links"),
        ("file/x", "{} cannot be written: no such directory: file"),
        ("gone/x", "{} cannot be written: no such directory: gone"),
        ("a\0b", "cannot reach {}: embedded null byte"),
    ],
)
def test_a_file_that_cannot_be_reached(refused, tmp_path, option, call, name, reason):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"")
    path = f"{name}{'.svg' if option == '--view' else '.npz'}"
    said = reason.format(path).replace("\0", "\\x00")
    assert refused(*call, path) == f"{option}: {said}"


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_directory_that_does_not_answer(refused, monkeypatch, code):
    real = os.stat

    def stat(path, *arguments, **options):
        if str(path).startswith("noperm"):
            raise OSError(code, os.strerror(code))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", stat)
    assert refused(*POOL, "-o", "noperm/x.npy") == (
        f"--output: cannot reach noperm/x.npy: {os.strerror(code)}"
    )
    assert refused(*POOL, "-o", "noperm/") == f"--output: cannot reach noperm/: {os.strerror(code)}"


def test_a_link_that_leads_to_itself(refused, tmp_path):
    (tmp_path / "loop.npy").symlink_to("loop.npy")
    assert refused(*POOL, "-o", "loop.npy") == (
        "--output: cannot reach loop.npy: Too many levels of symbolic links"
    )


def test_a_working_directory_that_is_gone(refused, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert refused(*POOL, "-o", "x.npy") == "cannot write x.npy: No such file or directory"
    assert refused(*POOL, "--expect", "x.npy") == "--expect: no such file: x.npy"
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("call", ["open", "replace", "chmod"])
def test_a_file_that_cannot_be_written(refused, tmp_path, monkeypatch, call):
    (tmp_path / "x.npy").write_bytes(b"old")
    (tmp_path / "x.npy").chmod(0o600)
    real = getattr(os, call)

    def fail(path, *arguments, **options):
        if call != "open" or arguments[0] & os.O_RDWR:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, call, fail)
    assert refused(*POOL, "-o", "x.npy") == "cannot write x.npy: Read-only file system"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_directory_that_cannot_be_made(refused, tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.ones((2, 2)))

    def fail(path):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "mkdir", fail)
    reason = "cannot make {}: Read-only file system"
    assert refused("maxpool", "-k", "2", "a.npy", "-o", "res/") == reason.format("res")
    assert refused("maxpool", "-k", "2", "a.npy", "b.npy", "-o", "res") == reason.format("res/")


def test_what_no_other_place_names_is_not_blamed_on_standard_output(refused, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error", "somewhere")

    monkeypatch.setattr("cnnops_cli.commands.run.read_tensors", fail)
    assert refused(*POOL) == "the system refused: Input/output error: somewhere"


FULL = "No space left on device"


@pytest.mark.parametrize(
    "call",
    [
        [],
        ["-h"],
        ["--help"],
        ["--version"],
        ["conv", "-h"],
        ["conv", "--help"],
        POOL,
        [*POOL, "-f", "npy"],
        [*POOL, "-f", "table"],
        ["maxpool", "-k", "1", "--explain", "[[1,2,3,4],[1,2,3,4],[1,2,3,4],[1,2,3,4]]"],
        ["maxpool", "-k", "2", "--dry-run", PLANE],
    ],
)
def test_standard_output_that_is_full_or_closed_is_one_line(cnnops, installed, call):
    with open("/dev/full", "wb") as full:
        done = cnnops(*call, stdout=full)
    assert done.status == 2
    assert re.fullmatch(rf"cnnops.*: error: cannot write standard output: {FULL}\n", done.err)
    done = installed(*call, setup="exec >&-")
    assert done.status == 2
    assert re.fullmatch(r"cnnops.*: error: standard output is closed.*\n", done.err)


def test_standard_output_that_is_not_ready_is_waited_for(installed, tmp_path):
    """A pipe that someone else has made non-blocking takes a part at a time."""
    np.save(tmp_path / "x.npy", np.zeros(200_000))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with installed.start("dropout", "--eval", "x.npy", stdout=writing) as process:
        os.close(writing)
        with open(reading, "rb") as pipe:
            time.sleep(0.5)  # until it is full
            text = pipe.read()
        assert process.wait(60) == 0
    assert text.count(b"0.0") == 200_000


def limits(kind):
    return range(16, 121, 8) if kind == "v" else range(8, 81, 8)


@pytest.mark.parametrize("kind", ["v", "d"])
def test_too_little_memory_to_begin_is_one_line(installed, kind):
    seen = set()
    for size in limits(kind):
        done = installed(*POOL, "--expect", "[[4]]", "-q", setup=f"ulimit -{kind} {size << 10}")
        seen.add(done.status)
        assert done.status in (0, 2), (size, done)
        if done.status == 2:
            assert re.fullmatch(r"cnnops.*: error: (not enough memory|cannot start).*\n", done.err)
            assert "internal" not in done.err
    assert seen == {0, 2}


def test_a_terminal_that_is_gone_does_not_change_the_status(tmp_path, monkeypatch, same):
    """The files are new by then, so the status is 0."""

    class Gone:
        def isatty(self):
            return True

        def write(self, _):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stderr", Gone())
    monkeypatch.setattr("cnnops_cli.commands.stderr.abandon", lambda _: None)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(app, "limit_before_numpy", lambda: None)
    assert app.run([*POOL, "-o", "y.npy"]) == 0
    same(np.load("y.npy"), np.array([[4]]))
