"""What a lesson must show, said one element at a time in plain loops over nested lists.

It is written from the contract and imports nothing of the package. A position is canonical,
``(sample, channel, *spatial)``, where it counts, and as the user has it (`at`) where it is
compared.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

At = tuple[int, ...]


@dataclass
class Step:
    """What one element of the result reads, and the arithmetic that is shown for it."""

    reads: set[At] = field(default_factory=set)  # elements of the input, in their own places
    through_padding: set[At] = field(default_factory=set)  # those that padding repeats
    padding: dict[At, At | None] = field(default_factory=dict)  # canonical place, what it repeats
    beyond: set[At] = field(default_factory=set)  # canonical places after the padding: ceil mode
    kernel: set[At] = field(default_factory=set)
    terms: list[str] = field(default_factory=list)
    formula: str = ""
    value: object = None  # a number, or a formula where there are letters
    max_at: At | None = None


@dataclass
class Layout:
    """Where a tensor of the user has the samples, channels and spatial axes."""

    shape: At
    dims: int
    last: bool = False  # whether channels are the last axis

    def own(self, n: int, c: int, *spatial: int) -> At:
        """Return the user's own indices of a canonical position."""
        extra = len(self.shape) - self.dims
        if extra == 0:
            return spatial
        inside = (*spatial, c) if self.last else (c, *spatial)
        return (n, *inside) if extra == 2 else inside

    @property
    def canonical(self) -> At:
        extra = len(self.shape) - self.dims
        shape = self.shape if extra == 2 else (1, *self.shape)
        if extra == 0:
            return (1, *shape)
        return (shape[0], shape[-1], *shape[1:-1]) if self.last else shape


def shape_of(tensor) -> At:
    return (len(tensor), *shape_of(tensor[0])) if isinstance(tensor, list) else ()


def element(tensor, at: At):
    for index in at:
        tensor = tensor[index]
    return tensor


def has_letters(tensor) -> bool:
    return any(map(has_letters, tensor)) if isinstance(tensor, list) else isinstance(tensor, str)


def text(number) -> str:
    """Write a number as the command does in formulas: an integral one without a point."""
    if isinstance(number, float):
        if math.isnan(number):
            return "NaN"
        if math.isinf(number):
            return "Infinity" if number > 0 else "-Infinity"
        return repr(number).removesuffix(".0")
    return str(number)


def factor(number) -> str:
    """Write what follows an operator: a negative number is in parentheses."""
    written = text(number)
    return f"({written})" if written.startswith("-") else written


def rectified(number):
    """Return max(0, x); NaN and -0 stay as they are."""
    return type(number)(0) if number < 0 else number


def source(position: int, length: int, mode: str) -> int | None:
    """Return the index that a position shows; None is padding that repeats nothing."""
    if 0 <= position < length:
        return position
    if mode == "zeros":
        return None
    if mode == "replicate":
        return min(max(position, 0), length - 1)
    if mode == "circular":
        return position % length
    assert mode == "reflect", mode
    return -position if position < 0 else 2 * (length - 1) - position


def read(step: Step, x, layout: Layout, n: int, c: int, place: At, mode: str, pairs):
    """Note what a place of the padded input shows, and return its value; None is padding."""
    lengths = layout.canonical[2:]
    sources = [source(i, length, mode) for i, length in zip(place, lengths, strict=True)]
    ends = [length + after for length, (_, after) in zip(lengths, pairs, strict=True)]
    if any(i >= end for i, end in zip(place, ends, strict=True)):
        step.beyond.add((n, c, *place))
        return None
    if None in sources:
        step.padding[(n, c, *place)] = None
        return None
    at = layout.own(n, c, *sources)
    if tuple(sources) == place:
        step.reads.add(at)
    else:
        step.padding[(n, c, *place)] = at
        step.through_padding.add(at)
    return element(x, at)


def exact(terms: list[tuple], bias) -> float | int:
    """Return the sum of products, exact where all is finite and rounded once to float64."""
    factors = [number for term in terms for number in term] + [bias or 0]
    if all(isinstance(number, int) for number in factors):
        return sum(a * b for a, b in terms) + (bias or 0)
    if all(math.isfinite(number) for number in factors):
        return float(sum(Fraction(a) * Fraction(b) for a, b in terms) + Fraction(bias or 0))
    return math.fsum([*(a * b for a, b in terms), bias or 0.0])


