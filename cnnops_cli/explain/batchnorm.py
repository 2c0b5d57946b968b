"""The statistics and the formula behind an element of batch normalization."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.explain.arithmetic import arithmetic_lines, sum_words
from cnnops_cli.explain.elements import as_computed, element_of
from cnnops_cli.explain.explanation import Explainer, Explanation, Index, Page, Place
from cnnops_cli.ops.coefficients import is_narrow
from cnnops_cli.ops.moments import moments
from cnnops_cli.text.numbers import Decimals, scaled
from cnnops_cli.text.styled_lines import DIM, MORE, Line, fold_text

_MOST_VALUES, _ENDS = 12, 3
"""Values of a channel whose sum is written out; of more, only some at both ends."""


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


class Equation(NamedTuple):
    """What is computed, the words of its formula, and what these give."""

    label: str
    words: list[str]
    result: str

    def __str__(self) -> str:
        return f"{self.label} {' '.join(self.words)} = {self.result}"


@dataclass(frozen=True)
class Batch:
    """The statistics of a channel in training: of `count` values, all in `values` if they are few.

    Otherwise `values` are the first and the last of them. Formulas are words, between which lines
    may be folded.
    """

    count: int
    values: list[Any]
    mean: float
    var: float
    unbiased_var: float

    def mean_formula(self, numbers: Decimals) -> list[str]:
        """Return the mean as a sum that is divided."""
        first, *others = self.values
        return self._average([numbers.text(first), *map(numbers.operand, others)])

    def var_formula(self, numbers: Decimals) -> list[str]:
        """Return the biased variance, which normalises, as a sum that is divided."""
        mean = numbers.operand(self.mean)
        return self._average([f"({numbers.text(value)} - {mean})^2" for value in self.values])

    def unbiased_formula(self, numbers: Decimals) -> list[str]:
        """Return the unbiased variance, which goes into the running one."""
        return f"{numbers.text(self.var)} * {self.count} / ({self.count} - 1)".split()

    def _average(self, parts: list[str]) -> list[str]:
        if left_out := self.count - len(parts):
            parts.insert(len(parts) // 2, f"{MORE} {left_out} more {MORE}")
        parts[0], parts[-1] = f"({parts[0]}", f"{parts[-1]})"
        return [*sum_words(parts), f"/ {self.count}"]


@dataclass(frozen=True, kw_only=True)
class Normalised(Explanation):
    """A value of one channel, normalised, scaled and shifted.

    The statistics are those of the `batch` in training, which updates the running ones, and else
    the running ones.
    """

    input: Any
    mean: Any
    var: Any
    weight: Any
    bias: Any
    eps: float
    channel: int
    batch: Batch | None
    running: dict[str, Update]

    def _arithmetic(self, numbers: Decimals) -> list[str]:
        text, operand = numbers.text, numbers.operand
        centred = f"({text(self.input)} - {operand(self.mean)})"
        deviation = f"sqrt({text(self.var)} + {numbers.setting(self.eps)})"
        return f"{centred} / {deviation} * {operand(self.weight)} + {operand(self.bias)}".split()

    def _operands(self, place: Place, numbers: Decimals) -> dict[str, Any]:
        batch = self.batch
        return {
            "input": numbers.value(self.input),
            "channel": self.channel,
            "statistics": "running" if batch is None else "batch",
            "count": None if batch is None else batch.count,
            "mean": numbers.value(self.mean),
            "var": numbers.value(self.var),
            "unbiased_var": None if batch is None else numbers.value(batch.unbiased_var),
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
        numbers, width, batch = page.numbers, page.width, self.batch
        found, updated = self.statistics(numbers), self.updates(numbers)
        if batch is None:
            statistics = f"mean {numbers.text(self.mean)}, variance {numbers.text(self.var)}"
            named = f"channel {self.channel}, running statistics: {statistics}"
            lines = fold_text(named, width, DIM)
        else:
            lines = fold_text(f"channel {self.channel}, of {batch.count} values", width, DIM)
            lines += _equation_lines(found, width)
        lines += fold_text("(x - mean) / sqrt(variance + eps) * weight + bias", width, DIM)
        lines += self._formula_lines(page)
        return lines + _equation_lines(updated, width)

    def statistics(self, numbers: Decimals) -> list[Equation]:
        """Return how the statistics of this batch come about."""
        batch = self.batch
        if batch is None:
            return []
        return [
            Equation("mean =", batch.mean_formula(numbers), numbers.text(batch.mean)),
            Equation("variance =", batch.var_formula(numbers), numbers.text(batch.var)),
        ]

    def updates(self, numbers: Decimals) -> list[Equation]:
        """Return how the running statistics are updated, in training."""
        if self.batch is None:
            return []
        formula, unbiased = self.batch.unbiased_formula(numbers), self.batch.unbiased_var
        return [
            Equation("unbiased variance =", formula, numbers.text(unbiased)),
            *(
                Equation(f"{name}:", update.formula(numbers).split(), numbers.text(update.after))
                for name, update in self.running.items()
            ),
        ]


def _equation_lines(equations: list[Equation], width: int) -> list[Line]:
    return [
        line
        for label, words, result in equations
        for line in arithmetic_lines(words, result, width, label=label)
    ]


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
    statistics = cache(lambda channel: _statistics(input[:, channel]))
    # A float32 may be closer to its mean than to the number that its shortest text says.
    in_sums = as_computed(np.dtype(np.float64))

    def explain(at: Index) -> Normalised:
        channel = at[1]
        mean, var = in_sums(running_mean[channel]), in_sums(running_var[channel])
        batch, running = None, {}
        if training:
            batch = statistics(channel)
            mean, var = batch.mean, batch.var
            for name, old, found, new in (
                ("running_mean", before[0], mean, running_mean),
                ("running_var", before[1], batch.unbiased_var, running_var),
            ):
                running[name] = Update(old[channel], found, momentum, new[channel])
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
            batch=batch,
            running=running,
        )

    return explain


def _statistics(values: Array) -> Batch:
    """Return the statistics of a channel, as the operator sums them."""
    flat = np.ascontiguousarray(values).reshape(-1)
    with np.errstate(all="ignore"):
        found = moments(flat.reshape(1, 1, -1), is_narrow(flat.dtype))
    (variance,), power = found.variance.tolist(), 0
    if found.scaled is not None:
        _, _, (variance,), (exponent,) = (array.tolist() for array in found.scaled)
        power = 2 * exponent
    unbiased = variance * (flat.size / (flat.size - 1))
    shown = flat if flat.size <= _MOST_VALUES else np.concatenate([flat[:_ENDS], flat[-_ENDS:]])
    return Batch(
        flat.size,
        list(map(as_computed(np.dtype(np.float64)), shown)),
        found.mean.item(),
        scaled(variance, power),
        scaled(unbiased, power),
    )
