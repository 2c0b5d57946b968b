"""Compare conv's exact mode with exact sums, bit by bit, on layers of all kinds.

    python tests/benchmarks/exactness.py [--values 1000000] [--seed 1]

Each row counts the values of one kind that were compared in each dtype. The first layer whose
values differ is described, and the exit status is 1. Of large layers a random part is compared.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import machine
import numpy as np
from tables import Table

from cnnops_cli import conv

sys.path.append(str(Path(__file__).parent.parent / "ops"))

from exact_layers import LARGE_KERNELS, LAYERS, Geometry, any_geometry
from exact_oracle import FORMATS, Layer, bits
from hostile_values import KINDS, QUICK, mixed, operands

MOST_VALUES = 500
"""Of one layer."""

MOST_TERMS = 300_000
"""Products that the oracle adds up for one layer, unless a single value takes more."""

LARGE = 0.2
"""The share of layers with a shape of `exact_layers`; the others are small and random."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print the counts, one line a kind; exit with 1 at the first layer that differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    machine.print_header()
    compared: Counter[tuple[str, str]] = Counter()
    for number in count():
        if compared.total() >= arguments.values:
            break
        kind = list(KINDS)[number % len(KINDS)]
        dtype = list(FORMATS)[number // len(KINDS) % len(FORMATS)]
        rng = np.random.default_rng([arguments.seed, number])
        geometry = any_geometry(rng)
        if rng.random() < LARGE:
            layers = LAYERS | LARGE_KERNELS if kind in QUICK else LAYERS
            geometry = layers[rng.choice(list(layers))]
        values, difference = compare(kind, dtype, geometry, rng)
        if difference:
            sys.exit(f"layer {number} of seed {arguments.seed}: {kind} {dtype} {difference}")
        compared[kind, dtype] += values
    table = Table(("kind", 20), *((dtype, 9) for dtype in FORMATS), ("all", 9))
    for kind in KINDS:
        by_dtype = [compared[kind, dtype] for dtype in FORMATS]
        table.row(kind, *map(str, by_dtype), str(sum(by_dtype)))
    sums = [sum(compared[kind, dtype] for kind in KINDS) for dtype in FORMATS]
    table.row("all", *map(str, sums), str(compared.total()))


def compare(
    kind: str, dtype: str, geometry: Geometry, rng: np.random.Generator
) -> tuple[int, str | None]:
    """Return the number of values compared, and what differs if anything does."""
    arrays = operands(kind, rng, geometry.shape, geometry.weight, dtype)
    if rng.random() < 0.1:
        arrays = mixed(rng, arrays, dtype)
    if rng.random() < 0.3:
        arrays[2] = None
    layer = Layer(*arrays, dtype, **geometry.for_oracle)
    described = f"{geometry.shape} {geometry.weight} {geometry.options}"
    try:
        got = conv(*arrays, **geometry.options, accumulate="exact")
    except Exception as error:
        return 0, f"{described}: {error!r}"
    if (got.shape, got.dtype) != (layer.shape, dtype):
        return 0, f"{described}: shape {got.shape}, dtype {got.dtype}"
    terms = arrays[1][0].size
    most = min(got.size, MOST_VALUES, max(1, MOST_TERMS // terms))
    flat = np.sort(rng.choice(got.size, most, replace=False))
    places = [tuple(map(int, np.unravel_index(place, got.shape))) for place in flat]
    values, expected = got.ravel()[flat], layer.sampled(places)
    wrong = np.flatnonzero(bits(values) != bits(expected))
    if wrong.size:
        first = wrong[0]
        return most, (
            f"{described}: {wrong.size} of {most} values differ; "
            f"at {places[first]} {values[first]!r}, not {expected[first]!r}"
        )
    return most, None


if __name__ == "__main__":
    main()
