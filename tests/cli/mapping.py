"""What calls map: which files, to read and to write, and the calls that map all of them."""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Callable, Collection, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np
from calling import CommandHere, Result, converse

from cnnops_cli import large_arrays

FROM = 256
"""The bytes from which on these calls map a file."""
USUAL = 64 << 20
"""Those from which on others do."""

_SHAPE = (2, 4, 12, 16)


def make_inputs(folder: Path) -> None:
    """Write the files that calls read."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(_SHAPE).astype(np.float32)
    arrays = {
        "x": x,
        "x16": x.astype(np.float16),
        "x64": x.astype(np.float64),
        "bytes": rng.integers(-128, 128, _SHAPE).astype(np.int8),
        "wide": rng.integers(-(2**40), 2**40, _SHAPE),
        "bool": x > 0,
        "big": x.astype(">f4"),
        "big-int": rng.integers(-99, 99, _SHAPE).astype(">i4"),
        "columns": np.asfortranarray(x),
        "last": np.ascontiguousarray(np.moveaxis(x, 1, -1)),
        "last-columns": np.asfortranarray(rng.standard_normal((3, 23, 18))),
        "one-columns": np.asfortranarray(rng.standard_normal((1, 5, 700))),
        "strange": np.where(x > 1, np.nan, np.where(x < -1, -np.inf, -0.0)).astype(np.float32),
        "line": rng.standard_normal((2, 3, 200)).astype(np.float32),
        "volume": rng.standard_normal((1, 2, 6, 7, 8)).astype(np.float32),
        "rows": rng.standard_normal((90, 5)).astype(np.float32),
        "wide-plane": rng.standard_normal((1, 8, 40, 300)).astype(np.float32),
        "k": rng.standard_normal((8, 4, 3, 3)).astype(np.float32),
        "k-big": rng.standard_normal((8, 4, 3, 3)).astype(">f4"),
        "k-columns": np.asfortranarray(rng.standard_normal((8, 4, 3, 3)).astype(np.float32)),
        "k16": rng.standard_normal((8, 4, 3, 3)).astype(np.float16),
        "k64": rng.standard_normal((8, 4, 3, 3)),
        "k-int": rng.integers(-9, 9, (8, 4, 3, 3)).astype(np.int8),
        "k-depth": rng.standard_normal((4, 1, 5, 5)).astype(np.float32),
        "k-point": rng.standard_normal((32, 4, 1, 1)).astype(np.float32),
        "k-line": rng.standard_normal((6, 3, 9)).astype(np.float32),
        "k-volume": rng.standard_normal((4, 2, 3, 3, 3)).astype(np.float32),
        "k-wide": rng.standard_normal((8, 8, 7, 7)).astype(np.float32),
        "bias": rng.standard_normal(8).astype(np.float32),
        "mask": rng.integers(0, 3, _SHAPE).astype(np.uint8),
        "mask-bool": x > 0.5,
        "mask-float": (x > 0).astype(np.float32),
        "pixels": rng.integers(0, 256, (1, 30, 40)).astype(np.uint8),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    np.savez(folder / "state.npz", running_mean=rng.standard_normal(4), running_var=np.full(4, 2.0))
    stored = (folder / "x.npy").read_bytes()
    blanks = (128 - 10 + 1).to_bytes(2, "little")  # values begin at an odd byte
    (folder / "odd.npy").write_bytes(stored[:8] + blanks + stored[10:127] + b" \n" + stored[128:])


@dataclass
class Maps:
    """The inodes of the files that were mapped."""

    read: set[int] = field(default_factory=set)
    written: set[int] = field(default_factory=set)


@contextmanager
def mapping(size: int = FROM):
    """Have files of this size and more mapped, and tell which were."""
    maps, real = Maps(), mmap.mmap

    def record(descriptor, *arguments, **options):
        mapped = real(descriptor, *arguments, **options)
        kind = maps.read if options.get("access") == mmap.ACCESS_READ else maps.written
        kind.add(os.fstat(descriptor).st_ino)
        return mapped

    with mock.patch.object(large_arrays, "LARGE", size), mock.patch.object(mmap, "mmap", record):
        yield maps


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, by their paths in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def call_with(
    folder: Path, arguments: list[str], stdin: Path, stdout: Path | None = None, skip: int = 0
) -> Result:
    """Call the command here with files as its streams; reading begins after some bytes."""
    (taking, writing), (hearing, saying) = os.pipe(), os.pipe()
    source = os.open(stdin, os.O_RDONLY)
    os.lseek(source, skip, os.SEEK_SET)
    target = writing if stdout is None else os.open(stdout, os.O_WRONLY | os.O_CREAT, 0o644)
    theirs = {source, writing, saying, target}
    status, (out, err) = converse(
        lambda: CommandHere(folder).run(arguments, (source, target, saying)),
        theirs=theirs,
        fed=None,
        drained=(taking, hearing),
    )
    return Result(status, out, err.decode())


class Twice:
    """Makes calls in two folders with the same files: in one all of memory, in one of maps."""

    def __init__(self, inputs: Path, folder: Path) -> None:
        self.memory, self.mapped = folder / "memory", folder / "mapped"
        for each in (self.memory, self.mapped):
            shutil.copytree(inputs, each, copy_function=os.link)

    def __call__(
        self,
        *calls: str,
        read: Iterable[str],
        written: Collection[str] | None = (),
        call: Callable[[Path, list[str]], Result] | None = None,
    ) -> Result:
        """Compare the last of these calls in both folders; those before it prepare them.

        ``read`` are the .npy files that it has to map, without their suffix, ``written`` those that
        it has to write by a map; there, ``unnamed`` is one that has no name, and None means
        whatever it maps. ``call`` starts the command.
        """
        *before, last = (each.split() for each in calls)
        call = call or (lambda folder, arguments: CommandHere(folder)(*arguments))
        for folder in (self.memory, self.mapped):
            for arguments in before:
                CommandHere(folder).text(*arguments)
        with mapping(USUAL) as none:
            here = call(self.memory, last)
        assert none == Maps()
        names = {path.stat().st_ino: path.stem for path in self.mapped.glob("*.npy")}
        with mapping() as maps:
            result = call(self.mapped, last)
        assert result == here
        assert contents(self.mapped) == contents(self.memory)
        assert {names.get(inode) for inode in maps.read} == set(read)
        if written is not None:
            outputs = {name: self.mapped / name for name in written if name != "unnamed"}
            assert maps.written >= {path.stat().st_ino for path in outputs.values()}
            assert len(maps.written) >= len(written)
            assert written or not maps.written
        return result