def conv(
    x,
    kernel,
    *,
    dims=2,
    stride=None,
    pairs=None,
    dilation=None,
    groups=1,
    mode="zeros",
    bias=None,
    relu=False,
    last=False,
    repeated=False,
) -> dict[At, Step]:
    """Return the steps of a convolution; `repeated` is a bare kernel for every channel."""
    layout, weights = Layout(shape_of(x), dims, last), Layout(shape_of(kernel), dims)
    samples, channels, *lengths = layout.canonical
    filters, depth, *extent = weights.canonical
    if len(weights.shape) == dims + 1:  # one filter over all channels
        filters, depth = 1, weights.shape[0]
    if repeated:
        filters = groups = channels
        depth = 1
    stride, dilation = stride or [1] * dims, dilation or [1] * dims
    pairs = pairs or [(0, 0)] * dims
    windows = [
        (length + sum(pair) - step * (size - 1) - 1) // move + 1
        for length, pair, step, size, move in zip(
            lengths, pairs, dilation, extent, stride, strict=True
        )
    ]
    letters = has_letters([x, kernel, bias])
    bare = len(layout.shape) == dims
    result = Layout((0,) * (dims + 1) if bare and filters > 1 else layout.shape, dims, last)
    steps = {}
    for n, o, *cell in product(range(samples), range(filters), *map(range, windows)):
        step, factors = Step(), []
        for i, *tap in product(range(depth), *map(range, extent)):
            if repeated:
                weight_at = tuple(tap)
            elif len(weights.shape) == dims + 1:
                weight_at = (i, *tap)
            else:
                weight_at = weights.own(o, i, *tap)
            step.kernel.add(weight_at)
            place = tuple(
                cell[a] * stride[a] - pairs[a][0] + tap[a] * dilation[a] for a in range(dims)
            )
            channel = o // (filters // groups) * depth + i
            value = read(step, x, layout, n, channel, place, mode, pairs)
            factors.append((element(kernel, weight_at), 0 if value is None else value))
        added = bias[o] if isinstance(bias, list) else bias
        finish_sum(step, factors, depth, added, relu, letters)
        steps[result.own(n, o, *cell)] = step
    return steps


def products_of(factors: list[tuple]) -> list[str]:
    """Write the products of a sum: only its first number may be negative without parentheses."""
    return [
        f"{factor(weight) if number else text(weight)}*{factor(value)}"
        for number, (weight, value) in enumerate(factors)
    ]


def finish_sum(
    step: Step, factors: list[tuple], channels: int, bias, relu: bool, letters: bool
) -> None:
    """Write the arithmetic of a sum. With letters, products that are known to be 0 are left out.

    The terms are those of a sum for each channel, and the formula is one sum of all.
    """
    size = len(factors) // channels
    sums = [factors[start : start + size] for start in range(0, len(factors), size)]
    if letters:
        sums = [[term for term in own if 0 not in term] for own in sums]
    step.terms = [term for own in sums for term in products_of(own)]
    parts = products_of([term for own in sums for term in own])
    if bias is not None:
        parts.append(factor(bias) if parts else text(bias))
    step.formula = " + ".join(parts)
    if letters:
        step.formula = step.formula or "0"
        step.formula = step.value = f"max(0, {step.formula})" if relu else step.formula
        return
    step.value = exact(factors, bias)
    if relu:
        step.formula = f"max(0, {step.formula})"
        step.value = rectified(step.value)


