"""Time the operators as one size of a call grows, and fit time = constant * size ** exponent.

    python tests/benchmarks/growth.py [--match kernel] [--rounds 3]

The exponent is the slope of the least squares line through the points on two logarithmic axes;
next to it is the exponent of the multiplications or comparisons that a loop over all windows would
do. conv is in its default mode, exact.
"""

import argparse
from collections.abc import Sequence
from statistics import median

import machine
import numpy as np
from calls import our_call
from series import SERIES, Series
from tables import Table, milliseconds
from timing import block_seconds, calls_in_a_block


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a series."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--match", default="", help="series whose line holds this text")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(argv)
    machine.print_header()
    table = Table(("series", 56), ("exponent", 8), ("a loop's", 8), ("points", 0))
    for series in SERIES:
        if arguments.match in series.description:
            others = machine.OtherWork()
            times = measure(series, arguments.rounds)
            points = zip(series.sizes, times, strict=True)
            table.row(
                series.description,
                f"{exponent(series.sizes, times):.2f}",
                f"{series.loop}",
                ", ".join(f"{size}: {milliseconds(taken)}" for size, taken in points),
                notes=[others.note()],
            )


def measure(series: Series, rounds: int) -> list[float]:
    """Median seconds of each size; in each round the sizes take turns."""
    calls = [our_call(series.case(size)) for size in series.sizes]
    counts = [calls_in_a_block(call) for call in calls]
    turns = [
        [block_seconds(call, count) for call, count in zip(calls, counts, strict=True)]
        for _ in range(rounds)
    ]
    return [median(times) for times in zip(*turns, strict=True)]


def exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """The slope of the least squares line through the logarithms.

    >>> round(exponent([1, 2, 4], [3.0, 12.0, 48.0]), 6)
    2.0
    """
    slope, _ = np.polyfit(np.log(sizes), np.log(times), 1)
    return float(slope)


if __name__ == "__main__":
    main()
