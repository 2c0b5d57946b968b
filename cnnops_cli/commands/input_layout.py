"""Where INPUT and the result have their channels."""

from typing import NamedTuple, TypeVar

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.words import LAYOUTS

Item = TypeVar("Item")


class InputLayout(NamedTuple):
    """Which axes INPUT has, and where its channels are.

    Attributes
    ----------
    lead : int
        Axes before the channels in channels-first order: 1 for (N, C, ...), 0 for (C, ...), and -1
        where there is no channel axis.
    layout : str
    named : bool
        Whether the axes are sure to be these; INPUT of dropout may have any.
    """

    lead: int
    layout: str
    named: bool = True

    @classmethod
    def spatial(cls, shape: tuple[int, ...], dims: int, layout: str) -> "InputLayout":
        """Return the layout of a tensor with `dims` spatial axes by its shape."""
        if len(shape) - dims not in (0, 1, 2):
            raise CnnopsError(
                f"{INPUT} has rank {len(shape)}, but a {dims}-D kernel takes rank {dims} to "
                f"{dims + 2}: (*spatial), (C, *spatial) or (N, C, *spatial)"
            )
        return cls(len(shape) - dims - 1, layout)

    def in_the_other_layout(self) -> "InputLayout":
        """Return the layout of INPUT if its channels were at the other place."""
        return self._replace(layout=next(word for word in LAYOUTS if word != self.layout))

    def to_operator(self, array: Array) -> Array:
        """Bring INPUT to (C, ...) or (N, C, ...), as operators take it."""
        if self.lead < 0:
            return array[np.newaxis]
        return np.moveaxis(array, -1, self.lead) if self._moves(array) else array

    def from_operator(self, array: Array) -> Array:
        """Bring a result to the user's layout."""
        planes = self.planes(array)
        moves = planes.ndim == array.ndim and self._moves(array)
        return np.moveaxis(planes, max(self.lead, 0), -1) if moves else planes

    def planes(self, array: Array) -> Array:
        """Drop the one channel of a result, where INPUT has no channel axis."""
        return array.squeeze(0) if self.lead < 0 and len(array) == 1 else array

    def shape_in_words(self, array: Array) -> str:
        """Write the shape that the user has of an operator's array, with the names of its axes.

        Examples
        --------
        >>> InputLayout(0, "channels-last").shape_in_words(np.zeros((3, 32, 16)))
        '(H 32, W 16, C 3)'
        >>> InputLayout(-1, "channels-first").shape_in_words(np.zeros((1, 8)))
        '(W 8)'
        """
        from cnnops_cli.text.shapes import named_shape

        shape = self.from_operator(array).shape
        names = self.axes(array)[1]
        if not all(map(str.isalpha, names)):
            return str(shape)
        return named_shape(names, shape)

    def axes(self, array: Array) -> tuple[list[str], list[str]]:
        """Name the axes of an operator's array, and those of the array that the user has.

        Axes that are not sure to be samples, channels and spatial ones have numbers.

        Examples
        --------
        >>> InputLayout(0, "channels-last").axes(np.zeros((3, 32, 16)))
        (['C', 'H', 'W'], ['H', 'W', 'C'])
        """
        from cnnops_cli.ops.geometry import AXES

        channels = max(self.lead, 0)
        dims = array.ndim - channels - 1
        if self.named and 0 <= dims <= len(AXES):
            names = [*"NC"[1 - channels :], *AXES.get(dims, ())]
            if self.planes(array).ndim < array.ndim:
                return names, names[1:]
            return names, self._moved(names)
        of_user = list(map(str, range(array.ndim)))
        moved = [of_user.index(name) for name in self._moved(of_user)]
        return [str(moved.index(axis)) for axis in range(array.ndim)], of_user

    def _moved(self, axes: list[str]) -> list[str]:
        """Bring the axes of an operator's array to the user's order."""
        channels = max(self.lead, 0)
        if not self._moves_rank(len(axes)):
            return axes
        return [*axes[:channels], *axes[channels + 1 :], axes[channels]]

    def place_of_input(self, place: tuple[Item, ...]) -> tuple[Item, ...]:
        """Return where the user has an element, or a part, of the operator's input."""
        if self.lead < 0:
            return place[1:]
        if not self._moves_rank(len(place)):
            return place
        return (*place[: self.lead], *place[self.lead + 1 :], place[self.lead])

    def lengths_in_operator(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """Bring one length per axis of INPUT to the operator's order, 1 for a missing channel."""
        if self.lead < 0:
            return (1, *lengths)
        if not self._moves_rank(len(lengths)):
            return lengths
        return (*lengths[: self.lead], lengths[-1], *lengths[self.lead : -1])

    def of_result(self, shape: tuple[int, ...]) -> "InputLayout":
        """Return the layout of a result, which gains a channel axis where there are several."""
        return self._replace(lead=0) if self.lead < 0 and shape[0] != 1 else self

    def place_in_result(self, place: tuple[int, ...], result: Array) -> tuple[int, ...]:
        """Return where the operator has an element of the user's result."""
        if len(place) < result.ndim:  # the one channel that was dropped
            return (0, *place)
        axis = max(self.lead, 0)
        if not self._moves_rank(len(place)):
            return place
        return (*place[:axis], place[-1], *place[axis:-1])

    def _moves(self, array: Array) -> bool:
        return self._moves_rank(array.ndim)

    def _moves_rank(self, rank: int) -> bool:
        return self.layout == "channels-last" and rank > max(self.lead, 0) + 1
