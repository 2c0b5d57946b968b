"""Time two ways of doing one thing, side by side, on a machine that others use too."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

PAUSE = 0.1
"""Seconds of rest before a block: the threads of some libraries spin after their last call."""

BLOCK = 0.06
"""Seconds that a block of calls should take."""


@dataclass(frozen=True)
class Timing:
    """What was measured.

    Attributes
    ----------
    ours, theirs : float
        Median seconds of a call.
    ratio, low, high : float
        The median, least and greatest of ours / theirs over the rounds.
    """

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float

    @classmethod
    def of_rounds(cls, rounds: Sequence[tuple[float, float]]) -> "Timing":
        """From the seconds of both sides in each round."""
        ratios = [ours / theirs for ours, theirs in rounds]
        return cls(
            median(ours for ours, _ in rounds),
            median(theirs for _, theirs in rounds),
            median(ratios),
            min(ratios),
            max(ratios),
        )


def compare(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> Timing:
    """Time blocks of calls in turn: ours, theirs, ours, theirs."""
    counts = [calls_in_a_block(call) for call in (ours, theirs)]
    return Timing.of_rounds(
        [(block_seconds(ours, counts[0]), block_seconds(theirs, counts[1])) for _ in range(rounds)]
    )


def calls_in_a_block(call: Callable[[], object]) -> int:
    """How often to call it for one block; two calls find out."""
    call()
    return max(3, min(200, int(BLOCK / max(_seconds(call), 1e-6))))


def block_seconds(call: Callable[[], object], count: int) -> float:
    """Median seconds of a call, after a pause and one call that is not counted."""
    time.sleep(PAUSE)
    call()
    return median(_seconds(call) for _ in range(count))


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
