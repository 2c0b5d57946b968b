"""Mean and variance of each channel of an array, from those of its parts.

The mean of means is a sum like that of the values, so it takes two passes like that one: the means
are added up, then their distances to that. What float64 leaves of each mean is kept on the way.
Without it, the mean of float64 values far from zero would lose as many digits as they have in
common.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.moments import FAR_OUT, Moments, holds, moments, scaled_moments
from cnnops_cli.ops.rounded_sums import two_sum

_NOTHING = -10_000
"""The exponent of zero: below all others."""


class PartMoments(NamedTuple):
    """The number of values of a channel, and the `Moments` of them divided by ``2**exponent``."""

    size: int
    mean: Array
    rest: Array
    variance: Array
    exponent: Array


def part_moments(values: Array) -> PartMoments:
    """Compute the moments of a part (N, C, run) of an array."""
    found = moments(values)
    count, channels = values.size // values.shape[1], values.shape[1]
    mean, rest, variance, exponent = found.scaled or (*found[:3], np.zeros(channels, np.int32))
    return PartMoments(count, mean, np.broadcast_to(rest, channels).copy(), variance, exponent)


def merged_moments(parts: Sequence[PartMoments], *, may_scale: bool) -> Moments:
    """Return the moments of all parts together, summed in their order.

    Those of values that are scaled where float64 does not hold their squares, if they may be.
    """
    zeros = np.zeros_like(parts[0].exponent)
    found = Moments(*_merged(parts, zeros))
    if not may_scale or holds(found.variance):
        return found
    exponent = np.maximum.reduce([_magnitudes(part) for part in parts])
    exponent[(exponent == _NOTHING) | (np.abs(exponent) <= FAR_OUT)] = 0
    return scaled_moments(*_merged(parts, exponent), exponent) if exponent.any() else found


def _merged(parts: Sequence[PartMoments], exponent: Array) -> tuple[Array, Array, Array]:
    """Merge what is divided by ``2**exponent``: mean, the rest of it, and variance."""
    total = sum(part.size for part in parts)
    shares = [part.size / total for part in parts]
    shifts = [part.exponent - exponent for part in parts]
    means = [np.ldexp(part.mean, by) for part, by in zip(parts, shifts, strict=True)]
    first = _sum([share * mean for share, mean in zip(shares, means, strict=True)])
    distances = [
        mean - first + np.ldexp(part.rest, by)
        for part, mean, by in zip(parts, means, shifts, strict=True)
    ]
    rest = _sum([share * distance for share, distance in zip(shares, distances, strict=True)])
    variance = _sum(
        [
            share * (np.ldexp(part.variance, 2 * by) + np.square(distance - rest))
            for part, share, by, distance in zip(parts, shares, shifts, distances, strict=True)
        ]
    )
    rest[~np.isfinite(rest)] = 0
    mean = first + rest
    return mean, first - mean + rest, variance


def _sum(terms: Sequence[Array]) -> Array:
    """Add up arrays, with the errors of their sums."""
    total, errors = terms[0], np.zeros_like(terms[0])
    for term in terms[1:]:
        total, error = two_sum(total, term)
        errors += error
    errors[~np.isfinite(errors)] = 0
    return total + errors


def _magnitudes(part: PartMoments) -> Array:
    """Return the exponents of the largest of mean and deviation."""
    sizes = np.maximum(np.abs(part.mean), np.sqrt(part.variance))
    exponents = np.frexp(sizes)[1] + part.exponent
    exponents[sizes == 0] = _NOTHING
    exponents[~np.isfinite(sizes)] = 0
    return exponents
