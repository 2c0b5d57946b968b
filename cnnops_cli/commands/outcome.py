"""What comes of an operation: a result, and what else the call asked for."""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnops_cli.commands.call import Call
from cnnops_cli.commands.operands import computing, has_any_letters
from cnnops_cli.commands.operation import Operands, Operation
from cnnops_cli.dtypes import Array
from cnnops_cli.tensors.tensor import Tensor
from cnnops_cli.tensors.write import Writer

if TYPE_CHECKING:
    from cnnops_cli.explain.estimate import Estimate
    from cnnops_cli.explain.explanation import Explainer
    from cnnops_cli.lessons.lesson_plan import LessonPlan
    from cnnops_cli.lessons.page import Lesson
    from cnnops_cli.views.sections import Section


class Outcome:
    """A result, and what else the call asked for.

    Attributes
    ----------
    operation : Operation
    result : numpy.ndarray
        As the operator gives it, channels first.
    files, durable_files : dict of str to callable
        What writes the other files, by path. Those that cannot be computed again change last.
    sections : list of Section
        What the view shows before the result.
    explainer : callable or None
        Explains an element; where there is one, that is what standard output shows.
    lesson : Lesson or None
        The page of --lesson.
    estimate : Estimate or None
        What the result would take, where nothing was computed.
    """

    def __init__(self, operation: Operation, result: Array) -> None:
        self.operation = operation
        self.result = result
        self.files: dict[str, Writer] = {}
        self.durable_files: dict[str, Writer] = {}
        self.sections: list[Section] = []
        self.explainer: Explainer | None = None
        self.lesson: Lesson | None = None
        self.estimate: Estimate | None = None

    @property
    def operator(self) -> str:
        """The name of the command."""
        return self.operation.name

    @property
    def is_formulas(self) -> bool:
        """Whether the result is not numbers, but formulas with letters."""
        return self.result.dtype.kind == "O"

    @property
    def note(self) -> str:
        """What the view says next to the result."""
        return self.operation.note

    @property
    def terminal_note(self) -> str:
        """The note with what only a terminal is told."""
        return "  ".join(filter(None, (self.operation.aside, self.note)))

    @property
    def stdout_note(self) -> str:
        """The note for what standard output is."""
        return self.terminal_note if sys.stdout.isatty() else self.note

    @property
    def shape(self) -> str:
        """The shape of `output` as people read it, with the names of the axes."""
        return self.operation.layout.shape_in_words(self.result)

    @property
    def output(self) -> Array:
        """The result in the user's layout."""
        return self.operation.layout.from_operator(self.result)


def work_out(
    kind: type[Operation], call: Call, options: dict[str, Any], tensors: dict[str, Tensor]
) -> Outcome:
    """Make an operation of a call and its tensors, and do with it what the settings ask for.

    What an INPUT leaves to the next is put into the options.
    """
    settings = call.settings
    letters = has_any_letters(tensors, call)
    files, state_files = (
        {option: path for option, path in named.items() if path is not None}
        for named in (call.files, call.state_files)
    )
    writes = frozenset(files | state_files)
    given = Operands(tensors, settings.dtype, settings.layout, settings.dry_run, writes)
    with computing(settings, tensors) as hints:
        operation = kind(given, **options)  # type: ignore[call-arg]
        hints.append(operation.likely_cause)
        if settings.dry_run:
            return _estimated(operation)
        plan = None if settings.lesson is None else operation.lesson(call.relu)
        if letters:
            return _in_letters(operation, call, plan)
        if settings.explain or plan is not None:
            result, explainer = operation.explained()
        else:
            result, explainer = operation.result(), None
        if call.relu:
            result, explainer = _rectified(result, explainer)
    outcome = Outcome(operation, result)
    if settings.explain:
        outcome.explainer = explainer
    if plan is not None and explainer is not None:
        outcome.lesson = plan.lesson(result, explainer, settings.precision)
    outcome.files = {path: operation.writer(option, path) for option, path in files.items()}
    outcome.durable_files = {
        path: operation.writer(option, path) for option, path in state_files.items()
    }
    if state_files:
        options |= operation.left_to_next()
    if call.with_input:
        outcome.sections = operation.sections()
    return outcome


def _rectified(result: Array, explainer: "Explainer | None") -> "tuple[Array, Explainer | None]":
    from cnnops_cli.ops.relu import relu

    if explainer is not None:  # which show what was there before
        from cnnops_cli.explain.explanation import with_relu

        result, explainer = result.copy(), with_relu(explainer)
    relu(result)
    return result, explainer


def _estimated(operation: Operation) -> Outcome:
    """Return the shape of a result that is not computed, and zeros in its place."""
    estimate = operation.estimate()
    zeros = np.broadcast_to(np.zeros((), estimate.dtype), estimate.shape)
    outcome = Outcome(operation, zeros)
    outcome.estimate = estimate
    return outcome


def _in_letters(operation: Operation, call: Call, plan: "LessonPlan | None") -> Outcome:
    """Return all formulas, or those that are explained."""
    settings = call.settings
    formulas = operation.formulas(settings.precision)
    formulas = formulas.with_relu() if call.relu else formulas
    whole = not settings.explain or settings.output is not None
    outcome = Outcome(operation, formulas.result() if whole else formulas.stand_in())
    if settings.explain:
        outcome.explainer = formulas.explain
    if call.with_input:
        outcome.sections = operation.sections()
    if plan is not None:
        outcome.lesson = plan.lesson(formulas.stand_in(), formulas.explain, settings.precision)
    return outcome
