"""The geometry that convolution and pooling share: sizes, padding, output lengths, windows.

All of it is decided from shapes, before any data is touched. Lengths, padding, stride and dilation
count elements along an axis.
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np

from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.words import PADDING_WORDS, check_word

Pair: TypeAlias = tuple[int, int]
Size: TypeAlias = int | Sequence[int]
Padding: TypeAlias = int | str | Sequence[int] | Sequence[Sequence[int]]

_LARGEST = 2**31 - 1
"""The largest size, so that sums and products of sizes are lengths that an axis can have."""

_MOST_VALUES = 2**48

AXES = {1: ("W",), 2: ("H", "W"), 3: ("D", "H", "W")}
"""The names of the spatial axes, by their number."""


@dataclass(frozen=True)
class Windows:
    """Where the windows that slide over the spatial axes are; tuples have one entry per axis.

    `lengths` are those of the input without padding, `padding` is what is added at the start and
    at the end, and `output` is the number of windows.
    """

    lengths: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[Pair, ...]
    output: tuple[int, ...]

    @property
    def dims(self) -> int:
        """The number of spatial axes."""
        return len(self.kernel)

    @cached_property
    def reach(self) -> tuple[int, ...]:
        """How many elements a window reaches over along each axis."""
        return extents(self.kernel, self.dilation)

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the spatial axes."""
        return AXES[self.dims]

    def positions(self, axis: int, number: int) -> range:
        """Return what a window reads along an axis; positions before 0 are padding."""
        start = number * self.stride[axis] - self.padding[axis][0]
        return range(start, start + self.reach[axis], self.dilation[axis])


def remembered(plan: Callable[..., Windows]) -> Callable[..., Windows]:
    """Keep the results of a function's last calls.

    Only integers, words and tuples of them are looked up: what is equal to them, such as 2.0, may
    have to be refused.
    """
    kept = lru_cache(maxsize=64, typed=True)(plan)

    def recall(*sizes: object) -> Windows:
        return kept(*sizes) if all(map(_is_plain, sizes)) else plan(*sizes)

    return recall


def _is_plain(size: object) -> bool:
    if type(size) is tuple:
        return _INTEGERS.issuperset(map(type, size)) or all(
            type(part) is tuple and _is_plain(part) for part in size
        )
    return type(size) in _WORDS_AND_INTEGERS


_INTEGERS = frozenset((int,))
_WORDS_AND_INTEGERS = frozenset((int, str, bool, type(None)))


