"""Whether a progress bar is shown, which only a terminal ever asks for."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cnnops_cli.ops.parallel import watched_by
from cnnops_cli.settings import Settings

if TYPE_CHECKING:
    from cnnops_cli.views.progress import Progress


@contextmanager
def progress_of(
    settings: Settings, command: str, unit: str, total: int | None = None
) -> Iterator["Progress | None"]:
    """Show how much of some long work is done: `total` of a unit, where that is known.

    Yields None where nobody would see it: standard error is not a terminal that can move its
    cursor, or --quiet was given.
    """
    if (
        settings.quiet
        or sys.stderr is None
        or not sys.stderr.isatty()
        or os.environ.get("TERM") in ("dumb", "", None)
    ):
        yield None
        return
    from cnnops_cli.views.progress import Progress

    with Progress(command, unit, total, color=not settings.no_color) as progress:
        yield progress


@contextmanager
def watching_tiles(settings: Settings, command: str) -> Iterator[None]:
    """Show how many tiles of one long call are done."""
    with progress_of(settings, command, "tiles") as progress:
        if progress is None:
            yield
            return
        with watched_by(progress.begin):
            yield
