"""The statistics and the formula behind a cell of batch normalization."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.explain.cells import Cells, Explanation, Index, Place, as_computed, cell_of
from cnnops_cli.explain.layout import fold_text
from cnnops_cli.explain.numbers import Decimals, scaled
from cnnops_cli.ops.moments import moments


@dataclass(frozen=True)
class Update:
    """How a running statistic of a channel was updated."""

    before: Any
    batch: Any
    momentum: float
    after: Any

    def formula(self, numbers: Decimals) -> str:
        """Write the update with its numbers."""
        share = numbers.setting(self.momentum)
        before, batch = numbers.operand(self.before), numbers.operand(self.batch)
        return f"(1 - {share}) * {before} + {share} * {batch}"

    def record(self, numbers: Decimals) -> dict[str, Any]:
        """Return everything by name, as JSON has it."""
        return {
            "before": numbers.value(self.before),
            "batch": numbers.value(self.batch),
            "momentum": self.momentum,
            "formula": self.formula(numbers),
            "after": numbers.value(self.after),
        }


@dataclass(frozen=True)
class Normalised(Explanation):
    """A value of one channel, normalised, scaled and shifted.

    Attributes
    ----------
    input, mean, var, weight, bias : number
    eps : float
    channel, count : int
        Which channel, and how many values its mean and variance are of; running ones have none.
    running : dict of Update by str
        In training.
    """

    input: Any
    mean: Any
    var: Any
    weight: Any
    bias: Any
    eps: float
    channel: int
    count: int | None
    running: dict[str, Update]

    def formula(self, numbers: Decimals) -> str:
        """Write ``(x - mean) / sqrt(var + eps) * weight + bias`` with its numbers."""
        return (
            f"({numbers.text(self.input)} - {numbers.operand(self.mean)}) / "
            f"sqrt({numbers.text(self.var)} + {numbers.setting(self.eps)}) * "
            f"{numbers.operand(self.weight)} + {numbers.text(self.bias)}"
        )

    def record(self, at: Index, place: Place, numbers: Decimals) -> dict[str, Any]:
        """Return everything by name, as JSON has it."""
        return {
            "at": at,
            "input": numbers.value(self.input),
            "channel": self.channel,
            "statistics": "running" if self.count is None else "batch",
            "mean": numbers.value(self.mean),
            "var": numbers.value(self.var),
            "eps": self.eps,
            "weight": numbers.value(self.weight),
            "bias": numbers.value(self.bias),
            "formula": self.formula(numbers),
            "value": numbers.value(self.value),
            "running": {name: update.record(numbers) for name, update in self.running.items()}
            or None,
        }

    def lines(self, place: Place, numbers: Decimals, width: int) -> list[str]:
        """Write the statistics, the formula and the running update."""
        of = "running statistics" if self.count is None else f"of {self.count} values"
        lines = fold_text(
            f"channel {self.channel}, {of}: mean {numbers.text(self.mean)}, "
            f"variance {numbers.text(self.var)}",
            width,
        )
        lines += fold_text("(x - mean) / sqrt(var + eps) * weight + bias", width)
        lines += fold_text(f"{self.formula(numbers)} = {numbers.text(self.value)}", width)
        for name, update in self.running.items():
            text = f"{name}: {update.formula(numbers)} = {numbers.text(update.after)}"
            lines += fold_text(text, width)
        return lines


def batchnorm_cells(
    input: Array,
    result: Array,
    *,
    running_mean: Array,
    running_var: Array,
    weight: Array,
    bias: Array,
    before: Sequence[Array],
    training: bool,
    momentum: float,
    eps: float,
) -> Cells:
    """Explain the cells of batch normalization.

    Parameters
    ----------
    input : numpy.ndarray
        As `cnnops_cli.batchnorm` took it, with the options that it had.
    result : numpy.ndarray
        What it gave.
    running_mean, running_var, weight, bias : numpy.ndarray, shape (C,)
        The running statistics as they are after the call.
    before : sequence of numpy.ndarray
        As they were.

    Returns
    -------
    callable
        From a cell of the result to what is `Normalised` there.
    """
    count = input.size // max(1, input.shape[1])
    statistics = cache(lambda channel: _statistics(input[:, channel]))
    # The shortest text of a float32 may be further from it than it is from its mean.
    in_sums = as_computed(np.dtype(np.float64))

    def explain(at: Index) -> Normalised:
        channel = at[1]
        mean, var = in_sums(running_mean[channel]), in_sums(running_var[channel])
        running = {}
        if training:
            mean, var, unbiased = statistics(channel)
            of_batch = {"running_mean": mean, "running_var": unbiased}
            after = (running_mean, running_var)
            for (name, batch), old, new in zip(of_batch.items(), before, after, strict=True):
                running[name] = Update(old[channel], batch, momentum, new[channel])
        return Normalised(
            at,
            cell_of(result, at),
            in_sums(cell_of(input, at)),
            mean,
            var,
            in_sums(weight[channel]),
            in_sums(bias[channel]),
            eps,
            channel,
            count if training else None,
            running,
        )

    return explain


def _statistics(values: Array) -> tuple[float, float, float]:
    """Mean, biased and unbiased variance of a channel, as the operator sums them."""
    with np.errstate(all="ignore"):
        found = moments(np.ascontiguousarray(values).reshape(1, 1, -1))
    (variance,), power = found.variance.tolist(), 0
    if found.scaled is not None:
        _, _, (variance,), (exponent,) = (array.tolist() for array in found.scaled)
        power = 2 * exponent
    unbiased = variance * (values.size / (values.size - 1))
    return found.mean.item(), scaled(variance, power), scaled(unbiased, power)