def extents(kernel: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """Return how far a window reaches along each axis: dilation · (kernel - 1) + 1."""
    return tuple(step * (size - 1) + 1 for size, step in zip(kernel, dilation, strict=True))


def plan_windows(
    lengths: Sequence[int],
    kernel: Sequence[int],
    *,
    stride: Size,
    padding: Padding,
    dilation: Size,
    ceil_mode: bool = False,
) -> Windows:
    """Place the windows over an input with these spatial lengths, or refuse an argument.

    Along each axis, ``output = floor((length + padding - extent) / stride) + 1``. With `ceil_mode`
    it is ceil, unless the last window would start in the padding at the end.

    References
    ----------
    PyTorch's `Conv2d` and `MaxPool2d`; ONNX's `auto_pad` for 'same-upper' and 'same-lower'.
    """
    dims = len(kernel)
    strides = per_axis(stride, dims, "stride", minimum=1)
    dilations = per_axis(dilation, dims, "dilation", minimum=1)
    reach = extents(kernel, dilations)
    pads = _resolve_padding(padding, lengths, reach, strides)
    output = tuple(
        _output_length(*axis, ceil_mode=ceil_mode)
        for axis in zip(AXES[dims], lengths, pads, reach, strides, strict=True)
    )
    return Windows(tuple(lengths), tuple(kernel), strides, dilations, pads, output)


def per_axis(value: Size, dims: int, name: str, *, minimum: int) -> tuple[int, ...]:
    """Return one integer per spatial axis; a single one is for every axis."""
    value = plain(value)
    items: Any = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    try:
        sizes = tuple(operator.index(item) for item in items)
    except TypeError:
        raise CnnopsError(f"{name} takes integers, not {value!r}") from None
    if len(sizes) not in (1, dims):
        several = "" if dims == 1 else f", or {dims} for {', '.join(AXES[dims])}"
        raise CnnopsError(f"{name} has {len(sizes)} values; accepted: one integer{several}")
    if min(sizes) < minimum:
        raise CnnopsError(f"{name} must be at least {minimum}, not {min(sizes)}")
    if max(sizes) > _LARGEST:
        raise CnnopsError(f"{name} must be at most {_LARGEST}, not {max(sizes)}")
    return sizes * dims if len(sizes) == 1 else sizes


def plain(value: Any) -> Any:
    """Return a NumPy array of sizes as a list, and anything else unchanged."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def _resolve_padding(
    padding: Padding, lengths: Sequence[int], reach: Sequence[int], stride: Sequence[int]
) -> tuple[Pair, ...]:
    dims = len(lengths)
    if isinstance(padding, str):
        return _padding_by_word(padding, lengths, reach, stride)
    padding = plain(padding)
    if isinstance(padding, Sequence):
        padding = [plain(item) for item in padding]
        if any(isinstance(item, Sequence) for item in padding):
            return _padding_pairs(padding, dims)
    return tuple((size, size) for size in per_axis(padding, dims, "padding", minimum=0))


def _padding_pairs(padding: Sequence[Any], dims: int) -> tuple[Pair, ...]:
    if not all(isinstance(item, Sequence) and len(item) == 2 for item in padding):
        raise CnnopsError(f"padding takes (begin, end) pairs throughout, not {tuple(padding)}")
    starts, ends = (
        per_axis([pair[side] for pair in padding], dims, "padding", minimum=0) for side in (0, 1)
    )
    return tuple(zip(starts, ends, strict=True))


def _padding_by_word(
    word: str, lengths: Sequence[int], reach: Sequence[int], stride: Sequence[int]
) -> tuple[Pair, ...]:
    check_word("padding", word, PADDING_WORDS, ", an integer, one per axis, or begin:end pairs")
    if word == "valid":
        return ((0, 0),) * len(lengths)
    if word == "same":
        if any(step != 1 for step in stride):
            raise CnnopsError(
                f"padding 'same' needs stride 1, not {tuple(stride)}; "
                "'same-upper' and 'same-lower' take any stride"
            )
        totals = [extent - 1 for extent in reach]
    else:
        totals = [
            max(0, (-(-length // step) - 1) * step + extent - length)
            for length, extent, step in zip(lengths, reach, stride, strict=True)
        ]
    halves = [(total // 2, total - total // 2) for total in totals]
    return tuple(half[::-1] if word == "same-lower" else half for half in halves)


def _output_length(
    axis: str, length: int, pads: Pair, extent: int, stride: int, *, ceil_mode: bool
) -> int:
    padded = length + sum(pads)
    if length == 0:
        raise CnnopsError(f"{INPUT} is empty along {axis}; only the batch may be")
    steps = padded - extent
    output = -(-steps // stride) + 1 if ceil_mode else steps // stride + 1
    if ceil_mode and (output - 1) * stride >= length + pads[0]:
        output -= 1
    if output < 1:
        with_padding = f" ({length} and padding {pads[0]} + {pads[1]})" if any(pads) else ""
        raise CnnopsError(
            f"kernel reaches over {extent} elements along {axis}, "
            f"but {INPUT} has {padded} there{with_padding}"
        )
    return output


def check_fits(shape: Sequence[int]) -> None:
    """Refuse the shape of an array that is too large for any memory."""
    if math.prod(shape) > _MOST_VALUES:
        raise CnnopsError(
            f"an array of shape {tuple(shape)} fits no memory: use smaller sizes or less padding"
        )
