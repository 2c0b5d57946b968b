"""Time every way to compute a convolution, and compare the chosen one with the fastest.

    python tests/benchmarks/choices.py [--dtype float64] [--accumulate fast] [--rounds 15]
        [--first 0] [--last 99]

The layers are those of suite.py and others of their kinds. A row shows the median time of the
choice, that of the fastest, and their ratio; the last line counts the ratios above 1.1 and 1.25.
Choices that are estimated to take more than three times the least are left out.
"""

import argparse
from collections.abc import Sequence
from statistics import median
from time import perf_counter
from unittest import mock

import machine
import numpy as np
from calls import our_call
from suite import CONV, FURTHER, Case
from tables import Table, milliseconds

from cnnops_cli.ops.convolution import plan
from cnnops_cli.ops.convolution.costs import Choice
from cnnops_cli.ops.convolution.engines import summing_dtype
from cnnops_cli.ops.convolution.layer_tiles import Layer
from cnnops_cli.ops.convolution.sliced import sliced_layer
from cnnops_cli.ops.geometry import plan_windows

LEFT_OUT = 3


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a layer, then how many choices are slow."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--accumulate", choices=("exact", "fast"), default="exact")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=99)
    arguments = parser.parse_args(argv)
    machine.print_header()
    table = Table(("layer", 54), ("chosen", 11), ("fastest", 11), ("ratio", 6), ("which", 36))
    ratios = []
    for case in (CONV + FURTHER)[arguments.first : arguments.last + 1]:
        if case.dtype != "float32":
            continue
        case = case.of(arguments.dtype).summed(arguments.accumulate)
        times = time_choices(case, arguments.rounds)
        chosen, fastest = next(iter(times)), min(times, key=lambda choice: times[choice])
        ratios.append(times[chosen] / times[fastest])
        figures = milliseconds(times[chosen]), milliseconds(times[fastest]), f"{ratios[-1]:.2f}"
        table.row(case.description, *figures, f"{fastest[0]} {fastest[1] or ''}")
    slow, slower = (sum(ratio > limit for ratio in ratios) for limit in (1.1, 1.25))
    print(f"\n{len(ratios)} layers: {slow} above 1.1, {slower} above 1.25")


def time_choices(case: Case, rounds: int) -> dict[Choice, float]:
    """Return the median seconds of each choice, that of the least estimate first."""
    call = our_call(case)
    costs = plan.estimate_costs(layer_of(case))
    least = min(costs.values())
    choices = sorted(costs, key=lambda choice: costs[choice])
    seconds: dict[Choice, list[float]] = {
        choice: [] for choice in choices if costs[choice] <= LEFT_OUT * least
    }
    for _ in range(1 + (rounds if len(seconds) > 1 else 1)):
        for choice, found in seconds.items():
            cost = {choice: costs[choice]}
            with mock.patch.object(plan, "estimate_costs", lambda layer, cost=cost: cost):
                plan.plan_convolution.cache_clear()
                call()
                start = perf_counter()
                call()
                found.append(perf_counter() - start)
    plan.plan_convolution.cache_clear()
    return {choice: median(found[1:]) for choice, found in seconds.items()}


def layer_of(case: Case) -> Layer:
    """Return the sizes of what the engines compute for a case."""
    sizes = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1} | case.arguments
    groups, accumulate = sizes.pop("groups"), sizes.pop("accumulate")
    windows = plan_windows(case.shape[2:], case.weight[2:], **sizes)
    filters = case.weight[0] // groups
    dtype = summing_dtype(np.dtype(case.dtype), accumulate)
    layer = Layer(case.shape[0], groups, case.weight[1], filters, windows, dtype, accumulate)
    are_sliced = accumulate == "exact" and case.dtype == "float64"
    return sliced_layer(layer) if are_sliced else layer


if __name__ == "__main__":
    main()
