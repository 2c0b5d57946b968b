"""Measure what the parts of a convolution take on this machine, as costs.py holds it.

    python tests/benchmarks/fit_costs.py [--dtype float64] [--rounds 9]

Each rate is the least of several rounds on one core, in arrays of a tile's size. What is printed
replaces the dtype's in `RATES` in cnnops_cli/ops/convolution/costs.py; then see what choices.py
says. The last figure is the least that `DOUBTFUL` may be there.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

import machine
import numpy as np

from cnnops_cli.ops import blas
from cnnops_cli.ops.convolution.banded import Banded
from cnnops_cli.ops.convolution.columns import Columns
from cnnops_cli.ops.convolution.costs import DOUBTFUL, RATES, Rates
from cnnops_cli.ops.convolution.exact import ExactTransforms
from cnnops_cli.ops.convolution.fourier import Fourier
from cnnops_cli.ops.convolution.layer_tiles import Layer
from cnnops_cli.ops.convolution.source import Source
from cnnops_cli.ops.geometry import plan_windows
from cnnops_cli.ops.scratch import empty_aligned

ELEMENTS = 1 << 20
"""What is copied and added up in one call."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print the rates, each next to the one in use."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dtype", choices=list(RATES), default="float32")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args(argv)
    machine.print_header()
    rates = blas.on_one_thread(measure)(np.dtype(arguments.dtype), arguments.rounds)
    print(f'"{arguments.dtype}": Rates(')
    for name, rate in rates._asdict().items():
        print(f"    {name}={rate:.3g},  # {getattr(RATES[arguments.dtype], name):.3g} in use")
    print(")")
    if arguments.dtype == "float64":
        rate = blas.on_one_thread(measure_doubtful)(arguments.rounds)
        print(f"\nDOUBTFUL = {rate:.2g}  # {DOUBTFUL} in use")


def measure(dtype: np.dtype, rounds: int) -> Rates:
    """Measure all rates, in nanoseconds."""
    filled, least = partial(_filled, dtype), partial(_least, rounds)

    def product(rows: int, depth: int, columns: int, count: int = 1) -> float:
        weights, cells = filled(count, rows, depth), filled(count, depth, columns)
        out = filled(count, rows, columns)
        return least(lambda: np.matmul(weights, cells, out=out)) / count

    def half(small: float, large: float) -> float:
        """By which the sizes, 8 and 64, are to be increased for times in proportion to them."""
        return max(0.0, (8 * small - large) / max(large - small, 1) * 8)

    multiply = product(128, 128, 2048) / (128 * 128 * 2048)
    middle = product(64, 64, 512, count=64)
    copy = least(_copy(dtype, ELEMENTS)) / ELEMENTS
    run = (least(_copy(dtype, 16)) / ELEMENTS - copy) * 16
    terms = filled(16, 3, ELEMENTS // 16)
    ones = np.ones((1, 3), dtype)
    sums = filled(16, 1, ELEMENTS // 16)
    spectrum = np.ones((1, 384, 384), complex)
    banded, whole, columns, fourier = (
        least(_tiny(dtype, engine))
        for engine in (_banded(1, 1), _banded(3, 0), Columns, _fourier((9, 9)))
    )
    groups = 512
    layer = _layer(dtype, groups, 8, 3)
    weights = filled(groups, 1, 3, 3)
    spread = least(lambda: Banded(layer, weights, 8, 1)) / (groups * 3 * 8 * 10)
    return Rates(
        multiply=multiply,
        half_rows=half(product(8, 64, 512, count=64), middle),
        half_depth=half(product(64, 8, 512, count=64), middle),
        product=product(3, 3, 32, count=1000),
        copy=copy,
        run=max(0.0, run),
        add=least(lambda: np.matmul(ones, terms, out=sums)) / terms.size,
        spread=spread,
        transform=least(lambda: np.fft.rfftn(filled(384, 384).astype(float))) / 384**2,
        spectrum=least(lambda: np.einsum("c...,c...->...", spectrum, spectrum)) / 384**2,
        start=max(0.0, banded - columns),
        start_whole=max(0.0, whole - columns),
        start_transforms=max(0.0, fourier - columns),
    )


def measure_doubtful(rounds: int) -> float:
    """Measure the nanoseconds per term that a large kernel takes to round what transforms give."""
    windows = plan_windows((360,) * 2, (63,) * 2, stride=1, padding=0, dilation=1)
    layer = Layer(1, 1, 1, 1, windows, np.dtype(np.float64), "exact")
    draw = np.random.default_rng(0).standard_normal
    image, weights = (
        draw((1, 1, *sizes)).astype(np.float32).astype(np.float64)
        for sizes in (windows.lengths, windows.kernel)
    )
    transforms = Fourier(layer, weights, windows.lengths)
    source = Source(image, windows, "zeros", layer.dtype)
    exact = ExactTransforms(layer, transforms, weights, None)
    sums, target = np.empty(layer.tile.shape[2:]), np.empty(layer.tile.shape, np.float32)
    inexact = _least(rounds, lambda: transforms.sum_up(image[0], layer.tile, sums))
    rounded = _least(rounds, lambda: exact.compute(source, layer.tile, target))
    return max(0.0, rounded - inexact) / (target.size * weights.size)


def _least(rounds: int, call: Callable[[], object]) -> float:
    call()
    return min(_nanoseconds(call) for _ in range(rounds))


def _nanoseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - start


def _filled(dtype: np.dtype, *shape: int) -> np.ndarray:
    array = empty_aligned(shape, dtype)
    array.fill(1)
    return array


def _copy(dtype: np.dtype, run: int) -> Callable[[], object]:
    """Copy as many elements as all, in runs of `run`."""
    source, into = (
        _filled(dtype, ELEMENTS // run, run + 2)[:, 1:-1],
        _filled(dtype, ELEMENTS // run, run),
    )
    return lambda: np.copyto(into, source)


def _layer(dtype: np.dtype, groups: int, side: int, size: int) -> Layer:
    windows = plan_windows((side,) * 2, (size,) * 2, stride=1, padding=0, dilation=1)
    return Layer(1, groups, 1, 1, windows, dtype)


def _tiny(dtype: np.dtype, make: Callable[..., Banded | Columns | Fourier]) -> Callable[[], object]:
    """Compute a layer of hardly any work, engine and all."""
    layer = _layer(dtype, 1, 5, 3)
    image, weights = _filled(dtype, 1, 1, 5, 5), _filled(dtype, 1, 1, 3, 3)
    result = _filled(dtype, 1, 1, 1, 3, 3)
    source = Source(image, layer.windows, "zeros", dtype)
    return lambda: make(layer, weights).compute(source, layer.tile, None, result)


def _banded(outputs: int, is_split: int) -> Callable[..., Banded]:
    return lambda layer, weights: Banded(layer, weights, outputs, is_split)


def _fourier(lengths: tuple[int, ...]) -> Callable[..., Fourier]:
    return lambda layer, weights: Fourier(layer, weights, lengths)


if __name__ == "__main__":
    main()
