"""Which elements of a result are explained."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeAlias

from cnnops_cli.errors import CnnopsError
from cnnops_cli.explain.explanation import Index

Pick: TypeAlias = tuple[int | None, ...]
"""What --at names: an index along each axis of a result, or None for all of an axis."""

MOST_UNASKED = 12
"""The number of elements that are explained where none are picked."""


def indices_of(shape: Sequence[int], picked: Sequence[Pick] | None) -> Iterable[Index]:
    """Return the indices of the elements picked, in row-major order, or of the first dozen.

    Examples
    --------
    >>> list(indices_of((2, 3), [(1, None), (0, -1)]))
    [(1, 0), (1, 1), (1, 2), (0, 2)]
    """
    if picked is None:
        return islice(_every([range(length) for length in shape]), MOST_UNASKED)
    axes = [_along_axes(pick, shape) for pick in picked]
    return chain.from_iterable(map(_every, axes))


def _every(axes: Sequence[range]) -> Iterator[Index]:
    """Yield what `itertools.product` does, which first makes a tuple of every range."""
    if not axes:
        yield ()
    elif all(axes):
        for number in axes[0]:
            for others in _every(axes[1:]):
                yield (number, *others)


def _along_axes(pick: Pick, shape: Sequence[int]) -> list[range]:
    """Return what is picked along each axis, from the start."""
    text = ",".join(":" if number is None else str(number) for number in pick)
    if len(pick) != len(shape):
        raise CnnopsError(
            f"--at {text} is for {len(pick)} ax{'is' if len(pick) == 1 else 'es'}, but the result "
            f"has {len(shape)}: shape {tuple(shape)}"
        )
    axes = []
    for axis, (number, length) in enumerate(zip(pick, shape, strict=True)):
        if number is None:
            axes.append(range(length))
            continue
        if not -length <= number < length:
            takes = f"takes {-length} to {length - 1}" if length else "is empty"
            raise CnnopsError(
                f"--at {text} is outside of the result, shape {tuple(shape)}: axis {axis} {takes}, "
                f"not {number}"
            )
        axes.append(range(number % length, number % length + 1))
    return axes
