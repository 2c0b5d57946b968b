"""A comparison in words."""

import math

from cnnops_cli.checks.comparison import Comparison, Element, Largest
from cnnops_cli.text.numbers import short_text, shortest_text

_HEADER = ("at", "result", "expected")


def verdict(found: Comparison, name: str) -> str:
    """Return in one line whether a result is equal to a named array, and the tolerance."""
    if found.equal:
        return f"equal to {name} {found.tolerance}"
    values_count = found.shapes[0] == found.shapes[1]
    within = "" if found.tolerance.exact or not values_count else f" {found.tolerance}"
    return f"not equal to {name}{within}"


def differences(found: Comparison) -> list[str]:
    r"""Return lines that say what differs: shape and dtype, then how many values, how much, where.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnops_cli.checks.comparison import compare
    >>> print(*differences(compare(np.array([1, 2, 30]), np.array([1, 2, 3]))), sep="\n")
    1 of 3 values differs (33.3 %)
    largest absolute error 27 at [2]: 30, expected 3
    largest relative error 9 at [2]: 30, expected 3
     at  result  expected
    [2]      30         3
    """
    if found.equal:
        return []
    lines = [
        f"{what} {ours}, expected {theirs}"
        for what, (ours, theirs) in (("shape", found.shapes), ("dtype", found.dtypes))
        if ours != theirs
    ]
    if found.misfit is not None:
        at, _, number = found.misfit
        text = shortest_text(number)
        lines.append(f"dtype {found.dtypes[0]}, which cannot hold {text}, expected at {list(at)}")
    if found.shapes[0] != found.shapes[1]:
        return lines
    if not found.differing:
        return [*lines, f"no value differs {found.tolerance}"]
    return [*lines, _count(found), *_errors(found), *_table(found)]


def _count(found: Comparison) -> str:
    size = math.prod(found.shapes[0])
    share = 100 * found.differing / size
    if found.differing < size:
        share = min(share, 99.9)
    what = f"value{'s' * (size != 1)} differ{'s' * (found.differing == 1)}"
    return f"{found.differing} of {size} {what} ({share:.3g} %)"


def _errors(found: Comparison) -> list[str]:
    kinds = (
        ("absolute error", found.absolute, ""),
        ("relative error", found.relative, ""),
        ("distance", found.distance, " ulp"),
    )
    lines = [_largest(f"largest {kind}", error, unit) for kind, error, unit in kinds if error]
    if found.absolute is None:
        lines.append("each of them is NaN or infinite on one side or both")
    if found.nan_pairs:
        lines.append(
            f"{found.nan_pairs} of them NaN on both sides, which --equal-nan takes as equal"
        )
    return lines


def _largest(what: str, largest: Largest, unit: str) -> str:
    error, (at, result, expected) = largest
    found, wanted = shortest_text(result), shortest_text(expected)
    return f"{what} {short_text(error.item())}{unit} at {list(at)}: {found}, expected {wanted}"


def _table(found: Comparison) -> list[str]:
    """Align the first elements that differ."""
    rows = [_HEADER, *(_row(element) for element in found.first)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))
        for row in rows
    ]
    more = found.differing - len(found.first)
    return [*lines, f"… {more} more"] if more else lines


def _row(element: Element) -> tuple[str, str, str]:
    return str(list(element.at)), shortest_text(element.result), shortest_text(element.expected)
