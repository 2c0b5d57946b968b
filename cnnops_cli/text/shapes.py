"""Shapes as text."""

from collections.abc import Iterable, Sequence
from typing import Any


def named_shape(axes: Iterable[str], shape: Sequence[int]) -> str:
    """Write a shape with the names of its axes.

    Examples
    --------
    >>> named_shape("OIHW", (8, 3, 5, 5))
    '(O 8, I 3, H 5, W 5)'
    """
    return f"({', '.join(map('{} {}'.format, axes, shape))})"


def sizes_in_words(value: Any) -> str:
    """Write sizes as 2×3, padding by sides as 0:1×2:2, and words as they are.

    Examples
    --------
    >>> sizes_in_words((2, 3)), sizes_in_words(((0, 1), (2, 2))), sizes_in_words("same")
    ('2×3', '0:1×2:2', 'same')
    """
    if isinstance(value, tuple):
        return "×".join(":".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in value)
    return str(value)
