"""The view: one line that sums up the array, then its planes."""

from collections.abc import Sequence
from typing import NamedTuple

from cnnops_cli.dtypes import Array
from cnnops_cli.text.colours import LOUD, Scale, number_style
from cnnops_cli.text.styled_lines import BOLD, Line, fold_parts
from cnnops_cli.views.formula_panels import panels_of
from cnnops_cli.views.marks import Marks
from cnnops_cli.views.room import Room
from cnnops_cli.views.sections import Section, sections_lines
from cnnops_cli.views.summary import measure, summarise

_PROMPT = 1
"""Lines below the view that a terminal needs for its prompt."""


class View(NamedTuple):
    """An operator's result to be shown, and its operands before it.

    `planes` is the array with rows and columns as the last two axes; `shape` is the text of its
    shape where the axes have names, and `marks` says which values are shown in another way.
    """

    operator: str
    array: Array
    planes: Array
    precision: int | None = None
    operands: Sequence[Section] = ()
    shape: str = ""
    marks: Marks | None = None

    def lines(self, terminal: Room, note: str = "") -> list[Line]:
        """Lay the view out in a terminal's width; `note` is added to the header."""
        said, scale = self._said()
        head = fold_parts([*said, *filter(None, [note])], terminal.width, BOLD)
        room = terminal._replace(height=max(terminal.height - len(head) - _PROMPT, 1))
        if self.operands:
            sections = [*self.operands, Section("result", [self._shape], self.planes, self.marks)]
            return head + sections_lines(sections, self.precision, room)
        if not self.array.size:
            return head
        return head + panels_of(self.planes, scale, self.precision, self.marks).lines(room)

    @property
    def _shape(self) -> str:
        return self.shape or str(self.array.shape)

    def _said(self) -> tuple[list[str | Line], Scale | None]:
        """Return what the header says of the array, and the scale of its numbers."""
        if self.array.dtype.hasobject:
            return [self.operator, self._shape, "formulas"], None
        statistics = measure(self.array)
        loud: list[Line] = [[(text, number_style(LOUD))] for text in statistics.loud]
        said = summarise(self.array, self.precision, statistics, self.shape)
        scale = Scale(float(statistics.low), float(statistics.high))
        return [self.operator, *said[: len(said) - len(loud)], *loud], scale
