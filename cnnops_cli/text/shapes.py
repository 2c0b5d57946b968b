"""Shapes as text."""

from collections.abc import Iterable, Sequence


def named_shape(axes: Iterable[str], shape: Sequence[int]) -> str:
    """Write a shape with the names of its axes.

    Examples
    --------
    >>> named_shape("OIHW", (8, 3, 5, 5))
    '(O 8, I 3, H 5, W 5)'
    """
    return f"({', '.join(map('{} {}'.format, axes, shape))})"
