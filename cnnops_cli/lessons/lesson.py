"""The interactive page about a call of an operator in Python."""

from collections.abc import Callable
from inspect import signature
from typing import Any

from cnnops_cli.errors import CnnopsError
from cnnops_cli.lessons.batchnorm import lesson_of_batchnorm
from cnnops_cli.lessons.conv import lesson_of_conv
from cnnops_cli.lessons.dropout import lesson_of_dropout
from cnnops_cli.lessons.maxpool import lesson_of_maxpool
from cnnops_cli.lessons.page import Lesson
from cnnops_cli.ops.batchnorm import batchnorm
from cnnops_cli.ops.conv import conv
from cnnops_cli.ops.dropout import dropout
from cnnops_cli.ops.maxpool import maxpool
from cnnops_cli.ops.scalars import integer

_LESSONS: list[tuple[Callable[..., Any], Callable[..., Lesson]]] = [
    (conv, lesson_of_conv),
    (maxpool, lesson_of_maxpool),
    (batchnorm, lesson_of_batchnorm),
    (dropout, lesson_of_dropout),
]


def lesson(
    operator: Callable[..., Any], *operands: Any, precision: int | None = None, **options: Any
) -> Lesson:
    """Explain a call of an operator on an interactive page.

    Parameters
    ----------
    operator : callable
        `conv`, `maxpool`, `batchnorm` or `dropout`.
    *operands, **options
        As the operator takes them. In the operands of `conv` and the input of `maxpool`, names such
        as ``"a"`` may take the place of numbers; the result is formulas then.
    precision : int, optional
        Decimals of all numbers. By default, operands have at most three and results every digit.

    Returns
    -------
    Lesson
        Shows itself in a notebook; ``save("lesson.html")`` writes the page to a file, and printed
        it is text. Arrays that are given are not changed, not even running statistics.

    Raises
    ------
    CnnopsError
        If the operator refuses the call, it has more than 20,000 elements or 200,000 terms, or
        `precision` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnops_cli import conv, lesson
    >>> image = np.arange(1, 13).reshape(1, 3, 4)
    >>> page = lesson(conv, image, [[[["a", "b"], ["c", "d"]]]], stride=(1, 2))
    >>> page.save("lesson.html")  # doctest: +SKIP
    >>> print(page)  # doctest: +ELLIPSIS
    conv  (C 1, H 2, W 2)  formulas
    <BLANKLINE>
    [0, 0, 0]
      window over H 0 to 1, W 0 to 1
      1  2  ×  a  b
      5  6     c  d
      a*1 + b*2 + c*5 + d*6
    ...
    """
    for known, explain in _LESSONS:
        if operator is known:
            signature(known).bind(*operands, **options)  # which names what is missing or unknown
            decimals = None if precision is None else integer(precision, "precision", 0)
            return explain(*operands, precision=decimals, **options)
    name = getattr(operator, "__name__", type(operator).__name__)
    raise CnnopsError(f"lesson explains conv, maxpool, batchnorm and dropout, not {name}")
