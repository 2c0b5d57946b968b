"""Arrays as the page draws them: texts and colours, and where each element is for the user."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops.geometry import AXES
from cnnops_cli.text.colours import Scale, hexadecimal, number_style
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.shapes import named_shape


class Palette:
    """The colours that occur on a page, each once."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def numbers_of(self, values: Array) -> list[int] | None:
        """Return which colour each number has on the scale of all; letters have none."""
        if values.dtype.hasobject:
            return None
        scale = Scale.of(values) or Scale(0, 0)
        colours = scale.colours(values).ravel().tolist()
        return [self._numbers.setdefault(colour, len(self._numbers)) for colour in colours]

    def record(self) -> list[list[str]]:
        """Return the colours in their order, each with the colour of text on it."""
        return [
            [hexadecimal(colour), hexadecimal(number_style(colour).foreground or 0)]
            for colour in self._numbers
        ]


Axes: TypeAlias = tuple[Sequence[str], Sequence[str]]
"""The names of the axes that an operator's array has, and of those that the user's has."""
NameAxes: TypeAlias = Callable[[Array], Axes]


def spatial_axes(dims: int, lead: str = "NC") -> NameAxes:
    """Return what names the axes of arrays whose last `dims` are spatial.

    Examples
    --------
    >>> spatial_axes(2)(np.zeros((1, 3, 4)))
    (['C', 'H', 'W'], ['C', 'H', 'W'])
    """

    def name(array: Array) -> Axes:
        names = [*lead[len(lead) + dims - array.ndim :], *AXES.get(dims, ())]
        return names, names

    return name


class Grid(NamedTuple):
    """An array, and how its planes are drawn.

    Attributes
    ----------
    name : str
    values : numpy.ndarray
        As the operator has them: numbers, or letters.
    axes, users_axes : sequence of str
        The names of the axes of `values`, and of the user's array.
    rows, columns : str or None
        The axes of a plane that is drawn.
    stacked : sequence of str
        The axes along which all planes are drawn; what is left is picked.
    """

    name: str
    values: Array
    axes: Sequence[str]
    users_axes: Sequence[str]
    rows: str | None
    columns: str | None
    stacked: Sequence[str] = ()

    @property
    def shape_in_words(self) -> str:
        """The shape of the user's array, with the names of its axes where they have names."""
        lengths = dict(zip(self.axes, self.values.shape, strict=True))
        if not all(map(str.isalpha, self.users_axes)):
            return str(tuple(lengths[axis] for axis in self.users_axes))
        return named_shape(self.users_axes, [lengths[axis] for axis in self.users_axes])

    def user_index(self, at: Sequence[int]) -> tuple[int, ...]:
        """Return the user's index of the operator's element `at`."""
        numbers = dict(zip(self.axes, at, strict=True))
        return tuple(numbers[axis] for axis in self.users_axes)

    def record(self, precision: int | None, palette: Palette) -> dict[str, Any]:
        """Return what the page looks up."""
        short, exact = Decimals(precision, exact=False), Decimals(precision)
        elements = [self.values[at] for at in product(*map(range, self.values.shape))]
        texts, full = ([numbers.text(each) for each in elements] for numbers in (short, exact))
        rounded = [
            None if text == whole else whole for text, whole in zip(texts, full, strict=True)
        ]
        return {
            "name": self.name,
            "shape": self.shape_in_words,
            "axes": list(self.axes),
            "lengths": list(self.values.shape),
            "index": list(self.users_axes),
            "rows": self.rows,
            "columns": self.columns,
            "stacked": list(self.stacked),
            "texts": texts,
            "exact": rounded if any(rounded) else None,
            "colours": palette.numbers_of(self.values),
        }


def shape_alone(shape: Sequence[int]) -> Array:
    """Return an array of a shape with nothing in it, for a result that is not known yet."""
    return np.broadcast_to(np.array(None), tuple(shape))


def texts_array(texts: Sequence[str], shape: Sequence[int]) -> Array:
    """Return texts, such as formulas, as an array."""
    array = np.empty(len(texts), object)
    array[:] = texts
    return array.reshape(tuple(shape))
