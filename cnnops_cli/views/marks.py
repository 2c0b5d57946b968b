"""Values that are not shown as numbers on a scale: what was dropped, and padding."""

from collections.abc import Callable
from typing import NamedTuple

from cnnops_cli.dtypes import Array
from cnnops_cli.text.colours import number_style
from cnnops_cli.text.styled_lines import DIM, Line, Style

NO_COLOUR = -1


class Marks(NamedTuple):
    """Which values are shown in another way, and what they are.

    `at` says of a part of all values, in row-major order, which are. A `sign` takes their place, or
    they are in parentheses; `colour` is that of their cells.
    """

    at: Callable[[slice], Array]
    meaning: str
    sign: str = ""
    colour: int = NO_COLOUR

    def text(self, number: str, is_marked: bool) -> str:
        """Return what is shown of a number."""
        if self.sign:
            return self.sign if is_marked else number
        return f"({number})" if is_marked else f" {number} "

    @property
    def key(self) -> Line:
        """What explains how they are shown."""
        return [(self.sign or "( )", style_on(self.colour)), (f" {self.meaning}", DIM)]


def style_on(colour: int) -> Style:
    """Return the style of a number on its colour, or of one that has none."""
    return DIM if colour == NO_COLOUR else number_style(colour)
