"""Time two ways of doing one thing, side by side, on a machine that others use too."""

import time
from collections.abc import Callable
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


def compare(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> Timing:
    """Time blocks of calls in turn: ours, theirs, ours, theirs."""
    calls = [(call, _calls_in_a_block(call)) for call in (ours, theirs)]
    blocks = [[_block(call, count) for call, count in calls] for _ in range(rounds)]
    ratios = [mine / other for mine, other in blocks]
    return Timing(
        median(mine for mine, _ in blocks),
        median(other for _, other in blocks),
        median(ratios),
        min(ratios),
        max(ratios),
    )


def _calls_in_a_block(call: Callable[[], object]) -> int:
    call()
    return max(3, min(200, int(BLOCK / max(_seconds(call), 1e-6))))


def _block(call: Callable[[], object], count: int) -> float:
    """Median seconds of a call, after a pause and one call that is not counted."""
    time.sleep(PAUSE)
    call()
    return median(_seconds(call) for _ in range(count))


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
