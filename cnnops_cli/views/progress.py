"""A progress bar for long work; Rich is imported once it has taken long."""

import math
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from cnnops_cli.views.room import Room

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_PATIENCE = 1.0
"""Seconds of work before anything is shown."""
_ECHO = 2
"""Columns that are left free next to the bar, where a terminal writes ^C."""
_PAUSE = 0.1
"""Seconds between two changes on the screen."""


class Progress:
    """Shows on standard error what is done, how fast, and how much time is left.

    A context manager: when it ends, the screen is as it was. It has no thread and no timer, and
    looks at the clock when something is done. `total` is the sum of all weights that `advance` will
    be given, if it is known; `color` can only forbid colour.
    """

    def __init__(self, label: str, unit: str, total: int | None, *, color: bool) -> None:
        self._label, self._unit, self._total, self._color = label, unit, total, color
        self._count = self._weight = 0
        self._begun = self._started = time.monotonic()
        self._drawn = -_PAUSE
        self._bar: Bar | None = None
        self._closed = False
        self._lock = Lock()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *failure: object) -> None:
        with self._lock:
            self._closed = True  # threads may still be at work after an interrupt
            self._erase()

    def begin(self, total: int) -> Callable[[], None]:
        """Count anew, up to a total, and return what to call when one more is done."""
        with self._lock:
            self._count = self._weight = 0
            self._total = total
            self._started = time.monotonic()
        return self.advance

    def within(self, total: int) -> Callable[[], None]:
        """Return what to call when a part of what is counted is done, to look at the clock."""
        return self._look

    def advance(self, weight: int = 1) -> None:
        """Count one more, whose weight is its share of the total."""
        with self._lock:
            self._count += 1
            self._weight += weight
        self._look()

    def clear(self) -> None:
        """Free the line for something else, until the next thing is done."""
        with self._lock:
            self._erase()
            self._drawn = -_PAUSE

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._begun < _PATIENCE or now - self._drawn < _PAUSE:
            return
        with self._lock:
            # A bar that starts at its end would be gone before anyone has read it.
            if not self._closed and (self._bar or self._weight != self._total):
                self._drawn = now
                with suppress(OSError):  # work goes on if the terminal is gone
                    self._draw(now - self._started)

    def _erase(self) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            with suppress(OSError):
                bar.stop()

    def _draw(self, seconds: float) -> None:
        shown: Any = {
            "completed": self._weight,
            "total": self._total,
            "text": _text(self._count, self._weight, self._total, self._unit, seconds),
        }
        if self._bar is None:
            self._bar = _bar(self._color)
            self._bar.console.width = _width()
            self._bar.add_task(self._label, **shown)
            self._bar.start()
            self._bar.console.show_cursor()  # for users who suspend the command
        else:
            self._bar.console.width = _width()
            self._bar.update(self._bar.task_ids[0], **shown)
            self._bar.refresh()


def _width() -> int:
    """Return the width of the bar: that of the terminal now, less `_ECHO`."""
    return max(Room.of(sys.stderr, color=False).width - _ECHO, 1)


def _bar(color: bool) -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    may_color = Room.of(sys.stderr, color=color).color
    console = Console(
        file=sys.stderr,
        force_terminal=True,
        color_system="standard" if may_color else None,
        no_color=not may_color,
        legacy_windows=False,
    )
    return Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(
            None,
            complete_style="cyan",
            finished_style="cyan",
            pulse_style="cyan",
            table_column=Column(ratio=1),
        ),
        TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=True)),
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        expand=True,
    )


def _text(count: int, weight: int, total: int | None, unit: str, seconds: float) -> str:
    """Say what is done, the rate and the time left.

    Examples
    --------
    >>> _text(12, 12, 40, "tiles", 6.0)
    '12 of 40 tiles  2/s  0:14 left'
    >>> _text(1500, 12_000, 48_000, "lines", 0.5)
    '1500 lines  3000/s  0:02 left'
    >>> _text(0, 0, 3, "INPUTs", 5.0)
    '0 of 3 INPUTs'
    """
    of = f" of {total}" if total is not None and count == weight else ""
    parts = [f"{count}{of} {unit}"]
    if count and seconds > 0:
        rate = count / seconds
        parts.append(f"{rate:.0f}/s" if rate >= 10 else f"{rate:.2g}/s")
        if total is not None and weight:
            parts.append(f"{_clock(seconds * (total - weight) / weight)} left")
    return "  ".join(parts)


def _clock(seconds: float) -> str:
    """Write a duration as 1:02:03 or 0:04."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
