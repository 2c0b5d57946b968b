"""What a command hands on: a result, and what else was asked for."""

import sys
from typing import TYPE_CHECKING

import numpy as np

from cnnops_cli.commands.operands import Form
from cnnops_cli.dtypes import Array
from cnnops_cli.options import Settings
from cnnops_cli.tensors.write import Writer

if TYPE_CHECKING:
    from cnnops_cli.explain.cells import Cells
    from cnnops_cli.explain.estimate import Estimate
    from cnnops_cli.explain.formulas import Formulas
    from cnnops_cli.views.sections import Section


class Delivery:
    """A result, and what else was asked for.

    Parameters
    ----------
    operator : str
        The name of the command.
    result : numpy.ndarray
        As the operator returned it, channels first.
    form : Form
        What the user has in its place.
    note : str
        What the view and the summary say beside the result, as a seed that was drawn.
    aside : str
        What a terminal alone is told, as how it was computed: elsewhere the view is compared byte
        by byte, and a faster way to the same numbers is no change.

    Attributes
    ----------
    files : dict of str to callable
        What other files hold, by path.
    durable_files : dict of str to callable
        What files hold that cannot be computed again; the last of them is the last to change.
    operands : list of Section
        What the view shows before the result.
    cells : callable, optional
        Explains a cell of the result; where there is one, that is what standard output shows.
    estimate : Estimate, optional
        What the result would take, where nothing was computed.
    """

    def __init__(
        self, operator: str, result: Array, form: Form, note: str = "", aside: str = ""
    ) -> None:
        self.operator = operator
        self.result = result
        self.form = form
        self.note = note
        self.aside = aside
        self.files: dict[str, Writer] = {}
        self.durable_files: dict[str, Writer] = {}
        self.operands: list[Section] = []
        self.cells: Cells | None = None
        self.estimate: Estimate | None = None

    @classmethod
    def planned(cls, operator: str, estimate: "Estimate", form: Form) -> "Delivery":
        """What there is of a result that was not computed: its shape, and zeros in its place."""
        delivery = cls(
            operator, np.broadcast_to(np.zeros((), estimate.dtype), estimate.shape), form
        )
        delivery.estimate = estimate
        return delivery

    @classmethod
    def of_formulas(
        cls, operator: str, formulas: "Formulas", form: Form, settings: Settings, note: str = ""
    ) -> "Delivery":
        """What there is where letters stand for numbers: all formulas, or those that are explained.

        Raises
        ------
        CnnopsError
            If all are too many.
        """
        whole = not settings.explain or settings.output is not None
        result = formulas.result() if whole else formulas.stand_in()
        delivery = cls(operator, result, form, note)
        if settings.explain:
            delivery.cells = formulas.cells
        return delivery

    @property
    def is_formulas(self) -> bool:
        """Whether the result is no numbers, but formulas with letters."""
        return self.result.dtype.kind == "O"

    @property
    def terminal_note(self) -> str:
        """The note with what only a terminal is told."""
        return "  ".join(filter(None, (self.aside, self.note)))

    @property
    def stdout_note(self) -> str:
        """The note for what standard output is."""
        return self.terminal_note if sys.stdout.isatty() else self.note

    @property
    def shape(self) -> str:
        """The shape of `output` as people read it, with the names of the axes."""
        return self.form.shape_in_words(self.result)

    @property
    def output(self) -> Array:
        """The result in the user's layout."""
        return self.form.from_operator(self.result)
