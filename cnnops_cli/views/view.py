"""The view: one line that sums the array up, then its planes."""

from collections.abc import Sequence
from dataclasses import dataclass

from cnnops_cli.dtypes import Array
from cnnops_cli.views.colours import LOUD, on
from cnnops_cli.views.lines import BOLD, Line, fold
from cnnops_cli.views.panels import Panels, Room
from cnnops_cli.views.sections import Section, sections_lines
from cnnops_cli.views.summary import measure, summarise
from cnnops_cli.views.terminal import Terminal

_PROMPT = 1
"""Lines that a terminal needs for itself below the view."""


@dataclass(frozen=True)
class View:
    """What there is to see.

    Attributes
    ----------
    operator : str
        What made the array.
    array : numpy.ndarray
        What the header is about.
    planes : numpy.ndarray
        The same values, with rows and columns as the last two axes; the others number the planes.
    precision : int, optional
        Decimals; see `format_numbers`.
    operands : sequence of Section
        What stands before the result.
    shape : str
        How the array's shape is written, where its axes have names.
    """

    operator: str
    array: Array
    planes: Array
    precision: int | None = None
    operands: Sequence[Section] = ()
    shape: str = ""

    def lines(self, terminal: Terminal, note: str = "") -> list[Line]:
        """Lay the view out.

        Parameters
        ----------
        terminal : Terminal
        note : str
            Added to the header, as a seed that was drawn.

        Returns
        -------
        list of Line
            Of at most the terminal's width. What is left out is said.
        """
        statistics = measure(self.array)
        loud: list[Line] = [[(text, on(LOUD, bold=True))] for text in statistics.loud]
        said = summarise(self.array, self.precision, statistics, self.shape)
        usual = said[: len(said) - len(loud)]
        parts: list[str | Line] = [self.operator, *usual, *loud, *filter(None, [note])]
        head = fold(parts, terminal.width, BOLD)
        room = Room(terminal.width, max(terminal.height - len(head) - _PROMPT, 1), terminal.color)
        if self.operands:
            sections = [*self.operands, Section("result", said[:1], self.planes)]
            return head + sections_lines(sections, self.precision, room)
        if not self.array.size:
            return head
        return head + Panels(self.planes, statistics, self.precision).lines(room)
