"""Large arrays that are written in new files, and where there is no space for them."""

import errno
import mmap
import os
import re
import tempfile

import numpy as np
import pytest
from mapped_arrays import FLOAT, is_mapped, values

from cnnops_cli import large_arrays
from cnnops_cli.tensors import mapped

NOT_OFFERED = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder, in which temporary files are as well, and everything large from 96 bytes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(large_arrays, "LARGE", 96)
    return tmp_path


class TestNewFiles:
    """Arrays that are written, and where there is no space for them."""

    @pytest.fixture
    def new(self):
        """Map a new file in the folder, and return the array and the file's bytes."""

        def make(count=24, start=128):
            with open("new", "w+b") as file:
                return mapped.map_new(file.fileno(), (count,), FLOAT, start)

        return make

    @pytest.fixture
    def fallocate(self, monkeypatch):
        def arm(error):
            def refuse(*_):
                raise error

            monkeypatch.setattr(os, "posix_fallocate", refuse)

        return arm

    @pytest.mark.parametrize("start", [0, 1, 80, 128])
    def test_what_is_written_is_in_the_file(self, new, folder, start):
        array = new(24, start)
        assert (array.shape, array.dtype) == ((24,), FLOAT)
        array[...] = values(24)
        assert (folder / "new").read_bytes() == bytes(start) + values(24).tobytes()

    def test_the_space_is_taken_before_anything_is_written(self, new, folder):
        assert new(1 << 20) is not None
        status = (folder / "new").stat()
        assert status.st_size == (4 << 20) + 128
        assert status.st_blocks * 512 >= status.st_size

    def test_without_posix_fallocate_zeros_are_written(self, new, folder, monkeypatch):
        monkeypatch.delattr(os, "posix_fallocate")
        array = new((3 << 18) + 5)
        status = (folder / "new").stat()
        assert status.st_size == array.nbytes + 128
        assert status.st_blocks * 512 >= status.st_size
        array[-1] = 7
        assert (folder / "new").read_bytes()[-4:] == FLOAT.type(7).tobytes()

    @pytest.mark.parametrize("number", NOT_OFFERED)
    def test_a_file_system_without_it_gets_zeros(self, new, folder, fallocate, number):
        fallocate(OSError(number, os.strerror(number)))
        array = new()
        array[...] = values(24)
        assert (folder / "new").read_bytes() == bytes(128) + values(24).tobytes()

    @pytest.mark.parametrize("number", NOT_OFFERED)
    def test_zeros_that_do_not_fit(self, new, fallocate, monkeypatch, number):
        fallocate(OSError(number, os.strerror(number)))

        def refuse(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "write", refuse)
        with pytest.raises(OSError, match=r"^\[Errno 28\] No space left on device$"):
            new()

    def test_zeros_are_written_on_where_a_write_was_short(self, new, folder, monkeypatch):
        monkeypatch.delattr(os, "posix_fallocate")
        whole = os.write
        monkeypatch.setattr(os, "write", lambda file, data: whole(file, data[:100]))
        assert new(100).nbytes + 128 == (folder / "new").stat().st_size

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO])
    def test_no_space_is_an_error(self, new, fallocate, number):
        fallocate(OSError(number, os.strerror(number)))
        reason = re.escape(f"[Errno {number}] {os.strerror(number)}")
        with pytest.raises(OSError, match=f"^{reason}$"):
            new()

    def test_a_size_that_no_file_has(self, folder):
        with open("new", "w+b") as file:
            with pytest.raises(OSError, match=r"^\[Errno 27\] File too large$"):
                mapped.map_new(file.fileno(), (2**62,), FLOAT, 0)
        assert (folder / "new").stat().st_size == 0

    @pytest.mark.parametrize("error", [OSError(errno.ENOMEM, ""), ValueError(), OverflowError()])
    def test_a_file_that_cannot_be_mapped(self, new, monkeypatch, error):
        def refuse(*_, **__):
            raise error

        monkeypatch.setattr(mmap, "mmap", refuse)
        assert new() is None

    @pytest.mark.parametrize("named", [False, True], ids=["unnamed", "named"])
    def test_a_file_without_a_name(self, folder, monkeypatch, named):
        if named:
            monkeypatch.setattr(tempfile, "_O_TMPFILE_WORKS", False)
        (folder / "in").mkdir()
        for where in (None, str(folder / "in")):
            array = mapped.without_name(where, (3, 8), FLOAT)
            assert is_mapped(array)
            assert (array.shape, array.dtype, array.flags.c_contiguous) == ((3, 8), FLOAT, True)
            array[...] = 1
            assert os.listdir() == ["in"]
            assert os.listdir("in") == []

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
    def test_no_space_for_a_file_without_a_name(self, fallocate, number):
        fallocate(OSError(number, os.strerror(number)))
        assert mapped.without_name(None, (24,), FLOAT) is None
        assert os.listdir() == []

    def test_no_folder_for_a_file_without_a_name(self, folder):
        assert mapped.without_name(str(folder / "gone"), (24,), FLOAT) is None


class TestWhoHoldsAnArray:
    """Large arrays are held in files; `held` asks for one, `empty` takes memory instead."""

    @pytest.fixture
    def asked(self):
        asked = []

        def hold(*what):
            asked.append(what)

        with large_arrays.held_by(hold):
            yield asked

    @pytest.mark.parametrize(("count", "expected"), [(23, []), (24, [("mask", (24,), FLOAT)])])
    def test_only_for_large_ones(self, asked, count, expected):
        assert large_arrays.held("mask", (count,), FLOAT) is None
        assert asked == expected

    def test_memory_holds_what_the_holder_does_not(self, asked):
        array = large_arrays.empty("result", (5, 6), FLOAT)
        assert asked == [("result", (5, 6), FLOAT)]
        assert (array.shape, array.dtype) == ((5, 6), FLOAT)

    def test_memory_holds_all_where_nobody_holds_any(self):
        assert large_arrays.held("result", (24,), FLOAT) is None
        assert large_arrays.empty("result", (24,), FLOAT).shape == (24,)

    def test_the_innermost_holder_is_asked_until_it_is_left(self, asked):
        with large_arrays.held_by(lambda _, *what: np.zeros(*what)):
            assert large_arrays.held("result", (24,), FLOAT).sum() == 0
        assert asked == []
        large_arrays.held("result", (24,), FLOAT)
        assert len(asked) == 1
