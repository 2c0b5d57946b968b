"""Results that are computed in the .npy files that are to hold them."""

import errno
import io
import mmap
import os
import shutil
import tempfile

import numpy as np
import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors import temporaries
from cnnops_cli.tensors.npy_room import Room
from cnnops_cli.tensors.staged_files import NoRoomError, StagedFiles
from cnnops_cli.tensors.write import array_writer, npy_writer

FLOAT = np.dtype(np.float32)
SHAPE = (4, 6)
VALUES = np.random.default_rng(0).standard_normal(SHAPE).astype(FLOAT)


def saved(array):
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array, array.dtype.newbyteorder("<")))
    return stream.getvalue()


class TestWhatARoomHolds:
    """A header makes the file that of an array only where nothing but the header is missing."""

    @pytest.fixture
    def room(self):
        with tempfile.TemporaryFile() as file:
            yield Room(file.fileno(), SHAPE, FLOAT)

    @pytest.mark.parametrize(
        "view",
        [
            lambda array: array,
            lambda array: array.view(),
            lambda array: array.reshape(6, 4),
            lambda array: array.reshape(24),
            lambda array: array.reshape(1, 2, 3, 4),
            lambda array: array[:, None],
        ],
    )
    def test_its_own_array_in_any_shape_with_a_header_of_that_length(self, room, view):
        assert room.holds(view(room.array))

    @pytest.mark.parametrize(
        "view",
        [
            lambda array: array.copy(),
            lambda array: array.T,
            lambda array: array[:, ::2],
            lambda array: array[::-1],
            lambda array: array[:3],
            lambda array: array[1:],
            lambda array: np.asfortranarray(array),
            lambda array: array.view(np.int32),
            lambda array: array.view(np.float16),
            lambda array: array.view(">f4"),
            lambda array: array.astype(">f4"),
            lambda array: array.astype(np.float64),
            lambda array: np.broadcast_to(array[:1, :1], SHAPE),
            lambda array: array.reshape(*(1,) * 28, *SHAPE),
            lambda array: np.empty((0, 6), FLOAT),
        ],
    )
    def test_nothing_else(self, room, view):
        assert not room.holds(view(room.array))

    def test_a_file_that_cannot_be_mapped_holds_nothing(self, monkeypatch):
        def refuse(*_, **__):
            raise OSError(errno.ENODEV, "")

        monkeypatch.setattr(mmap, "mmap", refuse)
        with tempfile.TemporaryFile() as file:
            room = Room(file.fileno(), SHAPE, FLOAT)
        assert room.array is None
        assert not room.holds(VALUES)

    def test_big_endian_values_are_not_those_of_a_file(self):
        with tempfile.TemporaryFile() as file:
            room = Room(file.fileno(), SHAPE, np.dtype(">f4"))
            assert not room.holds(room.array)


@pytest.fixture
def without(monkeypatch):
    """Take from the system, by name, what not every one has."""

    def refusing(number):
        def refuse(*_, **__):
            raise OSError(number, os.strerror(number))

        return refuse

    def take(name):
        if name in ("posix_fallocate", "O_TMPFILE"):
            monkeypatch.delattr(os, name, raising=False)
        elif name == "/proc":
            real = os.path.exists
            monkeypatch.setattr(
                os.path, "exists", lambda path: not str(path).startswith("/proc/") and real(path)
            )
        elif name == "links":
            monkeypatch.setattr(os, "link", refusing(errno.EPERM))
        elif name == "maps":
            monkeypatch.setattr(mmap, "mmap", refusing(errno.ENODEV))
        elif name == "reservation":
            monkeypatch.setattr(os, "posix_fallocate", refusing(errno.EOPNOTSUPP))
        elif name == "unnamed files of this folder":
            real_open = os.open

            def opening(path, flags, *rest, **options):
                if flags & os.O_TMPFILE == os.O_TMPFILE:
                    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
                return real_open(path, flags, *rest, **options)

            monkeypatch.setattr(os, "open", opening)

    return take


