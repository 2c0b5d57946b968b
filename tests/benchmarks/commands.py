"""Time whole commands against the scripts that a user would write instead.

    python tests/benchmarks/commands.py [--match dropout] [--rounds 9] [--command cnnops]
                                        [--markdown]

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

import machine
import numpy as np
import scripts
from processes import our_command, seconds
from tables import Table, milliseconds, spread
from timing import Timing

LARGE = (32, 64, 56, 56)
"""25 MB of float32."""


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


def _large(label: str, operator: str, options: str, script: str, goal: float, **more: bool) -> Pair:
    arguments = (operator, *options.split(), "large.npy", "-o", "ours.npy")
    return Pair(f"{label}, 25 MB .npy", arguments, _TORCH[0], script, _TORCH[1], goal, **more)


PAIRS = [
    Pair("small conv, .npy", _SMALL, "import numpy", scripts.IMPORT_NUMPY, (), 1.5, False),
    Pair(
        "small conv, .npy",
        _SMALL,
        "ONNX Runtime script",
        scripts.ONNX_RUNTIME,
        ("onnx", "onnxruntime"),
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
        ours, theirs = np.load(folder / "ours.npy"), np.load(folder / "theirs.npy")
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def _make_files(pair: Pair, folder: Path) -> None:
    """Make the files that a pair reads and that are not there yet."""
    needed = [*pair.arguments] + ["conv.onnx"] * ("onnx" in pair.packages)
    for name, make in MAKERS.items():
        if name in needed and not (folder / name).exists():
            make(folder / name)


def _random_npy(*shape: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        np.save(path, np.random.default_rng(0).standard_normal(shape, np.float32))

    return make


def _random_json(path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((32, 256, 256))
    path.write_text(json.dumps(values.tolist()))


def _onnx_model(path: Path) -> None:
    """One Conv node with the small kernel inside, as an export would leave it."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    kernel = np.load(path.with_name("small-kernel.npy"))
    node = helper.make_node("Conv", ["input", "weight"], ["output"], pads=[1, 1, 1, 1])
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 32, 32])
        for name, channels in (("input", 3), ("output", 8))
    ]
    weight = numpy_helper.from_array(kernel, "weight")
    graph = helper.make_graph([node], "conv", ends[:1], ends[1:], [weight])
    # Old enough for every ONNX Runtime that runs on a supported Python.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    save(model, path)


MAKERS = {
    "small.npy": _random_npy(1, 3, 32, 32),
    "small-kernel.npy": _random_npy(8, 3, 3, 3),
    "conv.onnx": _onnx_model,
    "large.npy": _random_npy(*LARGE),
    "large-kernel.npy": _random_npy(64, 64, 3, 3),
    "large.json": _random_json,
}


if __name__ == "__main__":
    main()
