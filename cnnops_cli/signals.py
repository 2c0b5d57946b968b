"""Signals that end the command: at once, or as soon as the files are in their places.

The first ends it. Those that come while it cleans up are ignored, unless that takes long.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
_GRACE = 10.0
"""Seconds after a signal in which others are ignored."""

_waiting: list[int] = []
_is_held = False
_has_begun = False
_ended_by: int | None = None
_ended_at = 0.0


def listen() -> None:
    """Handle the signals that would end the process; those that its caller ignores stay ignored."""
    for number in _numbers():
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _hear)


def begin() -> None:
    """End by an exception from here on, so that staged files are removed.

    Until then none are staged and the process ends at once: Python loses an exception that is
    raised during an import, or replaces it by another.
    """
    global _has_begun, _ended_by
    _has_begun, _ended_by = True, None


def ended_by() -> int | None:
    """Return which signal ends the command, if one does: a library may replace the exception."""
    return _ended_by


def hold() -> None:
    """Have signals wait from here on."""
    global _is_held
    _is_held = True


def release() -> None:
    """Handle signals at once again, first the one that has waited."""
    global _is_held
    _is_held = False
    if _waiting:
        _end(_waiting.pop())


@contextmanager
def waiting() -> Iterator[None]:
    """Have signals wait for what cannot be left halfway, on the one thread that hears them."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    hold()
    try:
        yield
    finally:
        release()


def ignore() -> None:
    """Ignore the signals for good: what was done decides the exit status."""
    for number in _numbers():
        signal.signal(number, signal.SIG_IGN)


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]


def _hear(number: int, _: FrameType | None) -> None:
    if _is_held:
        _waiting[:] = [number]
    else:
        _end(number)


def _end(number: int) -> None:
    global _ended_by, _ended_at
    if not _has_begun:
        os._exit(128 + number)
    now = time.monotonic()
    if _ended_by is not None and now - _ended_at < _GRACE:
        return
    _ended_by, _ended_at = number, now
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
