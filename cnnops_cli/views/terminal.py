"""How much room a view has, and whether it may have colour."""

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

_PIPE_SIZE = (80, 24)
_FILE_SIZE = (80, 48)


@dataclass(frozen=True)
class Terminal:
    """The stream that a view goes to.

    Attributes
    ----------
    width, height : int
        In cells; 80 by 24 where the stream is no terminal and COLUMNS and LINES say nothing.
    color : bool
        Whether escape sequences may be written.
    """

    width: int
    height: int
    color: bool

    @classmethod
    def of(cls, stream: TextIO, *, color: bool) -> "Terminal":
        """Ask the stream and the environment: COLUMNS, NO_COLOR, FORCE_COLOR and TERM.

        Parameters
        ----------
        stream : text stream
        color : bool
            False forbids colour whatever the environment says.
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
    def of_file(cls, *, color: bool) -> "Terminal":
        """Return how large a view in a file is: 80 by 48, or as COLUMNS and LINES say.

        The terminal that the call is made on does not count.
        """
        columns, lines = _FILE_SIZE
        return cls(_said("COLUMNS", columns), _said("LINES", lines), color)


def _said(variable: str, usual: int) -> int:
    """Return what a variable of the environment says, if that is a size."""
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
