"""What conv's exact mode promises: the exact sum of the exact products, rounded once.

It imports nothing of the package. Every finite float is a whole number times a power of two, so the
arithmetic is that of Python's int. Inputs always have a batch axis: (N, C, *spatial), and padding
is given as one (begin, end) pair per axis.
"""

import math
from functools import cached_property
from itertools import product
from operator import mul

import numpy as np

FORMATS = {"float16": (11, -24, 16), "float32": (24, -149, 128), "float64": (53, -1074, 1024)}
"""Bits of a significand, exponent of the least subnormal, and that of the first power of two that
is too large."""

BITS = {"float16": np.uint16, "float32": np.uint32, "float64": np.uint64}
NAN_BITS = {"float16": 0x7E00, "float32": 0x7FC00000, "float64": 0x7FF8000000000000}
"""The positive quiet NaN without payload."""


def round_once(whole, exponent, dtype):
    """The nearest value of a dtype to whole * 2**exponent, as a Python float; ties go to even."""
    precision, least, limit = FORMATS[dtype]
    size = abs(whole)
    unit = max(exponent + size.bit_length() - precision, least)
    shift = unit - exponent
    if shift <= 0:
        kept = size << -shift
    else:
        kept, rest = size >> shift, size & ((1 << shift) - 1)
        half = 1 << (shift - 1)
        kept += rest > half or (rest == half and kept % 2)
    nearest = math.inf if kept.bit_length() + unit > limit else math.ldexp(kept, unit)
    return -nearest if whole < 0 else nearest


