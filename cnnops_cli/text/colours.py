"""Colours for numbers, the same on light and dark backgrounds."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.slabs import slabs
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import PLAIN, Span, Style

SEQUENTIAL = (53, 54, 55, 25, 31, 36, 72, 78, 113, 149, 185, 221, 227)
"""Dark violet to bright yellow; each is lighter than the one before."""
DIVERGING = (25, 26, 27, 69, 111, 153, 189, 255, 224, 217, 210, 203, 196, 160, 124)
"""Blue for negative, nearly white for zero, red for positive."""
LOUD = 201
"""Magenta, which no scale has: NaN and infinity."""

_BLACK, _WHITE = 16, 231
_CUBE = (0, 95, 135, 175, 215, 255)
_NOISE = 1e-12
"""A range of at most this share of its largest number is due to rounding."""


def rgb(colour: int) -> tuple[int, int, int]:
    """Return red, green and blue of the colour 16 to 255 of a terminal."""
    if colour >= 232:
        return (8 + 10 * (colour - 232),) * 3
    rest, blue = divmod(colour - 16, 6)
    return _CUBE[rest // 6], _CUBE[rest % 6], _CUBE[blue]


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
    return Style(_BLACK if dark_text else _WHITE, background, bold)


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
    def palette(self) -> tuple[int, ...]:
        """The colours: diverging around zero for numbers of both signs, else sequential."""
        return DIVERGING if self.low < 0 < self.high and not self.constant else SEQUENTIAL

    def colours(self, values: Array) -> Array:
        """Return the colours of numbers; NaN and infinity have the loud one."""
        palette = self.palette
        limits = (-self.largest, self.largest) if palette is DIVERGING else (self.low, self.high)
        levels = self._levels(values, limits, len(palette))
        return np.where(np.isfinite(values), np.take(palette, levels), LOUD)

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
