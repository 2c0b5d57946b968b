"""How one element of a result comes about: what the explanations of all operators share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from cnnops_cli.explain.arithmetic import arithmetic_lines, shortened
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import Line

Index: TypeAlias = tuple[int, ...]
Place: TypeAlias = Callable[[Index], Index]
"""Turns the index of an element in an operator's array into its index in the user's array."""


class Page(NamedTuple):
    """How explanations are written for people: numbers, width, and whether in colour.

    `margin` is the number of blanks at both ends of a row of numbers, 0 or 1.
    """

    numbers: Decimals
    width: int
    color: bool
    margin: int = 0


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The arithmetic that gives the `value` of the element `at` an operator's index.

    With letters, the value is the formula itself. With `relu`, the element is max(0, value).
    """

    at: Index
    value: Any
    relu: bool = False

    @property
    def has_letters(self) -> bool:
        """Whether the value is not a number, but a formula."""
        return isinstance(self.value, str)

    @property
    def result(self) -> Any:
        """The element of the result; as in PyTorch's ReLU, -0 stays -0 and NaN stays NaN."""
        if not self.relu:
            return self.value
        if self.has_letters:
            return f"max(0, {self.value})"
        return type(self.value)(0) if self.value < 0 else self.value

    def formula(self, numbers: Decimals) -> str:
        """Return the arithmetic, from the operands to the result."""
        return " ".join(self._rectified(self._arithmetic(numbers)))

    def short_formula(self, numbers: Decimals) -> str:
        """Return the arithmetic of the value, without terms that are 0 whatever letters are."""
        return " ".join(self._short_arithmetic(numbers))

    def record(self, at: Index, place: Place, numbers: Decimals) -> dict[str, Any]:
        """Return everything by name, for JSON; `at` is the user's index of the element."""
        before = {"before_relu": numbers.value(self.value)} if self.relu else {}
        return {
            "at": at,
            **self._operands(place, numbers),
            "formula": self.formula(numbers),
            **before,
            "value": numbers.value(self.result),
        }

    def lines(self, place: Place, page: Page) -> list[Line]:
        """Write it for people, in lines of the page's width where the numbers fit."""
        raise NotImplementedError

    def _operands(self, place: Place, numbers: Decimals) -> dict[str, Any]:
        """Return by name what the value is made of, for JSON."""
        raise NotImplementedError

    def _arithmetic(self, numbers: Decimals) -> list[str]:
        """Return the words that give the value; lines may be folded between them."""
        raise NotImplementedError

    def _short_arithmetic(self, numbers: Decimals) -> list[str]:
        """Return the words of the arithmetic, without terms that are 0 whatever letters are."""
        return self._arithmetic(numbers)

    def _formula_lines(self, page: Page, note: str = "") -> list[Line]:
        """Write the arithmetic and what it gives; letters give what is left without zeros."""
        words = self._rectified(shortened(self._arithmetic(page.numbers)))
        result = page.numbers.result(self.result)
        if self.has_letters:
            left = self._rectified(shortened(self._short_arithmetic(page.numbers)))
            result = " ".join(left) if left != words else ""
        return arithmetic_lines(words, result, page.width, note=note)

    def _rectified(self, words: list[str]) -> list[str]:
        return ["max(0,", *words[:-1], f"{words[-1]})"] if self.relu else words


Explainer: TypeAlias = Callable[[Index], Explanation]
"""Explains the element of an operator's result that has an index."""


def with_relu(explain: Explainer) -> Explainer:
    """Explain max(0, value) in place of each value."""
    return lambda at: replace(explain(at), relu=True)
