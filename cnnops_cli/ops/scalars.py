"""Arguments that are one number."""

import operator
from numbers import Real

from cnnops_cli.errors import CnnopsError


def integer(value: object, name: str, minimum: int) -> int:
    """Return an integer of at least `minimum`; refuse others, and floats even if whole."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise CnnopsError(f"{name} must be an integer, not {value!r}") from None
    if number < minimum:
        raise CnnopsError(f"{name} must be {minimum} or more, not {number}")
    return number


def real(value: object, name: str) -> float:
    """Return a real number, which may be NaN or infinite; refuse what is not one."""
    if type(value) is float:
        return value
    if not isinstance(value, Real):
        raise CnnopsError(f"{name} must be a number, not {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise CnnopsError(f"{name} is beyond what a float holds") from None
