"""Normalising channels for which float64 overflows or underflows between input and result.

Numbers are fractions and powers of two here, multiplied separately up to the result.
"""

import math
from typing import NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.channel_blocks import Block
from cnnops_cli.ops.coefficients import HUGE
from cnnops_cli.ops.moments import Moments

_NOTHING = -10_000
"""The exponent of zero: below all others."""


class Extremes(NamedTuple):
    """Which channels are normalised here, and with what; each array has shape (C,).

    The result is ``(x / 2**exponent - mean - rest) * 2**exponent * (scale * 2**power) + bias``.
    """

    here: Array
    mean: Array
    rest: Array
    exponent: Array
    scale: Array
    power: Array
    bias: Array

    def values(self, source: Array, block: Block) -> Array:
        """Normalise a block; the values of channels that are not `here` mean nothing."""
        mean, rest, exponent, scale, power, bias = map(block.along, self[1:])
        distance = np.ldexp(source.astype(np.float64), -exponent) - mean - rest
        fraction, own = np.frexp(distance)
        fraction *= scale
        own += exponent + power
        result: Array = np.ldexp(fraction, own) + bias
        beyond = np.isinf(result)
        if beyond.any():  # a bias of the other sign may bring it back
            quarters = np.ldexp(fraction, own - 2) + bias / 4
            np.ldexp(quarters, 2, out=result, where=beyond)
        return result


def extremes(
    factors: Array,
    statistics: Moments,
    weight: Array,
    bias: Array,
    eps: float,
) -> Extremes | None:
    """Return what channels that are not ordinary are normalised with; None if there are none.

    `factors` are the `coefficients` in float64.
    """
    mean, rest, variance, exponent = statistics.scaled or (*statistics[:3], None)
    sizes = np.abs(factors)
    ordinary = (sizes < HUGE).all(0) & ((sizes[-2] > 1 / HUGE) | (weight == 0))
    of_variance: Array | int = 0
    if exponent is None:
        exponent = np.where(np.abs(mean) < HUGE, 0, 2)  # so that no distance overflows
        mean = np.ldexp(mean, -exponent)
    else:
        of_variance = 2 * exponent
        ordinary &= exponent == 0
    if ordinary.all():
        return None
    top = np.where(variance == 0, _NOTHING, np.frexp(variance)[1] + of_variance)
    half = np.maximum(top, math.frexp(eps)[1] if eps else _NOTHING) // 2
    total = np.ldexp(variance, of_variance - 2 * half) + np.ldexp(eps, -2 * half)
    fraction, power = np.frexp(weight)
    columns = (mean, rest, exponent, fraction / np.sqrt(total), power - half, bias)
    shape = (factors.shape[1],)
    return Extremes(~ordinary, *(np.broadcast_to(column, shape) for column in columns))
