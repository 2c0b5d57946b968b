"""The calls that are disturbed, and the files that they read and replace."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

OLD = b"what stood here before\n"
SYNONYMS = {"-k": "--kernel", "-o": "--output"}


@dataclass(frozen=True)
class Case:
    """One call of the command.

    Attributes
    ----------
    name : str
    call : str
        The arguments; none of them has a blank in it.
    results : tuple of tuple of str
        The files that each INPUT's result is made of: all of them change, or none does.
    old : tuple of str
        Those that exist before the call, and are not among the inputs.
    stdin : str
        The file whose bytes are standard input, through a pipe; none: standard input is empty.
    status : int
        What the call ends with when nothing disturbs it.
    """

    name: str
    call: str
    results: tuple[tuple[str, ...], ...] = ()
    old: tuple[str, ...] = ()
    stdin: str = ""
    status: int = 0

    @property
    def arguments(self) -> list[str]:
        return self.call.split()

    @property
    def outputs(self) -> list[str]:
        return [name for result in self.results for name in result]

    def words(self, file: str) -> set[str]:
        """What an error line may call a file by: its name, or the option that takes it."""
        found = {os.path.basename(file)}
        for before, argument in zip(["", *self.arguments], self.arguments, strict=False):
            if argument.split(":")[0].rstrip("/") in (file, os.path.dirname(file)):
                option = before if before.startswith("-") and before != "--eval" else "INPUT"
                found |= {f"{option} ", f"{option}:", SYNONYMS.get(option, option)}
        return found

    def all_words(self) -> set[str]:
        """What an error line may name where any of the call's files may be meant."""
        named = [argument.split(":")[0] for argument in self.arguments]
        files = [each for each in named if "." in each or each.endswith("/")]
        return {word for file in [*files, *self.outputs] for word in self.words(file)}

    def lay_out(self, inputs: Path, folder: Path) -> None:
        """Copy what the call reads into its own folder, and put the old files there."""
        for argument in self.arguments:
            source = inputs / argument.split(":")[0]
            if source.is_file():
                shutil.copyfile(source, folder / source.name)
        for name in self.old:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(OLD)


