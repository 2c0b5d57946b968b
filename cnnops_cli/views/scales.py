"""Which scale of colours each plane of an array has."""

from collections.abc import Iterable

from cnnops_cli.dtypes import Array
from cnnops_cli.text.colours import Scale

_MUCH = 100
"""Planes whose largest magnitudes differ by this factor cannot be read on one scale."""


def scales_of(planes: Iterable[Array], common: Scale) -> list[Scale]:
    """Return the common scale for each plane, or its own where planes differ a hundredfold.

    Examples
    --------
    >>> import numpy as np
    >>> [each.high for each in scales_of(np.array([[0.5, 1], [20, 99]]), Scale(0.5, 99))]
    [99, 99]
    >>> [each.high for each in scales_of(np.array([[0.5, 1], [20, 100]]), Scale(0.5, 100))]
    [1.0, 100.0]
    """
    own = [Scale.of(plane) or common for plane in planes]
    sizes = [scale.largest for scale in own if scale.largest]
    if not sizes or max(sizes) < _MUCH * min(sizes):
        return [common] * len(own)
    return own
