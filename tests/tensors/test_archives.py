"""Archives are read as `numpy.load` reads them, and written with all else that they hold."""

import errno
import io
import os
import re
import tracemalloc
import warnings
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.npz import Archive, write_named


def npy(*values, dtype=np.int64):
    stream = io.BytesIO()
    np.save(stream, np.array(values, dtype))
    return stream.getvalue()


def zipped(*members, method=zipfile.ZIP_STORED, comment=b""):
    """An archive of (name, bytes), in which a name may come twice."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.comment = comment
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def opened(data):
    return Archive(io.BytesIO(data), len(data), "w.npz")


def refused(data, name=None):
    with pytest.raises(CnnopsError, match=r"^w\.npz") as caught:
        opened(data).read(name)
    return str(caught.value)


def updated(data, name, array):
    stream = io.BytesIO()
    opened(data).write_with(stream, name, array)
    return stream.getvalue()


LAYOUTS = {
    "usual": ["a.npy", "b.npy"],
    "no suffix": ["a", "b"],
    "both": ["a", "a.npy"],
    "both, the other way": ["a.npy", "a"],
    "twice": ["a.npy", "b.npy", "a.npy"],
    "twice without a suffix": ["a", "a"],
    "two suffixes": ["a.npy.npy", "a.npy"],
    "two suffixes alone": ["a.npy.npy"],
    "directories": ["x/a.npy", "x/y/b", "/root/c.npy", "../d.npy"],
    "unicode": ["gewicht-ä.npy", "重み", "a b\n.npy"],
    "no name": [".npy", "a.npy"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_name_means_what_it_means_to_numpy(layout):
    members = [(name, npy(n, 7)) for n, name in enumerate(LAYOUTS[layout])]
    data = zipped(*members)
    with np.load(io.BytesIO(data)) as theirs:
        for key in {name.removesuffix(".npy") for name in LAYOUTS[layout]} | {*LAYOUTS[layout]}:
            ours = opened(data).read(key)
            assert ours.shape == theirs[key].shape
            assert ours.dtype == theirs[key].dtype
            assert ours.tolist() == theirs[key].tolist()


@pytest.mark.parametrize(
    ("members", "names"),
    [
        (["a.npy", "b"], ["a", "b"]),
        (["a.npy", "a.npy"], ["a"]),
        (["a", "a.npy"], ["a", "a.npy"]),
        (["a.npy.npy", "a.npy"], ["a.npy.npy", "a"]),
    ],
)
def test_each_array_is_listed_once_under_a_name_that_finds_it(members, names):
    data = zipped(*((name, npy(n)) for n, name in enumerate(members)), ("readme.txt", b"text"))
    assert opened(data).names == names


def test_the_only_array_needs_no_name():
    for name in ("a", "a.npy", "x/a"):
        data = zipped(("readme.txt", b"text"), (name, npy(3)), ("x/", b""))
        assert opened(data).read(None).tolist() == [3]
    data = zipped(("a.npy", npy(1)), ("a.npy", npy(2)))
    assert opened(data).read(None).tolist() == [2]


@pytest.mark.parametrize("name", ["readme.txt", "x/", "cut.npy"])
def test_what_is_not_an_array_is_refused(name):
    data = zipped(("a.npy", npy(1)), ("readme.txt", b"text"), ("x/", b""), ("cut.npy", b"\x93NU"))
    assert refused(data, name) == (
        f"w.npz:{name} is not an array: a member of .npz holds .npy data"
    )


def test_a_name_that_is_not_there_is_answered_in_one_short_line():
    few = zipped(*((f"a{n}", npy(n)) for n in range(9)))
    listed = ", ".join(f"a{n}" for n in range(9))
    assert refused(few, "b") == f"w.npz has no array 'b'; it holds {listed}; name one, as w.npz:a0"
    many = zipped(*((f"a{n}.npy", npy(n)) for n in range(2000)))
    listed = ", ".join(f"a{n}" for n in range(8))
    assert refused(many) == f"w.npz holds {listed} and 1992 others; name one, as w.npz:a0"
    long = zipped(*(("x" * 60_000 + f"{n}.npy", npy(n)) for n in range(3)))
    assert len(refused(long)) < 500
    assert len(refused(long, "y" * 10**6)) < 500
    assert len(refused(zipped(("x" * 60_000 + ".npy", b"\x93NUMPYcut")))) < 500


METHODS = {
    "bzip2": zipfile.ZIP_BZIP2,
    "LZMA": zipfile.ZIP_LZMA,
}


def with_field(data, offset, value, size=2):
    """Overwrite a field of the first entry in the directory."""
    data = bytearray(data)
    entry = data.index(b"PK\x01\x02") + offset
    data[entry : entry + size] = value.to_bytes(size, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "unusual"),
    [
        *(
            (zipped(("a.npy", npy(1)), method=method), f"compressed by {name}")
            for name, method in METHODS.items()
        ),
        *(
            (with_field(zipped(("a.npy", npy(1))), 10, method), f"compressed by {name}")
            for method, name in {9: "deflate64", 93: "Zstandard", 95: "XZ", 77: "method 77"}.items()
        ),
        *(
            (with_field(zipped(("a.npy", npy(1))), 8, flags), "encrypted")
            for flags in (1, 1 << 6, 1 << 13)
        ),
        (with_field(zipped(("a.npy", npy(1))), 10, 99), "encrypted"),
        (with_field(zipped(("a.npy", npy(1))), 8, 1 << 5), "a patch of other data"),
    ],
)
def test_members_that_numpy_does_not_write_are_refused_by_name(data, unusual):
    assert refused(data) == f"w.npz:a is {unusual}; accepted are members stored or deflated"
    kept = f"w.npz:a is {unusual}, and cannot be kept as it is"
    if unusual not in ("compressed by bzip2", "compressed by LZMA"):
        with pytest.raises(CnnopsError, match=f"^{kept}"):
            updated(data, "b", np.array([2]))


def test_archives_of_many_gigabytes_have_other_fields():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        with archive.open("a.npy", "w", force_zip64=True) as member:
            member.write(npy(1, 2))
    assert opened(stream.getvalue()).read("a").tolist() == [1, 2]


@pytest.mark.parametrize("method", [0, *METHODS.values(), zipfile.ZIP_DEFLATED])
def test_any_damage_is_one_line(method):
    data = zipped(("a.npy", npy(*range(50))), ("b.npy", npy(1)), method=method)
    rng = np.random.default_rng(0)
    for _ in range(150):
        changed = bytearray(data[: rng.integers(len(data) // 2, len(data) + 40)])
        for at in rng.integers(0, len(changed), 2):
            changed[at] = rng.integers(256)
        for act in (lambda archive: archive.read("a"), keep_all):
            with suppress(CnnopsError):  # not all damage is seen
                act(opened(bytes(changed)))


def keep_all(archive):
    archive.write_with(io.BytesIO(), "c", np.array([1]))


def test_a_damaged_lzma_member_is_named():
    data = bytearray(zipped(("b.npy", npy(*range(99))), method=zipfile.ZIP_LZMA))
    data[60:70] = b"\xff" * 10
    with pytest.raises(
        CnnopsError, match=r"^w\.npz:b is compressed by LZMA, and cannot be kept as it is: "
    ):
        updated(bytes(data), "a", np.array([1]))


def members_of(data):
    fields = ("filename", "date_time", "external_attr", "create_system", "compress_type", "comment")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [
            (*(getattr(one, field) for field in fields), archive.read(one))
            for one in archive.infolist()
        ]


def test_an_update_writes_one_member_and_keeps_all_else():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.comment = b"made by hand"
        for name in ("x/", "first.npy", "weight", "readme.txt", "twice.npy", "twice.npy"):
            member = zipfile.ZipInfo(name, (1999, 12, 31, 23, 59, 58))
            member.comment, member.create_system = b"of a member", 0
            member.external_attr = 0 if name == "first.npy" else 0o640 << 16
            member.compress_type = zipfile.ZIP_DEFLATED if name == "twice.npy" else 0
            archive.writestr(member, npy(1, 2))
    data = stream.getvalue()
    before = members_of(data)
    after = updated(data, "weight", np.array([8, 9]))
    assert members_of(after)[:2] == before[:2]
    assert members_of(after)[3:] == before[3:]
    assert [member[0] for member in members_of(after)] == [member[0] for member in before]
    with np.load(io.BytesIO(after)) as theirs:
        assert theirs["weight"].tolist() == [8, 9]
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert archive.comment == b"made by hand"


@pytest.mark.parametrize(
    ("members", "name", "left"),
    [
        (["a.npy", "b.npy"], "a", ["a.npy", "b.npy"]),
        (["a.npy", "b.npy"], "a.npy", ["a.npy", "b.npy"]),
        (["a", "b"], "a", ["a", "b"]),
        (["a", "a.npy"], "a", ["a", "a.npy"]),
        (["a", "a.npy"], "a.npy", ["a", "a.npy"]),
        (["a.npy", "b.npy", "a.npy"], "a", ["b.npy", "a.npy"]),
        (["b.npy", "b.npy", "a.npy"], "a", ["b.npy", "b.npy", "a.npy"]),
        (["b.npy"], "a", ["b.npy", "a.npy"]),
        (["b.npy"], "a.npy", ["b.npy", "a.npy"]),
        (["b.npy"], "x/a", ["b.npy", "x/a.npy"]),
        (["only"], None, ["only"]),
    ],
)
def test_an_update_writes_where_numpy_reads(members, name, left):
    data = zipped(*((member, npy(n)) for n, member in enumerate(members)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after = updated(data, name, np.array([77]))
    assert [member[0] for member in members_of(after)] == left
    assert sum(member[-1] == npy(77) for member in members_of(after)) == 1
    with np.load(io.BytesIO(after)) as theirs:
        assert theirs[name or "only"].tolist() == [77]


def test_a_new_archive_has_one_suffix_a_member():
    stream = io.BytesIO()
    write_named(stream, {"a": np.array(1), "b.npy": np.array(2)})
    assert opened(stream.getvalue()).names == ["a", "b"]


class FailingDisk(io.BytesIO):
    """A file that fails once its end has been read, where the directory is."""

    failing = False

    def read(self, size=-1):
        if self.failing and self.tell() < 1000:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(size)


def test_a_disk_that_fails_is_not_called_damage():
    data = zipped(("a.npy", npy(*range(500))), ("b.npy", npy(*range(500))))
    disk = FailingDisk(data)
    archive = Archive(disk, len(data), "w.npz")
    disk.failing = True
    for act in (lambda: archive.read("a"), lambda: archive.write_with(io.BytesIO(), "b", data)):
        with pytest.raises(
            CnnopsError, match=rf"^w\.npz:a cannot be read: {re.escape(os.strerror(errno.EIO))}$"
        ):
            act()


def test_a_full_disk_is_not_blamed_on_the_archive():
    class FullDisk(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        opened(zipped(("a.npy", npy(1)))).write_with(FullDisk(), "b", np.array([1]))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_is_held_once(method):
    array = np.zeros(1 << 20)
    data = zipped(("a.npy", npy(*array, dtype=np.float64)), method=method)
    tracemalloc.start()
    try:
        opened(data).read("a")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert array.nbytes <= peak < array.nbytes * 1.6
