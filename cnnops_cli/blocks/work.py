"""One block of a result: what it sees is read, it is computed, and written."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.operator import BlockOperator, Read
from cnnops_cli.dtypes import Array
from cnnops_cli.ops.relu import relu

if TYPE_CHECKING:
    from cnnops_cli.blocks.batchnorm import BatchnormBlocks, BoxMoments

Write = Callable[[Box, Array], None]
"""Stores a box of an array."""


class Source(Protocol):
    """Plain data by which a process opens an array to read it, in the operator's axes."""

    def open(self) -> Read:
        """Open the array."""


class Sink(Protocol):
    """Plain data by which a process opens an array to write it, in the operator's axes."""

    def open(self) -> Write:
        """Open the array."""


class BlockWork(NamedTuple):
    """What is the same for every block. It is plain data, so that it can be pickled.

    Attributes
    ----------
    operator : BlockOperator
    sources : mapping of str to Source
        ``input``, and perhaps ``mask``.
    sinks : mapping of str to Sink
        One per output of the operator; none are opened where it needs statistics first.
    relu : bool
        Whether negative values of the result become 0.
    bytes_of_transfer : int
        The memory that reading and writing a block take in addition to what the operator counts.
    """

    operator: BlockOperator
    sources: Mapping[str, Source]
    sinks: Mapping[str, Sink]
    relu: bool = False
    bytes_of_transfer: int = 0

    def bytes_of(self, box: Box) -> int:
        """Return the memory that a block takes at most."""
        return self.operator.bytes_of(box) + self.bytes_of_transfer

    def open(self) -> "OpenWork":
        """Open its arrays in this process."""
        sinks = {} if self.operator.needs_statistics else self.sinks
        return OpenWork(
            self.operator,
            {name: source.open() for name, source in self.sources.items()},
            {name: sink.open() for name, sink in sinks.items()},
            self.relu,
        )


class OpenWork(NamedTuple):
    """A `BlockWork` whose arrays are open; any number of threads may use them."""

    operator: BlockOperator
    reads: Mapping[str, Read]
    writes: Mapping[str, Write]
    relu: bool


class BlockReport(NamedTuple):
    """What a block took. `moments` are there where statistics are needed first."""

    box: Box
    seconds: float
    moments: "BoxMoments | None" = None


def run_block(work: OpenWork, box: Box) -> BlockReport:
    """Compute a box of the result and write it; or its moments, where statistics come first."""
    started, moments = time.perf_counter(), None
    if work.operator.needs_statistics:
        moments = cast("BatchnormBlocks", work.operator).moments(work.reads, box)
    else:
        found = work.operator.compute(work.reads, box)
        if work.relu:
            relu(found["result"])
        for name, part in found.items():
            work.writes[name](box, part)
    return BlockReport(box, time.perf_counter() - started, moments)