LACKS = [
    "nothing",
    "posix_fallocate",
    "reservation",
    "O_TMPFILE",
    "unnamed files of this folder",
    "/proc",
    "links",
    "maps",
]


NAMED = {"O_TMPFILE", "unnamed files of this folder", "/proc"}
"""What files without a name take."""


@pytest.mark.parametrize("lacking", LACKS)
class TestFiles:
    """The file of a result, whatever the system lacks."""

    def put(self, path, array, compute):
        """Reserve a file for an array, compute one, and write it; return where it was reserved."""
        with StagedFiles() as files:
            room = files.reserve(str(path), array.shape, array.dtype)
            files.add(str(path), array_writer(str(path), "output", compute(room)))
            files.move()
        return room

    @pytest.fixture
    def left(self, tmp_path):
        return lambda: sorted(path.name for path in tmp_path.iterdir())

    @pytest.mark.parametrize("old", [None, b"old"])
    def test_a_result_in_its_file(self, tmp_path, without, left, lacking, old):
        path = tmp_path / "x.npy"
        if old:
            path.write_bytes(old)
            path.chmod(0o640)
        without(lacking)

        def compute(room):
            if room is None:
                return VALUES
            room[...] = VALUES
            return room

        room = self.put(path, VALUES, compute)
        assert (room is None) == (lacking == "maps")
        assert path.read_bytes() == saved(VALUES)
        assert left() == ["x.npy"]
        if old:
            assert path.stat().st_mode & 0o777 == 0o640

    def test_new_files_have_the_permissions_of_the_process(self, tmp_path, without, lacking):
        without(lacking)
        mask = os.umask(0o027)
        try:
            self.put(tmp_path / "x.npy", VALUES, lambda _: VALUES)
        finally:
            os.umask(mask)
        assert (tmp_path / "x.npy").stat().st_mode & 0o777 == 0o640

    @pytest.mark.parametrize(
        "other",
        [
            VALUES.T,
            VALUES.astype(np.float16),
            VALUES.astype(np.float64),
            VALUES.reshape(*(1,) * 28, *SHAPE),
            np.zeros((0, 3), FLOAT),
            np.zeros((200, 30), FLOAT),
        ],
        ids=["columns", "narrower", "wider", "longer header", "nothing", "more"],
    )
    def test_another_result_than_was_reserved(self, tmp_path, without, left, lacking, other):
        without(lacking)
        path = tmp_path / "x.npy"
        self.put(path, VALUES, lambda _: other)
        assert path.read_bytes() == saved(other)
        assert left() == ["x.npy"]

    @pytest.mark.parametrize("length", [0, 1, len(VALUES), 3 * len(VALUES)])
    def test_space_that_is_taken_for_another_order(self, tmp_path, without, left, lacking, length):
        without(lacking)
        path, array = tmp_path / "x.npy", np.resize(VALUES, (length, *SHAPE[1:]))
        with StagedFiles() as files:
            files.take_space(str(path), SHAPE, FLOAT)
            assert not path.exists()
            files.add(str(path), npy_writer(array))
            files.move()
        assert path.read_bytes() == saved(array)
        assert left() == ["x.npy"]

    def test_a_part_or_another_order_of_what_was_reserved(self, tmp_path, without, left, lacking):
        without(lacking)
        for name, view in {
            "a.npy": lambda array: array.T,
            "b.npy": lambda array: array[::-1],
            "c.npy": lambda array: array[1:],
        }.items():

            def compute(room, view=view):
                if room is None:
                    return view(VALUES)
                room[...] = VALUES
                return view(room)

            self.put(tmp_path / name, VALUES, compute)
            assert (tmp_path / name).read_bytes() == saved(view(VALUES))
        assert left() == ["a.npy", "b.npy", "c.npy"]

    def test_the_file_has_no_name_before_it_is_moved(self, tmp_path, without, left, lacking):
        without(lacking)
        with StagedFiles() as files:
            files.reserve(str(tmp_path / "x.npy"), SHAPE, FLOAT)
            assert len(left()) == (lacking in NAMED)
        assert left() == []

    def test_a_failure_while_it_is_computed(self, tmp_path, without, left, lacking):
        (tmp_path / "x.npy").write_bytes(b"old")
        without(lacking)

        def fail(_):
            raise CnnopsError("no result")

        for name in ("x.npy", "y.npy"):
            with pytest.raises(CnnopsError, match=r"^no result$"):
                self.put(tmp_path / name, VALUES, fail)
        assert left() == ["x.npy"]
        assert (tmp_path / "x.npy").read_bytes() == b"old"

    def test_a_reserved_file_that_is_not_written(self, tmp_path, without, left, lacking):
        without(lacking)
        with StagedFiles() as files:
            files.reserve(str(tmp_path / "x.npy"), SHAPE, FLOAT)
            files.add(str(tmp_path / "y.npy"), lambda stream: stream.write(b"y"))
            files.move()
        assert left() == ["y.npy"]

    def test_all_or_none(self, tmp_path, without, left, lacking, monkeypatch):
        for name in ("a.npy", "b.npy"):
            (tmp_path / name).write_bytes(b"old")
        without(lacking)
        real = os.replace

        def replace(source, target):
            if str(target).endswith("c.npy"):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            real(source, target)

        monkeypatch.setattr(os, "replace", replace)
        reason = rf"^cannot write {tmp_path}/c\.npy: Read-only file system$"
        with pytest.raises(CnnopsError, match=reason):
            with StagedFiles() as files:
                for name in ("a.npy", "n.npy", "b.npy", "c.npy"):
                    path = str(tmp_path / name)
                    room = files.reserve(path, SHAPE, FLOAT)
                    array = VALUES if room is None else room
                    files.add(path, array_writer(path, "output", array))
                files.move()
        assert left() == ["a.npy", "b.npy"]
        assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"old"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
