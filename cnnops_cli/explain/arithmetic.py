"""The arithmetic of an explanation, in lines whose operators are dim and whose result is bold."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from cnnops_cli.text.colours import LOUD, number_style
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import BOLD, DIM, INDENT, MORE, PLAIN, Line, Span, fold

_OPERATORS = re.compile(r"([*(),]|(?:^| )[-+*/=](?= |$))")
_NOT_FINITE = {"NaN", "Infinity", "-Infinity"}
_MOST_WORDS = 64
"""Parts of a formula that are written out; of more, the middle is left out."""


def sum_words(parts: list[str]) -> list[str]:
    """Return the words of a sum, all but the last with a plus sign after it."""
    return [*(f"{part} +" for part in parts[:-1]), *parts[-1:]]


def product_sum_words(products: Sequence[tuple[Any, ...]], numbers: Decimals) -> list[str]:
    """Return the words of a sum of products, negative numbers after an operator in parentheses.

    Examples
    --------
    >>> product_sum_words([(-1, 2), (-3, -4), (-0.5,)], Decimals())
    ['-1*2 +', '(-3)*(-4) +', '(-0.5)']
    """
    texts = [[numbers.operand(factor) for factor in factors] for factors in products]
    if texts:
        texts[0][0] = numbers.text(products[0][0])
    return sum_words(["*".join(factors) for factors in texts])


def signed_sum_words(parts: list[str]) -> list[str]:
    """Return the words of a sum from which negative parts after the first are subtracted.

    Examples
    --------
    >>> signed_sum_words(["-41.2", "12.9", "-23", "0.11"])
    ['-41.2 +', '12.9 -', '23 +', '0.11']
    """
    first, *others = parts
    words = [first]
    for part in others:
        words[-1] += " -" if part.startswith("-") else " +"
        words.append(part.removeprefix("-"))
    return words


def shortened(words: list[str]) -> list[str]:
    """Leave out the middle of many words; what is put in its place has their comma."""
    if len(words) <= _MOST_WORDS:
        return words
    half = _MOST_WORDS // 2
    comma = "," if words[half].endswith(",") else ""
    return [*words[:half], f"{MORE} {len(words) - 2 * half} more {MORE}{comma}", *words[-half:]]


def styled(text: str) -> Line:
    """Set operators, brackets and commas dim."""
    pieces = _OPERATORS.split(text)
    return [(piece, DIM if number % 2 else PLAIN) for number, piece in enumerate(pieces) if piece]


def result_span(text: str) -> Span:
    """Return a result in bold, or in the loud colour if it is not finite."""
    return text, number_style(LOUD) if text in _NOT_FINITE else BOLD


def arithmetic_lines(
    words: Iterable[str],
    result: str,
    width: int,
    *,
    label: str = "",
    sign: str | None = None,
    note: str = "",
) -> list[Line]:
    """Fold a formula between its words, with a label before it and a note after its result.

    No line ends after the usual equals sign; another `sign` is a word of its own. Nothing equals a
    formula whose result is the empty text.

    Examples
    --------
    >>> from cnnops_cli.text.styled_lines import text_of
    >>> [text_of(line) for line in arithmetic_lines(["max(1,", "2)"], "2", 80, note="at [1]")]
    ['  max(1, 2) = 2, at [1]']
    """
    results = [[result_span(word)] for word in result.split()]
    if sign is not None:
        results.insert(0, [(sign, DIM)])
    elif results:
        results[0].insert(0, ("= ", DIM))
    if note:
        results[-1].append((",", DIM))
    before, after = ([[(word, DIM)] for word in text.split()] for text in (label, note))
    return fold([*before, *map(styled, words), *results, *after], width, " ", INDENT)
