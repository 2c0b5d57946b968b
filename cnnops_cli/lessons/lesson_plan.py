"""What a page says of a call: what is known before the result, and of each element of it."""

from itertools import product
from typing import Any, ClassVar

from cnnops_cli.dtypes import Array
from cnnops_cli.explain.explanation import Explainer, Page
from cnnops_cli.explain.explanation_lines import text_lines
from cnnops_cli.explain.indices import indices_of
from cnnops_cli.lessons.grids import Grid, Palette, texts_array
from cnnops_cli.lessons.page import Lesson
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import plain_text

_WIDTH = 80


class LessonPlan:
    """What a page says of a call; an operator derives its own.

    Attributes
    ----------
    operator : str
    kind : str
        How the page composes the formula of an element.
    reads : str
        What an element of the result reads of the input: its ``window``, all of its ``channel``,
        or the element at the ``same`` place.
    input, result : Grid
        Of the result, only the shape is known.
    """

    operator: ClassVar[str]
    kind: ClassVar[str]
    reads: str
    input: Grid
    result: Grid

    def facts(
        self, precision: int | None, palette: Palette, result: Array, explain: Explainer
    ) -> dict[str, Any]:
        """Return what the page says of the whole call."""
        raise NotImplementedError

    def step(self, explanation: Any, numbers: Decimals) -> dict[str, Any]:
        """Return what the page says of an element, by the names of lists of all elements."""
        raise NotImplementedError

    def of_all_steps(self, explain: Explainer, numbers: Decimals) -> dict[str, Any]:
        """Return what elements have in common."""
        return {}

    def lesson(self, result: Array, explain: Explainer, precision: int | None) -> Lesson:
        """Return the page; `explain` explains the elements of the operator's `result`."""
        palette, numbers = Palette(), Decimals(precision, exact=False)
        steps: dict[str, list[Any]] = {}
        for at in product(*map(range, result.shape)):
            explanation = explain(at)
            value = numbers.result(explanation.result)
            for name, entry in {"values": value, **self.step(explanation, numbers)}.items():
                steps.setdefault(name, []).append(entry)
        if result.dtype.hasobject:
            result = texts_array(steps["values"], result.shape)
        shown = self.result._replace(values=result)
        data = {
            "operator": self.operator,
            "kind": self.kind,
            "reads": self.reads,
            "input": self.input.record(precision, palette),
            "result": shown.record(precision, palette),
            **self.facts(precision, palette, result, explain),
            "palette": palette.record(),
            "steps": steps | self.of_all_steps(explain, numbers),
        }
        title = f"{self.operator} {shown.shape_in_words}"
        return Lesson(title, data, self._text(shown, explain, numbers))

    def _text(self, result: Grid, explain: Explainer, numbers: Decimals) -> str:
        """Write the explanations of the first elements, for where scripts do not run."""
        kind_of_values = "formulas" if result.values.dtype.hasobject else result.values.dtype.name
        head = [self.operator, result.shape_in_words, kind_of_values]
        picked = list(indices_of(result.values.shape, None))
        rest = result.values.size - len(picked)
        left_out = f"… {rest} more element{'s' * (rest != 1)}" if rest else ""
        explained = ((result.user_index(at), explain(at)) for at in picked)
        page = Page(numbers, _WIDTH, color=False)
        return plain_text(text_lines(head, explained, left_out, self.input.user_index, page))
