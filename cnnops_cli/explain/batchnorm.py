"""The statistics and the formula behind an element of batch normalization."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.explain.arithmetic import arithmetic_lines
from cnnops_cli.explain.elements import as_computed, element_of
from cnnops_cli.explain.explanation import Explainer, Explanation, Index, Page, Place
from cnnops_cli.ops.moments import moments
from cnnops_cli.text.numbers import Decimals, scaled
from cnnops_cli.text.styled_lines import DIM, Line, fold_text


class Update(NamedTuple):
    """How a running statistic of a channel was updated."""

    before: Any
    batch: Any
    momentum: float
    after: Any

    def formula(self, numbers: Decimals) -> str:
        """Return the update with its numbers."""
        share = numbers.setting(self.momentum)
        before, batch = numbers.operand(self.before), numbers.operand(self.batch)
        return f"(1 - {share}) * {before} + {share} * {batch}"

    def record(self, numbers: Decimals) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return {
            "before": numbers.value(self.before),
            "batch": numbers.value(self.batch),
            "momentum": self.momentum,
            "formula": self.formula(numbers),
            "after": numbers.value(self.after),
        }


@dataclass(frozen=True, kw_only=True)
class Normalised(Explanation):
    """A value of one channel, normalised, scaled and shifted.

    The statistics are those of `count` values in training, which updates the running ones, and
    else the running ones.
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

    def _arithmetic(self, numbers: Decimals) -> list[str]:
        text, operand = numbers.text, numbers.operand
        centred = f"({text(self.input)} - {operand(self.mean)})"
        deviation = f"sqrt({text(self.var)} + {numbers.setting(self.eps)})"
        return f"{centred} / {deviation} * {operand(self.weight)} + {text(self.bias)}".split()

    def _operands(self, place: Place, numbers: Decimals) -> dict[str, Any]:
        return {
            "input": numbers.value(self.input),
            "channel": self.channel,
            "statistics": "running" if self.count is None else "batch",
            "mean": numbers.value(self.mean),
            "var": numbers.value(self.var),
            "eps": self.eps,
            "weight": numbers.value(self.weight),
            "bias": numbers.value(self.bias),
        }

    def record(self, at: Index, place: Place, numbers: Decimals) -> dict[str, Any]:
        """Return everything by name, the running updates too."""
        running = {name: update.record(numbers) for name, update in self.running.items()}
        return {**super().record(at, place, numbers), "running": running or None}

    def lines(self, place: Place, page: Page) -> list[Line]:
        """Write the statistics, the formula and the running updates."""
        numbers, width = page.numbers, page.width
        source = "running statistics" if self.count is None else f"of {self.count} values"
        statistics = f"mean {numbers.text(self.mean)}, variance {numbers.text(self.var)}"
        lines = fold_text(f"channel {self.channel}, {source}: {statistics}", width, DIM)
        lines += fold_text("(x - mean) / sqrt(var + eps) * weight + bias", width, DIM)
        lines += self._formula_lines(page, sign="=")
        for name, update in self.running.items():
            words, after = update.formula(numbers).split(), numbers.text(update.after)
            lines += arithmetic_lines(words, after, width, label=f"{name}:", sign="=")
        return lines


def batchnorm_explainer(
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
) -> Explainer:
    """Explain batch normalization, from its operands and options and what it returned.

    The running statistics are those after the call, and `before` holds those before it.
    """
    count = input.size // max(1, input.shape[1])
    statistics = cache(lambda channel: _statistics(input[:, channel]))
    # A float32 may be closer to its mean than to the number that its shortest text says.
    in_sums = as_computed(np.dtype(np.float64))

    def explain(at: Index) -> Normalised:
        channel = at[1]
        mean, var = in_sums(running_mean[channel]), in_sums(running_var[channel])
        running = {}
        if training:
            mean, var, unbiased = statistics(channel)
            for name, old, batch, new in (
                ("running_mean", before[0], mean, running_mean),
                ("running_var", before[1], unbiased, running_var),
            ):
                running[name] = Update(old[channel], batch, momentum, new[channel])
        return Normalised(
            at=at,
            value=element_of(result, at),
            input=in_sums(element_of(input, at)),
            mean=mean,
            var=var,
            weight=in_sums(weight[channel]),
            bias=in_sums(bias[channel]),
            eps=eps,
            channel=channel,
            count=count if training else None,
            running=running,
        )

    return explain


def _statistics(values: Array) -> tuple[float, float, float]:
    """Return mean, biased and unbiased variance of a channel, as the operator sums them."""
    with np.errstate(all="ignore"):
        found = moments(np.ascontiguousarray(values).reshape(1, 1, -1))
    (variance,), power = found.variance.tolist(), 0
    if found.scaled is not None:
        _, _, (variance,), (exponent,) = (array.tolist() for array in found.scaled)
        power = 2 * exponent
    unbiased = variance * (values.size / (values.size - 1))
    return found.mean.item(), scaled(variance, power), scaled(unbiased, power)
