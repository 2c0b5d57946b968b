"""Batch normalization of a part of an input, with statistics of all of it.

In training, a first pass takes the moments of every block. They are merged in the order of the
blocks, so that the statistics depend on where the blocks are cut and on nothing else.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.blocks.boxes import Box, Span
from cnnops_cli.blocks.operator import BlockOperator, Read
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import naming_operands
from cnnops_cli.ops import parallel
from cnnops_cli.ops.batchnorm import (
    channel_spans,
    check_operands,
    given_statistics,
    normalisation,
    result_dtype,
    update_running,
)
from cnnops_cli.ops.coefficients import is_narrow
from cnnops_cli.ops.merged_moments import joined_moments, merged_moments
from cnnops_cli.ops.moments import Moments, PartMoments, part_moments
from cnnops_cli.ops.normalisation import Normalisation
from cnnops_cli.ops.parallel import WORKING_BYTES

_RUNNING = ("running_mean", "running_var")


class BoxMoments(NamedTuple):
    """The moments of a box, and which channels it has."""

    channels: Span
    moments: PartMoments


@dataclass(frozen=True, eq=False)
class BatchnormBlocks(BlockOperator):
    """Batch normalization of an input (N, C, *spatial) of a known shape.

    `given` has the parameters and running statistics that there are: weight, bias, running_mean
    and running_var. What is normalised with is known from the start in evaluation, and from
    `with_statistics` in training.
    """

    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]
    given: dict[str, Array]
    training: bool
    momentum: float
    eps: float
    channels_last: bool
    normalisations: tuple[tuple[Span, Normalisation], ...] = ()

    @classmethod
    def planned(
        cls,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        given: dict[str, Array],
        *,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
        channels_last: bool = False,
    ) -> "BatchnormBlocks":
        """Plan batch normalization with the arguments of `cnnops_cli.batchnorm`, or refuse one.

        `channels_last` is whether the channels are last where the input is stored.
        """
        header = np.broadcast_to(np.empty((), dtype), shape)
        with naming_operands(input=shape):
            check_operands(header, given, training=training, momentum=momentum, eps=eps)
        made = cls(shape, dtype, given, training, float(momentum), float(eps), channels_last)
        if training or not made.shape[1]:
            return made
        return made._normalising([given_statistics(given, part) for part in made._spans])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the input."""
        return self.input_shape

    @property
    def outputs(self) -> dict[str, np.dtype[Any]]:
        """The result alone."""
        header = np.empty(0, self.input_dtype)
        return {"result": result_dtype(header, *self.given.values())}

    @property
    def needs_statistics(self) -> bool:
        """Whether the moments of all boxes come first."""
        return self.training and not self.normalisations

    def bytes_of(self, box: Box) -> int:
        """Return the memory of what is read and of the computation."""
        read = box.size * self.input_dtype.itemsize
        return read + WORKING_BYTES + self.bytes_of_outputs(box)

    def moments(self, reads: Mapping[str, Read], box: Box) -> BoxMoments:
        """Compute the moments of a box of the input."""
        part = reads["input"](box)
        return BoxMoments(box.spans[1], _moments(part.reshape(*part.shape[:2], -1), self._narrow))

    @np.errstate(all="ignore")
    def with_statistics(
        self, found: Sequence[BoxMoments]
    ) -> tuple["BatchnormBlocks", dict[str, Array]]:
        """Merge the moments of all boxes, in the order of the boxes.

        Returns the operator that normalises by them, and the running statistics after this batch.
        """
        running = {
            name: np.broadcast_to(self.given[name], self.shape[1]).copy()
            for name in _RUNNING
            if name in self.given
        }
        if not found:
            return self, running
        merged = _merged(found)
        statistics = [merged.of_channels(part).rounded() for part in self._spans]
        fitted = self._normalising(statistics)
        count = math.prod(self.shape) // self.shape[1]
        for ((first, last), by), own in zip(fitted.normalisations, statistics, strict=True):
            for which, name in enumerate(_RUNNING):
                if name in running:
                    here = running[name][first:last]
                    update_running(here, which, own, count, self.momentum, by.makes_nan)
        return fitted, running

    def compute(self, reads: Mapping[str, Read], box: Box) -> dict[str, Array]:
        """Normalise what is read."""
        part = reads["input"](box)
        result = np.empty(part.shape, self.dtype)
        values, output = (array.reshape(*part.shape[:2], -1) for array in (part, result))
        start, stop = box.spans[1]
        for (first, last), by in self.normalisations:
            low, high = max(start, first), min(stop, last)
            if low < high:
                own = slice(low - start, high - start)
                _apply(by.part(slice(low - first, high - first)), values[:, own], output[:, own])
        return {"result": result}

    @property
    def _narrow(self) -> bool:
        """Whether float32 holds both input and result."""
        return is_narrow(self.input_dtype) and is_narrow(self.dtype)

    @property
    def _spans(self) -> list[slice]:
        """The channels that are normalised together in memory."""
        samples, channels, *lengths = self.shape
        run = math.prod(lengths)
        shape = (samples * run, channels, 1) if self.channels_last else (samples, channels, run)
        return channel_spans(shape, training=self.training)

    @np.errstate(all="ignore")
    def _normalising(self, statistics: Sequence[Moments]) -> "BatchnormBlocks":
        """Return the operator that normalises by the statistics of each span of channels."""
        normalisations = []
        for part, found in zip(self._spans, statistics, strict=True):
            count = part.stop - part.start
            by = normalisation(found, self.given, part, self.eps, count, self._narrow)
            normalisations.append(((part.start, part.stop), by))
        return replace(self, normalisations=tuple(normalisations))


def _merged(found: Sequence[BoxMoments]) -> PartMoments:
    """Merge the moments of boxes, and put those of all channels into one."""
    of_channels: dict[Span, list[PartMoments]] = {}
    for channels, part in found:
        of_channels.setdefault(channels, []).append(part)
    return joined_moments([merged_moments(parts) for parts in of_channels.values()])


@parallel.apart
@np.errstate(all="ignore")
def _moments(values: Array, narrow: bool) -> PartMoments:
    return part_moments(values, narrow)


@parallel.apart
@np.errstate(all="ignore")
def _apply(by: Normalisation, values: Array, output: Array) -> None:
    by.apply(values, output)
