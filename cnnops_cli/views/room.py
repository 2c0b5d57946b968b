"""How much room a view has, and whether it may have colour."""

import os
from contextlib import suppress
from typing import NamedTuple, TextIO

_PIPE_SIZE = (80, 24)
_FILE_SIZE = (80, 48)


class Room(NamedTuple):
    """A size in cells of a terminal, and whether there may be colour."""

    width: int
    height: int
    color: bool

    @classmethod
    def of(cls, stream: TextIO, *, color: bool) -> "Room":
        """Ask the stream and the environment: COLUMNS, LINES, NO_COLOR, FORCE_COLOR and TERM.

        A stream that is not a terminal has 80 by 24 cells. `color` can only forbid colour.
        """
        interactive = stream.isatty()
        columns, lines = _PIPE_SIZE
        if interactive:
            with suppress(OSError):
                size = os.get_terminal_size(stream.fileno())
                columns, lines = size.columns or columns, size.lines or lines
        width, height = _said("COLUMNS", columns), _said("LINES", lines)
        return cls(width, height, color and _may_color(interactive))

    @classmethod
    def of_file(cls, *, color: bool) -> "Room":
        """Return the size of a view in a file: COLUMNS by LINES, or 80 by 48 on any terminal."""
        columns, lines = _FILE_SIZE
        return cls(_said("COLUMNS", columns), _said("LINES", lines), color)


def _said(variable: str, usual: int) -> int:
    """Return a size from the environment, or the usual one."""
    said = os.environ.get(variable, "")
    return int(said) if said.isdecimal() and int(said) > 0 else usual


def _may_color(interactive: bool) -> bool:
    """https://no-color.org first, then https://force-color.org, where 0 means off."""
    if os.environ.get("NO_COLOR"):
        return False
    force = os.environ.get("FORCE_COLOR")
    if force:
        return force != "0"
    return interactive and os.environ.get("TERM") not in ("dumb", "", None)
