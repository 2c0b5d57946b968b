"""The view: one line that sums up the array, then its planes."""

from collections.abc import Sequence
from typing import NamedTuple

from cnnops_cli.dtypes import Array
from cnnops_cli.text.colours import LOUD, Scale, number_style
from cnnops_cli.text.styled_lines import BOLD, Line, fold_parts
from cnnops_cli.views.panels import Panels
from cnnops_cli.views.room import Room
from cnnops_cli.views.sections import Section, sections_lines
from cnnops_cli.views.summary import measure, summarise

_PROMPT = 1
"""Lines below the view that a terminal needs for its prompt."""


class View(NamedTuple):
    """An operator's result to be shown, and its operands before it.

    `planes` is the array with rows and columns as the last two axes; `shape` is the text of its
    shape where the axes have names.
    """

    operator: str
    array: Array
    planes: Array
    precision: int | None = None
    operands: Sequence[Section] = ()
    shape: str = ""

    def lines(self, terminal: Room, note: str = "") -> list[Line]:
        """Lay the view out in a terminal's width; `note` is added to the header."""
        statistics = measure(self.array)
        loud: list[Line] = [[(text, number_style(LOUD))] for text in statistics.loud]
        said = summarise(self.array, self.precision, statistics, self.shape)
        usual = said[: len(said) - len(loud)]
        parts: list[str | Line] = [self.operator, *usual, *loud, *filter(None, [note])]
        head = fold_parts(parts, terminal.width, BOLD)
        room = terminal._replace(height=max(terminal.height - len(head) - _PROMPT, 1))
        if self.operands:
            sections = [*self.operands, Section("result", said[:1], self.planes)]
            return head + sections_lines(sections, self.precision, room)
        if not self.array.size:
            return head
        scale = Scale(float(statistics.low), float(statistics.high))
        return head + Panels(self.planes, scale, self.precision).lines(room)