def whole_numbers(values):
    """Whole numbers and the one exponent that make up a list of finite floats."""
    ratios = [value.as_integer_ratio() for value in values]
    common = max((denominator for _, denominator in ratios), default=1)
    scaled = [numerator * (common // denominator) for numerator, denominator in ratios]
    divisor = math.gcd(*scaled) or 1
    shift = (divisor & -divisor).bit_length() - 1
    return [number >> shift for number in scaled], shift - (common.bit_length() - 1)


class Operand:
    """An array in the result's dtype, as whole numbers and as signs."""

    def __init__(self, array, dtype):
        with np.errstate(all="ignore"):
            self.array = np.asarray(array).astype(dtype)
        self.is_finite = bool(np.isfinite(self.array).all())
        self.floats = self.array.ravel().tolist()
        finite = [value if math.isfinite(value) else 0.0 for value in self.floats]
        self.wholes, self.exponent = whole_numbers(finite)

    @cached_property
    def signs(self):
        """1, 0 or -1 for what is finite: such products and sums are infinite or NaN as ours are."""
        return [
            (value > 0) - (value < 0) if math.isfinite(value) else value for value in self.floats
        ]


def source(position, length, mode):
    """The element that a position shows, counted from the first; None is a zero."""
    if 0 <= position < length:
        return position
    if mode == "zeros":
        return None
    if mode == "replicate":
        return 0 if position < 0 else length - 1
    if mode == "circular":
        return position % length
    if mode == "reflect":
        return -position if position < 0 else 2 * (length - 1) - position
    raise AssertionError(mode)


class Layer:
    """A convolution whose values can be asked for one at a time, or all at once."""

    def __init__(self, x, weight, bias, dtype, *, stride, pairs, dilation, groups=1, mode="zeros"):
        self.dtype = dtype
        self.x, self.weight = Operand(x, dtype), Operand(weight, dtype)
        self.bias = Operand(np.zeros(len(weight)) if bias is None else bias, dtype)
        self.groups, self.mode = groups, mode
        filters, self.depth, *kernel = weight.shape
        self.filters = filters // groups
        batch, _, *self.lengths = x.shape
        self.kernel, self.stride, self.dilation, self.pairs = kernel, stride, dilation, pairs
        windows = [
            (length + sum(pairs[axis]) - dilation[axis] * (kernel[axis] - 1) - 1) // stride[axis]
            + 1
            for axis, length in enumerate(self.lengths)
        ]
        self.shape = (batch, filters, *windows)
        self.is_finite = self.x.is_finite and self.weight.is_finite and self.bias.is_finite
        self.exponent = self.x.exponent + self.weight.exponent
        self.begun = [self.scaled(value) for value in self.bias.floats]

    def scaled(self, bias):
        """A bias's numerator and denominator in units of the products, if it is finite."""
        numerator, denominator = bias.as_integer_ratio() if math.isfinite(bias) else (0, 1)
        if self.exponent < 0:
            return numerator << -self.exponent, denominator
        return numerator, denominator << self.exponent

    def steps(self, axis, window):
        """The positions along an axis that one window sees, None where a zero is."""
        start = window * self.stride[axis] - self.pairs[axis][0]
        taps = range(start, start + self.dilation[axis] * self.kernel[axis], self.dilation[axis])
        return [source(tap, self.lengths[axis], self.mode) for tap in taps]

    def places(self, cell):
        """Flat positions in a plane of what one window sees, None where a zero is."""
        places = [0]
        for axis, window in enumerate(cell):
            steps, length = self.steps(axis, window), self.lengths[axis]
            places = [
                None if place is None or step is None else place * length + step
                for place in places
                for step in steps
            ]
        return places

    def seen(self, sample, group, places, values):
        """The values of one group's channels below one window."""
        size = math.prod(self.lengths)
        first = (sample * self.groups + group) * self.depth
        starts = range(first * size, (first + self.depth) * size, size)
        return [0 if at is None else values[start + at] for start in starts for at in places]

    def of_filter(self, channel, values):
        """The kernel's values for one channel of the result."""
        taps = len(values) // len(self.begun)
        return values[channel * taps : (channel + 1) * taps]

    def value(self, channel, wholes, signs):
        """One value of the result, as a Python float."""
        if signs is not None:
            factors = self.of_filter(channel, self.weight.signs)
            total = sum(map(mul, signs, factors), self.bias.signs[channel])
            if not math.isfinite(total):
                return total
        numerator, denominator = self.begun[channel]
        total = sum(map(mul, wholes, self.of_filter(channel, self.weight.wholes)))
        shift = denominator.bit_length() - 1
        return round_once((total << shift) + numerator, self.exponent - shift, self.dtype)

    def window(self, sample, group, cell):
        """The whole numbers and, where not all is finite, the signs that one window sees."""
        places = self.places(cell)
        wholes = self.seen(sample, group, places, self.x.wholes)
        return wholes, None if self.is_finite else self.seen(sample, group, places, self.x.signs)

    def at(self, place):
        """The value at one place (sample, channel, *cell) of the result."""
        sample, channel, *cell = place
        return self.value(channel, *self.window(sample, channel // self.filters, cell))

    def sampled(self, places):
        """The values at a list of places."""
        return as_dtype([self.at(place) for place in places], self.dtype)

    def all(self):
        """The whole result."""
        result = np.empty(self.shape)
        batch, _, *windows = self.shape
        for sample, group, *cell in product(range(batch), range(self.groups), *map(range, windows)):
            window = self.window(sample, group, cell)
            for channel in range(group * self.filters, (group + 1) * self.filters):
                result[(sample, channel, *cell)] = self.value(channel, *window)
        return as_dtype(result, self.dtype)


def as_dtype(values, dtype):
    """An array of values that the dtype holds exactly, with one NaN for all."""
    values = np.asarray(values, np.float64)
    with np.errstate(all="ignore"):
        result = values.astype(dtype)
    result.view(BITS[dtype])[np.isnan(values)] = NAN_BITS[dtype]
    return result


def conv(x, weight, bias, dtype, **geometry):
    """The result of conv with all its operands converted to a floating dtype."""
    return Layer(x, weight, bias, dtype, **geometry).all()


def bits(array):
    """An array's values as unsigned integers, which tell all NaNs and zeros apart."""
    return np.ascontiguousarray(array).view(BITS[array.dtype.name])
