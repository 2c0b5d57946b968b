"""Which elements of the input windows read, axis by axis, for the page to look up."""

from typing import Any

from cnnops_cli.explain.estimate import length_rule, lengths_of
from cnnops_cli.ops.convolution.source import cells_shown
from cnnops_cli.ops.geometry import Windows
from cnnops_cli.text.shapes import sizes_in_words

_NAMES = {"D": "depth", "H": "row", "W": "column"}
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
        taps[name] = [
            list(windows.positions(axis, number)) for number in range(windows.output[axis])
        ]
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
        positions = windows.positions(axis, at[axis])
        first, last = positions[0], positions[-1]
        parts.append(f"{what}s {first} to {last}" if last > first else f"{what} {first}")
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def length_lines(windows: Windows, *, ceil_mode: bool = False) -> list[str]:
    """Write the rule for the length of a result, and the rule with the numbers of each axis."""
    lengths = lengths_of(windows, ceil_mode=ceil_mode)
    return [
        length_rule(ceil_mode=ceil_mode),
        *(f"{axis}: {text}" for axis, text in lengths.items()),
        "begin and end are the padding on the two sides.",
    ]


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
        words.append(f"stride {_said(windows.stride)}")
    if any(map(any, windows.padding)):
        is_even = all(begin == end for begin, end in windows.padding)
        sizes = tuple(begin for begin, _ in windows.padding) if is_even else windows.padding
        words.append(f"padding {_said(sizes)}")
    if set(windows.dilation) != {1}:
        words.append(f"dilation {_said(windows.dilation)}")
    return words


def _said(sizes: tuple[Any, ...]) -> str:
    """Write one size where it is that of every axis."""
    return sizes_in_words(sizes if len(set(sizes)) > 1 else sizes[:1])


def padded_lengths(windows: Windows) -> list[int]:
    """Return the lengths of the input with its padding."""
    pairs = zip(windows.lengths, _drawn_padding(windows), strict=True)
    return [length + sum(padding) for length, padding in pairs]


def _drawn_padding(windows: Windows) -> list[tuple[int, int]]:
    """Return the padding, with what a last window of ceil mode reaches over beyond it."""
    padding = []
    for axis, (begin, end) in enumerate(windows.padding):
        last = windows.positions(axis, windows.output[axis] - 1)[-1]
        padding.append((begin, max(end, last + 1 - windows.lengths[axis])))
    return padding
