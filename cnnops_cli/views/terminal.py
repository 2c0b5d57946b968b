"""How much room a view has, and whether it may have colour."""

import os
import shutil
from dataclasses import dataclass
from typing import TextIO

_PIPE_SIZE = (80, 24)


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
        size = shutil.get_terminal_size(_PIPE_SIZE)
        return cls(size.columns, size.lines, color and _may_color(interactive))


def _may_color(interactive: bool) -> bool:
    """https://no-color.org first, then https://force-color.org, where 0 means off."""
    if os.environ.get("NO_COLOR"):
        return False
    force = os.environ.get("FORCE_COLOR")
    if force:
        return force != "0"
    return interactive and os.environ.get("TERM") not in ("dumb", "", None)
