"""Time whole commands against the scripts that a user would write instead.

    python tests/benchmarks/commands.py [--match dropout] [--rounds 9] [--command cnnops]
                                        [--markdown]
    TMPDIR=/dev/shm python tests/benchmarks/commands.py --match GiB

Each pair runs in turn, on the same files, as whole processes: starting, importing, reading,
computing and writing. Ratios are ours / theirs; the goal is the largest that the project accepts.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import machine
import numpy as np
import scripts
from processes import our_command, seconds
from tables import Table, milliseconds, spread
from timing import Timing

Array = np.ndarray

LARGE = (32, 64, 56, 56)
"""25 MB of float32."""

HUGE = (16, 64, 512, 512)
"""1 GiB of float32, which is more than is held in memory."""


@dataclass(frozen=True)
class Pair:
    """One command and what it is measured against.

    Attributes
    ----------
    label : str
        What is done.
    arguments : tuple of str
        Of our command.
    against : str
        What the other side is, in the table.
    script : str
        The other side, for `python -c`.
    packages : tuple of str
        What the other side needs.
    goal : float
    values_agree : bool
        Both write the same values, up to rounding.
    """

    label: str
    arguments: tuple[str, ...]
    against: str
    script: str
    packages: tuple[str, ...]
    goal: float
    values_agree: bool = True


_SMALL = ("conv", "-k", "small-kernel.npy", "-p", "1", "small.npy", "-o", "ours.npy")
_TORCH = ("PyTorch script", ("torch",))
_ONNX = ("ONNX Runtime script", ("onnx", "onnxruntime"))


def _large(label: str, operator: str, options: str, script: str, goal: float, **more: bool) -> Pair:
    arguments = (operator, *options.split(), "large.npy", "-o", "ours.npy")
    return Pair(f"{label}, 25 MB .npy", arguments, _TORCH[0], script, _TORCH[1], goal, **more)


def _onnx(label: str, operator: str, options: str, model: str, goal: float, size: str) -> Pair:
    file = {"25 MB": "large.npy", "1 GiB": "huge.npy"}[size]
    arguments = (operator, *options.split(), file, "-o", "ours.npy")
    script = scripts.onnx_runtime(model, file)
    return Pair(f"{label}, {size} .npy", arguments, _ONNX[0], script, _ONNX[1], goal)


def _huge(label: str, operator: str, options: str, script: str, goal: float, **more: bool) -> Pair:
    against = "cp" if script == scripts.CP else "NumPy script"
    arguments = (operator, *options.split(), "huge.npy", "-o", "ours.npy")
    return Pair(f"{label}, 1 GiB .npy", arguments, against, script, (), goal, **more)


_DEPTHWISE = "--depthwise -k depthwise-kernel.npy -p 1"
_CONV = "-k large-kernel.npy -p 1"

PAIRS = [
    Pair("small conv, .npy", _SMALL, "import numpy", scripts.IMPORT_NUMPY, (), 1.5, False),
    Pair(
        "small conv, .npy",
        _SMALL,
        _ONNX[0],
        scripts.onnx_runtime("small-conv.onnx", "small.npy"),
        _ONNX[1],
        1.0,
    ),
    Pair("small conv, .npy", _SMALL, _TORCH[0], scripts.TORCH_SMALL_CONV, _TORCH[1], 0.1),
    _large("conv 64 to 64, 3x3", "conv", "-k large-kernel.npy -p 1", scripts.TORCH_CONV, 0.5),
    _large(
        "conv 64 to 64, 3x3, fast",
        "conv",
        "-k large-kernel.npy -p 1 --accumulate fast",
        scripts.TORCH_CONV,
        0.5,
    ),
    _large("maxpool 2x2/2", "maxpool", "-k 2", scripts.TORCH_MAXPOOL, 0.3),
    _large("batchnorm", "batchnorm", "--train", scripts.TORCH_BATCHNORM, 0.35),
    _large("dropout 0.5", "dropout", "-p 0.5", scripts.TORCH_DROPOUT, 0.3, values_agree=False),
    _onnx("conv 64 to 64, 3x3", "conv", _CONV, "conv.onnx", 2, "25 MB"),
    _onnx("conv, fast", "conv", f"{_CONV} --accumulate fast", "conv.onnx", 0.8, "25 MB"),
    _onnx("maxpool 3x3/2", "maxpool", "-k 3 -s 2", "maxpool.onnx", 0.8, "25 MB"),
    _onnx("batchnorm --eval", "batchnorm", "--eval", "batchnorm.onnx", 0.8, "25 MB"),
    _onnx("conv depthwise 3x3", "conv", _DEPTHWISE, "depthwise.onnx", 2, "1 GiB"),
    _onnx(
        "conv depthwise 3x3, fast",
        "conv",
        f"{_DEPTHWISE} --accumulate fast",
        "depthwise.onnx",
        0.6,
        "1 GiB",
    ),
    _onnx("maxpool 3x3/2", "maxpool", "-k 3 -s 2", "maxpool.onnx", 0.3, "1 GiB"),
    _onnx("batchnorm --eval", "batchnorm", "--eval", "batchnorm.onnx", 0.4, "1 GiB"),
    _huge("batchnorm --train", "batchnorm", "--train", scripts.NUMPY_BATCHNORM, 0.35),
    _huge("dropout", "dropout", "", scripts.NUMPY_DROPOUT, 0.2, values_agree=False),
    _huge("maxpool 2x2/2", "maxpool", "-k 2", scripts.CP, 1.2, values_agree=False),
    _huge("dropout", "dropout", "", scripts.CP, 1.3, values_agree=False),
    Pair(
        "maxpool 2x2/2, 40 MB JSON",
        ("maxpool", "-k", "2", "large.json", "-o", "ours.json"),
        "json, PyTorch script",
        scripts.TORCH_JSON_MAXPOOL,
        _TORCH[1],
        0.2,
    ),
]


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a pair."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--match", default="", help="pairs whose line holds this text")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--command", help="default: the cnnops of this Python's environment")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    arguments = parser.parse_args(argv)
    chosen = [pair for pair in PAIRS if arguments.match in f"{pair.label}  {pair.against}"]
    machine.print_header("torch", "onnxruntime", children=True)
    with TemporaryDirectory() as folder:
        command = our_command(arguments.command)
        measure(_table(arguments.markdown), chosen, Path(folder), command, arguments.rounds)


def _table(markdown: bool) -> Table:
    return Table(
        ("command", 36),
        ("against", 20),
        ("ours", 11),
        ("theirs", 11),
        ("ratio", 6),
        ("least to most", 16),
        ("goal", 5),
        left=2,
        markdown=markdown,
    )


def measure(table: Table, pairs: Sequence[Pair], folder: Path, command: str, rounds: int) -> None:
    """Print the pairs whose other side is installed."""
    for pair in pairs:
        missing = [name for name in pair.packages if machine.version(name) is None]
        if missing:
            table.skipped(f"{pair.label:<36}  {pair.against}", missing)
            continue
        _make_files(pair, folder)
        others = machine.OtherWork()
        timing = _time(pair, folder, command, rounds)
        table.row(
            pair.label,
            pair.against,
            milliseconds(timing.ours),
            milliseconds(timing.theirs),
            f"{timing.ratio:.2f}",
            spread(timing.low, timing.high),
            f"{pair.goal:g}",
            notes=["over the goal" * (timing.ratio > pair.goal), others.note()],
        )


def _time(pair: Pair, folder: Path, command: str, rounds: int) -> Timing:
    sides = [[command, *pair.arguments], [sys.executable, "-c", pair.script]]
    for side in sides:  # files and libraries come into the system's cache
        seconds(side, folder)
    if pair.values_agree:
        _check_agreement(pair, folder)
    times = [(seconds(sides[0], folder), seconds(sides[1], folder)) for _ in range(rounds)]
    return Timing.of_rounds(times)


def _check_agreement(pair: Pair, folder: Path) -> None:
    """A ratio of the times of two different things would mean nothing."""
    if pair.arguments[-1].endswith(".json"):
        files = [folder / "ours.json", folder / "theirs.json"]
        ours, theirs = (np.array(json.loads(file.read_text())) for file in files)
    else:
        names = ("ours.npy", "theirs.npy")
        ours, theirs = (np.load(folder / name, mmap_mode="r")[-1] for name in names)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def _make_files(pair: Pair, folder: Path) -> None:
    """Make the files that a pair reads and that are not there yet."""
    needed = " ".join((*pair.arguments, pair.script))
    for name, make in MAKERS.items():
        if name in needed and not (folder / name).exists():
            make(folder / name)


def _random_npy(*shape: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        rng = np.random.default_rng(0)
        array = np.lib.format.open_memmap(path, "w+", np.float32, shape)
        for part in array:
            part[...] = rng.standard_normal(part.shape, np.float32)

    return make


def _random_json(path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((32, 256, 256))
    path.write_text(json.dumps(values.tolist()))


def _onnx_model(operator: str, *weights: Array, **attributes: Any) -> Callable[[Path], None]:
    """One node with its weights inside, as an export would leave it."""

    def make(path: Path) -> None:
        from onnx import TensorProto, checker, helper, numpy_helper, save

        names = [f"weight{number}" for number in range(len(weights))]
        node = helper.make_node(operator, ["input", *names], ["output"], **attributes)
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "c", "h", "w"])
            for name in ("input", "output")
        ]
        inside = [numpy_helper.from_array(*pair) for pair in zip(weights, names, strict=True)]
        graph = helper.make_graph([node], operator, ends[:1], ends[1:], inside)
        # Old enough for every ONNX Runtime that runs on a supported Python.
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        checker.check_model(model)
        save(model, path)

    return make


def _random(*shape: int) -> Array:
    return np.random.default_rng(1).standard_normal(shape, np.float32)


def _saved(array: Array) -> Callable[[Path], None]:
    return lambda path: np.save(path, array)


_KERNELS = {"small": _random(8, 3, 3, 3), "large": _random(64, 64, 3, 3)}
_DEPTHWISE_KERNEL = _random(64, 1, 3, 3)
_PADS = [1, 1, 1, 1]
_STATISTICS = [np.full(64, value, np.float32) for value in (1, 0, 0, 1)]
MAKERS = {
    "small.npy": _random_npy(1, 3, 32, 32),
    "small-kernel.npy": _saved(_KERNELS["small"]),
    "small-conv.onnx": _onnx_model("Conv", _KERNELS["small"], pads=_PADS),
    "large.npy": _random_npy(*LARGE),
    "large-kernel.npy": _saved(_KERNELS["large"]),
    "large.json": _random_json,
    "conv.onnx": _onnx_model("Conv", _KERNELS["large"], pads=_PADS),
    "maxpool.onnx": _onnx_model("MaxPool", kernel_shape=[3, 3], strides=[2, 2]),
    "batchnorm.onnx": _onnx_model("BatchNormalization", *_STATISTICS),
    "huge.npy": _random_npy(*HUGE),
    "depthwise-kernel.npy": _saved(_DEPTHWISE_KERNEL),
    "depthwise.onnx": _onnx_model("Conv", _DEPTHWISE_KERNEL, pads=_PADS, group=64),
}


if __name__ == "__main__":
    main()
