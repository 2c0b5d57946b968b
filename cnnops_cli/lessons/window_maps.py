"""Which elements of the input windows read, axis by axis, for the page to look up."""

from collections.abc import Iterable
from typing import Any

from cnnops_cli.ops.convolution.source import cells_shown
from cnnops_cli.ops.geometry import Windows

_NAMES = {"D": "slice", "H": "row", "W": "column"}
_OF_A_SIGNAL = "element"


def window_maps(windows: Windows, mode: str, constant: str) -> dict[str, Any]:
    """Return the positions that windows read, and what padding repeats.

    Positions count from the first element of the input: padding has negative ones, and those from
    the length on. `mode` is the padding mode, and `constant` is what a constant is shown as.
    """
    taps, source = {}, {}
    drawn = _drawn_padding(windows)
    for axis, name in enumerate(windows.axes):
        begin, end = drawn[axis]
        length = windows.lengths[axis]
        taps[name] = [list(_taps(windows, axis, number)) for number in range(windows.output[axis])]
        repeated = [None] * (begin + length + end)
        if mode != "zeros":
            repeated = cells_shown(-begin, begin + length + end, length, mode).tolist()
        outside = [*range(-begin, 0), *range(length, length + end)]
        source[name] = {str(position): repeated[position + begin] for position in outside}
    return {
        "axes": list(windows.axes),
        "padding": dict(zip(windows.axes, map(list, drawn), strict=True)),
        "taps": taps,
        "source": source,
        "constant": constant,
        "mode": mode,
    }


def covered(windows: Windows, at: tuple[int, ...]) -> str:
    """Say in words what a window covers.

    Examples
    --------
    >>> covered(Windows((3, 4), (2, 1), (1, 2), (1, 1), ((0, 0),) * 2, (2, 2)), (0, 1))
    'rows 0 to 1 and column 2'
    """
    parts = []
    for axis, name in enumerate(windows.axes):
        what = _NAMES[name] if windows.dims > 1 else _OF_A_SIGNAL
        positions = _taps(windows, axis, at[axis])
        first, last = positions[0], positions[-1]
        parts.append(f"{what}s {first} to {last}" if last > first else f"{what} {first}")
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def options_in_words(windows: Windows, usual_stride: tuple[int, ...]) -> list[str]:
    """Name stride, padding and dilation where they are not as usual.

    Examples
    --------
    >>> windows = Windows((3, 4), (2, 2), (1, 2), (1, 1), ((0, 0), (0, 1)), (2, 2))
    >>> options_in_words(windows, (1, 1))
    ['stride 1×2', 'padding 0:0×0:1']
    """
    words = []
    if windows.stride != usual_stride:
        words.append(f"stride {_joined(windows.stride)}")
    if any(map(any, windows.padding)):
        pairs = windows.padding
        is_even = all(begin == end for begin, end in pairs)
        words.append(
            f"padding {_joined(begin if is_even else f'{begin}:{end}' for begin, end in pairs)}"
        )
    if set(windows.dilation) != {1}:
        words.append(f"dilation {_joined(windows.dilation)}")
    return words


def _joined(sizes: Iterable[object]) -> str:
    return "×".join(map(str, sizes))


def padded_lengths(windows: Windows) -> list[int]:
    """Return the lengths of the input with its padding."""
    pairs = zip(windows.lengths, _drawn_padding(windows), strict=True)
    return [length + sum(padding) for length, padding in pairs]


def _drawn_padding(windows: Windows) -> list[tuple[int, int]]:
    """Return the padding, with what a last window of ceil mode reaches over beyond it."""
    padding = []
    for axis, (begin, end) in enumerate(windows.padding):
        last = _taps(windows, axis, windows.output[axis] - 1)[-1]
        padding.append((begin, max(end, last + 1 - windows.lengths[axis])))
    return padding


def _taps(windows: Windows, axis: int, number: int) -> range:
    start = number * windows.stride[axis] - windows.padding[axis][0]
    return range(start, start + windows.reach[axis], windows.dilation[axis])
