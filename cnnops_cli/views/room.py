"""How much room a view has, and whether it may have colour."""

import os
from contextlib import suppress
from typing import NamedTuple, TextIO

_PIPE_SIZE = (80, 24)
_TEXT_SIZE = (80, 48)
_PAGE_SIZE = (120, 48)
"""The shape of a slide, in characters of 8 by 16 units."""


class Room(NamedTuple):
    """A size in characters, whether there may be colour, and whether pictures can be drawn."""

    width: int
    height: int
    color: bool
    draws: bool = False

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
    def of_file(cls, *, draws: bool) -> "Room":
        """Return the size of a view in a file: COLUMNS by LINES, or the usual on any terminal."""
        columns, lines = _PAGE_SIZE if draws else _TEXT_SIZE
        return cls(_said("COLUMNS", columns), _said("LINES", lines), draws, draws)


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
