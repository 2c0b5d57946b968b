"""Arguments that are one number."""

import operator
from numbers import Real

from cnnops_cli.errors import CnnopsError


def integer(value: object, name: str, minimum: int) -> int:
    """Take an integer of at least `minimum`.

    Raises
    ------
    CnnopsError
        If it is none; a float is none, even a whole one.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise CnnopsError(f"{name} must be an integer, not {value!r}") from None
    if number < minimum:
        raise CnnopsError(f"{name} must be {minimum} or more, not {number}")
    return number


def real(value: object, name: str) -> float:
    """Take a real number, NaN and infinities among them.

    Raises
    ------
    CnnopsError
        If it is none.
    """
    if not isinstance(value, Real):
        raise CnnopsError(f"{name} must be a number, not {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise CnnopsError(f"{name} is beyond what a float holds") from None