@pytest.mark.parametrize("lacking", ["nothing", "O_TMPFILE"])
def test_no_space_is_said_at_once(tmp_path, monkeypatch, without, number, lacking):
    (tmp_path / "x.npy").write_bytes(b"old")
    without(lacking)

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    for name in ("x.npy", "y.npy"):
        path = tmp_path / name
        with pytest.raises(NoRoomError, match=rf"^cannot write {path}: {os.strerror(number)}$"):
            with StagedFiles() as files:
                files.reserve(str(path), SHAPE, FLOAT)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_no_space_for_a_copy_where_no_link_can_be_made(tmp_path, monkeypatch, without):
    if not hasattr(os, "O_TMPFILE"):
        pytest.skip("takes unnamed files")
    (tmp_path / "x.npy").write_bytes(b"old")
    without("links")

    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", refuse)
    path = str(tmp_path / "x.npy")
    with pytest.raises(CnnopsError, match=rf"^cannot write {path}: No space left on device$"):
        with StagedFiles() as files:
            files.add(path, array_writer(path, "output", VALUES))
            files.move()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_device_or_a_second_array_is_not_reserved(tmp_path):
    with StagedFiles() as files:
        assert files.reserve("/dev/null", SHAPE, FLOAT) is None
        first = files.reserve(str(tmp_path / "x.npy"), SHAPE, FLOAT)
        assert first is not None
        assert files.reserve(str(tmp_path / "x.npy"), SHAPE, FLOAT) is None


def test_a_temporary_name_is_never_one_that_exists(tmp_path, monkeypatch):
    """A link over an existing name is refused; the file is written all the same."""
    taken = iter(["taken", "free", "freer"])
    (tmp_path / "taken").write_bytes(b"another's")
    monkeypatch.setattr(
        temporaries, "_new_name", lambda folder, *_: os.path.join(folder, next(taken))
    )
    path = str(tmp_path / "x.npy")
    with StagedFiles() as files:
        files.add(path, array_writer(path, "output", VALUES))
        files.move()
    assert (tmp_path / "x.npy").read_bytes() == saved(VALUES)
    assert (tmp_path / "taken").read_bytes() == b"another's"
    assert sorted(os.listdir(tmp_path)) == ["taken", "x.npy"]