CASES = [
    Case("conv-npy", "conv -k k.json x.npy -o out.npy", (("out.npy",),), old=("out.npy",)),
    Case("conv-json-new", "conv -k k.json x.json -o out.json", (("out.json",),)),
    Case(
        "maxpool-indices",
        "maxpool -k 2 --indices idx.npy x.npy -o out.npy",
        (("out.npy", "idx.npy"),),
        old=("out.npy", "idx.npy"),
    ),
    Case(
        "maxpool-indices-new",
        "maxpool -k 2 --indices idx.npy x.npy -o out.npz",
        (("out.npz", "idx.npy"),),
        old=("out.npz",),
    ),
    Case(
        "batchnorm-state",
        "batchnorm --state S.npz --save-state S.npz rows.npy -o out.npy",
        (("out.npy", "S.npz"),),
        old=("out.npy",),
    ),
    Case(
        "batchnorm-state-stdout",
        "batchnorm --state S.json --save-state S.json rows.npy -f json",
        (("S.json",),),
    ),
    Case(
        "dropout-mask",
        "dropout --seed 7 --mask-output m.npy x.npy -o out.npy",
        (("out.npy", "m.npy"),),
        old=("m.npy",),
    ),
    Case(
        "update-npy",
        "maxpool -k 2 x.npy --expect gold.npy --update-expected",
        (("gold.npy",),),
    ),
    Case(
        "update-npy-new", "maxpool -k 2 x.npy --expect new.npy --update-expected", (("new.npy",),)
    ),
    Case(
        "update-npz",
        "maxpool -k 2 x.npy --expect gold.npz:a --update-expected",
        (("gold.npz",),),
    ),
    Case(
        "update-npz-and-output",
        "maxpool -k 2 x.npy --expect gold.npz:a --update-expected -o out.npy",
        (("gold.npz", "out.npy"),),
    ),
    Case(
        "expect-fails",
        "maxpool -k 2 x.npy --expect gold.npy -o out.npy",
        (("out.npy",),),
        old=("out.npy",),
        status=1,
    ),
    Case(
        "view",
        "conv -k k.json x.npy --view view.svg -o out.npy",
        (("out.npy", "view.svg"),),
        old=("view.svg",),
    ),
    Case(
        "several",
        "maxpool -k 2 a.npy b.json c.npz:only -o res/",
        (("res/a.npy",), ("res/b.json",), ("res/only.npy",)),
        old=("res/b.json",),
    ),
    Case("several-new", "maxpool -k 2 a.npy b.json -o res/", (("res/a.npy",), ("res/b.json",))),
    Case("stdout-json", "conv -k k.json large.npy"),
    Case("stdout-npy", "maxpool -k 2 -f npy large.npy"),
    Case("stdin-json", "conv -k gold.npz:b - -o out.npy", (("out.npy",),), stdin="large.json"),
    Case("stdin-npy", "maxpool -k 2 -f json", stdin="large.npy"),
    Case("lines", "maxpool --dims 1 -k 2 --lines", stdin="lines.txt"),
    Case(
        "save-kernel",
        "conv --out-channels 2 --kernel-size 2 --seed 0 --save-kernel w.npz x.npy -o out.npy",
        (("out.npy", "w.npz"),),
        old=("out.npy", "w.npz"),
    ),
    Case(
        "threads",
        "conv --out-channels 32 --kernel-size 3 --seed 0 --threads 2 channels.npy -o out.npy",
        (("out.npy",),),
        old=("out.npy",),
    ),
    Case(
        "picture",
        "conv -k k.json -p 1 x.png -o out.png",
        (("out.png",),),
        old=("out.png",),
    ),
]
BY_NAME = {case.name: case for case in CASES}

NEXT = ["dropout", "--eval", "[1,2]", "-o", "next.npy"]
"""An ordinary later run, which replaces a file of the folder that it is started in."""


def make_inputs(folder: Path) -> None:
    """Write every file that a case reads; the numbers are the same at every run."""
    rng = np.random.default_rng(10)

    def floats(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    for name, shape in {
        "x.npy": (6, 6),
        "a.npy": (4, 4),
        "gold.npy": (3, 3),
        "rows.npy": (8, 3),
        "large.npy": (130, 130),
        "channels.npy": (4, 8, 64, 64),
    }.items():
        np.save(folder / name, floats(*shape), allow_pickle=False)
    state = {
        "weight": floats(3),
        "bias": floats(3),
        "running_mean": floats(3),
        "running_var": floats(3) ** 2 + 1,
        "num_batches_tracked": np.array(4),
    }
    _write_npz(folder / "S.npz", state)
    _write_npz(folder / "c.npz", {"only": floats(4, 6)})
    _write_npz(folder / "gold.npz", {"a": floats(3, 3), "b": floats(2, 2), "c": floats(40, 50)})
    texts = {
        "k.json": [[1, 2, 1], [0, 0.5, 0], [-1, -2, -1]],
        "x.json": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        "b.json": [[1, 2, 3, 4], [5, 6, 7, 8]],
        "large.json": np.arange(9000.0).reshape(90, 100).tolist(),
        "S.json": {name: value.tolist() for name, value in state.items()},
    }
    for name, value in texts.items():
        (folder / name).write_text(str(value).replace("'", '"'))
    (folder / "lines.txt").write_text("[1,2,3,4]\n[5,6]\n[7,8,9,10]\n")
    (folder / "x.png").write_bytes(_PNG)


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())


def _png() -> bytes:
    """Four by four pixels of grey, written here so that no picture library is needed."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        checked = name + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(range(row, row + 4)) for row in range(0, 16, 4))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


_PNG = _png()
