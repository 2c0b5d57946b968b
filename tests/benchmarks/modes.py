"""Time the exact mode of conv next to the fast one: the suite's layers, and data that are hard.

    python tests/benchmarks/modes.py [--match Sobel] [--rounds 5]

Ratios are exact / fast. Data are hard where float64 leaves the rounding of many results open: sums
that cancel, as those of a constant plane under Sobel, and sums halfway between two values of the
dtype, as those of whole numbers in float16.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import machine
import numpy as np
from calls import random_operands
from PIL import Image
from results import geometric_mean
from suite import CONV
from tables import Table, milliseconds, spread
from timing import compare

from cnnops_cli import conv

PHOTOGRAPH = Path(__file__).parent.parent.parent / "examples" / "chelsea.png"

HARD_LIMIT = 20
"""The largest ratio that the project accepts on data that are hard."""


class Layer(NamedTuple):
    """A kernel, and how it is applied."""

    label: str
    weight: np.ndarray
    arguments: dict[str, int]


class Call(NamedTuple):
    """A layer on data of a kind, which are made when it is measured."""

    data: str
    label: str
    operands: Callable[[], list[np.ndarray]]
    arguments: dict[str, int]
    limit: float


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a call, and the geometric mean and the most of each kind of data."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--match", default="", help="calls whose line holds this text")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    machine.print_header()
    columns = ("exact", 11), ("fast", 11), ("ratio", 6), ("least to most", 16)
    table = Table(("data", 28), ("layer", 52), *columns, left=2)
    ratios: dict[str, list[float]] = {}
    for call in (*of_the_suite(), *of_hard_data()):
        if arguments.match in f"{call.data}  {call.label}":
            ratio = measure(table, call, arguments.rounds)
            ratios.setdefault(call.data, []).append(ratio)
    print()
    for data, found in ratios.items():
        print(f"{data}: geometric mean {geometric_mean(found):.2f}, most {max(found):.2f}")


def measure(table: Table, call: Call, rounds: int) -> float:
    """Print a row, and return its ratio."""
    operands = call.operands()
    exact, fast = (
        partial(conv, *operands, **call.arguments, accumulate=mode) for mode in ("exact", "fast")
    )
    others = machine.OtherWork()
    timing = compare(exact, fast, rounds)
    table.row(
        call.data,
        call.label,
        milliseconds(timing.ours),
        milliseconds(timing.theirs),
        f"{timing.ratio:.2f}",
        spread(timing.low, timing.high),
        notes=["over the limit" * (timing.ratio > call.limit), others.note()],
    )
    return timing.ratio


def of_the_suite() -> Iterator[Call]:
    """Yield the suite's layers on normal data, in every dtype."""
    for dtype in ("float32", "float16", "float64"):
        for case in CONV:
            if case.dtype == "float32":
                case = case.of(dtype)
                data = f"normal, {dtype}{', large kernels' * case.is_large}"
                operands = partial(random_operands, case)
                yield Call(data, case.description, operands, case.arguments, case.exact_limit)


def of_hard_data() -> Iterator[Call]:
    """Yield filters on pictures, then layers of many channels."""
    for layers, shape, kinds in (
        (FILTERS, (1, 3, 768, 1024), PICTURES),
        (LAYERS, (8, 64, 56, 56), FEATURES),
    ):
        for data, image in kinds.items():
            for layer in layers:
                operands = partial(_operands, image, shape, layer.weight)
                yield Call(data, layer.label, operands, layer.arguments, HARD_LIMIT)


def _operands(
    image: Callable[[tuple[int, ...]], np.ndarray], shape: tuple[int, ...], weight: np.ndarray
) -> list[np.ndarray]:
    made = image(shape)
    if made.dtype == np.float16:
        return [made, np.rint(4 * weight).astype(np.float16)]
    return [made.astype(np.float32), weight.astype(np.float32)]


def _photograph(shape: tuple[int, ...]) -> np.ndarray:
    """Repeat a photograph until it has the shape."""
    with Image.open(PHOTOGRAPH) as picture:
        pixels = np.asarray(picture).transpose(2, 0, 1)
    copies = [-(-wanted // length) for wanted, length in zip(shape[1:], pixels.shape, strict=True)]
    return np.tile(pixels, copies)[np.newaxis, :, : shape[2], : shape[3]]


def _normal(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def _with_nan(shape: tuple[int, ...]) -> np.ndarray:
    return np.where(np.random.default_rng(1).random(shape) < 0.1, np.nan, _normal(shape))


def _half_zeros(shape: tuple[int, ...]) -> np.ndarray:
    return np.maximum(_normal(shape), 0)


def _mostly_zeros(shape: tuple[int, ...]) -> np.ndarray:
    return np.where(np.random.default_rng(1).random(shape) < 0.05, _half_zeros(shape), 0)


def _dark_half(shape: tuple[int, ...]) -> np.ndarray:
    dark = np.arange(shape[-1]) < shape[-1] // 2
    return _photograph(shape) / 255 * np.where(dark, 1e-6, 1)


def _whole_numbers(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 20, shape).astype(np.float16)


PICTURES = {
    "photograph / 255": lambda shape: _photograph(shape) / 255,
    "photograph": _photograph,
    "photograph, float16": lambda shape: _photograph(shape).astype(np.float16),
    "photograph, one half dark": _dark_half,
    "constant plane": lambda shape: np.full(shape, 0.1),
    "half zeros": _half_zeros,
    "10 % NaN": _with_nan,
}

FEATURES = {
    "half zeros, 64 channels": _half_zeros,
    "95 % zeros, 64 channels": _mostly_zeros,
    "whole numbers, float16": _whole_numbers,
    "10 % NaN, 64 channels": _with_nan,
}


def _depthwise(label: str, kernel: Sequence[Sequence[float]] | np.ndarray) -> Layer:
    """Apply a filter to every channel of a picture."""
    weight = np.tile(kernel, (3, 1, 1, 1))
    return Layer(label, weight, {"groups": 3, "padding": len(kernel) // 2})


FILTERS = [
    _depthwise("Sobel", [[1, 0, -1], [2, 0, -2], [1, 0, -1]]),
    _depthwise("Gaussian 3x3, / 16", np.outer([1, 2, 1], [1, 2, 1]) / 16),
    _depthwise("Laplacian, / 10", np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]) / 10),
    _depthwise("mean 5x5", np.full((5, 5), 1 / 25)),
    _depthwise("mean 31x31", np.full((31, 31), 1 / 961)),
    Layer("random 3x3, 3 to 16 channels", _normal((16, 3, 3, 3)), {"padding": 1}),
    Layer("random 7x7/2, 3 to 16 channels", _normal((16, 3, 7, 7)), {"padding": 3, "stride": 2}),
    Layer("random 31x31, 3 to 1 channels", _normal((1, 3, 31, 31)), {"padding": 15}),
]

LAYERS = [
    Layer("random 3x3, 64 channels", _normal((64, 64, 3, 3)), {"padding": 1}),
    Layer("random depthwise 3x3", _normal((64, 1, 3, 3)), {"padding": 1, "groups": 64}),
]


if __name__ == "__main__":
    main()
