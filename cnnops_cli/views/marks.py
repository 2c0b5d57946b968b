"""Values that are not shown as numbers on a scale: what was dropped, and padding."""

from collections.abc import Callable
from typing import NamedTuple

from cnnops_cli.dtypes import Array
from cnnops_cli.text.colours import ABSENT, number_style
from cnnops_cli.text.styled_lines import DIM, PLAIN, Line
from cnnops_cli.views.room import Room

NO_COLOUR = -1


class Marks(NamedTuple):
    """Which values are shown in another way, and what they are.

    `at` says of a part of all values, in row-major order, which are. With a `sign` they are absent,
    and it takes their place; else they are in parentheses.
    """

    at: Callable[[slice], Array]
    meaning: str
    sign: str = ""

    @property
    def colour(self) -> int:
        """The colour of a cell."""
        return ABSENT if self.sign else NO_COLOUR

    def text(self, number: str, is_marked: bool) -> str:
        """Return what is shown of a number."""
        if self.sign:
            return self.sign if is_marked else number
        return f"({number})" if is_marked else f" {number} "

    def key(self, room: Room) -> Line:
        """Explain how they are shown."""
        style = number_style(ABSENT) if self.sign and room.color else PLAIN
        return [(self.sign or "( )", style), (f" {self.meaning}", DIM)]
