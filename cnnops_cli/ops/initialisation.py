"""A new layer's weight and bias, as PyTorch initialises them."""

import math

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.large_arrays import empty
from cnnops_cli.spans import spans

_DRAWN = 1 << 16
"""Numbers that are drawn at a time."""


def default_layer(
    out_channels: int,
    in_channels_per_group: int,
    kernel_size: tuple[int, ...],
    *,
    seed: int,
    bias: bool = True,
) -> tuple[Array, Array | None]:
    """Draw the weight and bias of a new convolution layer, in float32.

    Both are uniform over ±1 / sqrt(fan_in), with fan_in = I / groups · prod(kernel_size). The
    numbers come from the Mersenne Twister as `torch.manual_seed` seeds it, with the low 32 bits of
    `seed`, and are those of ``torch.manual_seed(seed); torch.nn.ConvNd(...)`` on a CPU with fused
    multiply-add.

    References
    ----------
    K. He et al., "Delving deep into rectifiers", 2015; PyTorch's `torch.nn.init.kaiming_uniform_`
    with a = sqrt(5).

    Examples
    --------
    >>> weight, bias = default_layer(1, 1, (2,), seed=0)
    >>> print(weight.round(4), bias.round(4))
    [[[-0.0053  0.3793]]] [-0.582]
    """
    twister = np.random.RandomState(seed & 0xFFFFFFFF)
    fan_in = in_channels_per_group * math.prod(kernel_size)
    # PyTorch rounds at each of these steps, which is why they are not simplified to 1/sqrt(fan_in).
    bound = math.sqrt(3.0) * (math.sqrt(2.0 / (1 + math.sqrt(5.0) ** 2)) / math.sqrt(fan_in))
    shape = (out_channels, in_channels_per_group, *kernel_size)
    weight = _uniform(twister, math.prod(shape), bound).reshape(shape)
    return weight, _uniform(twister, out_channels, 1 / math.sqrt(fan_in)) if bias else None


def _uniform(twister: "np.random.RandomState", count: int, bound: float) -> Array:
    """Return ``fma(bits / 2**24, 2 * bound, -bound)`` of float32, with 24 random bits each."""
    limit = float(np.float32(bound))
    drawn = empty("drawn", (count,), np.dtype(np.float32))
    for part in spans(count, _DRAWN):
        bits = twister.randint(0, 2**32, part.stop - part.start, dtype=np.uint32) & 0xFFFFFF
        drawn[part] = bits * 2.0**-24 * (2 * limit) - limit
    return drawn
