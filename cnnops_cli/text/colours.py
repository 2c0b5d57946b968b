"""Colours for numbers, the same on light and dark backgrounds."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.slabs import slabs
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import PLAIN, Span, Style

IntOrArray = TypeVar("IntOrArray", int, Array)

BLACK, WHITE = 0x000000, 0xFFFFFF
LOUD = 0xFF00FF
"""Magenta, which no scale has: NaN and infinity."""
ABSENT = 0xB2B2B2
"""Grey, which no scale has either: values that are not there."""
NEUTRAL = (0xF0F0F0, 0xE4E4E4)
"""Greys for what has no size, such as letters: those of neighbours differ."""

_STEPS = 8
"""Levels from one anchor of a scale to the next: too many for the eye to see where one ends."""
_NOISE = 1e-12
"""A range of at most this share of its largest number is due to rounding."""


def rgb(colour: IntOrArray) -> tuple[IntOrArray, IntOrArray, IntOrArray]:
    """Return red, green and blue, 0 to 255, of a colour 0xRRGGBB or of an array of them."""
    return colour >> 16, colour >> 8 & 0xFF, colour & 0xFF


def hexadecimal(colour: int) -> str:
    """Return a colour as CSS and SVG write it, such as ``#ff00ff``."""
    return f"#{colour:06x}"


def _scale_through(*anchors: int) -> Array:
    """Return the colours of a scale: its anchors, and equal steps between them."""
    places = np.arange((len(anchors) - 1) * _STEPS + 1) / _STEPS
    colours = np.zeros(len(places), int)
    for part in rgb(np.array(anchors)):
        between = np.interp(places, range(len(anchors)), part)
        colours = colours << 8 | np.rint(between).astype(int)
    return colours


# fmt: off
SEQUENTIAL = _scale_through(
    0x440154, 0x48186A, 0x472D7B, 0x424086, 0x3B528B, 0x33638D, 0x2C728E, 0x26818E, 0x21908C,
    0x1F9F88, 0x28AE80, 0x3EBC74, 0x5DC963, 0x82D34C, 0xABDC32, 0xD5E21A, 0xFDE725,
)
"""Viridis of Matplotlib, by van der Walt and Smith: dark violet to bright yellow.

Its lightness rises evenly, which people tell apart whatever colours they see.
"""
DIVERGING = _scale_through(
    0x2F56A7, 0x386BBA, 0x477FC9, 0x5C94D6, 0x75A8DF, 0x92BDE6, 0xB1D0EC, 0xD3E3F1, 0xF6F6F6,
    0xF6DCD3, 0xF3C2B2, 0xEDA894, 0xE48E78, 0xD97560, 0xCB5C4B, 0xBB4339, 0xA82929,
)
"""Blue for negative, nearly white for zero, red for positive.

CIELAB's lightness falls by equal steps from 97 at zero to 38 at both ends.
"""
# fmt: on


def luminance(colour: int) -> float:
    """Return the relative luminance, 0 to 1, as WCAG 2 defines it."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in rgb(colour))
    ]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@cache
def on(background: int, *, bold: bool = False) -> Style:
    """Return the style of text on a colour: black or white, whichever stands out more."""
    dark_text = (luminance(background) + 0.05) ** 2 > 0.05 * 1.05
    return Style(BLACK if dark_text else WHITE, background, bold)


def number_style(colour: int) -> Style:
    """Return the style of a number on its colour of a scale: bold where it is not finite."""
    return on(colour, bold=colour == LOUD)


@dataclass(frozen=True)
class Scale:
    """A colour for each number from the least to the greatest."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Array) -> "Scale | None":
        """Return the scale of the finite numbers; None where there are none, or letters."""
        if not values.size or values.dtype.hasobject:
            return None
        low, high = float(values.min()), float(values.max())
        if math.isfinite(high - low):
            return cls(low, high)
        low, high = math.inf, -math.inf
        for slab in slabs(values):
            finite = slab[np.isfinite(slab)]
            if finite.size:
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        return cls(low, high) if low <= high else None

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return max(abs(self.low), abs(self.high))

    @property
    def constant(self) -> bool:
        """Whether the numbers are equal but for rounding."""
        scale = self.largest
        return not scale or self.high / scale - self.low / scale <= _NOISE

    @property
    def palette(self) -> Array:
        """The colours: diverging around zero for numbers of both signs, else sequential."""
        return DIVERGING if self.low < 0 < self.high and not self.constant else SEQUENTIAL

    def colours(self, values: Array) -> Array:
        """Return the colours, 0xRRGGBB, of numbers; NaN and infinity have the loud one."""
        palette = self.palette
        limits = (-self.largest, self.largest) if palette is DIVERGING else (self.low, self.high)
        levels = self._levels(values, limits, len(palette))
        return np.where(np.isfinite(values), palette[levels], LOUD)

    def levels(self, values: Array, count: int) -> Array:
        """Return which of `count` equal parts of the range holds each number; else `count`."""
        levels = self._levels(values, (self.low, self.high), count)
        return np.where(np.isfinite(values), levels, count)

    def _levels(self, values: Array, limits: tuple[float, float], count: int) -> Array:
        if self.constant:
            return np.full(np.shape(values), count // 2)
        # In units of the largest, so that no difference overflows.
        low, high = (limit / self.largest for limit in limits)
        finite = np.nan_to_num(values.astype(np.float64), nan=0, posinf=0, neginf=0) / self.largest
        share = (finite - low) / (high - low)
        levels: Array = np.clip((share * count).astype(int), 0, count - 1)
        return levels


def number_span(number: Any, numbers: Decimals, scale: Scale | None, *, bold: bool = False) -> Span:
    """Write a number on its colour of a scale; letters, and numbers without a scale, have none."""
    text = numbers.text(number)
    if isinstance(number, str):
        return text, PLAIN
    if not math.isfinite(number):
        return text, number_style(LOUD)
    if scale is None:
        return text, PLAIN
    return text, on(int(scale.colours(np.array(number, np.float64))), bold=bold)
