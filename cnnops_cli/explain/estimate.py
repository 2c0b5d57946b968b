"""What a call would take, for programs and for people."""

import re
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.ops.geometry import Windows, extents
from cnnops_cli.text.styled_lines import BOLD, Line, fold_text

_RULE = "floor((length + begin + end - dilation * (kernel - 1) - 1) / stride) + 1"
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


class Estimate(NamedTuple):
    """What a call would take: operations by name, and bytes of operands, result and working memory.

    `shape` is the result's as the operator returns it; `lengths` has its formula by spatial axis;
    `algorithm` is empty where it may differ from part to part; `accumulate` says how it is summed,
    where there are ways.
    """

    operator: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    lengths: dict[str, str]
    algorithm: str
    counts: dict[str, Any]
    memory: dict[str, int]
    accumulate: str = ""

    def _ways(self) -> dict[str, str]:
        return {"algorithm": self.algorithm, "accumulate": self.accumulate}

    def record(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Return everything by name, for JSON; `shape` is the result's for the user."""
        return {
            "operator": self.operator,
            "shape": shape,
            "dtype": self.dtype.name,
            "lengths": self.lengths,
            **{name: text for name, text in self._ways().items() if text},
            **_by_keys(self.counts),
            "memory": _by_keys(self.memory),
        }

    def lines(self, shape: str, width: int) -> list[Line]:
        """Write it for people; `shape` is the result's as they read it."""
        texts = []
        if self.lengths:
            is_ceiled = any("ceil" in formula for formula in self.lengths.values())
            texts.append(length_rule(ceil_mode=is_ceiled))
        texts += [f"{axis}: {formula}" for axis, formula in self.lengths.items()]
        texts += [f"{name}: {text}" for name, text in self._ways().items() if text]
        for name, count in self.counts.items():
            texts.append(f"{name}: {_in_units(count) if name.startswith('bytes') else count}")
        for name, size in self.memory.items():
            most = "at most " if name == "working" else ""
            texts.append(f"memory, {name}: {most}{_in_units(size)}")
        head: Line = [(f"{self.operator}  {shape}  {self.dtype.name}", BOLD)]
        return [head, *(line for text in texts for line in fold_text(text, width))]


def length_rule(*, ceil_mode: bool = False) -> str:
    """Return the formula of a spatial length of a result, with the names of what it takes."""
    return _ceiled(_RULE) if ceil_mode else _RULE


def _by_keys(numbers: dict[str, Any]) -> dict[str, Any]:
    return {re.sub("[- ]", "_", name): number for name, number in numbers.items()}


def _ceiled(formula: str) -> str:
    return formula.replace("floor", "ceil", 1)


def _in_units(size: int) -> str:
    """Write a number of bytes in the unit that fits it."""
    power = min(max(size.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f"{size / 1024**power:.{1 if power else 0}f} {_UNITS[power]}"


def lengths_of(windows: Windows, *, ceil_mode: bool = False) -> dict[str, str]:
    """Return the formula of each spatial length of a result, by the name of its axis.

    Examples
    --------
    >>> lengths_of(Windows((4,), (2,), (2,), (1,), ((0, 1),), (2,)))
    {'W': 'floor((4 + 0 + 1 - 1 * (2 - 1) - 1) / 2) + 1 = 2'}
    """
    lengths = {}
    reach = extents(windows.kernel, windows.dilation)
    for axis, name in enumerate(windows.axes):
        length, (begin, end) = windows.lengths[axis], windows.padding[axis]
        step, kernel, stride = windows.dilation[axis], windows.kernel[axis], windows.stride[axis]
        span = f"{length} + {begin} + {end} - {step} * ({kernel} - 1) - 1"
        formula = f"floor(({span}) / {stride}) + 1"
        if ceil_mode:
            formula = _ceiled(formula)
            steps = length + begin + end - reach[axis]
            if -(-steps // stride) + 1 > windows.output[axis]:
                formula += " - 1 (a last window in the end padding)"
        lengths[name] = f"{formula} = {windows.output[axis]}"
    return lengths
