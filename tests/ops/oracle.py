"""What conv, maxpool and batchnorm mean, said one cell at a time in plain loops.

Slow on purpose, and independent on purpose: it imports nothing of the package. Arrays are only
indexed here; the arithmetic is that of Python's own int, float and Fraction.
Inputs always have a batch axis: (N, C, *spatial).
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np


def pad_pairs(padding, lengths, kernel, stride, dilation):
    """Padding as the contract writes it (integer, tuple, pairs or word) to (begin, end) pairs."""
    pairs = []
    for axis, length in enumerate(lengths):
        extent = dilation[axis] * (kernel[axis] - 1) + 1
        if padding == "valid":
            pairs.append((0, 0))
        elif padding in ("same", "same-upper", "same-lower"):
            windows = math.ceil(length / stride[axis])
            total = max(0, (windows - 1) * stride[axis] + extent - length)
            smaller, larger = total // 2, total - total // 2
            pairs.append((larger, smaller) if padding == "same-lower" else (smaller, larger))
        elif isinstance(padding, int):
            pairs.append((padding, padding))
        elif isinstance(padding[axis], int):
            pairs.append((padding[axis], padding[axis]))
        else:
            pairs.append(tuple(padding[axis]))
    return pairs


def source(position, length, mode):
    """The input cell that a position shows, counted from the first cell; None is a zero."""
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


def cells(shape):
    """The cells of a plane of the result, if it has a plane."""
    samples, channels, *lengths = shape
    return product(*map(range, lengths)) if samples * channels else ()


def conv(x, weight, bias, *, stride, pairs, dilation, groups=1, mode="zeros"):
    """Sums and their magnitudes, conv(|x|, |weight|) + |bias|, both with the result's shape.

    Integers give Python ints, exact whatever their size; floats are summed in float64.
    """
    batch, _, *lengths = x.shape
    filters, per_group, *kernel = weight.shape
    windows = []
    for axis, length in enumerate(lengths):
        extent = dilation[axis] * (kernel[axis] - 1) + 1
        windows.append((length + sum(pairs[axis]) - extent) // stride[axis] + 1)

    def seen(cell):
        """Where the values below one window are, None where a zero is."""
        axes = []
        for axis, length in enumerate(lengths):
            start = cell[axis] * stride[axis] - pairs[axis][0]
            steps = [start + tap * dilation[axis] for tap in range(kernel[axis])]
            axes.append([source(step, length, mode) for step in steps])
        return [None if None in place else place for place in product(*axes)]

    sums = np.empty((batch, filters, *windows), dtype=object)
    magnitudes = np.empty_like(sums)
    factors = {
        place: weight[place].ravel().tolist() for place in product(*map(range, weight.shape[:2]))
    }
    for cell in cells(sums.shape):
        places = seen(cell)
        for n in range(batch):
            values = [[0 if p is None else plane[p].item() for p in places] for plane in x[n]]
            for o in range(filters):
                first_channel = o // (filters // groups) * per_group
                total = bias[o].item() if bias is not None else 0
                magnitude = abs(total)
                for i in range(per_group):
                    for value, factor in zip(values[first_channel + i], factors[o, i], strict=True):
                        total += value * factor
                        magnitude += abs(value * factor)
                sums[(n, o, *cell)] = total
                magnitudes[(n, o, *cell)] = magnitude
    return sums, magnitudes


def pool_windows(length, kernel, stride, pair, dilation, ceil_mode):
    """How many windows an axis has, by PyTorch's rule; below 1 there are none."""
    begin, end = pair
    room = length + begin + end - (dilation * (kernel - 1) + 1)
    if not ceil_mode:
        return room // stride + 1
    windows = math.ceil(room / stride) + 1
    last_start = (windows - 1) * stride
    return windows - 1 if last_start >= length + begin else windows


class EmptyWindowError(Exception):
    """A pooling window that holds no cell of the input."""


def maxpool(x, *, kernel, stride, pairs, dilation, ceil_mode=False):
    """Maxima, of x's own dtype, and their flat positions in the unpadded plane."""
    batch, channels, *lengths = x.shape
    windows = [
        pool_windows(length, kernel[a], stride[a], pairs[a], dilation[a], ceil_mode)
        for a, length in enumerate(lengths)
    ]
    values = np.empty((batch, channels, *windows), dtype=x.dtype)
    indices = np.empty((batch, channels, *windows), dtype=np.int64)
    for cell in cells(values.shape):
        axes = []
        for a, length in enumerate(lengths):
            start = cell[a] * stride[a] - pairs[a][0]
            steps = [start + tap * dilation[a] for tap in range(kernel[a])]
            axes.append([step for step in steps if 0 <= step < length])
        places = list(product(*axes))
        if not places:
            raise EmptyWindowError(cell)
        for n, c in product(range(batch), range(channels)):
            plane, best, largest = x[n, c], None, None
            for place in places:
                value = plane[place].item()
                # Before any comparison with a NaN, which is always false: the last NaN stays.
                if best is None or value != value or value > largest:
                    best, largest = place, value
            values[(n, c, *cell)] = plane[best]
            flat = 0
            for p, length in zip(best, lengths, strict=True):
                flat = flat * length + p
            indices[(n, c, *cell)] = flat
    return values, indices


@dataclass(frozen=True)
class Channel:
    """The statistics of one channel: mean, biased and unbiased variance, and how many values."""

    mean: float
    biased: float
    unbiased: float
    count: int


def channel_statistics(x, channel):
    """Exact mean and variances, rounded once to float64; NaN as soon as a value is not finite."""
    values = [x[(n, channel, *s)].item() for n, *s in product(*map(range, (len(x), *x.shape[2:])))]
    count = len(values)
    if not all(math.isfinite(v) for v in values):
        return Channel(sum(values) / count, math.nan, math.nan, count)
    mean = Fraction(sum(map(Fraction, values)), count)
    squares = sum((Fraction(v) - mean) ** 2 for v in values)
    return Channel(float(mean), float(squares / count), float(squares / max(1, count - 1)), count)


def normalise(x, mean, variance, weight, bias, eps):
    """Weight * (x - mean) / sqrt(variance + eps) + bias, and the magnitude of its two terms."""
    result = np.empty(x.shape, dtype=np.float64)
    magnitudes = np.empty(x.shape, dtype=np.float64)
    for place in product(*map(range, x.shape)):
        c = place[1]
        deviation = (x[place].item() - mean[c]) / math.sqrt(variance[c] + eps)
        result[place] = deviation * weight[c] + bias[c]
        magnitudes[place] = abs(deviation * weight[c]) + abs(bias[c])
    return result, magnitudes


def batchnorm(x, running_mean, running_var, weight, bias, *, training, momentum, eps):
    """The result, its terms' magnitudes and the running statistics after this batch.

    The vectors are lists of C floats, the running statistics (0, 1) where there are none.
    """
    channels = x.shape[1]
    if not training:
        result, magnitudes = normalise(x, running_mean, running_var, weight, bias, eps)
        return result, magnitudes, running_mean, running_var
    if x.size == 0:
        return np.empty(x.shape), np.empty(x.shape), running_mean, running_var
    batch = [channel_statistics(x, c) for c in range(channels)]
    result, magnitudes = normalise(
        x, [b.mean for b in batch], [b.biased for b in batch], weight, bias, eps
    )
    new_mean = [
        (1 - momentum) * r + momentum * b.mean for r, b in zip(running_mean, batch, strict=True)
    ]
    new_var = [
        (1 - momentum) * r + momentum * b.unbiased for r, b in zip(running_var, batch, strict=True)
    ]
    return result, magnitudes, new_mean, new_var
