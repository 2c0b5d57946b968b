"""The one exception that says what is wrong with a call or its data."""

from collections.abc import Iterator
from contextlib import contextmanager

INPUT = "{input}"
"""Stands in a reason for the tensor worked on; the command puts the file's name there."""


class CnnopsError(ValueError):
    """A call, or the data given to it, is wrong.

    The text is one line that names what failed and what would be accepted; the command prints it
    behind ``cnnops COMMAND: error:``.

    Parameters
    ----------
    reason : str
        What failed. The mark `INPUT` in it is shown as `input_name`.

    Attributes
    ----------
    input_name : str
        What the caller calls the tensor worked on.
    operands : dict of str to tuple of int
        The shapes of the arrays of the call by name, where they matter.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.input_name = "input"
        self.operands: dict[str, tuple[int, ...]] = {}

    def __str__(self) -> str:
        text = self.reason.replace(INPUT, self.input_name)
        shapes = ", ".join(f"{name} {shape}" for name, shape in self.operands.items())
        return f"{text}: {shapes}" if shapes else text


@contextmanager
def naming_operands(**shapes: tuple[int, ...]) -> Iterator[None]:
    """Add the operands and their shapes to an error that passes through, as its caller knows them.

    Parameters
    ----------
    **shapes
        The shape of each operand, by name.
    """
    try:
        yield
    except CnnopsError as error:
        error.operands |= shapes
        raise
