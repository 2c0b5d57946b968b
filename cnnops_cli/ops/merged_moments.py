"""Mean and variance of each channel of an array, from those of its parts."""

from collections.abc import Sequence

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.double_double import DoubleDouble, exactly, joined, total
from cnnops_cli.ops.moments import PartMoments
from cnnops_cli.ops.precise_moments import scaling, spoil


def merged_moments(parts: Sequence[PartMoments]) -> PartMoments:
    """Return the moments of all parts together, which depend on their order alone."""
    tops = np.stack([part.top for part in parts])
    top = tops.max(axis=0)
    power = scaling(tops) - scaling(top)
    totals = _scaled([part.total for part in parts], power)
    variances = _scaled([part.variance for part in parts], 2 * power)
    size = sum(part.size for part in parts)
    sizes = np.array([[part.size] for part in parts], np.float64)
    whole = total(totals)
    # Differences of products, since quotients would be rounded: means may be far from zero.
    apart = totals.times(exactly(size)).minus(whole.times(exactly(sizes)))
    distances = apart.over(sizes).over(size)
    squares = variances.plus(distances.times(distances))
    variance = total(squares.times(exactly(sizes))).over(size)
    spoil(whole, totals.high.sum(axis=0))
    return PartMoments(size, whole, variance, top)


def joined_moments(parts: Sequence[PartMoments]) -> PartMoments:
    """Return the moments of all channels, each part having those of some."""
    sums = joined(np.concatenate, [part.total for part in parts])
    variance = joined(np.concatenate, [part.variance for part in parts])
    return PartMoments(parts[0].size, sums, variance, np.concatenate([part.top for part in parts]))


def _scaled(numbers: Sequence[DoubleDouble], power: Array) -> DoubleDouble:
    """Stack numbers, multiplied by ``2**power``."""
    return DoubleDouble(*(np.ldexp(each, power) for each in joined(np.stack, numbers)))
