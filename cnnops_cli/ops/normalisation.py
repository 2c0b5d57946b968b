"""Normalising channels with statistics that are known."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops import parallel
from cnnops_cli.ops.channel_blocks import UNBUFFERED, Part, block_values, cut
from cnnops_cli.ops.coefficients import coefficients, making_nan
from cnnops_cli.ops.moments import Moments
from cnnops_cli.ops.scratch import scratch

if TYPE_CHECKING:
    from cnnops_cli.ops.extremes import Extremes

_EXTREME_BUFFERS = 12
"""The most arrays of a block's size that extreme channels take up."""


class Normalisation(NamedTuple):
    """What ``(x - centre) * scale + offset`` is computed with, see `coefficients`, by channel.

    `extreme` are the channels for which float64 is not enough, and `makes_nan` says in which ones
    values that are not NaN may become NaN; None where there are none.
    """

    factors: Array
    extreme: "Extremes | None"
    makes_nan: Array | None

    def part(self, channels: slice) -> "Normalisation":
        """Return that of some of the channels."""
        extreme = self.extreme
        if extreme is not None:
            extreme = type(extreme)(*(column[channels] for column in extreme))
        makes_nan = None if self.makes_nan is None else self.makes_nan[channels]
        return Normalisation(self.factors[:, channels], extreme, makes_nan)

    def apply(self, values: Array, output: Array) -> None:
        """Normalise values (N, C, run).

        The NaNs of the channels that `makes_nan` says are the positive one, whatever the
        processor's.
        """
        factors, extreme, makes_nan = self
        dtype = factors.dtype
        direct = output.dtype == dtype
        most = min(values.size, block_values(dtype.itemsize))

        def apply(part: Part) -> None:
            np.setbufsize(UNBUFFERED)
            room = None if direct else scratch("normalised", (most,), dtype)
            before = None
            for block in part:
                if before is None or not block.is_like(before):
                    terms = block.along(factors)
                    scale, offset = terms[-2], terms[-1]
                before = block
                source, target = block.view(values), block.view(output)
                exact = None if extreme is None else extreme.values(source, block)
                work = target if room is None else room[: source.size].reshape(source.shape)
                if source.dtype != dtype:
                    np.copyto(work, source)
                    source = work
                if len(terms) > 2:
                    source = np.subtract(source, terms[0], out=work)
                np.multiply(source, scale, out=work)
                np.add(work, offset, out=work)
                if work is not target:
                    np.copyto(target, work, casting="same_kind")
                if extreme is not None and exact is not None:
                    np.copyto(target, exact, where=block.along(extreme.here), casting="same_kind")
                if makes_nan is not None:
                    np.copyto(target, np.nan, where=np.isnan(target) & block.along(makes_nan))

        # Without all channels, a row of several samples would be a copy of the output, not a view.
        parts = cut(values.shape, block_values(dtype.itemsize), may_fold=output.flags.c_contiguous)
        buffers_each = (not direct) + (makes_nan is not None)
        buffers_each += 0 if extreme is None else _EXTREME_BUFFERS
        parallel.for_each(apply, parts, buffers_each * most * dtype.itemsize)


def normalise_by(
    statistics: Moments, weight: Array, bias: Array, eps: float, channels: int, narrow: bool
) -> Normalisation:
    """Return what normalises by some statistics; `channels` and `narrow` as for `coefficients`."""
    factors, ordinary = coefficients(channels, narrow, statistics, weight, bias, eps)
    if ordinary and statistics.scaled is None:
        return Normalisation(factors, None, None)
    extreme = None
    if factors.dtype == np.float64:
        from cnnops_cli.ops.extremes import extremes

        extreme = extremes(factors, statistics, weight, bias, eps)
    return Normalisation(factors, extreme, making_nan(factors))
