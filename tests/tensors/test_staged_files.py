"""Files appear together, each whole, or not at all."""

import numpy as np
import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.write import StagedFiles, array_writer, named_writer


def write(text):
    return lambda stream: stream.write(text)


def test_nothing_is_there_before_the_commit(tmp_path):
    place = tmp_path / "a.json"
    with StagedFiles() as files:
        files.add(str(place), write(b"1"))
        assert not place.exists()
        files.commit()
        assert place.read_bytes() == b"1"
    assert list(tmp_path.iterdir()) == [place]


def test_without_a_commit_nothing_stays(tmp_path):
    (tmp_path / "a.json").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), StagedFiles() as files:
        files.add(str(tmp_path / "a.json"), write(b"new"))
        raise KeyboardInterrupt
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_second_file_that_fails_holds_back_the_first(tmp_path):
    def fail(stream):
        stream.write(b"part")
        raise OSError(28, "No space left on device")

    with pytest.raises(CnnopsError, match=r"cannot write .*b\.npy: No space left"):
        with StagedFiles() as files:
            files.add(str(tmp_path / "a.npy"), write(b"1"))
            files.add(str(tmp_path / "b.npy"), fail)
            files.commit()
    assert list(tmp_path.iterdir()) == []


def test_the_same_arrays_are_the_same_bytes(tmp_path):
    paths = [str(tmp_path / name) for name in ("a.npz", "b.npz")]
    for path in paths:
        with StagedFiles() as files:
            files.add(path, named_writer(path, {"weight": np.ones(2), "bias": np.zeros(1)}))
            files.commit()
    assert len({(tmp_path / name).read_bytes() for name in ("a.npz", "b.npz")}) == 1
    with np.load(paths[0]) as archive:
        assert list(archive) == ["weight", "bias"]


@pytest.mark.parametrize("array", [np.float32(3), np.zeros((0, 2)), np.arange(6).reshape(2, 3).T])
def test_npy_files_are_what_numpy_reads(tmp_path, array):
    path = str(tmp_path / "a.npy")
    with StagedFiles() as files:
        files.add(path, array_writer(path, "output", np.asarray(array)))
        files.commit()
    back = np.load(path)
    assert (back.shape, back.dtype) == (np.shape(array), array.dtype)
    np.testing.assert_array_equal(back, array)
    assert back.flags.c_contiguous


def test_what_another_process_left_is_not_touched(tmp_path, monkeypatch):
    monkeypatch.setattr("os.urandom", lambda count: bytes(count))
    stranger = tmp_path / ".cnnops-0000000000000000.tmp"
    stranger.write_bytes(b"theirs")
    with pytest.raises(CnnopsError, match="File exists"), StagedFiles() as files:
        files.add(str(tmp_path / "a.json"), write(b"1"))
    assert stranger.read_bytes() == b"theirs"
