"""How large a call may be for a page, and how to cut one that is larger."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.lessons.grids import Grid

MOST_ELEMENTS = 20_000
MOST_TERMS = 200_000
_STEP = 0.95
"""By which lengths are multiplied until a call fits."""

Shape: TypeAlias = tuple[int, ...]


class PageSize(NamedTuple):
    """The elements of all grids of a page, padding included, and the terms of all formulas."""

    elements: int
    terms: int

    @property
    def fits(self) -> bool:
        """Whether a page takes it."""
        return self.elements <= MOST_ELEMENTS and self.terms <= MOST_TERMS


def check_size(
    input: Grid,
    size_of: Callable[[Shape], PageSize],
    cuts: Sequence[Sequence[str]],
    otherwise: str,
) -> None:
    """Refuse a call that is too large for a page, and say how to cut its input.

    Parameters
    ----------
    input : Grid
    size_of : callable
        Returns the size of the call with an input of another shape, or refuses the shape.
    cuts : sequence of sequence of str
        The axes along which the input can be cut, those first that are cut first.
    otherwise : str
        What would do where no cut does.
    """
    shape = input.values.shape
    if not input.values.size:
        raise CnnopsError(f"a lesson shows elements, and {INPUT} has none: shape {shape}")
    size = size_of(shape)
    if size.fits:
        return
    said = f"a lesson draws at most {MOST_ELEMENTS:,} elements, and this call has {size.elements:,}"
    if size.elements <= MOST_ELEMENTS:
        said = f"a lesson writes at most {MOST_TERMS:,} terms, and this call has {size.terms:,}"
    for axes in cuts:
        shape, is_enough = _cut(shape, [input.axes.index(axis) for axis in axes], size_of)
        if is_enough:
            lengths = dict(zip(input.axes, shape, strict=True))
            whole = dict(zip(input.axes, input.values.shape, strict=True))
            slices = [
                ":" if lengths[axis] == whole[axis] else f":{lengths[axis]}"
                for axis in input.users_axes
            ]
            raise CnnopsError(f"{said}: cut {INPUT} to [{', '.join(slices)}], as NumPy writes it")
    raise CnnopsError(f"{said}: {otherwise}")


def _cut(
    shape: Shape, axes: Sequence[int], size_of: Callable[[Shape], PageSize]
) -> tuple[Shape, bool]:
    """Cut a shape along some axes until the call fits, or as far as the operator takes it."""
    smallest, share = shape, 1.0
    while any(smallest[axis] > 1 for axis in axes):
        share *= _STEP
        candidate = tuple(
            max(1, int(length * share)) if axis in axes else length
            for axis, length in enumerate(shape)
        )
        try:
            size = size_of(candidate)
        except CnnopsError:
            break
        smallest = candidate
        if size.fits:
            return candidate, True
    return smallest, False