def windows_of_pool(length, pair, step, size, move, ceil_mode) -> int:
    """Return how many windows there are, by PyTorch's rule."""
    room = length + sum(pair) - step * (size - 1) - 1
    count = (-(-room // move) if ceil_mode else room // move) + 1
    return count - 1 if ceil_mode and (count - 1) * move >= length + pair[0] else count


def maxpool(
    x, kernel, *, stride=None, pairs=None, dilation=None, ceil_mode=False, relu=False, last=False
) -> dict[At, Step]:
    """Return the steps of a maximum pooling."""
    dims = len(kernel)
    layout = Layout(shape_of(x), dims, last)
    samples, channels, *lengths = layout.canonical
    stride, dilation = stride or kernel, dilation or [1] * dims
    pairs = pairs or [(0, 0)] * dims
    geometry = zip(lengths, pairs, dilation, kernel, stride, strict=True)
    windows = [windows_of_pool(*axis, ceil_mode) for axis in geometry]
    steps = {}
    for n, c, *cell in product(range(samples), range(channels), *map(range, windows)):
        step, values = Step(), []
        for tap in product(*map(range, kernel)):
            place = tuple(
                cell[a] * stride[a] - pairs[a][0] + tap[a] * dilation[a] for a in range(dims)
            )
            value = read(step, x, layout, n, c, place, "zeros", pairs)
            if value is None:
                continue
            values.append(value)
            if not isinstance(value, str) and (
                step.value is None or value != value or value > step.value
            ):
                step.value, step.max_at = value, layout.own(n, c, *place)
        step.terms = [text(value) for value in values]
        step.formula = f"max({', '.join(step.terms)})"
        if relu:
            step.formula = f"max(0, {step.formula})"
        if has_letters(x):
            step.value, step.max_at = step.formula, None
        elif relu:
            step.value = rectified(step.value)
        steps[layout.own(n, c, *cell)] = step
    return steps


def batchnorm(
    x, *, weight=None, bias=None, running=None, eps=1e-5, relu=False, last=False
) -> dict[At, Step]:
    """Return the steps of a normalisation; `running` is (means, variances), for --eval."""
    shape = shape_of(x)
    axis = len(shape) - 1 if last else 1
    places = list(product(*map(range, shape)))
    steps = {}
    for c in range(shape[axis]):
        channel = [at for at in places if at[axis] == c]
        values = [Fraction(element(x, at)) for at in channel]
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / len(values)
        if running:
            mean, variance = (Fraction(each[c]) for each in running)
        scale, shift = (weight or [1] * (c + 1))[c], (bias or [0] * (c + 1))[c]
        for at in channel:
            value = element(x, at)
            step = Step(reads={at} if running else set(channel))
            step.terms = [
                f"({text(value)} - {factor(float(mean))}) / sqrt({text(float(variance))} + "
                f"{text(eps)}) * {factor(scale)} + {factor(shift)}"
            ]
            (step.formula,) = step.terms
            step.value = float(value - mean) / math.sqrt(float(variance) + eps) * scale + shift
            if relu:
                step.formula = f"max(0, {step.formula})"
                step.value = rectified(step.value)
            steps[at] = step
    return steps


def dropout(x, *, kept: Callable[[At], bool], p=0.5, training=True) -> dict[At, Step]:
    """Return the steps of a dropout; `kept` says whether an element is."""
    steps = {}
    for at in product(*map(range, shape_of(x))):
        value = element(x, at)
        step = Step(reads={at})
        if not training:
            step.formula, step.value = text(value), value
        elif kept(at):
            step.formula = f"{text(value)} * 1 / (1 - {text(p)})"
            step.value = value / (1 - p)
        else:
            step.formula, step.value = "0", 0
        step.terms = [step.formula]
        steps[at] = step
    return steps


def readers(steps: dict[At, Step], at: At) -> set[At]:
    """Return the elements of the result that read an element of the input."""
    return {mine for mine, step in steps.items() if at in step.reads | step.through_padding}


def equal(actual, expected, rtol: float = 0) -> bool:
    if isinstance(expected, str) or isinstance(actual, str):
        return actual == expected
    if math.isnan(expected) or math.isinf(expected):
        return str(float(actual)) == str(float(expected))
    return abs(actual - expected) <= rtol * abs(expected)


def assert_in_order(terms: list[str], text: str, *where) -> None:
    """The terms are in a text, one after the other."""
    position = 0
    for term in terms:
        found = re.compile(rf"(?<![\w.-]){re.escape(term)}(?![\w.])").search(text, position)
        assert found, (term, text, *where)
        position = found.end()
